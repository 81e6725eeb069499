// SPDX-License-Identifier: Apache-2.0
// Processing pipelines on correlations: the fields by which they group and count get the names that
// they have in the records of each of their rules. Thread rule: one thread. Cost: one run of the
// pipelines per rule of the correlation.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/flow/correlation_spec.h"
#include "rules/pipeline.h"
#include "rules/rule_index.h"

namespace tocsin {

// Changes `spec` and the attributes of `correlation`. `inputs`: the entries of spec.inputs. False
// after an error.
bool map_correlation(const Pipelines& pipelines,
                     const PipelinePlaceholders& placeholders,
                     const RuleEntries& entries,
                     const std::vector<std::uint32_t>& inputs,
                     RuleEntry& correlation,
                     CorrelationSpec& spec,
                     Problems& problems);

}  // namespace tocsin
