// SPDX-License-Identifier: Apache-2.0
// Each transformation, by what a rule matches after it.
#include "rules/pipeline_transform.h"

#include <fstream>
#include <set>

#include "tests/rules/pipeline_fixture.h"

namespace tocsin {
namespace {

using Records = std::vector<std::string>;

struct Row {
  std::string type;       // of the transformation
  std::string keys;       // its other keys, as members of a flow map
  std::string detection;  // of the rule
  Records match;
  Records miss;
};

std::string pipeline_of(const Row& row) {
  return "name: p\nvars: {who: [root, 'adm*'], one: x}\ntransformations:\n  - {type: " + row.type +
         (row.keys.empty() ? "" : ", " + row.keys) + "}\n";
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"field_name_mapping",
       "mapping: {a: b}",
       test::sel("a: x"),
       {R"({"b":"x"})"},
       {R"({"a":"x"})"}},
      {"field_name_mapping",
       "mapping: {a: [b, c.d]}",
       test::sel("a|contains: x"),
       {R"({"b":"1x"})", R"({"c":{"d":"x2"}})"},
       {R"({"a":"x"})", R"({"b":"y"})"}},
      {"field_name_mapping",
       "mapping: {a: [b, c]}",
       test::sel("a|neq: x"),
       {R"({"b":"y"})", R"({})"},
       {R"({"b":"x"})", R"({"b":"y","c":"x"})"}},
      {"field_name_mapping",
       "mapping: {a: [b, c]}",
       test::sel("a: null"),
       {R"({})"},
       {R"({"b":"1"})", R"({"c":"1"})"}},
      {"field_name_mapping",
       "mapping: {a: [b, c]}",
       test::sel("a|exists: false"),
       {R"({})"},
       {R"({"b":"1"})", R"({"c":"1"})"}},
      {"field_name_mapping",
       "mapping: {a: [b, c]}",
       test::sel("a|exists: true"),
       {R"({"b":"1"})", R"({"c":"1"})"},
       {R"({})"}},
      {"field_name_mapping",
       "mapping: {b: c}",
       test::sel("a|fieldref: b"),
       {R"({"a":"1","c":"1"})"},
       {R"({"a":"1","b":"1"})"}},
      {"field_name_mapping",
       "mapping: {null: message}",
       "  sel:\n    - word\n    - 42\n  condition: sel\n",
       {R"({"message":"a word."})", R"({"message":"no 42"})"},
       {R"({"other":"word"})"}},
      {"field_name_prefix_mapping",
       "mapping: {win.: 'log.', w: v}",
       test::sel("win.a: x"),
       {R"({"log":{"a":"x"}})"},
       {R"({"win":{"a":"x"}})", R"({"vin":{"a":"x"}})"}},
      {"field_name_suffix",
       "suffix: .raw",
       test::sel("a: x"),
       {R"({"a":{"raw":"x"}})"},
       {R"({"a":"x"})"}},
      {"field_name_prefix",
       "prefix: e., id: p",
       test::sel("a: x"),
       {R"({"e":{"a":"x"}})"},
       {R"({"a":"x"})"}},
      {"drop_detection_item",
       "field_name_conditions: [{type: include_fields, fields: [b]}]",
       "  sel:\n    a: x\n    b: y\n  other:\n    b: z\n  condition: sel and not other\n",
       {R"({"a":"x"})", R"({"a":"x","b":"z"})"},
       {R"({"b":"y"})"}},
      {"hashes_fields",
       "valid_hash_algos: [MD5, SHA1], field_prefix: File",
       test::sel("Hashes|contains: ['MD5=00000000000000000000000000000001', 'sha1=abc']"),
       {R"({"FileMD5":"00000000000000000000000000000001"})", R"({"FileSHA1":"abc"})"},
       {R"({"FileMD5":"abc"})", R"({"Hashes":"SHA1=abc"})"}},
      {"hashes_fields",
       "valid_hash_algos: [MD5, SHA1], field_prefix: h, drop_algo_prefix: true",
       test::sel("Hashes: 00000000000000000000000000000001"),
       {R"({"h":"00000000000000000000000000000001"})"},
       {R"({"hMD5":"00000000000000000000000000000001"})"}},
      {"wildcard_placeholders",
       "include: [who]",
       test::sel("a|expand: 'u_%who%_'"),
       {R"({"a":"u_any_"})"},
       {R"({"a":"v_any_"})"}},
      {"value_placeholders",
       "include: [who]",
       test::sel("a|expand: 'C:\\\\%who%\\100%'"),
       {R"({"a":"C:\\root\\100%"})", R"({"a":"c:\\admin\\100%"})"},
       {R"({"a":"C:\\%who%\\100%"})", R"({"a":"C:\\user\\100%"})"}},
      {"value_placeholders",
       "",
       test::sel("a|contains|all|expand: ['%who%', '%one%']"),
       {R"({"a":"root x"})", R"({"a":"x adm"})"},
       {R"({"a":"root"})", R"({"a":"x"})"}},
      {"add_condition",
       "conditions: {c: 1, d|startswith: [p, q]}",
       "  sel_a:\n    a: x\n  sel_b:\n    b: x\n  condition: 1 of them\n",
       {R"({"a":"x","c":1,"d":"pp"})", R"({"b":"x","c":1,"d":"qq"})"},
       {R"({"a":"x"})", R"({"c":1,"d":"pp"})", R"({"a":"x","c":2,"d":"pp"})"}},
      {"add_condition",
       "template: true, name: src, conditions: {index: '$product-${category}-$$1'}",
       "  src:\n    a: x\n  condition: src or not src\n",
       {R"({"index":"windows-x-$1"})"},
       {R"({"index":"windows"})", R"({"a":"x"})"}},
      {"add_condition",
       "negated: true, conditions: {c: 1}",
       "  sel:\n    a: x\n  condition:\n    - sel\n    - not sel\n",
       {R"({"a":"x"})", R"({})"},
       {R"({"a":"x","c":1})"}},
      {"replace_string",
       "regex: '^\\*\\\\(\\w+)', replacement: '?:\\g<1>'",
       test::sel("a|endswith: \\system"),
       {R"({"a":"C:system"})"},
       {R"({"a":"C:\\system"})", R"({"a":"system"})"}},
      {"replace_string",
       "regex: 'a(.)', replacement: '\\1', skip_special: true",
       test::sel("k: 'ab*ac\\*ad'"),
       {R"({"k":"b--c*d"})"},
       {R"({"k":"ab--ac*ad"})", R"({"k":"b--cxd"})"}},
      {"replace_string",
       "regex: any, replacement: '*', skip_special: true, interpret_special: true",
       test::sel("k: 'x any y'"),
       {R"({"k":"x 1 y"})"},
       {R"({"k":"any"})"}},
      {"replace_string",
       "regex: '^4$', replacement: four",
       test::sel("k: [4, 5]"),
       {R"({"k":"four"})", R"({"k":5})"},
       {R"({"k":4})"}},
      {"map_string",
       "mapping: {x: [y, z], '*end': e}",
       test::sel("a: [x, u]"),
       {R"({"a":"y"})", R"({"a":"z"})", R"({"a":"u"})"},
       {R"({"a":"x"})"}},
      {"map_string",
       "mapping: {'*x*': ['*y*', '*z*']}",
       test::sel("a|contains|all: [x, u]"),
       {R"({"a":"y u"})", R"({"a":"u z"})"},
       {R"({"a":"y z"})", R"({"a":"x u"})"}},
      {"set_value", "value: 7", test::sel("a|contains: [x, y]"), {R"({"a":7})"}, {R"({"a":"x"})"}},
      {"set_value",
       "value: 7, force_type: str",
       test::sel("a: 8"),
       {R"({"a":"7"})"},
       {R"({"a":8})"}},
      {"set_value", "value: null", test::sel("a: x"), {R"({})"}, {R"({"a":"x"})"}},
      {"convert_type",
       "target_type: num",
       test::sel("a: '7'"),
       {R"({"a":7.0})"},
       {R"({"a":"07"})"}},
      {"convert_type", "target_type: str", test::sel("a: 7"), {R"({"a":"7"})"}, {R"({"a":7.0})"}},
      {"case", "method: upper", test::sel("a|cased: xY"), {R"({"a":"XY"})"}, {R"({"a":"xY"})"}},
      {"case", "", test::sel("a|cased: xY"), {R"({"a":"xy"})"}, {R"({"a":"xY"})"}},
      {"case",
       "method: snake_case",
       test::sel("a: GetHTTPUrl2Now"),
       {R"({"a":"get_http_url2_now"})"},
       {R"({"a":"GetHTTPUrl2Now"})"}},
      {"regex",
       "method: plain",
       test::sel("a|endswith: xY"),
       {R"({"a":"1xY"})"},
       {R"({"a":"1xy"})"}},
      {"regex", "", test::sel("a: xY"), {R"({"a":"XY"})"}, {R"({"a":"1xy"})"}},
      {"set_state", "key: k, val: v", test::sel("a: x"), {R"({"a":"x"})"}, {R"({"a":"y"})"}},
      {"nest",
       "rule_conditions: [{type: logsource, product: windows}], items: [{type: field_name_suffix, "
       "suffix: 1}, {type: field_name_mapping, mapping: {a1: b}}]",
       test::sel("a: x"),
       {R"({"b":"x"})"},
       {R"({"a":"x"})"}},
  };
  return all;
}

