// SPDX-License-Identifier: Apache-2.0
#include "rules/detection.h"

#include "engine/base/limits.h"
#include "tests/rules/detection_fixture.h"

namespace tocsin {
namespace {

using testing::compile_rule;
using testing::matching;
using Indices = std::vector<std::size_t>;

TEST_CASE("Maps, lists and keywords match as Sigma joins them") {
  struct Case {
    std::string selection;  // below `sel:`
    std::vector<std::string> records;
    Indices expected;
  };
  const Case cases[] = {
      {"{f: a, g: b}", {R"({"f":"a","g":"b"})", R"({"f":"a"})"}, {0}},
      {"{f: [a, 5, true]}",
       {R"({"f":"A"})", R"({"f":5})", R"({"f":true})", R"({"f":6})"},
       {0, 1, 2}},
      {"{f: [a]}", {R"({"f":"a"})", R"({"f":"b"})"}, {0}},
      {"[{f: a}, {g: b}]", {R"({"f":"a"})", R"({"g":"b"})", R"({"f":"b"})"}, {0, 1}},
      {"[{f: a, g: b}]", {R"({"f":"a","g":"b"})", R"({"f":"a"})"}, {0}},
      {"[evil, bad]", {R"({"x":"so evil"})", R"({"y":{"z":["BAD"]}})", R"({"evil":1})"}, {0, 1}},
      {"evil", {R"({"x":"evil!"})", R"({"x":"ok"})"}, {0}},
      {"4625", {R"({"x":14625})", R"({"x":"4625"})", R"({"x":46})"}, {0, 1}},
      {"[true]", {R"({"x":true})", R"({"x":"untrue"})", R"({"x":false})"}, {0, 1}},
      {"['ev?l*x']", {R"({"x":"an evil fox"})", R"({"x":"evil"})"}, {0}},
      {"[evil, {f: a}]", {R"({"x":"evil"})", R"({"f":"a"})", R"({"f":"b"})"}, {0, 1}},
      {"[[evil, bad], {f: a}]", {R"({"x":"bad"})", R"({"f":"a"})", R"({"f":"b"})"}, {0, 1}},
      {"[[[{f: a}]], x]", {R"({"f":"a"})", R"({"g":"x"})", R"({"f":"b"})"}, {0, 1}},
      {"{f: a, '|all': [foo, bar]}",
       {R"({"f":"a","x":"foo","y":"bar"})", R"({"f":"a","x":"foo"})"},
       {0}},
      {"{f: null}", {"{}", R"({"f":null})", R"({"f":""})", R"({"f":[null]})"}, {0, 1}},
      {"{f: ''}", {"{}", R"({"f":""})", R"({"f":"x"})"}, {1}},
      {"{f: 1.10}", {R"({"f":"1.10"})", R"({"f":"1.1"})", R"({"f":1.1})"}, {0, 2}},
      {"{f: 00042}", {R"({"f":"00042"})", R"({"f":42})"}, {0}},
      {"{f: 18446744073709551616}",
       {R"({"f":18446744073709551616})", R"({"f":18446744073709551615})"},
       {0}},
      {"{a.b: x}", {R"({"a":{"b":"x"}})", R"({"a.b":"x"})", R"({"a":[{"b":"x"}]})"}, {0, 1, 2}},
      {"{Field: a}", {R"({"Field":"a"})", R"({"field":"a"})"}, {0}},
      {"{f|startswith: a, f|endswith: z}", {R"({"f":"a-z"})", R"({"f":"a-y"})"}, {0}},
      {"{'New Value': a, '@t': b}", {R"({"New Value":"a","@t":"b"})", R"({"@t":"b"})"}, {0}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.selection);
    const auto rule = compile_rule("detection:\n  sel: " + c.selection + "\n  condition: sel\n");
    CHECK(rule.diagnostics.list().empty());
    CHECK(matching(rule, c.records) == c.expected);
  }
}

TEST_CASE("Structures that mean nothing are refused at their place") {
  struct Case {
    std::string text;
    std::vector<std::string> problems;
  };
  const Case cases[] = {
      {"detection:\n  - f: a\n", {"2:3 detection-not-a-map"}},
      {"detection: x\n", {"1:12 detection-not-a-map"}},
      {"detection:\n  condition: sel\n", {"2:3 no-selection"}},
      {"detection:\n  sel: {f: a}\n", {"2:3 missing-condition"}},
      {"detection:\n  sel: {f: a}\n  conditoin: sel\n", {"3:3 missing-condition"}},
      {"detection:\n  sel: {}\n  condition: sel\n", {"2:8 empty-selection"}},
      {"detection:\n  sel: []\n  condition: sel\n", {"2:8 empty-selection"}},
      {"detection:\n  sel: null\n  condition: sel\n", {"2:8 empty-selection"}},
      {"detection:\n  sel: [{f: a}, {}]\n  condition: sel\n", {"2:17 empty-selection"}},
      {"detection:\n  sel: [a, null]\n  condition: sel\n", {"2:12 empty-selection"}},
      {"detection:\n  sel: {f: []}\n  condition: sel\n", {"2:9 empty-value-list"}},
      {"detection:\n  sel: {f: {g: a}}\n  condition: sel\n", {"2:12 nested-value"}},
      {"detection:\n  sel: {f: [a, [b]]}\n  condition: sel\n", {"2:16 nested-value"}},
      {"detection:\n  sel: {f: [a, {b: c}]}\n  condition: sel\n", {"2:16 nested-value"}},
      {"detection:\n  sel: {f: ['', null]}\n  condition: sel\n", {"2:17 null-in-list"}},
      {"detection:\n  sel: {f: [null]}\n  condition: sel\n", {"2:13 null-in-list"}},
      {"filter:\n  rules: any\n  condition: sel\n", {"2:3 no-selection"}},
      {"filter:\n  rules: any\n  sel: {f: a}\n  condition: [sel]\n", {"4:3 condition-type"}},
      {"filter:\n  rules: any\n  sel: {f: a}\n", {"2:3 missing-condition"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto rule = compile_rule(c.text);
    CHECK(rule.program == nullptr);
    CHECK(testing::problems(rule) == c.problems);
    for (const Diagnostic& diagnostic : rule.diagnostics.list()) {
      CHECK_FALSE(diagnostic.hint.empty());
    }
  }
}

TEST_CASE("All errors of a detection come in one run, those of values beside those of structure") {
  const auto rule = compile_rule(
      "detection:\n"
      "  one: {f|contians: a, g: {}}\n"
      "  two: {f|re: '('}\n"
      "  three: {}\n"
      "  condition: one and four\n");
  CHECK(testing::problems(rule) == std::vector<std::string>{"2:27 nested-value",
                                                            "4:10 empty-selection",
                                                            "5:22 unknown-selection",
                                                            "3:15 invalid-regex"});
}

TEST_CASE("A missing condition is looked for among the names") {
  const auto rule = compile_rule("detection:\n  sel: {f: a}\n  conditions: sel\n");
  CHECK(rule.diagnostics.list().at(0).hint == "did you mean `condition` by `conditions`?");
}

TEST_CASE("A filter has no selection called rules, a detection may") {
  const auto filter =
      compile_rule("filter:\n  rules: [x, y]\n  sel: {f: a}\n  condition: not 1 of them\n");
  REQUIRE(filter.detection);
  CHECK(selection_names(*filter.detection) == std::vector<std::string_view>{"sel"});
  CHECK(matching(filter, {R"({"f":"a"})", R"({"f":"b"})"}) == Indices{1});
  const auto detection = compile_rule("detection:\n  rules: {f: a}\n  condition: rules\n");
  CHECK(matching(detection, {R"({"f":"a"})", R"({"f":"b"})"}) == Indices{0});
}

TEST_CASE("timeframe is no selection and says that it has no effect") {
  const auto rule =
      compile_rule("detection:\n  sel: {f: a}\n  timeframe: 5m\n  condition: all of them\n");
  CHECK(testing::problems(rule) == std::vector<std::string>{"3:3 timeframe-ignored"});
  CHECK(matching(rule, {R"({"f":"a"})", R"({"x":"5m"})"}) == Indices{0});
}

TEST_CASE("The AST keeps what was written, with places") {
  const auto rule = compile_rule(
      "detection:\n  sel:\n    'f|contains|all':\n      - \"a\\tb\"\n      - 'c'\n"
      "  condition: >\n    1 of\n    sel*\n");
  REQUIRE(rule.detection);
  const DetectionNode& root = rule.detection->selections.at(0).root;
  REQUIRE(root.kind == DetectionNode::Kind::all_of);
  const FieldItem& item = root.children.at(0).item;
  CHECK(item.field == "f");
  REQUIRE(item.modifiers.size() == 2);
  CHECK(item.modifiers[0].name == "contains");
  CHECK(item.modifiers[0].span.column == 8);
  CHECK(item.modifiers[0].span.length == 8);
  CHECK(item.modifiers[1].name == "all");
  CHECK(item.modifiers[1].span.column == 17);
  REQUIRE(item.values.size() == 2);
  CHECK(item.values[0].text == "a\tb");
  CHECK(item.values[1].span.line == 5);
  const ConditionNode& condition = rule.detection->conditions.at(0);
  CHECK(condition.kind == ConditionNode::Kind::one_of);
  CHECK(condition.name == "sel*");
  CHECK(condition.span.line == 8);
  CHECK(condition.span.column == 5);
}

TEST_CASE("The canonical text heeds meaning only") {
  const auto text = [](const std::string& body) {
    const auto rule = compile_rule("detection:\n" + body);
    REQUIRE(rule.detection);
    return canonical_text(*rule.detection);
  };
  const std::string base = text("  sel: {f: [a, b], g|re: x}\n  condition: sel\n");
  CHECK(base ==
        text("  condition: sel # why\n\n  sel:\n    g|re: 'x'\n    f:\n    - \"b\"\n    - a\n"));
  CHECK(text("  a: {f: 1}\n  b: {f: 2}\n  condition: a or b\n") ==
        text("  b: {f: 2}\n  a: {f: 1}\n  condition: (b) or a\n"));
  const std::string different[] = {
      "  sel: {f: [a, B], g|re: x}\n  condition: sel\n",
      "  sel: {f: [a, b], g|re: x, h: 1}\n  condition: sel\n",
      "  sel: {f: [a, b], g: x}\n  condition: sel\n",
      "  sel: {f: [a, b], g|re: x}\n  condition: not sel\n",
      "  sel: [{f: [a, b]}, {g|re: x}]\n  condition: sel\n",
      "  sel: {f: ['a,b'], g|re: x}\n  condition: sel\n",
  };
  for (const std::string& other : different) {
    CAPTURE(other);
    CHECK(text(other) != base);
  }
  CHECK(text("  sel: {f: '5'}\n  condition: sel\n") != text("  sel: {f: 5}\n  condition: sel\n"));
  CHECK(text("  sel: {f: 'null'}\n  condition: sel\n") !=
        text("  sel: {f: null}\n  condition: sel\n"));
}

TEST_CASE("Hostile detections end with a diagnostic") {
  SUBCASE("lists deeper than YAML may be") {
    const std::string deep(100'000, '[');
    const auto rule = compile_rule("detection:\n  sel: " + deep + std::string(100'000, ']') +
                                   "\n  condition: sel\n");
    CHECK(rule.program == nullptr);
    CHECK(rule.diagnostics.errors() > 0);
  }
  SUBCASE("more values than the limit") {
    std::string list = "detection:\n  sel:\n    f:\n";
    for (std::size_t i = 0; i < limits::rule_values_max + 10; ++i) {
      list += "    - x\n";
    }
    const auto rule = compile_rule(list + "  condition: sel\n");
    CHECK(rule.program == nullptr);
    CHECK(testing::problems(rule) == std::vector<std::string>{"200004:7 too-many-values"});
  }
  SUBCASE("more selections than the limit") {
    std::string text = "detection:\n";
    for (std::size_t i = 0; i < limits::selections_max + 10; ++i) {
      text += "  s" + std::to_string(i) + ": {f: a}\n";
    }
    const auto rule = compile_rule(text + "  condition: 1 of s*\n");
    CHECK(testing::problems(rule) == std::vector<std::string>{"1002:3 too-many-selections"});
  }
  SUBCASE("a list of nothing but mistakes") {
    std::string list = "detection:\n  sel:\n    f|cidr:\n";
    for (int i = 0; i < 1000; ++i) {
      list += "    - x\n";
    }
    const auto rule = compile_rule(list + "  condition: sel\n");
    CHECK(rule.diagnostics.errors() == 20);
  }
  SUBCASE("a mistake in every few bytes of one long line") {
    std::string structure = "detection:\n  sel: {";
    std::string modifiers = "detection:\n  sel: {";
    for (int i = 0; i < 50'000; ++i) {
      structure += "f" + std::to_string(i) + ": [], ";
      modifiers += "f" + std::to_string(i) + "|x: 1, ";
    }
    for (const std::string& text : {structure, modifiers}) {
      const auto rule = compile_rule(text + "z: 1}\n  condition: sel\n");
      CHECK(rule.diagnostics.errors() == limits::detection_problems_max);
      CHECK(rule.diagnostics.list()[0].source_line.empty());
    }
  }
  SUBCASE("a doubtful value in every few bytes") {
    std::string text = "detection:\n  sel:\n    f|expand: [";
    for (int i = 0; i < 50'000; ++i) {
      text += "'%none%', ";
    }
    const auto rule = compile_rule(text + "x]\n  condition: sel\n", {{"none", {}}});
    CHECK(rule.diagnostics.warnings() == limits::detection_problems_max);
    CHECK(matching(rule, {R"({"f":"x"})", R"({"f":""})"}) == Indices{0});
  }
  SUBCASE("conditions without end") {
    std::string unknown = "detection:\n  sel: {f: a}\n  condition: sel";
    std::string list = "detection:\n  sel: {f: a}\n  condition: [sel";
    for (std::size_t i = 0; i < limits::conditions_max; ++i) {
      unknown += " or x" + std::to_string(i);
      list += ", sel";
    }
    CHECK(compile_rule(unknown + "\n").diagnostics.errors() == 20);
    const auto rule = compile_rule(list + "]\n");
    REQUIRE(rule.diagnostics.list().size() == 1);
    CHECK(rule.diagnostics.list()[0].code == "condition-too-long");
  }
  SUBCASE("a value of a megabyte") {
    const auto rule =
        compile_rule(testing::with_selection("f|contains: '" + std::string(1 << 20, '*') + "-a'"));
    CHECK(matching(rule, {R"({"f":"x-ay"})", R"({"f":"a"})"}) == Indices{0});
  }
  SUBCASE("a regular expression with huge repeats") {
    const auto rule = compile_rule(testing::with_selection("f|re: '((a{1000}){1000}){1000}'"));
    CHECK(testing::problems(rule) == std::vector<std::string>{"3:11 invalid-regex"});
  }
}

}  // namespace
}  // namespace tocsin
