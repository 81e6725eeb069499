// SPDX-License-Identifier: Apache-2.0
// What made correlations weaker than their rules say, for people: limits that were crossed, by bad
// luck or on purpose, and records that came too late. Thread rule: between batches. Cost:
// O(correlations).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "detectors/engine.h"
#include "engine/flow/rule_info.h"
#include "engine/flow/ruleset.h"

namespace tocsin {

struct Loss {
  std::string code;     // stable: the name of a system alert
  std::string subject;  // the key of the rule it is about; empty: all correlations
  Level level = Level::high;
  std::uint64_t count = 0;  // never 0
  std::string text;
};

// Nothing where nothing was lost.
std::vector<Loss> correlation_losses(const Ruleset& ruleset, const CorrelationEngine& engine);

}  // namespace tocsin