TEST_CASE("A transformation changes what a rule matches") {
  for (const Row& row : rows()) {
    const std::string pipeline = pipeline_of(row);
    CAPTURE(pipeline);
    CAPTURE(row.detection);
    const LoadResult result = test::load_with({pipeline}, test::rule_of(row.detection));
    CAPTURE(test::all_text(result.diagnostics));
    REQUIRE(result.loaded == 1);
    for (const std::string& record : row.match) {
      CAPTURE(record);
      CHECK(test::hits(result, record).size() == 1);
    }
    for (const std::string& record : row.miss) {
      CAPTURE(record);
      CHECK(test::hits(result, record).empty());
    }
  }
}

struct InfoRow {
  std::string type;
  std::string transformation;
  std::string expected;  // fields | custom | log source
};

const InfoRow info_rows[] = {
    {"set_field", "type: set_field, fields: [p, q]", "p,q||x/windows/"},
    {"set_field", "type: set_field, fields: []", "||x/windows/"},
    {"add_field", "type: add_field, field: q", "a,q||x/windows/"},
    {"remove_field", "type: remove_field, field: [a, z]", "||x/windows/"},
    {"set_custom_attribute",
     "type: set_custom_attribute, attribute: team, value: [red, 1]",
     "a|team=[\"red\",1]|x/windows/"},
    {"change_logsource", "type: change_logsource, product: p, service: s", "a||/p/s"},
    {"field_name_mapping", "type: field_name_mapping, mapping: {a: [b, c]}", "b,c||x/windows/"},
};

