// SPDX-License-Identifier: Apache-2.0
// The transformations of processing items: one table; what a row's maker returns changes a rule.
// Their terms are pySigma's. Thread rule: constant tables; what a row makes is immutable.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/pipeline_keys.h"
#include "rules/pipeline_run.h"

namespace tocsin {

struct PipelineTransformType {
  std::string_view name;
  PipelineTransform (*make)(PipelineKeys& keys);  // nullptr: it has no meaning here
  std::string_view explanation;                   // one line for the manual, or why it has none
};

std::span<const PipelineTransformType> transform_types();

// One processing item of a `transformations` list, or of `items` of a nested one; nullopt after an
// error.
std::optional<PipelineItem> read_pipeline_item(const YamlNode& node,
                                               Problems& problems,
                                               PipelineMarks& marks);

// --- what the rows of several files share ---

enum class Change : std::uint8_t { kept, changed, dropped };

// Calls `change` for each detection item that fits; it may turn the node into a map or a list.
// Marks what changed; takes away what was dropped, and what it leaves empty.
void change_items(const PipelineItem& item,
                  PipelineRun& run,
                  const std::function<Change(DetectionNode&)>& change);

// Replaces string values by none, one or several others; nullopt: as it is.
using StringChange =
    std::function<std::optional<std::vector<std::string>>(const std::string& effective)>;
Change change_strings(DetectionNode& node, PipelineRun& run, const StringChange& change);

// left followed by right, both in Sigma's notation: a backslash at the seam stays one.
void append_notation(std::string& left, std::string_view right);

// Rows, by the file that has them.
PipelineTransform make_field_name_mapping(PipelineKeys& keys);
PipelineTransform make_field_name_prefix_mapping(PipelineKeys& keys);
PipelineTransform make_field_name_suffix(PipelineKeys& keys);
PipelineTransform make_field_name_prefix(PipelineKeys& keys);
PipelineTransform make_add_field(PipelineKeys& keys);
PipelineTransform make_remove_field(PipelineKeys& keys);
PipelineTransform make_set_field(PipelineKeys& keys);
PipelineTransform make_strict_field_mapping_failure(PipelineKeys& keys);

PipelineTransform make_replace_string(PipelineKeys& keys);
PipelineTransform make_map_string(PipelineKeys& keys);
PipelineTransform make_set_value(PipelineKeys& keys);
PipelineTransform make_convert_type(PipelineKeys& keys);
PipelineTransform make_case(PipelineKeys& keys);
PipelineTransform make_regex(PipelineKeys& keys);
PipelineTransform make_hashes_fields(PipelineKeys& keys);
PipelineTransform make_value_placeholders(PipelineKeys& keys);
PipelineTransform make_wildcard_placeholders(PipelineKeys& keys);

PipelineTransform make_add_condition(PipelineKeys& keys);
PipelineTransform make_change_logsource(PipelineKeys& keys);
PipelineTransform make_drop_detection_item(PipelineKeys& keys);
PipelineTransform make_set_state(PipelineKeys& keys);
PipelineTransform make_set_custom_attribute(PipelineKeys& keys);
PipelineTransform make_rule_failure(PipelineKeys& keys);
PipelineTransform make_detection_item_failure(PipelineKeys& keys);
PipelineTransform make_nest(PipelineKeys& keys);

}  // namespace tocsin
