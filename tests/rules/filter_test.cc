// SPDX-License-Identifier: Apache-2.0
#include "rules/filter.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/rules/load_fixture.h"

namespace tocsin {
namespace {

std::string filter_on(const std::string& rules, const std::string& product = "test") {
  return "title: F\nlogsource:\n  product: " + product + "\nfilter:\n" + rules +
         "  selection:\n    g: x\n  condition: not selection\n---\n";
}

}  // namespace

TEST_CASE("A filter covers the log sources that have all its attributes") {
  const struct {
    LogSource filter;
    LogSource rule;
    bool covers;
  } rows[] = {
      {{"", "aws", ""}, {"", "aws", "cloudtrail"}, true},
      {{"", "aws", "cloudtrail"}, {"", "aws", ""}, false},
      {{"", "aws", "cloudtrail"}, {"", "aws", "cloudtrail"}, true},
      {{"c", "", ""}, {"c", "p", "s"}, true},
      {{"c", "", ""}, {"d", "p", "s"}, false},
      {{"", "AWS", ""}, {"", "aws", ""}, false},
  };
  for (const auto& row : rows) {
    CHECK(covers(row.filter, row.rule) == row.covers);
  }
}

TEST_CASE("Each filter is listed with the number of rules that it touches") {
  const struct {
    std::string filter;
    std::uint64_t rules;
    const char* problems;
  } rows[] = {
      {filter_on("  rules: any\n"), 3, ""},
      {filter_on("  rules: ANY\n"), 3, ""},
      {filter_on("  rules: []\n"), 3, ""},
      {filter_on("  rules: [ra, rc]\n"), 2, ""},
      {filter_on("  rules: [ra, ra]\n"), 1, ""},
      {filter_on("  rules: rb\n"), 1, ""},
      {filter_on("  rules: any\n", "other"), 0, ""},
      {filter_on("  rules: [ra, nope]\n"), 1, "warning filter-unknown-rule 5:15"},
      {filter_on("  rules: [corr]\n"), 0, "warning filter-on-correlation 5:11"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.filter);
    const LoadResult result = test::load_text(
        row.filter + test::rule_named("ra") + test::rule_named("rb") + test::rule_named("rc") +
        "title: C\nname: corr\ncorrelation: {type: temporal, rules: [ra], timespan: 1m}\n");
    CHECK(test::problems(result) == row.problems);
    REQUIRE(result.filters.size() == 1);
    CHECK(result.filters[0].title == "F");
    CHECK(result.filters[0].line == 1);
    CHECK(result.filters[0].rules == row.rules);
    CHECK(result.loaded == 5);
  }
}

TEST_CASE("A filter that cannot be understood is rejected, and the rules load without it") {
  const struct {
    std::string filter;
    const char* problems;
  } rows[] = {
      {filter_on(""), "error filter-rules 5:3"},
      {filter_on("  rules: 5\n"), "error filter-rules 5:10"},
      {filter_on("  rules:\n"), "error filter-rules 5:3"},
      {filter_on("  rules: {a: b}\n"), "error filter-rules 5:10"},
      {filter_on("  rules: [ra, 5]\n"), "error filter-rules 5:15"},
      {filter_on("  rules: [twice]\n"), "error ambiguous-reference 5:11"},
      {"title: F\nlogsource: {product: test}\nfilter: x\n---\n", "error filter-type 3:9"},
      {"title: F\nfilter: {rules: any, s: {a: b}, condition: s}\n---\n",
       "error missing-logsource 1:1"},
      {"title: F\nlogsource: {product: test}\nfilter: {rules: any, s: {a: b}}\n---\n",
       "error missing-condition 3:9"},
      {"title: F\nlogsource: {product: test}\nfilter: {rules: any, condition: s}\n---\n",
       "error no-selection 3:9"},
      {"title: F\nlogsource: {product: test}\nfilter: {rules: any, s: {a: b}, condition: "
       "[s]}\n---\n",
       "error condition-type 3:33"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.filter);
    const LoadResult result = test::load_text(
        row.filter + test::rule_named("ra") + "title: t1\nname: twice\nlogsource: {product: p}\n" +
        "detection: {s: {a: b}, condition: s}\n---\ntitle: t2\nname: twice\n" +
        "logsource: {product: p}\ndetection: {s: {a: b}, condition: s}\n");
    const std::string got = test::problems(result);
    CHECK(got.substr(0, got.find("; label duplicate-name")) == row.problems);
    CHECK(result.filters.empty());
    CHECK(result.rejected == 1);
    CHECK(result.loaded == 3);
  }
}

TEST_CASE("A filter changes the fingerprint of the rules that it touches, and of no other") {
  const std::string rules = test::rule_named("ra") + test::rule_named("rb");
  const LoadResult without = test::load_text(rules);
  const LoadResult with = test::load_text(rules + filter_on("  rules: [ra]\n"));
  CHECK(without.ruleset->rules[0].fingerprint != with.ruleset->rules[0].fingerprint);
  CHECK(without.ruleset->rules[1].fingerprint == with.ruleset->rules[1].fingerprint);
}

}  // namespace tocsin
