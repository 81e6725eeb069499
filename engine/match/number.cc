// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/match/predicate.h"

namespace tocsin {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) {
    ++at;
  }
  return at;
}

enum class Syntax : std::uint8_t { none, integer, real };

// RFC 8259, section 6.
Syntax number_syntax(std::string_view text) {
  std::size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
  const std::size_t first = at;
  at = skip_digits(text, at);
  if (at == first || (text[first] == '0' && at > first + 1)) {
    return Syntax::none;
  }
  Syntax syntax = Syntax::integer;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = at + 1;
    at = skip_digits(text, fraction);
    if (at == fraction) {
      return Syntax::none;
    }
    syntax = Syntax::real;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
      ++at;
    }
    const std::size_t exponent = at;
    at = skip_digits(text, exponent);
    if (at == exponent) {
      return Syntax::none;
    }
    syntax = Syntax::real;
  }
  return at == text.size() ? syntax : Syntax::none;
}

// A number in JSON syntax that is out of a double's range: is it too small (and so 0) rather than
// too large?
bool is_tiny(std::string_view text) {
  const std::size_t e = text.find_first_of("eE");
  const std::string_view mantissa = text.substr(0, e);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t leading = mantissa.find_first_of("123456789");
  if (leading == std::string_view::npos) {
    return true;
  }
  const auto magnitude = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(leading);
  if (e == std::string_view::npos) {
    return magnitude < 0;
  }
  std::string_view digits = text.substr(e + 1);
  const bool negative = digits[0] == '-';
  if (digits[0] == '-' || digits[0] == '+') {
    digits.remove_prefix(1);
  }
  std::int64_t exponent = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc()) {
    return negative;
  }
  return magnitude + (negative ? -exponent : exponent) < 0;
}

int sign(bool less, bool greater) {
  return less ? -1 : (greater ? 1 : 0);
}

// An unsigned integer against a double, without rounding either.
int compare_unsigned(std::uint64_t a, double b) {
  if (b < 0) {
    return 1;
  }
  if (b >= 0x1p64) {
    return -1;
  }
  const double whole = std::floor(b);
  const auto truncated = static_cast<std::uint64_t>(whole);
  if (a != truncated) {
    return a < truncated ? -1 : 1;
  }
  return whole < b ? -1 : 0;
}

int compare_integer(std::int64_t a, double b) {
  if (a >= 0) {
    return compare_unsigned(static_cast<std::uint64_t>(a), b);
  }
  if (b >= 0) {
    return -1;
  }
  return -compare_unsigned(~static_cast<std::uint64_t>(a) + 1, -b);
}

int compare_to_real(const Number& a, double b) {
  switch (a.kind) {
    case Number::Kind::integer:
      return compare_integer(a.integer, b);
    case Number::Kind::unsigned_integer:
      return compare_unsigned(a.unsigned_integer, b);
    case Number::Kind::real:
      break;
  }
  return sign(a.real<b, a.real> b);
}

}  // namespace

bool parse_number(std::string_view text, Number& number) {
  const Syntax syntax = number_syntax(text);
  if (syntax == Syntax::none) {
    return false;
  }
  const char* const end = text.data() + text.size();
  if (syntax == Syntax::integer) {
    std::int64_t integer = 0;
    if (std::from_chars(text.data(), end, integer).ec == std::errc()) {
      number = {Number::Kind::integer, integer, 0, 0};
      return true;
    }
    std::uint64_t large = 0;
    if (text[0] != '-' && std::from_chars(text.data(), end, large).ec == std::errc()) {
      number = {Number::Kind::unsigned_integer, 0, large, 0};
      return true;
    }
    return false;
  }
  double real = 0;
  const std::errc error = std::from_chars(text.data(), end, real).ec;
  if (error == std::errc::result_out_of_range) {
    if (!is_tiny(text)) {
      return false;
    }
    real = 0;
  } else if (error != std::errc() || !std::isfinite(real)) {
    return false;
  }
  number = {Number::Kind::real, 0, 0, real};
  return true;
}

int compare(const Number& a, const Number& b) {
  if (b.kind == Number::Kind::real) {
    return compare_to_real(a, b.real);
  }
  if (a.kind == Number::Kind::real) {
    return -compare_to_real(b, a.real);
  }
  if (a.kind != b.kind) {
    return a.kind == Number::Kind::unsigned_integer ? 1 : -1;
  }
  if (a.kind == Number::Kind::integer) {
    return sign(a.integer<b.integer, a.integer> b.integer);
  }
  return sign(a.unsigned_integer<b.unsigned_integer, a.unsigned_integer> b.unsigned_integer);
}

}  // namespace tocsin
