// SPDX-License-Identifier: Apache-2.0
// CorrelationSpec: a stateful detector as the rules' author specified it, references resolved. Made
// by rules/, run by detectors/. Thread rule: plain values; immutable inside a Ruleset.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "engine/flow/rule_info.h"

namespace tocsin {

// What feeds a correlation: a detection rule (index into Ruleset::rules) or an inner correlation
// (into Ruleset::correlations).
struct CorrelationInput {
  bool is_correlation = false;
  std::uint32_t rule = 0;
  std::string name;  // as the rule set refers to it (alias keys, extended conditions)
  std::vector<std::string>
      group_fields;       // the field of this rule for each group-by name, aliases resolved
  bool baseline = false;  // new_value: learned from, not reported
};

enum class CompareOp : std::uint8_t { lt, lte, gt, gte, eq, neq };
struct Threshold {
  CompareOp op = CompareOp::gte;
  double value = 0;
};

// An extended condition (temporal types): and/or/not over inputs, in postfix order.
struct ConditionStep {
  enum class Kind : std::uint8_t { input, all_of, any_of, negation };
  Kind kind = Kind::input;
  std::uint32_t operand = 0;  // input: index into inputs; all_of, any_of: number of operands
};

struct CorrelationSpec {
  RuleInfo info;
  std::string type;  // correlation.type, a row of detectors/registry.cc
  std::vector<CorrelationInput> inputs;
  std::vector<std::string> group_by;  // names as written
  DurationNs timespan_ns = 0;
  std::vector<Threshold> thresholds;  // all must hold; empty: the type's default
  std::vector<std::string> fields;    // condition.field (value_*), field (new_value ...)
  std::optional<double> percentile;
  std::vector<ConditionStep> condition;  // extended; empty: none
  bool generate = false;
  bool alerts_alone = true;  // not silenced by an outer correlation without generate

  // Keys of our own types, as written; each type's file in detectors/ reads and checks its own.
  struct Option {
    std::string key;
    std::vector<std::string> values;  // a scalar is one value; placeholders are expanded
    std::uint32_t line = 0;
    std::uint32_t column = 0;
  };
  std::vector<Option> options;
};

// Is it decided only when no earlier event can come any more?
inline bool decides_by_watermark(const CorrelationSpec& spec) {
  return spec.type == "absence" || spec.info.extensions.emit_watermark;
}

}  // namespace tocsin
