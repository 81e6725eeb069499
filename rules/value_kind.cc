// SPDX-License-Identifier: Apache-2.0
#include "rules/value_kind.h"

#include "rules/modifiers.h"

namespace tocsin {
namespace {

using Kind = DetectionValue::Kind;

}  // namespace

std::uint8_t accept_bit(DetectionValue::Kind kind) {
  switch (kind) {
    case Kind::null:
      return accepts::null;
    case Kind::boolean:
      return accepts::boolean;
    case Kind::integer:
    case Kind::real:
      return accepts::number;
    case Kind::string:
      return accepts::string;
  }
  return 0;
}

std::string_view kind_name(DetectionValue::Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
    case Kind::real:
      return "a number";
    case Kind::string:
      return "a text";
  }
  return "";
}

}  // namespace tocsin
