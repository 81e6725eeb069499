// SPDX-License-Identifier: Apache-2.0
// Rules as people name them on the command line: by id, name or title. Thread rule: pure functions.
#pragma once

#include <string>

#include "engine/flow/rule_info.h"
#include "engine/flow/ruleset.h"

namespace tocsin {

bool is_named(const RuleInfo& info, const std::string& name);

// Why no detection (correlation) has that name: it is a rule of the other kind, or none; with the
// nearest title.
std::string no_such_detection(const Ruleset& ruleset, const std::string& name);
std::string no_such_correlation(const Ruleset& ruleset, const std::string& name);

}  // namespace tocsin
