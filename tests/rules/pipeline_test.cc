// SPDX-License-Identifier: Apache-2.0
// Pipelines as a whole: files, their order, errors at their places, filters, correlations, bounds.
#include "rules/pipeline.h"

#include "engine/match/regex.h"
#include "tests/rules/pipeline_fixture.h"

namespace tocsin {
namespace {

// A pipeline as pySigma's users write them for Sysmon.
constexpr const char* sysmon_pipeline = R"(name: Sysmon
priority: 10
allowed_backends: [splunk, elasticsearch]
vars:
  template_text: {a: b}
transformations:
  - id: sysmon_process_creation_eventid
    type: add_condition
    conditions:
      EventID: 1
    rule_conditions:
      - type: logsource
        category: process_creation
        product: windows
  - id: sysmon_process_creation_logsource
    type: change_logsource
    product: windows
    service: sysmon
    category: process_creation
    rule_conditions:
      - type: logsource
        category: process_creation
        product: windows
  - id: fields
    type: field_name_mapping
    mapping:
      Image: process.executable
      CommandLine: process.command_line
      User:
        - user.name
        - user.id
    rule_conditions:
      - type: processing_item_applied
        processing_item_id: sysmon_process_creation_logsource
    rule_cond_op: and
    detection_item_conditions:
      - type: match_string
        cond: any
        pattern: "^.*$"
    field_name_conditions:
      - type: exclude_fields
        fields:
          - EventID
postprocessing: []
finalizers: []
)";

TEST_CASE("A pipeline as it is written for pySigma's Sysmon use loads and applies") {
  const LoadResult result = test::load_with(
      {sysmon_pipeline},
      test::rule_of("  sel:\n    Image|endswith: \\a.exe\n    User: bob\n  condition: sel\n",
                    "  product: windows\n  category: process_creation\n"));
  CAPTURE(test::all_text(result.diagnostics));
  REQUIRE(result.diagnostics.list().empty());
  REQUIRE(result.loaded == 1);
  CHECK(result.ruleset->rules[0].log_source.service == "sysmon");
  const LogSource source = {"process_creation", "windows", "sysmon"};
  const std::string hit =
      R"({"EventID":1,"process":{"executable":"C:\\a.exe"},"user":{"id":"bob"}})";
  CHECK(test::hits(result, hit, source).size() == 1);
  CHECK(test::hits(result, R"({"process":{"executable":"C:\\a.exe"},"user":{"id":"bob"}})", source)
            .empty());
}

std::string map_to(const std::string& from, const std::string& to, const std::string& more = "") {
  return more + "transformations:\n  - {type: field_name_mapping, mapping: {" + from + ": " + to +
         "}}\n";
}

TEST_CASE("Pipelines run in the order of their priorities, else in the order given") {
  const std::string rule = test::rule_of(test::sel("a: x"));
  const LoadResult given = test::load_with({map_to("a", "b"), map_to("b", "c")}, rule);
  CHECK(test::hits(given, R"({"c":"x"})").size() == 1);
  const LoadResult sorted = test::load_with(
      {map_to("b", "c", "priority: 20\n"), map_to("a", "b", "priority: 10\n")}, rule);
  CHECK(test::hits(sorted, R"({"c":"x"})").size() == 1);
  const LoadResult reversed = test::load_with(
      {map_to("a", "b", "priority: 20\n"), map_to("b", "c", "priority: -1\n")}, rule);
  CHECK(test::hits(reversed, R"({"b":"x"})").size() == 1);
}

TEST_CASE("Variables of a later pipeline replace those of an earlier one, and are seen by all") {
  const LoadResult result =
      test::load_with({"vars: {p: [no]}\ntransformations:\n  - {type: value_placeholders}\n",
                       "priority: 1\nvars: {p: [yes, 7]}\n"},
                      test::rule_of(test::sel("a|expand: '%p%'")));
  REQUIRE(result.loaded == 1);
  CHECK(test::hits(result, R"({"a":"7"})").size() == 1);
  CHECK(test::hits(result, R"({"a":"no"})").empty());
}

TEST_CASE("Placeholders that only the configuration defines are left to it") {
  LoadOptions options;
  options.placeholders["p"] = {"from config"};
  const LoadResult result = test::load_with({"transformations: [{type: value_placeholders}]\n"},
                                            test::rule_of(test::sel("a|expand: '%p%'")),
                                            options);
  REQUIRE(result.loaded == 1);
  CHECK(test::hits(result, R"({"a":"from config"})").size() == 1);
}

TEST_CASE("A problem with a value is told once, to however many fields its field is mapped") {
  const LoadResult result =
      test::load_with({map_to("a", "[b, c, d]")}, test::rule_of(test::sel("a|expand: '%none%'")));
  CHECK(test::problems(result) == "error undefined-placeholder 11:15");
}

struct ErrorRow {
  std::string pipeline;
  std::string problems;
  std::string hint;  // of the first problem, if not empty
};

const ErrorRow error_rows[] = {
    {"- a\n", "error pipeline-value 1:1", ""},
    {"", "error pipeline-value 1:1", ""},
    {"name: a\n---\nname: b\n", "error pipeline-value 3:1", ""},
    {"name: [\n", "error yaml-syntax 1:7", ""},
    {"nam: a\n", "error pipeline-key 1:1", "did you mean `name`?"},
    {"priority: high\n", "error pipeline-value 1:11", ""},
    {"transformations: {a: b}\n", "error pipeline-value 1:18", ""},
    {"transformations: [text]\n", "error pipeline-value 1:19", ""},
    {"transformations: [{id: a}]\n", "error pipeline-missing-key 1:19", ""},
    {"transformations: [{type: field_name_maping}]\n",
     "error pipeline-type 1:26",
     "did you mean `field_name_mapping`?"},
    {"transformations: [{type: field_name_prefix, prefix: a, sufix: b}]\n",
     "error pipeline-key 1:56",
     ""},
    {"transformations: [{type: field_name_prefix, prefx: a}]\n",
     "error pipeline-missing-key 1:19; error pipeline-key 1:45",
     ""},
    {"transformations: [{type: field_name_mapping, mapping: {a: []}}]\n",
     "error pipeline-value 1:59",
     ""},
    {"transformations: [{type: field_name_mapping, mapping: {a: null}}]\n",
     "error pipeline-value 1:59",
     ""},
    {"transformations: [{type: query_expression_placeholders, expression: x}]\n",
     "error pipeline-unsupported 1:26",
     ""},
    {"transformations: [{type: field_name_transform}]\n", "error pipeline-unsupported 1:26", ""},
    {"postprocessing: [{type: embed, prefix: a}]\n", "error pipeline-unsupported 1:25", ""},
    {"finalizers: [{type: concat}]\n", "error pipeline-unsupported 1:21", ""},
    {"transformations: [{type: replace_string, regex: '(?=a)', replacement: b}]\n",
     "error invalid-regex 1:49",
     ""},
    {"transformations: [{type: replace_string, regex: a, replacement: '\\1'}]\n",
     "error pipeline-value 1:65",
     ""},
    {"transformations: [{type: case, method: lowr}]\n",
     "error pipeline-value 1:40",
     "did you mean `lower`?"},
    {"transformations: [{type: set_value, value: x, force_type: num}]\n",
     "error pipeline-value 1:44",
     ""},
    {"transformations: [{type: value_placeholders, include: [a], exclude: [b]}]\n",
     "error pipeline-value 1:69",
     ""},
    {"transformations: [{type: hashes_fields, valid_hash_algos: [MD5], drop_algo_prefix: true}]\n",
     "error pipeline-missing-key 1:19",
     ""},
    {"transformations: [{type: add_condition, conditions: {a|contain: b}}]\n",
     "error unknown-modifier 1:56",
     "did you mean `contains`?"},
    {"transformations: [{type: add_condition, conditions: {a|cidr: b}}]\n",
     "error invalid-network 1:62",
     ""},
    {"transformations: [{type: add_condition, conditions: {a|re: '('}}]\n",
     "error invalid-regex 1:60",
     ""},
    {"transformations: [{type: nest, items: [{type: nest, itms: []}]}]\n",
     "error pipeline-missing-key 1:40; error pipeline-key 1:53",
     ""},
    {"transformations: [{type: drop_detection_item, rule_conditions: [{type: logsorce}]}]\n",
     "error pipeline-type 1:72",
     "did you mean `logsource`?"},
    {"transformations: [{type: drop_detection_item, rule_conditions: [{product: a}]}]\n",
     "error pipeline-missing-key 1:65",
     ""},
    {"transformations: [{type: drop_detection_item, rule_conditions: [{type: logsource}]}]\n",
     "error pipeline-missing-key 1:65",
     ""},
    {"transformations: [{type: drop_detection_item, rule_cond_op: xor}]\n",
     "error pipeline-value 1:61",
     ""},
    {"transformations: [{type: drop_detection_item, rule_cond_not: true}]\n",
     "error pipeline-condition 1:62",
     ""},
    {"transformations: [{type: drop_detection_item, rule_cond_expr: a, rule_conditions: [{type: "
     "is_sigma_rule}]}]\n",
     "error pipeline-condition 1:63",
     ""},
    {"transformations: [{type: drop_detection_item, rule_cond_expr: a, rule_conditions: {a: {type: "
     "is_sigma_rule}, b: {type: is_sigma_rule}}}]\n",
     "error pipeline-condition 1:110",
     ""},
    {"transformations: [{type: drop_detection_item, rule_cond_expr: c, rule_conditions: {a: {type: "
     "is_sigma_rule}}}]\n",
     "error unknown-selection 1:63",
     ""},
    {"transformations: [{type: drop_detection_item, detection_item_conditions: [{type: "
     "is_null}]}]\n",
     "error pipeline-missing-key 1:75",
     ""},
    {"transformations: [{type: drop_detection_item, field_name_conditions: [{type: "
     "include_fields, fields: ['('], mode: re}]}]\n",
     "error invalid-regex 1:103",
     ""},
};

TEST_CASE("A problem in a pipeline is told at its place, and no rule is loaded") {
  for (const ErrorRow& row : error_rows) {
    CAPTURE(row.pipeline);
    const LoadResult result = test::load_with({row.pipeline}, test::rule_of(test::sel("a: x")));
    CAPTURE(test::all_text(result.diagnostics));
    CHECK(test::problems(result) == row.problems);
    CHECK(result.loaded == 0);
    CHECK(result.pipelines_failed);
    if (!row.hint.empty() && !result.diagnostics.list().empty()) {
      CHECK(result.diagnostics.list()[0].hint == row.hint);
    }
  }
}

TEST_CASE("A condition on an item that no pipeline has is warned about") {
  const LoadResult result = test::load_with(
      {"transformations: [{id: mapping, type: drop_detection_item, rule_conditions: [{type: "
       "processing_item_applied, processing_item_id: maping}]}]\n"},
      test::rule_of(test::sel("a: x")));
  CHECK(test::problems(result) == "warning pipeline-unknown-item 1:130");
  CHECK(result.diagnostics.list()[0].hint == "did you mean `mapping`?");
  CHECK(result.loaded == 1);
}

constexpr const char* filter =
    "---\ntitle: F\nlogsource:\n  product: windows\nfilter:\n  rules: any\n  ok:\n    a: good\n  "
    "condition: not ok\n";

TEST_CASE("A filter is changed as each rule that it acts on") {
  const std::string pipeline =
      "transformations:\n"
      "  - {type: field_name_mapping, mapping: {a: one}, rule_conditions: [{type: logsource, "
      "category: x}]}\n"
      "  - {type: field_name_mapping, mapping: {a: two}, rule_conditions: [{type: logsource, "
      "category: y}]}\n"
      "  - {type: add_condition, conditions: {a: [b, good]}}\n"
      "  - {type: change_logsource, product: other}\n";
  const std::string rules =
      test::rule_of(test::sel("k: 1")) +
      "---\ntitle: U\nlogsource:\n  product: windows\n  category: y\ndetection:\n" +
      test::sel("k: 1") + filter;
  const LoadResult result = test::load_with({pipeline}, rules);
  CAPTURE(test::all_text(result.diagnostics));
  REQUIRE(result.loaded == 3);
  REQUIRE(result.filters.size() == 1);
  CHECK(result.filters[0].rules == 2);
  using Found = std::vector<std::uint32_t>;
  CHECK(test::hits(result, R"({"k":1,"a":"good"})") == Found{0, 1});
  CHECK(test::hits(result, R"({"k":1,"a":"good","one":"good"})") == Found{1});
  CHECK(test::hits(result, R"({"k":1,"a":"good","two":"good"})") == Found{0});
  CHECK(test::hits(result, R"({"k":1})").empty());
}

std::string correlation(const std::string& keys) {
  return "---\ntitle: C\nlevel: high\ncorrelation:\n  rules: [ra, rb]\n  timespan: 5m\n" + keys;
}

std::string two_rules() {
  const std::string end = "detection:\n  sel:\n    k: 1\n  condition: sel\n";
  return "title: A\nname: ra\nlogsource:\n  product: p1\n" + end +
         "---\ntitle: B\nname: rb\nlogsource:\n  product: p2\n" + end;
}

TEST_CASE("The fields of a correlation are those of each rule's records") {
  const std::string pipeline =
      "transformations:\n"
      "  - {type: field_name_mapping, mapping: {user: u1, other: o}, rule_conditions: [{type: "
      "logsource, product: p1}]}\n"
      "  - {type: field_name_prefix, prefix: e., rule_conditions: [{type: logsource, product: "
      "p2}]}\n";
  const LoadResult result = test::load_with(
      {pipeline},
      two_rules() + correlation("  type: temporal\n  group-by: [user, who, tocsin.principal]\n  "
                                "aliases:\n    who: {ra: other, rb: third}\n"));
  CAPTURE(test::all_text(result.diagnostics));
  REQUIRE(result.loaded == 3);
  const CorrelationSpec& spec = result.ruleset->correlations.at(0);
  using Names = std::vector<std::string>;
  CHECK(spec.group_by == Names{"user", "who", "tocsin.principal"});
  CHECK(spec.inputs[0].group_fields == Names{"u1", "o", "tocsin.principal"});
  CHECK(spec.inputs[1].group_fields == Names{"e.user", "e.third", "tocsin.principal"});
}

TEST_CASE("A field that a correlation counts has one name for all of its rules") {
  const std::string one = "transformations: [{type: field_name_mapping, mapping: {user: u}}]\n";
  const std::string several =
      "transformations: [{type: field_name_mapping, mapping: {user: [u, v]}}]\n";
  const std::string different =
      "transformations: [{type: field_name_mapping, mapping: {user: u}, rule_conditions: [{type: "
      "logsource, product: p1}]}]\n";
  const std::string only_correlations =
      "transformations: [{type: field_name_mapping, mapping: {user: w}, rule_conditions: [{type: "
      "is_sigma_correlation_rule}]}]\n";
  const std::string rules =
      two_rules() + correlation("  type: value_count\n  condition: {field: user, gte: 3}\n");
  const LoadResult good = test::load_with({one}, rules);
  REQUIRE(good.ruleset->correlations.size() == 1);
  CHECK(good.ruleset->correlations[0].fields == std::vector<std::string>{"u"});
  const LoadResult chosen = test::load_with({only_correlations, several}, rules);
  REQUIRE(chosen.ruleset->correlations.size() == 1);
  CHECK(chosen.ruleset->correlations[0].fields == std::vector<std::string>{"w"});
  for (const std::string& pipeline : {several, different}) {
    const LoadResult bad = test::load_with({pipeline}, rules);
    CAPTURE(test::all_text(bad.diagnostics));
    CHECK(bad.ruleset->correlations.empty());
    CHECK(test::problems(bad).find("error pipeline-result") != std::string::npos);
    CHECK(bad.loaded == 2);
  }
}

TEST_CASE("A mapping that multiplies without end is stopped at a limit") {
  std::string pipeline = "transformations:\n";
  for (int i = 0; i < 40; ++i) {
    pipeline += "  - {type: field_name_mapping, mapping: {a: [a, a]}}\n";
  }
  const LoadResult result = test::load_with({pipeline}, test::rule_of(test::sel("a: x")));
  CHECK(test::problems(result) == "error pipeline-limit 10:3");
}

TEST_CASE("Repeated mappings do not nest") {
  std::string pipeline = "transformations:\n";
  for (int i = 0; i < 5'000; ++i) {
    pipeline += "  - {type: field_name_mapping, mapping: {a: [a, b]}}\n";
  }
  const LoadResult result = test::load_with({pipeline}, test::rule_of(test::sel("a: x")));
  const bool loaded = result.loaded == 1 && test::hits(result, R"({"b":"x"})").size() == 1;
  CHECK((loaded || test::problems(result) == "error pipeline-limit 10:3"));
}

TEST_CASE("Placeholders and replacements that explode are stopped at a limit") {
  std::string values = "x";
  for (int i = 0; i < 999; ++i) {
    values += ", x" + std::to_string(i);
  }
  const LoadResult placeholders = test::load_with(
      {"vars: {p: [" + values + "]}\ntransformations: [{type: value_placeholders}]\n"},
      test::rule_of(test::sel("a|expand: '%p%%p%%p%'")));
  CHECK(test::problems(placeholders) == "error pipeline-limit 10:3");
  const std::string long_text(100'000, 'a');
  const LoadResult replacement =
      test::load_with({"transformations: [{type: replace_string, regex: a, replacement: " +
                       std::string(10'000, 'b') + "}]\n"},
                      test::rule_of(test::sel("a: " + long_text)));
  CHECK(test::problems(replacement) == "error pipeline-limit 10:3");
}

TEST_CASE("A pipeline nested too deep, or with too many items, is an error with a name") {
  const std::string open = "{type: nest, items: [";
  std::string deep = "transformations: [";
  for (int i = 0; i < 100'000; ++i) {
    deep += open;
  }
  CHECK(test::problems(test::load_with({deep}, test::rule_of(test::sel("a: x"))))
            .find("error yaml-depth") == 0);
  std::string wide = "transformations:\n";
  for (int i = 0; i < 10'001; ++i) {
    wide += "  - {type: drop_detection_item}\n";
  }
  CHECK(test::problems(test::load_with({wide}, test::rule_of(test::sel("a: x")))) ==
        "error pipeline-limit 1:1");
}

TEST_CASE("A regular expression replaces every match and keeps to its bound") {
  struct Case {
    std::string pattern, text, rewrite, expected;
  };
  const Case cases[] = {
      {"a", "banana", "o", "bonono"},
      {"(a)(n)?", "banana", "\\2\\1", "bnanaa"},
      {"x*", "ab", "-", "-a-b-"},
      {"x*", "\xc3\xa9", "-", "-\xc3\xa9-"},
      {"^a", "aaa", "b", "baa"},
      {"$", "ab", "!", "ab!"},
      {"", "", "z", "z"},
      {"q", "ab", "z", "ab"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.pattern);
    const auto regex = Regex::compile(one.pattern, "");
    REQUIRE(regex);
    CHECK((*regex)->replace_all(one.text, one.rewrite, 100) == one.expected);
    CHECK(!(*regex)->replace_all(one.text, one.rewrite, 0).has_value() == !one.expected.empty());
  }
}

}  // namespace
}  // namespace tocsin
