// SPDX-License-Identifier: Apache-2.0
// What a processing pipeline reads and changes while it runs over one rule or correlation, and the
// parts of a processing item: its conditions and its transformation. Thread rule: items are
// immutable after loading; a run belongs to one thread. Cost: bounded by limits::pipeline_*_max for
// each rule; crossing one rejects the rule.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/flow/rule_info.h"
#include "rules/ast.h"
#include "rules/problems.h"
#include "rules/yaml.h"

namespace tocsin {

// The `id` of a processing item as a number; items without one have a number of their own.
using PipelineMark = std::uint32_t;
// Borne by items whose field name any field mapping has changed.
inline constexpr PipelineMark mapped_mark = 0;

struct PipelineScalar {
  YamlNode::Kind kind = YamlNode::Kind::null;
  std::string text;
};

using PipelineVars = std::map<std::string, std::optional<std::vector<std::string>>>;
using PipelinePlaceholders = std::map<std::string, std::vector<std::string>>;

struct PipelineRun {
  RuleInfo& info;
  LogSource source;                          // the rule's, as changed so far
  Detection* detection;                      // null: a correlation
  SourceSpan place;                          // where to report what concerns the rule as a whole
  Problems& problems;                        // of the rule
  const PipelineVars& vars;                  // of all pipelines
  const PipelinePlaceholders& placeholders;  // of the configuration
  // Correlations: the names of fields, each with what it has become.
  std::vector<std::vector<std::string>> fields = {};
  bool is_filter = false;  // no condition is added, no attribute changed

  // By items in the order they were come to: whether their rule conditions held.
  std::vector<bool>* decisions = nullptr;       // written, if given
  const std::vector<bool>* replayed = nullptr;  // taken in place of the conditions, if given
  std::size_t replayed_count = 0;

  std::map<std::string, PipelineScalar> state = {};
  std::set<PipelineMark> applied = {};
  std::map<std::string, std::set<PipelineMark>> field_marks = {};
  const FieldItem* current = nullptr;  // the item whose field name is looked at
  std::size_t steps = 0;
  std::size_t values = 0;
  std::size_t bytes = 0;
  bool failed = false;

  // False, after an error, when the rule has had its share of work or of new values.
  bool spend(std::size_t count);
  bool grow(std::size_t value_count, std::size_t byte_count);
  void fail(const SourceSpan& at, std::string code, std::string message, std::string hint = {});

 private:
  bool exceed(std::string_view what, std::size_t limit);
};

template <typename Test>
struct PipelineConditions {
  std::vector<std::pair<std::string, Test>> tests;  // with their names; several may have none
  bool any = false;                                 // `or`; else all have to hold
  bool negated = false;
  std::optional<ConditionNode> expression;  // over the names, in place of any or all
};

using RuleCondition = std::function<bool(PipelineRun&)>;
using ItemCondition = std::function<bool(PipelineRun&, const FieldItem&)>;
using FieldCondition = std::function<bool(PipelineRun&, const std::string&)>;  // empty: keywords

struct PipelineItem;
using PipelineTransform = std::function<void(const PipelineItem&, PipelineRun&)>;

struct PipelineItem {
  PipelineMark mark = mapped_mark;
  std::string where;  // file:line, for hints
  PipelineConditions<RuleCondition> rule;
  PipelineConditions<ItemCondition> item;
  PipelineConditions<FieldCondition> field;
  PipelineTransform transform;

  bool fits(PipelineRun& run) const;
  // The item conditions and, for the item's field or a field that it refers to, those on names.
  bool fits(PipelineRun& run, const FieldItem& detection_item) const;
  bool fits_field(PipelineRun& run, const std::string& name) const;
};

// Runs items in their order.
void run_items(const std::vector<PipelineItem>& items, PipelineRun& run);

// --- items of detections ---

bool has_modifier(const FieldItem& item, std::string_view name);
void drop_modifier(FieldItem& item, std::string_view name);

// Are the item's values plain strings, with nothing but contains, startswith, endswith, cased, all,
// neq and expand applied? What pySigma calls a SigmaString; other values are left alone.
bool holds_strings(const FieldItem& item);

// The value with `*` where contains, startswith and endswith put it.
std::string effective_text(const FieldItem& item, const DetectionValue& value);

}  // namespace tocsin
