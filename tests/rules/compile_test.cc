// SPDX-License-Identifier: Apache-2.0
#include "rules/compile.h"

#include <random>
#include <set>

#include "engine/base/limits.h"
#include "rules/detection_codes.h"
#include "rules/lint.h"
#include "rules/modifiers.h"
#include "tests/rules/detection_fixture.h"

namespace tocsin {
namespace {

using testing::compile_rule;
using testing::matching;
using testing::with_selection;

TEST_CASE("Only selections that the condition uses are in the program, but all are checked") {
  const auto rule = compile_rule(
      "detection:\n  a: {f: 1}\n  b: {g: 2}\n  c: {h: 3}\n  condition: a or 1 of c*\n");
  REQUIRE(rule.program != nullptr);
  CHECK(rule.program->predicate_count() == 2);
  const auto broken = compile_rule("detection:\n  a: {f: 1}\n  b: {g|no: 2}\n  condition: a\n");
  CHECK(testing::problems(broken) == std::vector<std::string>{"3:9 unknown-modifier"});
}

TEST_CASE("Named selections reach the program for evidence") {
  const auto rule = compile_rule("detection:\n  a: {f: x}\n  b: {g: y}\n  condition: a or b\n");
  REQUIRE(rule.program != nullptr);
  JsonReader reader;
  Event event;
  Scratch scratch(*rule.program);
  SourceClass source;
  source.kind = SourceClass::Kind::any;
  std::string record = R"({"g":"Y"})";
  const std::size_t size = record.size();
  record.append(limits::padding_bytes, ' ');
  REQUIRE(reader.read({record.data(), size}, rule.program->plan(), false, event) == ReadStatus::ok);
  const auto matched = rule.program->match(event, source, scratch);
  REQUIRE(matched.size() == 1);
  const std::vector<Evidence> evidence = rule.program->evidence(matched[0], event, scratch);
  REQUIRE(evidence.size() == 1);
  CHECK(evidence[0].selection == "b");
  CHECK(evidence[0].field == "g");
  CHECK(evidence[0].value == "Y");
}

TEST_CASE("A selection that a pipeline took away is an error, not a crash") {
  auto rule = compile_rule("detection:\n  a: {f: 1}\n  b: {f: 2}\n  condition: a or 1 of b*\n");
  REQUIRE(rule.detection);
  rule.detection->selections.clear();
  CompileContext context{nullptr, &rule.diagnostics};
  ProgramBuilder builder;
  CHECK_FALSE(compile_detection(rule.source, *rule.detection, builder, context));
  CHECK(testing::problems(rule) == std::vector<std::string>{"4:14 unknown-selection"});
}

TEST_CASE("Every code has a detection that raises it, and one explanation") {
  std::string many_values = "detection:\n  sel:\n    f:\n";
  for (std::size_t i = 0; i <= limits::rule_values_max; ++i) {
    many_values += "    - x\n";
  }
  std::string many_selections = "detection:\n";
  for (std::size_t i = 0; i <= limits::selections_max; ++i) {
    many_selections += "  s" + std::to_string(i) + ": {f: a}\n";
  }
  std::string many_words = "detection:\n  a: {f: 1}\n  condition: a";
  for (std::size_t i = 0; i < limits::condition_words_max; ++i) {
    many_words += " or a";
  }
  std::string many_modifiers = "f";
  for (int i = 0; i < 40; ++i) {
    many_modifiers += "|wide";
  }
  const std::string head = "detection:\n  sel: {f: a}\n";
  const std::map<std::string, std::string> texts = {
      {"detection-not-a-map", "detection: []\n"},
      {"no-selection", "detection:\n  condition: a\n"},
      {"too-many-selections", many_selections + "  condition: s0\n"},
      {"missing-condition", head},
      {"empty-selection", "detection:\n  sel: {}\n  condition: sel\n"},
      {"empty-value-list", with_selection("f: []")},
      {"nested-value", with_selection("f: {g: 1}")},
      {"null-in-list", with_selection("f: [null]")},
      {"too-many-values", many_values + "  condition: sel\n"},
      {"timeframe-ignored", head + "  timeframe: 5m\n  condition: sel\n"},
      {"field-too-long", with_selection("f|fieldref: " + std::string(field_bytes_max + 1, 'f'))},
      {"too-many-modifiers", with_selection(many_modifiers + ": a")},
      {"unknown-modifier", with_selection("f|x: a")},
      {"repeated-modifier", with_selection("f|cased|cased: a")},
      {"modifier-type", with_selection("f|contains: 5")},
      {"modifier-order", with_selection("f|i: a")},
      {"modifier-needs-field", with_selection("'|exists': true")},
      {"keyword-null", with_selection("'|neq': null")},
      {"all-needs-several-values", with_selection("f|all: a")},
      {"exists-one-value", with_selection("f|exists: [true, false]")},
      {"not-a-finite-number", with_selection("f: .nan")},
      {"encoded-wildcard", with_selection("f|base64: a*")},
      {"encoded-too-short", with_selection("f|base64offset: a")},
      {"too-many-alternatives", with_selection("f|windash|base64: -a -a -a -a -a -a -a -a -a")},
      {"reference-wildcard", with_selection("f|fieldref: a*")},
      {"invalid-regex", with_selection("f|re: (")},
      {"invalid-network", with_selection("f|cidr: x")},
      {"undefined-placeholder", with_selection("f|expand: '%x%'")},
      {"empty-placeholder", with_selection("f|expand: '%none%'")},
      {"escaped-placeholder", with_selection("f|expand: '\\%one%'")},
      {"condition-type", head + "  condition: 5\n"},
      {"condition-syntax", head + "  condition: (sel\n"},
      {"condition-keyword-case", head + "  condition: sel AND sel\n"},
      {"condition-quantifier", head + "  condition: 2 of them\n"},
      {"condition-aggregation", head + "  condition: sel | count() > 5\n"},
      {"condition-too-deep", head + "  condition: " + std::string(300, '(') + "sel\n"},
      {"condition-too-long", many_words + "\n"},
      {"unknown-selection", head + "  condition: nope\n"},
      {"unmatched-pattern", head + "  condition: 1 of x*\n"},
      {"unused-selection", head + "  b: {f: b}\n  condition: sel\n"},
      {"condition-always-true", head + "  condition: sel or not sel\n"},
      {"condition-always-false", head + "  condition: sel and not sel\n"},
      {"contradictory-values", with_selection("{f: a, f|startswith: b}")},
      {"cased-never-matches", with_selection("awsRegion|cased: US-EAST-1")},
      {"regex-without-literal", with_selection("f|re: '\\d'")},
      {"needless-regex", with_selection("f|re: abc")},
      {"leading-wildcard", with_selection("f: '*a'")},
      {"matches-everything", with_selection("f|contains: ''")},
      {"impossible-value", with_selection("f|hour: 25")},
      {"duplicate-value", with_selection("f: [a, A]")},
      {"empty-value", with_selection("{f: a, g: }")},
  };
  std::set<std::string_view> codes;
  for (const DiagnosticCode& row : detection_codes) {
    CAPTURE(row.code);
    CHECK(codes.insert(row.code).second);
    CHECK_FALSE(row.explanation.empty());
    const auto text = texts.find(std::string(row.code));
    REQUIRE(text != texts.end());
    auto rule = compile_rule(text->second, {{"none", {}}, {"one", {"x"}}});
    if (rule.program != nullptr) {
      lint_detection(rule.source, *rule.detection, rule.diagnostics);
    }
    bool raised = false;
    for (const Diagnostic& diagnostic : rule.diagnostics.list()) {
      raised |= diagnostic.code == row.code;
      CHECK(diagnostic.line > 0);
      CHECK(diagnostic.file == "rule.yml");
      CHECK_FALSE(diagnostic.message.empty());
    }
    CHECK(raised);
  }
  CHECK(codes.size() == texts.size());
}

// Random rules and records over so few words that they often meet.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string detection() {
    std::string text = "detection:\n";
    const std::size_t count = 1 + below(4);
    for (std::size_t i = 0; i < count; ++i) {
      text += "  s" + std::to_string(i) + ": " + selection(2) + "\n";
    }
    return text + "  condition: " + condition(count, 3) + "\n";
  }

