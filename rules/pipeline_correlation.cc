// SPDX-License-Identifier: Apache-2.0
#include "rules/pipeline_correlation.h"

#include <optional>
#include <string>
#include <utility>

#include "engine/base/text.h"

namespace tocsin {
namespace {

// What each field becomes in records of that log source; nullopt after an error.
std::optional<std::vector<std::string>> map_names(const Pipelines& pipelines,
                                                  const PipelinePlaceholders& placeholders,
                                                  const LogSource& source,
                                                  const std::vector<std::string>& fields,
                                                  const SourceSpan& place,
                                                  RuleInfo& info,
                                                  Problems& problems) {
  const auto mapped = pipelines.map_fields(info, source, fields, placeholders, place, problems);
  std::vector<std::string> names;
  for (std::size_t i = 0; mapped && i < mapped->size(); ++i) {
    if ((*mapped)[i].size() != 1) {
      problems.error(place,
                     "pipeline-result",
                     "a processing pipeline maps `" + printable(shorten(fields[i], 60)) +
                         "`, by which this correlation groups or counts, to several fields",
                     "map it to one, in an item under the rule condition "
                     "is_sigma_correlation_rule before the other");
      return std::nullopt;
    }
    names.push_back((*mapped)[i].front());
  }
  return mapped ? std::optional(std::move(names)) : std::nullopt;
}

}  // namespace

bool map_correlation(const Pipelines& pipelines,
                     const PipelinePlaceholders& placeholders,
                     const RuleEntries& entries,
                     const std::vector<std::uint32_t>& inputs,
                     RuleEntry& correlation,
                     CorrelationSpec& spec,
                     Problems& problems) {
  const SourceSpan& place = correlation.metadata.title;
  const RuleInfo written = correlation.info();
  std::optional<std::vector<std::string>> fields;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    CorrelationInput& input = spec.inputs[i];
    if (input.is_correlation) {
      continue;
    }
    const LogSource& source = entries[inputs[i]].trace->written;
    RuleInfo info = written;
    const auto groups =
        map_names(pipelines, placeholders, source, input.group_fields, place, info, problems);
    info = written;
    const auto own = map_names(pipelines, placeholders, source, spec.fields, place, info, problems);
    if (!groups || !own) {
      return false;
    }
    if (fields && *own != *fields) {
      problems.error(place,
                     "pipeline-result",
                     "processing pipelines give a field of this correlation different names for "
                     "different rules",
                     "correlate rules of one log source");
      return false;
    }
    input.group_fields = *groups;
    if (!fields) {
      correlation.metadata.info = std::move(info);
    }
    fields = own;
  }
  spec.fields = fields.value_or(spec.fields);
  return true;
}

}  // namespace tocsin
