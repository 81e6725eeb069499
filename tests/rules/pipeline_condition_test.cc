// SPDX-License-Identifier: Apache-2.0
// Each condition, by whether an item under it is applied: the item renames the field a to b.
#include "rules/pipeline_condition.h"

#include <fstream>
#include <set>

#include "tests/rules/pipeline_fixture.h"

namespace tocsin {
namespace {

constexpr const char* detection =
    "  sel:\n    a|contains: x\n    n: 5\n    z: null\n    flag: true\n  condition: sel\n";
constexpr const char* renamed = R"({"b":"1x1","n":5,"flag":true})";
constexpr const char* kept = R"({"a":"1x1","n":5,"flag":true})";

struct Row {
  std::string conditions;  // keys of the item, as members of a flow map
  bool applies;
};

// Whether the item was applied to the rule.
bool applies(const std::string& before, const std::string& conditions, const std::string& rule) {
  const LoadResult result =
      test::load_with({"transformations: [" + before +
                       "{type: field_name_mapping, mapping: {a: b}, " + conditions + "}]\n"},
                      rule);
  CAPTURE(test::all_text(result.diagnostics));
  REQUIRE(result.loaded == 1);
  const bool is_renamed = !test::hits(result, renamed).empty();
  CHECK(is_renamed == test::hits(result, kept).empty());
  return is_renamed;
}

const Row rule_rows[] = {
    {"rule_conditions: [{type: logsource, product: windows}]", true},
    {"rule_conditions: [{type: logsource, product: windows, category: x}]", true},
    {"rule_conditions: [{type: logsource, product: windows, service: x}]", false},
    {"rule_conditions: [{type: logsource, product: linux}]", false},
    {"rule_conditions: [{type: contains_detection_item, field: a, value: '*x*'}]", true},
    {"rule_conditions: [{type: contains_detection_item, field: a, value: x}]", false},
    {"rule_conditions: [{type: contains_detection_item, field: n, value: 5}]", true},
    {"rule_conditions: [{type: contains_detection_item, field: n, value: '5'}]", false},
    {"rule_conditions: [{type: contains_detection_item, field: flag, value: true}]", true},
    {"rule_conditions: [{type: contains_field, field: n}]", true},
    {"rule_conditions: [{type: contains_field, field: m}]", false},
    {"rule_conditions: [{type: processing_item_applied, processing_item_id: first}]", true},
    {"rule_conditions: [{type: processing_item_applied, processing_item_id: never}]", false},
    {"rule_conditions: [{type: processing_state, key: k, val: 7}]", true},
    {"rule_conditions: [{type: processing_state, key: k, val: 8, op: lt}]", true},
    {"rule_conditions: [{type: processing_state, key: k, val: 7, op: ne}]", false},
    {"rule_conditions: [{type: processing_state, key: other, val: 7}]", false},
    {"rule_conditions: [{type: is_sigma_rule}]", true},
    {"rule_conditions: [{type: is_sigma_correlation_rule}]", false},
    {"rule_conditions: [{type: tag, tag: attack.T1059}]", true},
    {"rule_conditions: [{type: tag, tag: attack.t1060}]", false},
    {"rule_conditions: [{type: rule_attribute, attribute: level, value: medium, op: gte}]", true},
    {"rule_conditions: [{type: rule_attribute, attribute: level, value: high, op: gt}]", false},
    {"rule_conditions: [{type: rule_attribute, attribute: status, value: stable, op: lt}]", true},
    {"rule_conditions: [{type: rule_attribute, attribute: title, value: T}]", true},
    {"rule_conditions: [{type: rule_attribute, attribute: title, value: T, op: ne}]", false},
    {"rule_conditions: [{type: rule_attribute, attribute: tags, value: attack.t1059, op: in}]",
     true},
    {"rule_conditions: [{type: rule_attribute, attribute: tags, value: a, op: not_in}]", true},
    {"rule_conditions: [{type: rule_attribute, attribute: date, value: 2024-01-01, op: gt}]", true},
    {"rule_conditions: [{type: rule_attribute, attribute: weight, value: 3, op: gt}]", true},
    {"rule_conditions: [{type: rule_attribute, attribute: nothing, value: 3}]", false},
    {"rule_cond_op: or, rule_conditions: [{type: tag, tag: no}, {type: is_sigma_rule}]", true},
    {"rule_cond_op: and, rule_conditions: [{type: tag, tag: no}, {type: is_sigma_rule}]", false},
    {"rule_cond_not: true, rule_conditions: [{type: tag, tag: no}]", true},
    {"rule_cond_expr: 'one and not (two or three)', rule_conditions: {one: {type: is_sigma_rule}, "
     "two: {type: tag, tag: no}, three: {type: contains_field, field: m}}",
     true},
    {"rule_cond_expr: 'not one', rule_conditions: {one: {type: is_sigma_rule}}", false},
};

const Row item_rows[] = {
    {"detection_item_conditions: [{type: match_string, cond: any, pattern: '\\*X?x'}]", true},
    {"detection_item_conditions: [{type: match_string, cond: all, pattern: 'x'}]", false},
    {"detection_item_conditions: [{type: match_string, cond: all, pattern: 'x', negate: true}]",
     true},
    {"detection_item_conditions: [{type: match_value, cond: any, value: '*x*'}]", true},
    {"detection_item_conditions: [{type: match_value, cond: any, value: 5}]", false},
    {"detection_item_conditions: [{type: contains_wildcard, cond: any}]", true},
    {"detection_item_conditions: [{type: is_null, cond: all}]", false},
    {"detection_item_cond_not: true, detection_item_conditions: [{type: is_null, cond: all}]",
     true},
    {"detection_item_conditions: [{type: processing_item_applied, processing_item_id: first}]",
     true},
    {"detection_item_conditions: [{type: processing_item_applied, processing_item_id: never}]",
     false},
    {"detection_item_conditions: [{type: processing_state, key: k, val: 7}]", true},
    {"detection_item_cond_op: or, detection_item_conditions: [{type: is_null, cond: any}, {type: "
     "contains_wildcard, cond: any}]",
     true},
    {"detection_item_cond_expr: 'n or w', detection_item_conditions: {n: {type: is_null, cond: "
     "any}, "
     "w: {type: contains_wildcard, cond: any}}",
     true},
};

const Row field_rows[] = {
    {"field_name_conditions: [{type: include_fields, fields: [a, q]}]", true},
    {"field_name_conditions: [{type: include_fields, fields: [A]}]", false},
    {"field_name_conditions: [{type: include_fields, fields: ['[ab]$'], mode: re}]", true},
    {"field_name_conditions: [{type: include_fields, fields: ['^b'], mode: re}]", false},
    {"field_name_conditions: [{type: exclude_fields, fields: [a]}]", false},
    {"field_name_conditions: [{type: exclude_fields, fields: [b]}]", true},
    {"field_name_conditions: [{type: exclude_fields, fields: ['.*'], mode: re}]", false},
    {"field_name_conditions: [{type: processing_item_applied, processing_item_id: first}]", true},
    {"field_name_conditions: [{type: processing_item_applied, processing_item_id: never}]", false},
    {"field_name_conditions: [{type: processing_state, key: k, val: 7, op: gte}]", true},
    {"field_name_cond_not: true, field_name_conditions: [{type: include_fields, fields: [n]}]",
     true},
    {"field_name_cond_op: or, field_name_conditions: [{type: include_fields, fields: [n]}, {type: "
     "include_fields, fields: [a]}]",
     true},
    {"field_name_cond_expr: i and not e, field_name_conditions: {i: {type: include_fields, fields: "
     "[a]}, e: {type: include_fields, fields: [n]}}",
     true},
};

template <typename Rows>
void check_rows(const Rows& rows) {
  // `first` is applied, to the item on `a` too; `never` is not.
  constexpr const char* before =
      "{type: set_state, key: k, val: 7}, {id: first, type: field_name_mapping, mapping: {a: a}}, "
      "{id: never, type: set_state, key: k, val: 9, rule_conditions: [{type: tag, tag: none}]}, ";
  const std::string rule = test::rule_of(detection) + "date: 2024-02-01\nweight: 4\n";
  for (const Row& row : rows) {
    CAPTURE(row.conditions);
    CHECK(applies(before, row.conditions, rule) == row.applies);
  }
}

TEST_CASE("An item is applied where its conditions on the rule hold") {
  check_rows(rule_rows);
}

TEST_CASE("An item is applied to the detection items on which its conditions hold") {
  check_rows(item_rows);
}

TEST_CASE("An item is applied to the field names on which its conditions hold") {
  check_rows(field_rows);
}

template <typename Table, typename Rows>
void check_table(const Table& table, const Rows& rows, const std::string& manual) {
  for (const auto& type : table) {
    const std::string name(type.name);
    CAPTURE(name);
    bool tested = false;
    for (const Row& row : rows) {
      tested = tested || row.conditions.find("type: " + name) != std::string::npos;
    }
    CHECK(tested);
    CHECK(manual.find("`" + name + "`") != std::string::npos);
  }
}

TEST_CASE("Every condition has a case here and a line in the manual") {
  std::ifstream in(std::string(TOCSIN_SOURCE_DIR) + "/docs/pipelines.md");
  const std::string manual((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  check_table(rule_condition_types(), rule_rows, manual);
  check_table(item_condition_types(), item_rows, manual);
  check_table(field_condition_types(), field_rows, manual);
}

}  // namespace
}  // namespace tocsin
