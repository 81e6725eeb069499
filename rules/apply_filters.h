// SPDX-License-Identifier: Apache-2.0
// Puts each loaded filter on the rules that it covers or names. Thread rule: one thread. Errors:
// diagnostics; a filter that names what is ambiguous is rejected. Cost: O(filters * rules).
#pragma once

#include <functional>
#include <vector>

#include "rules/load.h"
#include "rules/problems.h"
#include "rules/rule_index.h"

namespace tocsin {

using ProblemsOf = std::function<Problems(const RuleEntry&)>;  // of the entry's file

// What each filter touches. Sets RuleEntry::filters, and the state of filters that are rejected.
std::vector<FilterUse> apply_filters(RuleEntries& entries,
                                     RuleIndex& index,
                                     const ProblemsOf& problems);

}  // namespace tocsin
