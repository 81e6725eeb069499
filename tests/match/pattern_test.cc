// SPDX-License-Identifier: Apache-2.0
#include "engine/match/pattern.h"

#include <random>

#include <doctest/doctest.h>

#include "tests/match/fixture.h"
#include "tests/oracle/naive_match.h"

namespace tocsin::testing {
namespace {

using Kind = PatternElement::Kind;

TEST_CASE("a pattern matches the whole text") {
  struct Case {
    const char* pattern;
    std::string_view text;
    bool matches;
  };
  using namespace std::string_view_literals;
  const Case cases[] = {
      {"", "", true},
      {"", "a", false},
      {"abc", "abc", true},
      {"abc", "abcd", false},
      {"abc", "xabc", false},
      {"abc", "ab", false},
      {"*", "", true},
      {"*", "any\nthing", true},
      {"?", "", false},
      {"?", "a", true},
      {"?", "\n", true},
      {"?", "ab", false},
      {"?", "\xc3\xa9", true},
      {"a?b",
       "a\xe2\x82\xac"
       "b",
       true},
      {"a?b",
       "a\xf0\x9f\x98\x80"
       "b",
       true},
      {"a?b", "aeeb", false},
      {"?", "\xff", true},
      {"*?", "", false},
      {"*?", "\xc3\xa9", true},
      {"*??", "\xc3\xa9", false},
      {"?*?", "ab", true},
      {"a*z", "az", true},
      {"a*z", "a\nz", true},
      {"a*z", "aza", false},
      {"a*b*c", "axxbyybzzc", true},
      {"a*b*c", "axxcyyb", false},
      {"*ab", "aab", true},
      {"*ab", "abab", true},
      {"*ab", "aba", false},
      {"*ab?", "ababc", true},
      {"*a?b*", "xaabb", true},
      {"ab*", "ab", true},
      {"*b*", "abc", true},
      {"*b*", "ac", false},
      {"a*", "", false},
      {"x*x", "x", false},
      {"~a", "-a", true},
      {"~a", "/a", true},
      {"~a",
       "\xe2\x80\x93"
       "a",
       true},
      {"~a",
       "\xe2\x80\x94"
       "a",
       true},
      {"~a",
       "\xe2\x80\x95"
       "a",
       true},
      {"~a",
       "\xe2\x80\x92"
       "a",
       false},
      {"~a", "a", false},
      {"*~~a", "--/a", true},
      {"*~a",
       "-\xe2\x80\x95"
       "a",
       true},
      {"a*", "a\0b"sv, true},
      {"a?b", "a\0b"sv, true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.pattern);
    CAPTURE(c.text);
    CHECK(match(pattern(c.pattern), c.text) == c.matches);
  }
}

TEST_CASE("adding keeps literals and runs apart") {
  Pattern p;
  p.add_literal("");
  CHECK(p.elements.empty());
  CHECK(p.is_literal());
  p.add_literal("a");
  p.add_literal("b");
  CHECK(p.elements.size() == 1);
  CHECK(p.is_literal());
  p.add(Kind::any_run);
  p.add(Kind::any_run);
  p.add_literal("");
  p.add(Kind::any_run);
  CHECK(p.elements.size() == 2);
  CHECK_FALSE(p.is_literal());
  p.add(Kind::any_one);
  p.add(Kind::any_one);
  p.add(Kind::dash);
  p.add(Kind::dash);
  CHECK(p.elements.size() == 6);
  Pattern wildcard;
  wildcard.add(Kind::any_one);
  CHECK_FALSE(wildcard.is_literal());
}

TEST_CASE("the text of a pattern is what an author would write") {
  struct Literal {
    const char* literal;
    const char* alone;
    const char* before_star;
  };
  const Literal cases[] = {
      {"abc", "abc", "abc*"},
      {"a*b", "a\\*b", "a\\*b*"},
      {"a?", "a\\?", "a\\?*"},
      {"C:\\", "C:\\", "C:\\\\*"},
      {"a\\b", "a\\b", "a\\b*"},
      {"a\\\\b", "a\\\\\\b", "a\\\\\\b*"},
      {"\\*", "\\\\\\*", "\\\\\\**"},
  };
  for (const Literal& c : cases) {
    CAPTURE(c.literal);
    Pattern p;
    p.add_literal(c.literal);
    CHECK(to_text(p) == c.alone);
    p.add(Kind::any_run);
    CHECK(to_text(p) == c.before_star);
  }
  CHECK(to_text(pattern("*~e?c*")) == "*-e?c*");
}

TEST_CASE("random patterns match what the naive twin matches") {
  std::mt19937 random(7);
  const char* const pieces[] = {"a", "b", "ab", "-", "/", "\xc3\xa9", "\xe2\x80\x93", "\n", ""};
  const auto pick = [&random](std::size_t n) { return random() % n; };
  std::size_t matched = 0;
  for (int round = 0; round < 30'000; ++round) {
    Pattern p;
    for (std::size_t i = pick(7); i > 0; --i) {
      switch (pick(5)) {
        case 0:
          p.add(Kind::any_run);
          break;
        case 1:
          p.add(Kind::any_one);
          break;
        case 2:
          p.add(Kind::dash);
          break;
        default:
          p.add_literal(pieces[pick(9)]);
      }
    }
    std::string subject;
    for (std::size_t i = pick(9); i > 0; --i) {
      subject += pieces[pick(9)];
    }
    CAPTURE(to_text(p));
    CAPTURE(subject);
    const bool expected = naive_pattern(p, subject);
    matched += expected ? 1 : 0;
    REQUIRE(match(p, subject) == expected);
  }
  CHECK(matched > 3'000);
}

TEST_CASE("many stars cost no more than text times elements") {
  std::string wanted;
  for (int i = 0; i < 400; ++i) {
    wanted += "*a?";
  }
  const Pattern p = pattern(wanted + "b");
  const std::string subject(20'000, 'a');
  CHECK_FALSE(match(p, subject));  // a search with backtracking over each star would not end
  CHECK(match(p, subject + "b"));
}

}  // namespace
}  // namespace tocsin::testing