  std::string record() {
    std::string text = "{";
    const std::size_t count = below(5);
    for (std::size_t i = 0; i < count; ++i) {
      text += (i > 0 ? ",\"" : "\"") + pick(fields_) + "\":" + json(2);
    }
    return text + "}";
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

  std::string json(int depth) {
    switch (below(depth > 0 ? 12 : 9)) {
      case 0:
        return "null";
      case 1:
        return below(2) == 0 ? "true" : "false";
      case 2:
      case 3:
        return pick(numbers_);
      case 9:
        return "[" + (below(3) == 0 ? "" : json(depth - 1) + "," + json(depth - 1)) + "]";
      case 10:
        return "{\"" + pick(fields_) + "\":" + json(depth - 1) + "}";
      case 11:
        return "[{\"" + pick(fields_) + "\":" + json(depth - 1) + "}]";
      default:
        return "\"" + pick(texts_) + "\"";
    }
  }

  std::string selection(int depth) {
    const std::size_t kind = below(depth > 0 ? 5 : 2);
    if (kind == 3) {
      return "[" + selection(depth - 1) + ", " + selection(depth - 1) + "]";
    }
    if (kind == 4) {
      return "[" + pick(values_) + ", " + pick(values_) + "]";
    }
    std::set<std::string> keys;
    std::string map;
    for (std::size_t i = 0; i <= below(3); ++i) {
      const auto& [modifiers, values] = pick(items_);
      const std::string key = pick(fields_) + modifiers;
      if (keys.insert(key).second) {
        map += (map.empty() ? "{'" : ", '") + key + "': " + value(modifiers, values);
      }
    }
    return map + "}";
  }

  std::string value(const std::string& modifiers, const std::vector<std::string>& from) {
    const bool all = modifiers.find("|all") != std::string::npos;
    if (!all && below(2) == 0) {
      return pick(from);
    }
    const std::string second = pick(from);
    const std::string first = pick(from);
    const bool null = first == "null" || second == "null";
    return null || modifiers == "|exists" ? first : "[" + first + ", " + second + "]";
  }

  std::string condition(std::size_t count, int depth) {
    switch (below(depth > 0 ? 7 : 3)) {
      case 0:
        return "1 of s*";
      case 3:
        return "not (" + condition(count, depth - 1) + ")";
      case 4:
        return "(" + condition(count, depth - 1) + ") and " + condition(count, depth - 1);
      case 5:
        return condition(count, depth - 1) + " or " + condition(count, depth - 1);
      case 6:
        return "all of them";
      default:
        return "s" + std::to_string(below(count));
    }
  }

  std::mt19937 random_;
  const std::vector<std::string> fields_ = {"a", "b", "a.b", "b.a", "A"};
  const std::vector<std::string> texts_ = {"",
                                           "x",
                                           "X",
                                           "xy",
                                           "a-b",
                                           "-x /y",
                                           "5",
                                           "5.0",
                                           "true",
                                           "10.0.0.1",
                                           "Zm9v",
                                           "x\\ny",
                                           "x\\\\y",
                                           "\\u212a",
                                           "\\u00e9",
                                           "2024-02-29T05:00:00Z"};
  const std::vector<std::string> numbers_ = {
      "5", "5.0", "-1", "1e1", "9007199254740993", "18446744073709551615", "0.5"};
  const std::vector<std::string> values_ = {"x",
                                            "'*'",
                                            "'?'",
                                            "'x*'",
                                            "''",
                                            "5",
                                            "true",
                                            "'k'",
                                            "'*y'",
                                            "10",
                                            "'5'",
                                            "0.5",
                                            "'-x'",
                                            "'x\\\\y'",
                                            "'x\\*'",
                                            "false",
                                            "'a-b'"};
  const std::vector<std::string> strings_ = {"x",
                                             "'*'",
                                             "y",
                                             "'x?'",
                                             "''",
                                             "'5'",
                                             "k",
                                             "'-x'",
                                             "'/y'",
                                             "'\\'",
                                             "'X*Y'",
                                             "'tru'",
                                             "foo",
                                             "'\xc3\x89'",
                                             "'a-b'"};
  const std::vector<std::string> numbers_rule_ = {"5", "0", "-1.5", "9007199254740992", "0x5"};
  const std::vector<std::pair<std::string, std::vector<std::string>>> items_ = {
      {"", values_},
      {"", {"null"}},
      {"|contains", strings_},
      {"|startswith", strings_},
      {"|endswith", strings_},
      {"|cased", strings_},
      {"|contains|cased", strings_},
      {"|contains|all", strings_},
      {"|windash|contains", strings_},
      {"|neq", values_},
      {"|contains|neq", strings_},
      {"|base64", {"foo", "x"}},
      {"|base64offset|contains", {"foo", "xy"}},
      {"|wide|base64|contains", {"x"}},
      {"|re", {"x", "'^x'", "'5$'", "'[xy]+'", "'.'"}},
      {"|re|i", {"X", "'^Y'"}},
      {"|cidr", {"10.0.0.0/8", "'::/0'"}},
      {"|lt", numbers_rule_},
      {"|gte", numbers_rule_},
      {"|exists", {"true", "false"}},
      {"|fieldref", {"a", "b", "a.b"}},
      {"|fieldref|contains", {"a", "b"}},
      {"|hour", {"5", "6"}},
      {"|month|lt", {"3", "2"}},
  };
};

TEST_CASE("The program and the oracle agree on random rules and records") {
  std::size_t matches = 0;
  std::size_t evaluated = 0;
  for (unsigned seed = 0; seed < 1500; ++seed) {
    Generator generator(seed);
    const std::string text = generator.detection();
    CAPTURE(text);
    const auto rule = compile_rule(text);
    std::string errors;
    for (const Diagnostic& diagnostic : rule.diagnostics.list()) {
      errors += format_text(diagnostic, false);
    }
    CAPTURE(errors);
    REQUIRE(rule.diagnostics.errors() == 0);
    std::vector<std::string> records;
    for (int i = 0; i < 20; ++i) {
      records.push_back(generator.record());
    }
    evaluated += records.size();
    matches += matching(rule, records).size();
  }
  CHECK(matches > evaluated / 10);
  CHECK(matches < evaluated * 9 / 10);
}

}  // namespace
}  // namespace tocsin
