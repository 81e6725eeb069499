// SPDX-License-Identifier: Apache-2.0
#include "engine/match/predicate.h"

#include <array>
#include <charconv>

#include "engine/match/compiled.h"
#include "engine/match/lower.h"

namespace tocsin {
namespace {

using compiled::Test;

constexpr std::array<std::string_view, 8> regex_names = {
    "re", "re|i", "re|m", "re|i|m", "re|s", "re|i|s", "re|m|s", "re|i|m|s"};

constexpr std::array<std::string_view, 4> field_names = {
    "fieldref", "fieldref|contains", "fieldref|startswith", "fieldref|endswith"};

// By TimePart and NumberCompare.
constexpr std::array<std::array<std::string_view, 5>, 6> time_names = {{
    {"minute", "minute|lt", "minute|lte", "minute|gt", "minute|gte"},
    {"hour", "hour|lt", "hour|lte", "hour|gt", "hour|gte"},
    {"day", "day|lt", "day|lte", "day|gt", "day|gte"},
    {"week", "week|lt", "week|lte", "week|gt", "week|gte"},
    {"month", "month|lt", "month|lte", "month|gt", "month|gte"},
    {"year", "year|lt", "year|lte", "year|gt", "year|gte"},
}};

std::string_view name_of(Test test, std::uint8_t detail) {
  switch (test) {
    case Test::equals:
    case Test::number:
    case Test::boolean:
      return "equals";
    case Test::contains:
      return "contains";
    case Test::starts_with:
      return "startswith";
    case Test::ends_with:
      return "endswith";
    case Test::present:
    case Test::pattern:
      return "wildcard";
    case Test::is_null:
      return "null";
    case Test::exists:
      return "exists";
    case Test::regex:
      return regex_names[detail];
    case Test::cidr:
      return "cidr";
    case Test::less:
      return "lt";
    case Test::less_equal:
      return "lte";
    case Test::greater:
      return "gt";
    case Test::greater_equal:
      return "gte";
    case Test::field:
      return field_names[detail];
    case Test::time_part:
      return time_names[detail / 8u][detail % 8u];
  }
  return {};
}

template <typename T>
std::string format(T number) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), end};
}

std::string format(const Number& number) {
  switch (number.kind) {
    case Number::Kind::integer:
      return format(number.integer);
    case Number::Kind::unsigned_integer:
      return format(number.unsigned_integer);
    case Number::Kind::real:
      return format(number.real);
  }
  return {};
}

// `contains`, `startswith` and `endswith` imply the wildcards at the ends.
std::string pattern_text(const Pattern& pattern, Test test) {
  if (test != Test::contains && test != Test::starts_with && test != Test::ends_with) {
    return to_text(pattern);
  }
  Pattern literal;
  for (const PatternElement& element : pattern.elements) {
    literal.add_literal(element.literal);
  }
  return to_text(literal);
}

}  // namespace

std::string_view op_name(const Predicate& predicate) {
  std::uint8_t detail = 0;
  if (predicate.op == Op::regex) {
    const auto bit = [&predicate](char flag, unsigned value) {
      return predicate.regex_flags.find(flag) == std::string::npos ? 0u : value;
    };
    detail = static_cast<std::uint8_t>(bit('i', 1) + bit('m', 2) + bit('s', 4));
  } else if (predicate.op == Op::field) {
    detail = static_cast<std::uint8_t>(predicate.field_compare);
  } else if (predicate.op == Op::time_part) {
    detail = static_cast<std::uint8_t>(static_cast<unsigned>(predicate.part) * 8 +
                                       static_cast<unsigned>(predicate.part_compare));
  }
  return name_of(compiled::test_of(predicate), detail);
}

std::string operand_text(const Predicate& predicate) {
  switch (predicate.op) {
    case Op::text:
      return pattern_text(predicate.pattern, compiled::test_of(predicate));
    case Op::number:
    case Op::boolean:
    case Op::regex:
      return predicate.text;
    case Op::is_null:
      return "null";
    case Op::exists:
      return "true";
    case Op::cidr:
      return to_text(predicate.network);
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal:
    case Op::time_part:
      return predicate.text.empty() ? format(predicate.number) : predicate.text;
    case Op::field:
      return predicate.other_field;
  }
  return {};
}

namespace compiled {

std::string_view op_name(const CompiledPredicate& predicate) {
  return name_of(predicate.test, predicate.detail);
}

}  // namespace compiled
}  // namespace tocsin
