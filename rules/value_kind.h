// SPDX-License-Identifier: Apache-2.0
// The kinds of a value of a detection, as modifiers take them and as messages name them. Thread
// rule: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "rules/ast.h"

namespace tocsin {

// The bit of namespace accepts (rules/modifiers.h).
std::uint8_t accept_bit(DetectionValue::Kind kind);

// "a number"
std::string_view kind_name(DetectionValue::Kind kind);

}  // namespace tocsin
