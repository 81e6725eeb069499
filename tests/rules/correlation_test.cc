// SPDX-License-Identifier: Apache-2.0
#include "rules/correlation.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "rules/modifiers.h"
#include "tests/rules/load_fixture.h"

namespace tocsin {
namespace {

// Rules ra, rb and rc (27 lines), then a correlation with these keys, each indented by two.
LoadResult load_correlation(const std::string& keys, LoadOptions options = {}) {
  return test::load_text(test::rule_named("ra") + test::rule_named("rb") + test::rule_named("rc") +
                             "title: C\ncorrelation:\n" + keys,
                         std::move(options));
}

std::string postfix(const CorrelationSpec& spec) {
  std::string out;
  for (const ConditionStep& step : spec.condition) {
    out += out.empty() ? "" : " ";
    switch (step.kind) {
      case ConditionStep::Kind::input:
        out += spec.inputs[step.operand].name;
        break;
      case ConditionStep::Kind::all_of:
        out += "and" + std::to_string(step.operand);
        break;
      case ConditionStep::Kind::any_of:
        out += "or" + std::to_string(step.operand);
        break;
      case ConditionStep::Kind::negation:
        out += "not";
        break;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("A timespan is a positive whole number and one unit") {
  const struct {
    const char* text;
    std::optional<DurationNs> span;
  } rows[] = {
      {"90s", 90 * second_ns},
      {"2m", 2 * minute_ns},
      {"1h", hour_ns},
      {"1d", day_ns},
      {"1w", 7 * day_ns},
      {"1M", 2'629'746 * second_ns},
      {"1y", 31'556'952 * second_ns},
      {"200y", 200 * (31'556'952 * second_ns)},
      {"300y", std::nullopt},
      {"99999999999999999999s", std::nullopt},
      {"0s", std::nullopt},
      {"-5m", std::nullopt},
      {"+5m", std::nullopt},
      {"5min", std::nullopt},
      {"1H", std::nullopt},
      {"m5", std::nullopt},
      {"1.5h", std::nullopt},
      {"1h30m", std::nullopt},
      {" 5m", std::nullopt},
      {"5 m", std::nullopt},
      {"m", std::nullopt},
      {"5", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(parse_timespan(row.text) == row.span);
  }
}

TEST_CASE("A counting correlation is read with all its keys") {
  const LoadResult result = load_correlation(
      "  type: value_count\n  rules: [ra, rb]\n  group-by: [user, ip]\n  timespan: 5m\n"
      "  aliases:\n    ip:\n      ra: source.ip\n      rb: client\n"
      "  condition:\n    field: [a, b]\n    gte: 3\n    lt: 10.5\n");
  CAPTURE(test::all_text(result.diagnostics));
  CHECK(result.diagnostics.list().empty());
  REQUIRE(result.ruleset->correlations.size() == 1);
  const CorrelationSpec& spec = result.ruleset->correlations[0];
  CHECK(spec.type == "value_count");
  CHECK(spec.info.title == "C");
  CHECK(spec.info.kind == RuleKind::correlation);
  CHECK(spec.timespan_ns == 5 * minute_ns);
  CHECK(spec.group_by == std::vector<std::string>{"user", "ip"});
  CHECK(spec.fields == std::vector<std::string>{"a", "b"});
  REQUIRE(spec.thresholds.size() == 2);
  CHECK(spec.thresholds[0].op == CompareOp::gte);
  CHECK(spec.thresholds[0].value == 3);
  CHECK(spec.thresholds[1].op == CompareOp::lt);
  CHECK(spec.thresholds[1].value == 10.5);
  REQUIRE(spec.inputs.size() == 2);
  CHECK(spec.inputs[0].name == "ra");
  CHECK(spec.inputs[0].rule == 0);
  CHECK(spec.inputs[1].rule == 1);
  CHECK(spec.inputs[0].group_fields == std::vector<std::string>{"user", "source.ip"});
  CHECK(spec.inputs[1].group_fields == std::vector<std::string>{"user", "client"});
  CHECK(spec.alerts_alone);
  CHECK(result.ruleset->alerts_alone == std::vector<bool>{false, false, true});
  CHECK(result.ruleset->feeds_detector == std::vector<bool>{true, true, false});
  const FieldPlan& plan = result.ruleset->program->plan();
  for (const char* field : {"user", "source.ip", "client", "a", "b"}) {
    CAPTURE(std::string(field));
    CHECK(plan.find(field) != no_field);
  }
}

TEST_CASE("Extended conditions become postfix, and must name exactly the listed rules") {
  const std::string head = "  type: temporal\n  timespan: 1m\n";
  const struct {
    std::string keys;
    const char* postfix;
  } good[] = {
      {"  rules: [ra, rb]\n  condition: ra and rb\n", "ra rb and2"},
      {"  condition: ra and not rb\n", "ra rb not and2"},
      {"  condition: ra or rb and rc\n", "ra rb rc and2 or2"},
      {"  condition: (ra or rb) and rc\n", "ra rb or2 rc and2"},
      {"  condition: ra or rb or rc\n", "ra rb rc or3"},
      {"  condition: not not ra and not (rb)\n", "ra rb not and2"},
      {"  rules: [rb, ra]\n  condition: |\n    ra\n    or (rb)\n", "ra rb or2"},
  };
  for (const auto& row : good) {
    CAPTURE(row.keys);
    const LoadResult result = load_correlation(head + row.keys);
    CAPTURE(test::all_text(result.diagnostics));
    CHECK(result.diagnostics.list().empty());
    REQUIRE(result.ruleset->correlations.size() == 1);
    CHECK(postfix(result.ruleset->correlations[0]) == row.postfix);
  }
  const struct {
    std::string keys;
    const char* problems;
  } bad[] = {
      {"  rules: [ra]\n  condition: ra and rb\n", "error correlation-condition 33:21"},
      {"  rules: [ra, rb]\n  condition: ra\n", "error correlation-condition 33:14"},
      {"  condition: ra and nope\n", "error unknown-reference 32:21"},
      {"  condition: ra and and rb\n", "error correlation-condition 32:21"},
      {"  condition: ra AND rb\n", "error correlation-condition 32:17"},
      {"  condition: ra rb\n", "error correlation-condition 32:17"},
      {"  condition: (ra\n", "error correlation-condition 32:14"},
      {"  condition: ra)\n", "error correlation-condition 32:16"},
      {"  condition: ra and\n", "error correlation-condition 32:14"},
      {"  condition: ''\n", "error missing-key 29:1; error correlation-condition 32:14"},
      {"  condition: [ra]\n", "error missing-key 29:1; error correlation-condition 32:14"},
  };
  for (const auto& row : bad) {
    CAPTURE(row.keys);
    const LoadResult result = load_correlation(head + row.keys);
    CHECK(test::problems(result) == row.problems);
    CHECK(result.ruleset->correlations.empty());
    CHECK(result.rejected == 1);
    // A rejected correlation silences nobody.
    CHECK(result.ruleset->alerts_alone == std::vector<bool>{true, true, true});
  }
}

TEST_CASE("Deeply nested extended conditions end at the limit") {
  std::string condition = std::string(100'000, '(') + "ra" + std::string(100'000, ')');
  const LoadResult result = load_correlation(
      "  type: temporal\n  timespan: 1m\n  rules: [ra]\n  condition: '" + condition + "'\n");
  CHECK(test::problems(result).substr(0, 27) == "error correlation-condition");
  CHECK(result.rejected == 1);
}

TEST_CASE("Structure and values of a correlation are checked, each problem at its place") {
  const struct {
    std::string keys;
    const char* problems;
  } rows[] = {
      {"  type: near\n", "error unknown-correlation-type 30:9"},
      {"  rules: [ra]\n", "error missing-key 29:1"},
      {"  type: event_count\n",
       "error missing-key 29:1; error missing-key 29:1; error missing-key 29:1"},
      {"  type: event_count\n  rules: {ra: 1}\n  timespan: 1m\n  condition: {gte: 2}\n",
       "error correlation-rules 31:10"},
      {"  type: event_count\n  rules: []\n  timespan: 1m\n  condition: {gte: 2}\n",
       "error correlation-rules 31:10"},
      {"  type: event_count\n  rules: [ra, 5]\n  timespan: 1m\n  condition: {gte: 2}\n",
       "error correlation-rules 31:15"},
      {"  type: event_count\n  rules: ra\n  timespan: 5min\n  condition: {gte: 2}\n",
       "error correlation-timespan 32:13"},
      {"  type: event_count\n  rules: ra\n  timespan: 300\n  condition: {gte: 2}\n",
       "error correlation-timespan 32:13"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  group-by: 5\n  condition: {gte: 2}\n",
       "error correlation-group-by 33:13"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  group-by: " +
           std::string(field_bytes_max + 1, 'f') + "\n  condition: {gte: 2}\n",
       "error field-too-long 33:13"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  group-by: who\n  aliases: {who: {ra: " +
           std::string(field_bytes_max + 1, 'f') + "}}\n  condition: {gte: 2}\n",
       "error field-too-long 34:23"},
      {"  type: value_sum\n  rules: ra\n  timespan: 1m\n  condition: {gte: 2, field: " +
           std::string(field_bytes_max + 1, 'f') + "}\n",
       "error field-too-long 33:30"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {}\n",
       "error correlation-condition 33:14"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {ge: 2}\n",
       "error unknown-key 33:15"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {gte: [1, 2]}\n",
       "error correlation-threshold 33:20"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {gte: '2'}\n",
       "error correlation-threshold 33:20"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {gte: .inf}\n",
       "error correlation-threshold 33:20"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: ra\n",
       "error correlation-condition 33:14"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {gte: 2, field: x}\n",
       "warning key-without-effect 33:23"},
      {"  type: value_sum\n  rules: ra\n  timespan: 1m\n  condition: {gte: 2}\n",
       "error correlation-field 33:14"},
      {"  type: value_sum\n  rules: ra\n  timespan: 1m\n  condition: {gte: 2, field: [a, b]}\n",
       "error correlation-field 33:30"},
      {"  type: value_percentile\n  rules: ra\n  timespan: 1m\n  condition: {gte: 2, field: a}\n",
       "error correlation-percentile 33:14"},
      {"  type: value_percentile\n  rules: ra\n  timespan: 1m\n"
       "  condition: {gte: 2, field: a, percentile: 101}\n",
       "error correlation-percentile 33:45"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {gte: 2}\n  aliases: {ip: "
       "src}\n",
       "error correlation-aliases 34:17"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {gte: 2}\n  generate: "
       "maybe\n",
       "error correlation-generate 34:13"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {gte: 2}\ngenerate: yes\n",
       "error correlation-generate 34:11"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {gte: 2}\n  timesspan: 1m\n",
       "error unknown-key 34:3"},
      {"  type: event_count\n  rules: ra\n  timespan: 1m\n  condition: {gte: 2}\n  learning: 7d\n",
       "error unknown-key 34:3"},
      {"  type: event_count\n  rules: [ra, ra]\n  timespan: 1m\n  condition: {gte: 2}\n",
       "warning repeated-reference 31:15"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.keys));
    const LoadResult result = load_correlation(row.keys);
    CHECK(test::problems(result) == row.problems);
    CHECK(result.ruleset->rules.size() == 3);
    CHECK(result.rejected == (result.diagnostics.errors() > 0 ? 1 : 0));
  }
}

TEST_CASE("Our own types take their keys, and only these") {
  LoadOptions options;
  options.placeholders["nets"] = {"10.0.0.0/8", "192.0.2.0/24"};
  const LoadResult result = load_correlation(
      "  type: new_value\n  rules: [ra]\n  baseline: [rb, ra]\n  field: sourceIPAddress\n"
      "  granularity: net\n  group-by: [account, tocsin.principal]\n  learning: 7d\n"
      "  learning-min-events: 20\n  mature-after: 24h\n  min-days: 2\n  forget-after: 30d\n"
      "  on-learning: tag\n  on-new-group: parent\n  exclude: ['%nets%', 'x']\n",
      options);
  CAPTURE(test::all_text(result.diagnostics));
  CHECK(result.diagnostics.list().empty());
  REQUIRE(result.ruleset->correlations.size() == 1);
  const CorrelationSpec& spec = result.ruleset->correlations[0];
  CHECK(spec.fields == std::vector<std::string>{"sourceIPAddress"});
  REQUIRE(spec.inputs.size() == 3);
  CHECK_FALSE(spec.inputs[0].baseline);
  CHECK(spec.inputs[1].baseline);
  CHECK(spec.inputs[1].name == "rb");
  CHECK(spec.inputs[2].baseline);
  CHECK(spec.inputs[2].rule == spec.inputs[0].rule);
  CHECK(spec.options.size() == 9);
  CHECK(spec.options[0].key == "granularity");
  CHECK(spec.options[0].values == std::vector<std::string>{"net"});
  CHECK(spec.options[8].values == std::vector<std::string>{"10.0.0.0/8", "192.0.2.0/24", "x"});
  CHECK(spec.options[8].line == 43);
  CHECK(result.ruleset->program->plan().find("tocsin.principal") != no_field);

  const struct {
    const char* keys;
    const char* problems;
  } rows[] = {
      {"  type: new_value\n  rules: ra\n", "error correlation-field 30:3"},
      {"  type: new_value\n  rules: ra\n  field: f\n  condition: {gte: 2}\n",
       "error unknown-key 33:3"},
      {"  type: new_value\n  rules: ra\n  field: f\n  granularty: ip\n", "error unknown-key 33:3"},
      {"  type: new_value\n  rules: ra\n  field: f\n  granularity: city\n",
       "error correlation-option 33:16"},
      {"  type: new_value\n  rules: ra\n  field: f\n  learning: soon\n",
       "error correlation-option 33:13"},
      {"  type: new_value\n  rules: ra\n  field: f\n  min-days: 0\n",
       "error correlation-option 33:13"},
      {"  type: new_value\n  rules: ra\n  field: f\n  exclude: '%nope%'\n",
       "error undefined-placeholder 33:12"},
      {"  type: new_value\n  rules: ra\n  field: f\n  baseline: [nope]\n",
       "error unknown-reference 33:14"},
      {"  type: rare_value\n  rules: ra\n  field: f\n", "error missing-key 29:1"},
      {"  type: rare_value\n  rules: ra\n  field: f\n  timespan: 30d\n  max-share: 1.5\n",
       "error correlation-option 34:14"},
      {"  type: rare_value\n  rules: ra\n  field: f\n  timespan: 30d\n  max-share: 0.001\n"
       "  min-population: 1000\n  max-count: 3\n",
       ""},
      {"  type: absence\n  rules: ra\n  timespan: 15m\n", "error correlation-rules 31:10"},
      {"  type: absence\n  rules: [ra, rb]\n  timespan: 15m\n  direction: before\n", ""},
      {"  type: absence\n  rules: [ra, rb]\n  timespan: 15m\n  direction: sideways\n",
       "error correlation-option 33:14"},
      {"  type: impossible_travel\n  rules: ra\n  field: ip\n  timespan: 24h\n  min-distance: "
       "500km\n"
       "  min-speed: 900km/h\n",
       ""},
      {"  type: impossible_travel\n  rules: ra\n  field: ip\n  timespan: 24h\n  min-distance: "
       "500\n",
       "error correlation-option 34:17"},
      {"  type: impossible_travel\n  rules: ra\n  field: ip\n  timespan: 24h\n  min-speed: fast\n",
       "error correlation-option 34:14"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.keys));
    CHECK(test::problems(load_correlation(row.keys)) == row.problems);
  }
}

TEST_CASE("A temporal_ordered correlation may list a rule twice: two steps") {
  const LoadResult result =
      load_correlation("  type: temporal_ordered\n  rules: [ra, rb, ra]\n  timespan: 1m\n");
  CHECK(result.diagnostics.list().empty());
  REQUIRE(result.ruleset->correlations.size() == 1);
  CHECK(result.ruleset->correlations[0].inputs.size() == 3);
}

TEST_CASE("More than 64 rules in one correlation are refused") {
  std::string text;
  std::string names;
  for (int i = 0; i < 65; ++i) {
    text += test::rule_named("r" + std::to_string(i));
    names += (i == 0 ? "r" : ", r") + std::to_string(i);
  }
  const LoadResult result = test::load_text(
      text + "title: C\ncorrelation: {type: temporal, timespan: 1m, rules: [" + names + "]}\n");
  CHECK(test::problems(result).substr(0, 20) == "error too-many-rules");
}

}  // namespace tocsin
