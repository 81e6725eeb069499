// SPDX-License-Identifier: Apache-2.0
// What correlations know of their groups, as text for people: `tocsin learn` and `tocsin state`.
// Thread rule: between batches. Cost: O(groups).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detectors/engine.h"
#include "engine/base/result.h"
#include "engine/flow/ruleset.h"

namespace tocsin {

// Of each correlation with a baseline: groups, values, period, how many groups are still immature.
// A line each; empty: there is none.
std::vector<std::string> learned_summary(const Ruleset& ruleset, const CorrelationEngine& engine);

// Which correlations and groups a `tocsin state` command means.
struct StateFilter {
  std::string rule;  // id, name or title; empty: all
  std::optional<std::string>
      key;  // a group value, or all of them joined by "/"; absent: all groups
};

// One group in a line of `tocsin state list`, tab-separated: rule, group, events, values, first and
// last event, learning or mature.
std::vector<std::string> state_list(const Ruleset& ruleset,
                                    const CorrelationEngine& engine,
                                    const StateFilter& filter);

// NDJSON: {"rule","title","group":{...},"state":{...}}. `baselines_only`: what import takes.
std::vector<std::string> state_export(const Ruleset& ruleset,
                                      const CorrelationEngine& engine,
                                      const StateFilter& filter,
                                      bool baselines_only);

// How many groups were forgotten.
std::uint64_t state_forget(const Ruleset& ruleset,
                           CorrelationEngine& engine,
                           const StateFilter& filter);

// One line of an export. An Error says what is wrong with it.
Result<void> state_import(const Ruleset& ruleset, CorrelationEngine& engine, std::string_view line);

}  // namespace tocsin
