// SPDX-License-Identifier: Apache-2.0
// Lowering: from a Predicate to its CompiledPredicate: decides the test, folds operands once,
// compiles regexes. Thread rule: pure but for the pools it appends to. Cost: O(size of the
// operand), RE2's compilation for regexes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/match/compiled.h"

namespace tocsin::compiled {

Test test_of(const Predicate& predicate);

// Bytes that are equal for equal predicates only.
std::string identity(const Predicate& predicate);

// `field` and `other_field`: indices of the predicate's fields; no_field for a keyword. Fails for a
// regex that RE2 refuses.
Result<CompiledPredicate> lower(const Predicate& predicate,
                                FieldId field,
                                FieldId other_field,
                                Pools& pools);

// The literals of which each matching value's folded text contains one; empty: none is known.
std::vector<std::string_view> literals_of(const Pools& pools, const CompiledPredicate& predicate);

// Literals shorter than this are looked for one by one.
inline constexpr std::size_t indexed_literal_bytes_min = 4;

}  // namespace tocsin::compiled
