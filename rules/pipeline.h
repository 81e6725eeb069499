// SPDX-License-Identifier: Apache-2.0
// Processing pipelines in pySigma's YAML format: they change what rules are looked for in (field
// names, values, log sources, further conditions) between parsing and compiling. docs/pipelines.md
// is the manual. Thread rule: immutable after load(); apply() may be called from any thread.
// Errors: diagnostics, in a pipeline file or in the rule that it cannot change. Cost: O(items) per
// rule and O(detection items) per item that applies; bounded by limits::pipeline_*_max.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/diagnostic.h"
#include "engine/event/log_source.h"
#include "engine/flow/rule_info.h"
#include "rules/ast.h"
#include "rules/pipeline_run.h"
#include "rules/problems.h"

namespace tocsin {

// What pipelines decided about a rule, so that filters on it are changed in the same way.
struct PipelineTrace {
  LogSource written;  // the rule's log source before any change
  std::vector<bool> decisions;
};

class Pipelines {
 public:
  // Reads the files and puts them in the order of their priorities, lowest first, else as given.
  // False after an error: no rule may be loaded then, since it would mean something else.
  bool load(const std::vector<std::string>& paths, Diagnostics& diagnostics);

  bool empty() const { return items_.empty(); }

  // Changes a rule. `place`: where to report what concerns it as a whole. nullopt after an error.
  std::optional<PipelineTrace> apply(RuleInfo& info,
                                     Detection& detection,
                                     const PipelinePlaceholders& placeholders,
                                     Problems& problems) const;

  // Changes the detection of a filter as the rule it acts on was changed, but for the conditions
  // that were added. False after an error.
  bool apply_to_filter(const RuleInfo& rule,
                       const PipelineTrace& trace,
                       Detection& detection,
                       const PipelinePlaceholders& placeholders,
                       Problems& problems) const;

  // The fields of a correlation in the records of one of its rules: what each name becomes where
  // the correlation stands for that rule's log source. nullopt after an error.
  std::optional<std::vector<std::vector<std::string>>> map_fields(
      RuleInfo& correlation,
      const LogSource& of_rule,
      const std::vector<std::string>& fields,
      const PipelinePlaceholders& placeholders,
      const SourceSpan& place,
      Problems& problems) const;

 private:
  std::vector<PipelineItem> items_;
  PipelineVars vars_;
};

}  // namespace tocsin
