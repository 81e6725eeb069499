// SPDX-License-Identifier: Apache-2.0
// The slow twin of Program: evaluates predicates and expression trees over a JsonTree, one value at
// a time, with no index, sharing or memory. Only the fold, addresses, times, the regex door and
// number comparison are the engine's. Thread rule: pure. Cost: whatever it takes; for tests.
#pragma once

#include <string_view>
#include <vector>

#include "engine/event/json_tree.h"
#include "engine/match/predicate.h"

namespace tocsin::testing {

struct NaiveExpr {
  enum class Kind { predicate, all_of, any_of, negation };
  Kind kind = Kind::predicate;
  Predicate predicate;
  std::vector<NaiveExpr> children;
};

// By recursion over code points. Exponential: for short patterns.
bool naive_pattern(const Pattern& pattern, std::string_view text);

bool naive_holds(const Predicate& predicate, const JsonNode& record);
bool naive_holds(const NaiveExpr& expr, const JsonNode& record);

}  // namespace tocsin::testing
