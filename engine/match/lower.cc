// SPDX-License-Identifier: Apache-2.0
#include "engine/match/lower.h"

#include <cstring>
#include <type_traits>

#include "engine/base/fold.h"

namespace tocsin::compiled {
namespace {

using Kind = PatternElement::Kind;

Test text_test(const Pattern& pattern) {
  const std::vector<PatternElement>& elements = pattern.elements;
  const auto is = [&elements](std::size_t i, Kind kind) { return elements[i].kind == kind; };
  switch (elements.size()) {
    case 0:
      return Test::equals;
    case 1:
      if (is(0, Kind::literal)) {
        return Test::equals;
      }
      return is(0, Kind::any_run) ? Test::present : Test::pattern;
    case 2:
      if (is(0, Kind::literal) && is(1, Kind::any_run)) {
        return Test::starts_with;
      }
      return is(0, Kind::any_run) && is(1, Kind::literal) ? Test::ends_with : Test::pattern;
    case 3:
      return is(0, Kind::any_run) && is(1, Kind::literal) && is(2, Kind::any_run) ? Test::contains
                                                                                  : Test::pattern;
    default:
      return Test::pattern;
  }
}

std::string_view only_literal(const Pattern& pattern) {
  for (const PatternElement& element : pattern.elements) {
    if (element.kind == Kind::literal) {
      return element.literal;
    }
  }
  return {};
}

std::string_view longest_literal(const Pattern& pattern) {
  std::string_view longest;
  for (const PatternElement& element : pattern.elements) {
    if (element.literal.size() > longest.size()) {
      longest = element.literal;
    }
  }
  return longest;
}

TextRef append(std::string_view text, Pools& pools) {
  const TextRef ref{static_cast<std::uint32_t>(pools.texts.size()),
                    static_cast<std::uint32_t>(text.size())};
  pools.texts += text;
  return ref;
}

// Most operands are plain lower-case ASCII: their spellings share one copy.
TextRef append_unless(std::string_view text, TextRef known, Pools& pools) {
  return pools.text(known) == text ? known : append(text, pools);
}

template <typename T>
TextRef append_operand(std::vector<T>& pool, T operand) {
  pool.push_back(std::move(operand));
  return {static_cast<std::uint32_t>(pool.size() - 1), 0};
}

void lower_text(const Predicate& predicate, CompiledPredicate& out, Pools& pools) {
  if (out.test == Test::pattern) {
    Pattern pattern = predicate.pattern;
    if (!predicate.cased) {
      for (PatternElement& element : pattern.elements) {
        element.literal = fold(std::string_view(element.literal));
      }
    }
    out.key = append(fold(longest_literal(predicate.pattern)), pools);
    out.operand = append_operand(pools.patterns, std::move(pattern));
    return;
  }
  const std::string_view literal = only_literal(predicate.pattern);
  out.key = append(fold(literal), pools);
  out.operand = predicate.cased ? append_unless(literal, out.key, pools) : out.key;
}

std::uint8_t regex_detail(std::string_view flags) {
  const auto bit = [flags](char flag, unsigned value) {
    return flags.find(flag) == std::string_view::npos ? 0u : value;
  };
  return static_cast<std::uint8_t>(bit('i', 1) + bit('m', 2) + bit('s', 4));
}

template <typename T>
void append_bytes(const T& value, std::string& out) {
  static_assert(std::is_trivially_copyable_v<T>);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void append_text(std::string_view text, std::string& out) {
  append_bytes(static_cast<std::uint32_t>(text.size()), out);
  out += text;
}

void append_number(const Number& number, std::string& out) {
  append_bytes(number.kind, out);
  append_bytes(number.integer, out);
  append_bytes(number.unsigned_integer, out);
  append_bytes(number.real, out);
}

}  // namespace

Test test_of(const Predicate& predicate) {
  switch (predicate.op) {
    case Op::text:
      return text_test(predicate.pattern);
    case Op::number:
      return Test::number;
    case Op::boolean:
      return Test::boolean;
    case Op::is_null:
      return Test::is_null;
    case Op::exists:
      return Test::exists;
    case Op::regex:
      return Test::regex;
    case Op::cidr:
      return Test::cidr;
    case Op::less:
      return Test::less;
    case Op::less_equal:
      return Test::less_equal;
    case Op::greater:
      return Test::greater;
    case Op::greater_equal:
      return Test::greater_equal;
    case Op::field:
      return Test::field;
    case Op::time_part:
      return Test::time_part;
  }
  return Test::exists;
}

std::string identity(const Predicate& predicate) {
  std::string out;
  append_text(predicate.field, out);
  append_bytes(predicate.op, out);
  append_bytes(predicate.cased, out);
  switch (predicate.op) {
    case Op::text:
      for (const PatternElement& element : predicate.pattern.elements) {
        append_bytes(element.kind, out);
        append_text(element.literal, out);
      }
      break;
    case Op::number:
      append_number(predicate.number, out);
      out += predicate.text;
      break;
    case Op::boolean:
      out += predicate.text;
      break;
    case Op::is_null:
    case Op::exists:
      break;
    case Op::regex:
      append_bytes(regex_detail(predicate.regex_flags), out);
      out += predicate.text;
      break;
    case Op::cidr:
      append_bytes(predicate.network.base.v6, out);
      append_bytes(predicate.network.base.bytes, out);
      append_bytes(predicate.network.prefix_bits, out);
      break;
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal:
      append_number(predicate.number, out);
      break;
    case Op::field:
      append_bytes(predicate.field_compare, out);
      out += predicate.other_field;
      break;
    case Op::time_part:
      append_bytes(predicate.part, out);
      append_bytes(predicate.part_compare, out);
      append_number(predicate.number, out);
      break;
  }
  return out;
}

Result<CompiledPredicate> lower(const Predicate& predicate,
                                FieldId field,
                                FieldId other_field,
                                Pools& pools) {
  CompiledPredicate out;
  out.field = field;
  out.test = test_of(predicate);
  out.cased = predicate.cased;
  switch (predicate.op) {
    case Op::text:
      lower_text(predicate, out, pools);
      break;
    case Op::number:
      out.operand = append_operand(pools.numbers, predicate.number);
      out.key = append(fold(std::string_view(predicate.text)), pools);
      break;
    case Op::boolean:
      out.key = append(fold(std::string_view(predicate.text)), pools);
      break;
    case Op::is_null:
    case Op::exists:
      break;
    case Op::regex: {
      auto regex = Regex::compile(predicate.text, predicate.regex_flags);
      if (!regex) {
        return Unexpected<Error>{regex.error()};
      }
      out.detail = regex_detail(predicate.regex_flags);
      out.operand = append_operand(pools.regexes, std::move(*regex));
      break;
    }
    case Op::cidr:
      out.operand = append_operand(pools.networks, predicate.network);
      break;
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal:
      out.operand = append_operand(pools.numbers, predicate.number);
      break;
    case Op::field:
      out.detail = static_cast<std::uint8_t>(predicate.field_compare);
      out.operand = {index(other_field), 0};
      break;
    case Op::time_part:
      out.detail = static_cast<std::uint8_t>(static_cast<unsigned>(predicate.part) * 8 +
                                             static_cast<unsigned>(predicate.part_compare));
      out.operand = append_operand(
          pools.times, TimeOperand{predicate.part, predicate.part_compare, predicate.number});
      break;
  }
  out.original = append_unless(operand_text(predicate), out.key, pools);
  return out;
}

std::vector<std::string_view> literals_of(const Pools& pools, const CompiledPredicate& predicate) {
  switch (predicate.test) {
    case Test::contains:
    case Test::starts_with:
    case Test::ends_with:
    case Test::pattern:
      if (predicate.key.size >= indexed_literal_bytes_min) {
        return {pools.text(predicate.key)};
      }
      return {};
    case Test::regex: {
      const std::vector<std::string>& literals =
          pools.regexes[predicate.operand.offset]->literals();
      return {literals.begin(), literals.end()};
    }
    case Test::equals:
    case Test::present:
    case Test::number:
    case Test::boolean:
    case Test::is_null:
    case Test::exists:
    case Test::cidr:
    case Test::less:
    case Test::less_equal:
    case Test::greater:
    case Test::greater_equal:
    case Test::field:
    case Test::time_part:
      break;
  }
  return {};
}

}  // namespace tocsin::compiled
