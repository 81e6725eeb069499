// SPDX-License-Identifier: Apache-2.0
#include "engine/input/glob.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace tocsin {
namespace {

TEST_CASE("globs match paths component by component") {
  struct Row {
    std::string pattern;
    std::string path;
    bool matches;
  };
  const std::vector<Row> rows{
      {"a.log", "a.log", true},
      {"a.log", "b.log", false},
      {"*.log", "a.log", true},
      {"*.log", ".log", true},
      {"*.log", "a.log.1", false},
      {"*.log", "x/a.log", false},
      {"*.log*", "a.log.1.gz", true},
      {"x/*", "x/a", true},
      {"x/*", "x/a/b", false},
      {"x/*/b", "x/a/b", true},
      {"**/b", "b", true},
      {"**/b", "x/y/b", true},
      {"x/**/b", "x/b", true},
      {"x/**/b", "x/1/2/3/b", true},
      {"x/**/b", "y/1/b", false},
      {"x/**", "x/1/2", true},
      {"x/**/y/**/z", "x/1/y/2/3/y/z", true},
      {"/var/log/*.json", "/var/log/a.json", true},
      {"/var/log/*.json", "var/log/a.json", false},
      {"./x/*.log", "x/a.log", true},
      {"x//y*", "x/y1", true},
      {"a?c", "abc", true},
      {"a?c", "a/c", false},
      {"a[bc]d", "abd", true},
      {"a[bc]d", "aed", false},
      {"a[!bc]d", "aed", true},
      {"a[!bc]d", "abd", false},
      {"a[0-9]", "a7", true},
      {"a[0-9]", "ax", false},
      {"a[]]b", "a]b", true},
      {"a[b", "a[b", true},
      {"a\\*b", "a*b", true},
      {"a\\*b", "axb", false},
      {"*a*b*c*", "xxaxxbxxc", true},
      {"*a*b*c*", "xxaxxcxxb", false},
      {"", "", true},
      {"*", "", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.path);
    CHECK(glob_match(row.pattern, row.path) == row.matches);
  }
}

TEST_CASE("a walk knows which folders cannot hold a match") {
  CHECK(glob_may_match_below("x/*/b", "x"));
  CHECK(glob_may_match_below("x/*/b", "x/a"));
  CHECK_FALSE(glob_may_match_below("x/*/b", "x/a/b"));
  CHECK_FALSE(glob_may_match_below("x/*/b", "y"));
  CHECK(glob_may_match_below("x/**/b", "x/1/2/3"));
}

TEST_CASE("the root of a glob is the folder before its first glob character") {
  CHECK(glob_root("/var/log/*.json") == "/var/log");
  CHECK(glob_root("/*.json") == "/");
  CHECK(glob_root("*.json") == ".");
  CHECK(glob_root("a/b*/c") == "a");
  CHECK(is_glob("a[b]"));
  CHECK_FALSE(is_glob("a/b.log"));
}

TEST_CASE("a pattern of many stars costs no exponential time") {
  std::string pattern;
  for (int i = 0; i < 50; ++i) {
    pattern += "*a";
  }
  CHECK_FALSE(glob_match(pattern, std::string(5000, 'a') + "b"));
}

}  // namespace
}  // namespace tocsin
