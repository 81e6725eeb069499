// SPDX-License-Identifier: Apache-2.0
// Numbers as YAML writes them. Thread rule: pure functions. Cost: O(length).
#pragma once

#include <string_view>

#include "engine/match/predicate.h"

namespace tocsin {

// A YAML number (hexadecimal, octal, signs, bare points) as a Number; false if it overflows 64 bits
// or is not finite.
bool parse_yaml_number(std::string_view text, Number& number);

}  // namespace tocsin
