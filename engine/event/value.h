// SPDX-License-Identifier: Apache-2.0
// Value: one JSON value of a record as a 16-byte tagged view into the batch. Absent is not null: an
// absent field has no Value at all. Valid while the batch (or the repaired copy of the record)
// lives. Thread rule: a plain value type.
#pragma once

#include <cstdint>
#include <string_view>

namespace tocsin {

enum class ValueKind : std::uint8_t {
  null,     // JSON null
  boolean,  // raw is "true" or "false"
  number,  // raw is the number as written; outside 64 bits, or any other bare word (tru, 01x, NaN),
           // it only has a text
  string,  // raw is what stands between the quotes, escapes not decoded
  object,  // raw is the object's JSON as written; its text is DETECTION.md, choice 4
  empty_array,  // []: the field exists and has no value
};

struct Value {
  const char* data = nullptr;
  std::uint32_t size = 0;
  ValueKind kind = ValueKind::null;
  bool escaped = false;   // string or object: raw contains a backslash
  bool in_array = false;  // an element of an array: a null here is ignored (conformance VAL-15)
  // raw() is its text, is all ASCII, and limits::padding_bytes readable bytes follow it. (Not known
  // of every value of which it is true.)
  bool plain = false;

  std::string_view raw() const { return {data, size}; }
};
static_assert(sizeof(Value) == 16);

}  // namespace tocsin