TEST_CASE("A transformation changes what is known of a rule") {
  for (const InfoRow& row : info_rows) {
    CAPTURE(row.transformation);
    const LoadResult result =
        test::load_with({"transformations:\n  - {" + row.transformation + "}\n"},
                        test::rule_of(test::sel("a: x")) + "fields: [a]\n");
    CAPTURE(test::all_text(result.diagnostics));
    REQUIRE(result.loaded == 1);
    const RuleInfo& info = result.ruleset->rules[0];
    std::string text;
    for (const std::string& field : info.fields) {
      text += (text.empty() ? "" : ",") + field;
    }
    text += "|";
    for (const auto& [name, value] : info.custom) {
      text += name + "=" + value;
    }
    text += "|" + info.log_source.category + "/" + info.log_source.product + "/" +
            info.log_source.service;
    CHECK(text == row.expected);
  }
}

struct FailureRow {
  std::string type;
  std::string transformations;  // flow maps
  std::string detection;
  std::string problems;
};

const FailureRow failure_rows[] = {
    {"rule_failure",
     "{type: rule_failure, message: no}",
     test::sel("a: x"),
     "error pipeline-failure 10:3"},
    {"detection_item_failure",
     "{type: detection_item_failure, message: no, field_name_conditions: [{type: include_fields, "
     "fields: [a]}]}",
     test::sel("a: x"),
     "error pipeline-failure 11:5"},
    {"strict_field_mapping_failure",
     "{type: field_name_mapping, mapping: {a: a}}, {type: strict_field_mapping_failure}",
     "  sel:\n    a: x\n    b: y\n  condition: sel\n",
     "error pipeline-failure 12:5"},
    {"convert_type",
     "{type: convert_type, target_type: num}",
     test::sel("a: x"),
     "error pipeline-result 11:8"},
    {"value_placeholders",
     "{type: value_placeholders}",
     test::sel("a|expand: '%none%'"),
     "error undefined-placeholder 11:15"},
    {"hashes_fields",
     "{type: hashes_fields, valid_hash_algos: [MD5]}",
     test::sel("Hashes: SHA1=1"),
     "error pipeline-result 11:13"},
    {"drop_detection_item",
     "{type: drop_detection_item}",
     test::sel("a: x"),
     "error pipeline-result 10:3"},
    {"add_condition",
     "{type: add_condition, template: true, conditions: {a: $service}}",
     test::sel("a: x"),
     "error pipeline-result 10:3"},
    {"set_value",
     "{type: set_value, value: null}",
     "  sel:\n    - word\n  condition: sel\n",
     "error pipeline-result 11:7"},
};

