// SPDX-License-Identifier: Apache-2.0
// Extended conditions of temporal correlations: and, or, not over "this rule was seen in the
// window". Thread rule: pure functions. Cost: O(steps).
#pragma once

#include <cstdint>
#include <span>

#include "engine/flow/correlation_spec.h"

namespace tocsin {

// `met`: bit i: input i stands for true where the condition asserts it; `seen`: where it stands
// under `not`. For an unordered correlation both are what was seen; for an ordered one an asserted
// rule must be in the chain, a denied one nowhere in the window. Precondition: is_valid(condition).
bool holds(std::span<const ConditionStep> condition, std::uint64_t met, std::uint64_t seen);

// Postfix order that leaves exactly one result, inputs below `inputs`.
bool is_valid(std::span<const ConditionStep> condition, std::size_t inputs);

}  // namespace tocsin
