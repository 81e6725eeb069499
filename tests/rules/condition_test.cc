// SPDX-License-Identifier: Apache-2.0
#include "rules/condition.h"

#include "engine/base/limits.h"
#include "tests/rules/detection_fixture.h"

namespace tocsin {
namespace {

using testing::compile_rule;
using testing::matching;

const std::string selections =
    "detection:\n  a: {a: 1}\n  b: {b: 1}\n  c: {c: 1}\n  _h: {h: 1}\n  sel_x: {a: 1}\n"
    "  sel_y: {b: 1}\n";  // the condition stands in line 8

// All records over a, b, c and h: bit 0 is a, and so on.
std::vector<std::string> records() {
  std::vector<std::string> all;
  for (unsigned row = 0; row < 16; ++row) {
    std::string record = "{\"z\":0";
    for (unsigned i = 0; i < 4; ++i) {
      if ((row >> i & 1) != 0) {
        record += std::string(",\"") + "abch"[i] + "\":1";
      }
    }
    all.push_back(record + "}");
  }
  return all;
}

TEST_CASE("Conditions hold as their truth tables say") {
  struct Case {
    std::string condition;
    bool (*expected)(bool a, bool b, bool c, bool h);
  };
  const Case cases[] = {
      {"a", [](bool a, bool, bool, bool) { return a; }},
      {"a and b", [](bool a, bool b, bool, bool) { return a && b; }},
      {"a or b", [](bool a, bool b, bool, bool) { return a || b; }},
      {"a or b and c", [](bool a, bool b, bool c, bool) { return a || (b && c); }},
      {"(a or b) and c", [](bool a, bool b, bool c, bool) { return (a || b) && c; }},
      {"not a and b", [](bool a, bool b, bool, bool) { return !a && b; }},
      {"not (a and b)", [](bool a, bool b, bool, bool) { return !(a && b); }},
      {"not not a", [](bool a, bool, bool, bool) { return a; }},
      {"not(a)or(b)", [](bool a, bool b, bool, bool) { return !a || b; }},
      {"((a) or ((b and (c))))", [](bool a, bool b, bool c, bool) { return a || (b && c); }},
      {"a or not b and not c", [](bool a, bool b, bool c, bool) { return a || (!b && !c); }},
      {"1 of them", [](bool a, bool b, bool c, bool) { return a || b || c; }},
      {"any of them", [](bool a, bool b, bool c, bool) { return a || b || c; }},
      {"all of them", [](bool a, bool b, bool c, bool) { return a && b && c; }},
      {"not 1 of them", [](bool a, bool b, bool c, bool) { return !(a || b || c); }},
      {"1 of sel_*", [](bool a, bool b, bool, bool) { return a || b; }},
      {"all of s*l_*", [](bool a, bool b, bool, bool) { return a && b; }},
      {"all of *_y and c", [](bool, bool b, bool c, bool) { return b && c; }},
      {"1 of sel_x", [](bool a, bool, bool, bool) { return a; }},
      {"1 of *", [](bool a, bool b, bool c, bool) { return a || b || c; }},
      {"1 of _*", [](bool, bool, bool, bool h) { return h; }},
      {"a and _h", [](bool a, bool, bool, bool h) { return a && h; }},
      {"a and b or a and c", [](bool a, bool b, bool c, bool) { return a && (b || c); }},
      {"[a and b, c]", [](bool a, bool b, bool c, bool) { return (a && b) || c; }},
      {"\"  a   or\\n\\tb \"", [](bool a, bool b, bool, bool) { return a || b; }},
      {"|\n    a\n    or b", [](bool a, bool b, bool, bool) { return a || b; }},
      {">\n    a\n    or b", [](bool a, bool b, bool, bool) { return a || b; }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.condition);
    const auto rule = compile_rule(selections + "  condition: " + c.condition + "\n");
    CHECK(rule.diagnostics.errors() == 0);
    std::vector<std::size_t> expected;
    for (std::size_t row = 0; row < 16; ++row) {
      if (c.expected((row & 1) != 0, (row & 2) != 0, (row & 4) != 0, (row & 8) != 0)) {
        expected.push_back(row);
      }
    }
    CHECK(matching(rule, records()) == expected);
  }
}

TEST_CASE("Words of the language inside names are only names") {
  const auto rule = compile_rule(
      "detection:\n  not_filter: {a: 1}\n  and_x: {b: 1}\n  all_y: {c: 1}\n  1x: {h: 1}\n"
      "  sel-1: {a: 1}\n  condition: not_filter and and_x and all_y and 1x and sel-1\n");
  CHECK(rule.diagnostics.list().empty());
  CHECK(matching(rule, records()) == std::vector<std::size_t>{15});
}

TEST_CASE("Mistakes in conditions are told at their place, with what to write") {
  struct Case {
    std::string condition;
    std::string problem;
    std::string hint;
  };
  // `condition: ` ends at column 13.
  const Case cases[] = {
      {"''", "8:14 condition-syntax", "name the selections"},
      {"a AND b", "8:16 condition-keyword-case", "`and`"},
      {"a and NOT b", "8:20 condition-keyword-case", "`not`"},
      {"a Or b", "8:16 condition-keyword-case", "`or`"},
      {"1 OF them", "8:16 condition-keyword-case", "`of`"},
      {"ALL of them", "8:14 condition-keyword-case", "`all`"},
      {"0 of them", "8:14 condition-quantifier", "`not 1 of"},
      {"none of them", "8:14 condition-quantifier", "`not 1 of"},
      {"2 of them", "8:14 condition-quantifier", "`1 of`"},
      {"a and most of sel_*", "8:20 condition-quantifier", "`all of`"},
      {"a and nope", "8:20 unknown-selection", "there are `a`"},
      {"a or sel_X", "8:19 unknown-selection", "`sel_x`"},
      {"SEL_y", "8:14 unknown-selection", "`sel_y`"},
      {"a and", "8:19 condition-syntax", "name of a selection"},
      {"or a", "8:14 condition-syntax", "name of a selection"},
      {"a and and b", "8:20 condition-syntax", "name of a selection"},
      {"not", "8:17 condition-syntax", "name of a selection"},
      {"a b", "8:16 condition-syntax", "`and` or `or`"},
      {"a not b", "8:16 condition-syntax", "`and` or `or`"},
      {"(a) (b)", "8:18 condition-syntax", "`and` or `or`"},
      {"'a, b'", "8:16 condition-syntax", "`and` or `or`"},
      {"a && b", "8:16 condition-syntax", "`and` or `or`"},
      {"a and b?", "8:21 condition-syntax", "`*`"},
      {"a)", "8:15 condition-syntax", "drop it"},
      {"(a", "8:14 condition-syntax", "missing `)`"},
      {"a and (b or (c)", "8:20 condition-syntax", "missing `)`"},
      {"()", "8:15 condition-syntax", "before `)`"},
      {"1 of", "8:18 condition-syntax", "`1 of them`"},
      {"all of", "8:20 condition-syntax", "`all of them`"},
      {"1 of (a, b)", "8:19 condition-syntax", "`or`"},
      {"1 of a?", "8:20 condition-syntax", "`*`"},
      {"1 of and", "8:19 condition-syntax", "`1 of them`"},
      {"them", "8:14 condition-syntax", "`1 of them`"},
      {"sel_*", "8:14 condition-syntax", "`1 of sel_*`"},
      {"1 of foo_*", "8:19 unmatched-pattern", "there are"},
      {"all of selx_*", "8:21 unmatched-pattern", "`sel_x`"},
      {"a | count() > 5", "8:16 condition-aggregation", "correlation"},
      {"a | near b", "8:16 condition-aggregation", "correlation"},
      {"'| a'", "8:15 condition-aggregation", "correlation"},
      {"", "8:3 condition-type", "`condition:"},
      {"5", "8:14 condition-type", "`condition:"},
      {"true", "8:14 condition-type", "`condition:"},
      {"{a: b}", "8:14 condition-type", "`condition:"},
      {"[]", "8:3 condition-type", "`condition:"},
      {"[a, 5]", "8:18 condition-type", "`condition:"},
      {"[a, nope]", "8:18 unknown-selection", ""},
      {"\"a or \\\"\"", "8:20 condition-syntax", ""},
      {"'a and nope'", "8:21 unknown-selection", ""},
      {"\"a\\tand nope\"", "8:22 unknown-selection", ""},
      {"a and\n    nope", "9:5 unknown-selection", ""},
      {"|\n    a and\n      nope", "10:7 unknown-selection", ""},
      {">-\n    a\n    and nope", "10:9 unknown-selection", ""},
      {"a and n\xc3\xb6pe", "8:20 unknown-selection", ""},
      {"(a or nope) and (n2)", "8:20 unknown-selection", ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.condition);
    const auto rule = compile_rule(selections + "  condition: " + c.condition + "\n");
    CHECK(rule.program == nullptr);
    const std::vector<std::string> found = testing::problems(rule);
    REQUIRE_FALSE(found.empty());
    CHECK(found[0] == c.problem);
    CHECK_MESSAGE(rule.diagnostics.list()[0].hint.find(c.hint) != std::string::npos,
                  rule.diagnostics.list()[0].hint);
  }
}

TEST_CASE("All unknown selections of a condition are told at once") {
  const auto rule = compile_rule(selections + "  condition: x1 or (a and x2) or 1 of y*\n");
  CHECK(testing::problems(rule) == std::vector<std::string>{"8:14 unknown-selection",
                                                            "8:27 unknown-selection",
                                                            "8:39 unmatched-pattern"});
}

TEST_CASE("Conditions have a depth and a length at which they end with a diagnostic") {
  const auto nested = [](const std::string& open, std::size_t times, const std::string& close) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) {
      text += open;
    }
    text += "a";
    for (std::size_t i = 0; i < times; ++i) {
      text += close;
    }
    return compile_rule(selections + "  condition: " + text + "\n");
  };
  CHECK(nested("(", limits::condition_depth_max, ")").program != nullptr);
  CHECK(testing::problems(nested("(", limits::condition_depth_max + 1, ")"))[0] ==
        "8:270 condition-too-deep");
  CHECK(nested("not ", limits::condition_depth_max, "").program != nullptr);
  CHECK(testing::problems(nested("not ", limits::condition_depth_max + 1, ""))[0] ==
        "8:1038 condition-too-deep");
  CHECK(testing::problems(nested("not (", 100'000, ")"))[0] == "8:14 condition-too-long");
  CHECK(nested("a and ", limits::condition_words_max / 2 - 1, "").program != nullptr);
  CHECK(testing::problems(nested("a or ", limits::condition_words_max / 2, ""))[0] ==
        "8:14 condition-too-long");
}

TEST_CASE("Patterns select names in their order and leave names with _ out") {
  const std::string_view names[] = {"_a", "sel_1", "sel_2", "other", "_sel"};
  const auto joined = [&](std::string_view pattern) {
    std::string out;
    for (const std::string_view name : select_names(pattern, names)) {
      out.append(name).append(" ");
    }
    return out;
  };
  CHECK(joined("them") == "sel_1 sel_2 other ");
  CHECK(joined("*") == "sel_1 sel_2 other ");
  CHECK(joined("sel*") == "sel_1 sel_2 ");
  CHECK(joined("*sel*") == "sel_1 sel_2 ");
  CHECK(joined("s*_2") == "sel_2 ");
  CHECK(joined("_*") == "_a _sel ");
  CHECK(joined("_a") == "_a ");
  CHECK(joined("sel") == "");
  CHECK(joined("SEL*") == "");
  CHECK(joined("**o**r") == "other ");
}

}  // namespace
}  // namespace tocsin