TEST_CASE("A transformation that cannot be, or must not be, rejects the rule at its place") {
  for (const FailureRow& row : failure_rows) {
    CAPTURE(row.transformations);
    const LoadResult result = test::load_with({"transformations: [" + row.transformations + "]\n"},
                                              test::rule_of(row.detection));
    CHECK(test::problems(result) == row.problems);
    CHECK(result.loaded == 0);
    CHECK(result.rejected == 1);
  }
}

TEST_CASE("Every transformation has a case here and a line in the manual") {
  std::set<std::string> tested;
  for (const Row& row : rows()) {
    tested.insert(row.type);
  }
  for (const InfoRow& row : info_rows) {
    tested.insert(row.type);
  }
  for (const FailureRow& row : failure_rows) {
    tested.insert(row.type);
  }
  std::ifstream in(std::string(TOCSIN_SOURCE_DIR) + "/docs/pipelines.md");
  const std::string manual((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (const PipelineTransformType& type : transform_types()) {
    CAPTURE(std::string(type.name));
    CHECK((type.make == nullptr || tested.count(std::string(type.name)) == 1));
    CHECK(manual.find("`" + std::string(type.name) + "`") != std::string::npos);
  }
}

TEST_CASE("A value that a mapping replaces keeps a backslash before a wildcard") {
  const LoadResult result = test::load_with(
      {"transformations:\n  - {type: replace_string, regex: bin, replacement: lib}\n"},
      test::rule_of(test::sel("a|startswith: 'C:\\bin\\'")));
  REQUIRE(result.loaded == 1);
  CHECK(test::hits(result, R"({"a":"C:\\lib\\x.exe"})").size() == 1);
  CHECK(test::hits(result, R"({"a":"C:\\lib*"})").empty());
}

}  // namespace
}  // namespace tocsin
