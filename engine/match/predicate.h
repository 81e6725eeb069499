// SPDX-License-Identifier: Apache-2.0
// Predicate: one question about one field of a record: {field, op, operand, fold}. Equal predicates
// of all rules are one. Every predicate is false on an absent field, but is_null. A field with
// several values: true if any value satisfies it. Meaning: DETECTION.md and the conformance cases
// (VAL, WC, STR, RE, CIDR, NUM, REF, TIME). Thread rule: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/cidr.h"
#include "engine/match/pattern.h"

namespace tocsin {

enum class Op : std::uint8_t {
  text,    // the whole text matches `pattern` (equality, contains, startswith, endswith, wildcards,
           // windash)
  number,  // a JSON number equal in value, or a string equal to `text`, the number as the rule
           // wrote it
  boolean,  // a JSON bool, or the string true/false in any case (`text` is "true" or "false")
  is_null,  // missing or JSON null
  exists,   // present, even null, "", [] or {}
  regex,    // RE2, unanchored, on the text; not on null
  cidr,     // an address inside `network`
  less,
  less_equal,
  greater,
  greater_equal,  // JSON numbers and numeric strings against `number`
  field,  // the text equals (starts with, ends with, contains) the text of `other_field`; folded
          // unless cased
  time_part,  // a part of a date field, compared with `number`
};

enum class FieldCompare : std::uint8_t { equals, contains, starts_with, ends_with };
enum class TimePart : std::uint8_t { minute, hour, day, week, month, year };
enum class NumberCompare : std::uint8_t { equals, less, less_equal, greater, greater_equal };

// A number exact to 64 bits: an integer of either sign, else a double.
struct Number {
  enum class Kind : std::uint8_t { integer, unsigned_integer, real };
  Kind kind = Kind::integer;
  std::int64_t integer = 0;            // kind integer
  std::uint64_t unsigned_integer = 0;  // kind unsigned_integer: above INT64_MAX
  double real = 0;                     // kind real: finite
  friend bool operator==(const Number&, const Number&) = default;
};
// JSON number syntax (and a leading +? no). False if it is none or overflows: such a value only has
// a text.
bool parse_number(std::string_view text, Number& number);
// -1, 0, 1: exact, an integer is never rounded to a double.
int compare(const Number& a, const Number& b);

struct Predicate {
  // Dotted path of the field; empty: a keyword, true if any scalar value at any depth satisfies it.
  std::string field;
  Op op = Op::exists;
  bool cased = false;       // text, field: compare without folding
  Pattern pattern;          // text; not folded yet
  std::string text;         // number, boolean: as written; regex: the pattern
  std::string regex_flags;  // regex: some of "ims"
  IpNetwork network;        // cidr
  Number number;            // less ... greater_equal, number, time_part
  std::string other_field;  // field
  FieldCompare field_compare = FieldCompare::equals;
  TimePart part = TimePart::minute;
  NumberCompare part_compare = NumberCompare::equals;
  friend bool operator==(const Predicate&, const Predicate&) = default;
};

// For evidence and explain: "equals", "contains", "startswith", "endswith", "wildcard", "re",
// "cidr", "gte" ...
std::string_view op_name(const Predicate& predicate);
// The operand as a rule author would write it.
std::string operand_text(const Predicate& predicate);

}  // namespace tocsin
