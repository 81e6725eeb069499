// SPDX-License-Identifier: Apache-2.0
// The conditions of processing items, of rules, detection items and field names: one table each.
// Their terms are pySigma's. Thread rule: constant tables; what a row makes is immutable.
#pragma once

#include <span>
#include <string_view>

#include "rules/pipeline_keys.h"
#include "rules/pipeline_run.h"

namespace tocsin {

template <typename Test>
struct PipelineConditionType {
  std::string_view name;
  Test (*make)(PipelineKeys& keys);
  std::string_view explanation;  // one line for the manual
};

std::span<const PipelineConditionType<RuleCondition>> rule_condition_types();
std::span<const PipelineConditionType<ItemCondition>> item_condition_types();
std::span<const PipelineConditionType<FieldCondition>> field_condition_types();

// Reads rule_conditions, detection_item_conditions and field_name_conditions of an item with their
// _op, _not and _expr keys.
void read_conditions(PipelineKeys& keys, PipelineItem& item);

}  // namespace tocsin
