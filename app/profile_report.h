// SPDX-License-Identifier: Apache-2.0
// The table of --profile-rules: what evaluating each rule took. Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/flow/ruleset.h"

namespace tocsin {

// A clock for RunOptions::profile_clock: nanoseconds. Cost: some 20 ns.
std::uint64_t profile_ticks();

// One line for each rule that was a candidate at least once, dearest first.
std::string profile_report(const Ruleset& ruleset, const std::vector<RuleProfile>& profile);

}  // namespace tocsin
