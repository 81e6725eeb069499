// SPDX-License-Identifier: Apache-2.0
#include "engine/match/regex.h"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "engine/base/fold.h"
#include "engine/base/limits.h"

namespace tocsin {
namespace {

TEST_CASE("what RE2 refuses is an error that says what and why") {
  struct Case {
    std::string pattern;
    const char* says;
  };
  std::string nested = "a";
  for (int i = 0; i < 4; ++i) {
    nested = "(" + nested + "){1000}";
  }
  const Case cases[] = {
      {"a(?!b)", "look-around '(?!'"},
      {"a(?=b)", "look-around '(?='"},
      {"(?<=a)b", "look-around '(?<"},
      {"(?<!a)b", "look-around '(?<"},
      {"(a)\\1", "back-reference '\\1'"},
      {"(?P<x>a)\\k<x>", "back-reference '\\k'"},
      {"(a", "missing"},
      {"a)", "unexpected"},
      {"[a", "missing"},
      {"*a", "nothing stands before the repetition '*'"},
      {"a{3,1}", "the repetition '{3,1}' is refused"},
      {"a{1001}", "the repetition '{1001}' is refused"},
      {nested, "repetition"},
      {"(((a{100}){100}){100}){100}", "repetition"},
      {"(\\pL{500}\\pN{400}){2}", "too large"},
      {"a++", "the repetition '++' is refused"},
      {"\\Z", "\\Z"},
      {"\xff", "not valid UTF-8"},
      {std::string(limits::regex_pattern_bytes_max + 1, 'a'), "longer than 65,536 bytes"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.pattern.substr(0, 60));
    const auto regex = Regex::compile(c.pattern, "");
    REQUIRE_FALSE(regex.has_value());
    CAPTURE(regex.error().message);
    CHECK(regex.error().message.find(c.says) != std::string::npos);
  }
}

TEST_CASE("flags combine, and are off unless given") {
  struct Case {
    const char* pattern;
    const char* flags;
    const char* text;
    bool matches;
  };
  const Case cases[] = {
      {"abc", "", "xABCx", false},
      {"abc", "i", "xABCx", true},
      {"k", "i", "\xe2\x84\xaa", true},
      {"a.b", "", "a\nb", false},
      {"a.b", "s", "a\nb", true},
      {"^b$", "", "a\nb\nc", false},
      {"^b$", "m", "a\nb\nc", true},
      {"a|^b$", "m", "c\nb\nc", true},
      {"b$", "", "ab\n", false},
      {"^b.c$", "mis", "a\nB\nC\nd", true},
      {"(?i)abc", "", "ABC", true},
      {"", "", "", true},
      {"^.$", "", "\xc3\xa9", true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.pattern);
    CAPTURE(c.flags);
    CAPTURE(c.text);
    const auto regex = Regex::compile(c.pattern, c.flags);
    REQUIRE(regex.has_value());
    CHECK((*regex)->search(c.text) == c.matches);
  }
}

TEST_CASE("the literals that every match contains are found") {
  struct Case {
    const char* pattern;
    const char* flags;
    std::vector<std::string> literals;
  };
  const Case cases[] = {
      {".+:assumed-role/aws:.+", "", {":assumed-role/aws:"}},
      {"^Create(User|Role)$", "", {"createrole", "createuser"}},
      {"\\bwhoami\\b", "i", {"whoami"}},
      {"abc", "", {}},
      {"abcd|x", "", {}},
      {"(powershell|pwsh)\\.exe", "i", {"powershell.exe", "pwsh.exe"}},
      {"[0-9]+", "", {}},
      {"", "", {}},
      {".*", "s", {}},
      {"gr\xc3\xbc\xc3\x9f"
       "e-from",
       "",
       {"e-from"}},
      {"(secret)?", "", {}},
      {"(secret)+", "", {"secret"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.pattern);
    const auto regex = Regex::compile(c.pattern, c.flags);
    REQUIRE(regex.has_value());
    std::vector<std::string> literals = (*regex)->literals();
    std::sort(literals.begin(), literals.end());
    CHECK(literals == c.literals);
  }
}

TEST_CASE("a text that matches contains one of the literals, folded") {
  const char* const pieces[] = {
      "Create", "user", "\xe2\x84\xaa", "ill", "/role", "\xc5\xbf", "ecret", "ADMIN", "9", " "};
  const char* const patterns[] = {"create(user|\xe2\x84\xaa?ill)",
                                  "kill.*secret|admin9{0,3}/role",
                                  "(create|secret) (user|admin)",
                                  "[cs]reate",
                                  "s?ecret(admin)+",
                                  "(?i:kill) user|secret"};
  std::mt19937 random(3);
  std::size_t matched = 0;
  for (const char* pattern : patterns) {
    for (const char* flags : {"", "i", "is"}) {
      CAPTURE(pattern);
      CAPTURE(flags);
      const auto regex = Regex::compile(pattern, flags);
      REQUIRE(regex.has_value());
      for (int round = 0; round < 2'000; ++round) {
        std::string text;
        for (std::size_t i = random() % 7; i > 0; --i) {
          text += pieces[random() % std::size(pieces)];
        }
        const std::vector<std::string>& literals = (*regex)->literals();
        if (literals.empty() || !(*regex)->search(text)) {
          continue;
        }
        ++matched;
        CAPTURE(text);
        const std::string folded = fold(std::string_view(text));
        REQUIRE(
            std::any_of(literals.begin(), literals.end(), [&folded](const std::string& literal) {
              return folded.find(literal) != std::string::npos;
            }));
      }
    }
  }
  CHECK(matched > 200);
}

}  // namespace
}  // namespace tocsin
