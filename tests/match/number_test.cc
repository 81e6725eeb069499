// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <limits>
#include <random>

#include <doctest/doctest.h>

#include "engine/match/predicate.h"

namespace tocsin {
namespace {

Number parsed(std::string_view text) {
  Number number;
  CAPTURE(text);
  REQUIRE(parse_number(text, number));
  return number;
}

TEST_CASE("what is a JSON number is parsed, nothing else") {
  struct Case {
    const char* text;
    bool valid;
    Number::Kind kind;
  };
  constexpr auto integer = Number::Kind::integer;
  constexpr auto large = Number::Kind::unsigned_integer;
  constexpr auto real = Number::Kind::real;
  const Case cases[] = {
      {"0", true, integer},
      {"-0", true, integer},
      {"42", true, integer},
      {"9223372036854775807", true, integer},
      {"-9223372036854775808", true, integer},
      {"9223372036854775808", true, large},
      {"18446744073709551615", true, large},
      {"18446744073709551616", false, integer},
      {"-9223372036854775809", false, integer},
      {"1.5", true, real},
      {"1e2", true, real},
      {"1E+2", true, real},
      {"1e-400", true, real},
      {"0e999999999999999999999", true, real},
      {"1e400", false, real},
      {"-1e400", false, real},
      {"123456789012345678901234567890", false, integer},
      {"123456789012345678901234567890.5", true, real},
      {"", false, integer},
      {"-", false, integer},
      {"+1", false, integer},
      {"01", false, integer},
      {"1.", false, integer},
      {".5", false, integer},
      {"1e", false, integer},
      {"1e+", false, integer},
      {" 1", false, integer},
      {"1 ", false, integer},
      {"0x10", false, integer},
      {"NaN", false, integer},
      {"inf", false, integer},
      {"1,5", false, integer},
      {"--1", false, integer},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    Number number;
    CHECK(parse_number(c.text, number) == c.valid);
    if (c.valid) {
      CHECK(number.kind == c.kind);
    }
  }
}

TEST_CASE("what is too small for a double is zero, by its digits and not only its exponent") {
  const std::string zeros(400, '0');
  CHECK(compare(parsed("0." + zeros + "1"), parsed("0")) == 0);
  CHECK(compare(parsed("1" + zeros + ".0e-400"), parsed("1")) == 0);
  Number number;
  CHECK_FALSE(parse_number("1" + zeros + ".5", number));
  CHECK_FALSE(parse_number("1" + zeros + zeros + "e-400", number));
  CHECK(compare(parsed("1e-99999999999999999999"), parsed("0")) == 0);
  CHECK_FALSE(parse_number("1e99999999999999999999", number));
}

TEST_CASE("numbers compare exactly, whatever their kinds") {
  struct Case {
    const char* a;
    const char* b;
    int order;
  };
  const Case cases[] = {
      {"1", "2", -1},
      {"1", "1.0", 0},
      {"100", "1e2", 0},
      {"9007199254740993", "9007199254740992", 1},
      {"9007199254740993", "9007199254740992.0", 1},
      {"9007199254740991", "9007199254740992.0", -1},
      {"18446744073709551615", "18446744073709551614", 1},
      {"18446744073709551615", "18446744073709551616.0", -1},
      {"9223372036854775807", "9223372036854775808.0", -1},
      {"-9223372036854775808", "-9223372036854775808.0", 0},
      {"-9223372036854775807", "-9223372036854775808.0", 1},
      {"18446744073709551615", "-1", 1},
      {"-1", "0.5", -1},
      {"0", "-0.0", 0},
      {"0", "0.5", -1},
      {"0", "-0.5", 1},
      {"-1", "-1.5", 1},
      {"-2", "-1.5", -1},
      {"3", "1e300", -1},
      {"3", "-1e300", 1},
      {"1e300", "1e299", 1},
  };
  for (const Case& c : cases) {
    CAPTURE(c.a);
    CAPTURE(c.b);
    CHECK(compare(parsed(c.a), parsed(c.b)) == c.order);
    CHECK(compare(parsed(c.b), parsed(c.a)) == -c.order);
  }
}

TEST_CASE("random numbers compare as long doubles do, which hold 64 bits") {
  static_assert(std::numeric_limits<long double>::digits >= 64);
  std::mt19937_64 random(11);
  const auto any_number = [&random] {
    Number number;
    const std::uint64_t bits = random() >> (random() % 64);
    switch (random() % 3) {
      case 0:
        number.integer = static_cast<std::int64_t>(random() % 2 == 0 ? bits : ~bits);
        break;
      case 1:
        number.kind = Number::Kind::unsigned_integer;
        number.unsigned_integer = bits | 1ull << 63;
        break;
      default:
        number.kind = Number::Kind::real;
        number.real =
            static_cast<double>(static_cast<std::int64_t>(bits)) + (random() % 2 == 0 ? 0.5 : 0.0);
    }
    return number;
  };
  const auto wide = [](const Number& number) -> long double {
    switch (number.kind) {
      case Number::Kind::integer:
        return static_cast<long double>(number.integer);
      case Number::Kind::unsigned_integer:
        return static_cast<long double>(number.unsigned_integer);
      case Number::Kind::real:
        break;
    }
    return static_cast<long double>(number.real);
  };
  std::size_t equal = 0;
  for (int round = 0; round < 100'000; ++round) {
    const Number a = any_number();
    Number b = any_number();
    if (round % 3 == 0 && a.kind != Number::Kind::real) {
      b = {Number::Kind::real, 0, 0, static_cast<double>(wide(a))};
    }
    const long double x = wide(a);
    const long double y = wide(b);
    equal += x == y ? 1 : 0;
    REQUIRE(compare(a, b) == (x < y ? -1 : (x > y ? 1 : 0)));
  }
  CHECK(equal > 1'000);
}

}  // namespace
}  // namespace tocsin
