// SPDX-License-Identifier: Apache-2.0
// The head of a filter document: which rules it names and which log sources it covers. Its
// condition is a detection (compile.h). Conformance 26. Thread rule: pure functions.
#pragma once

#include <optional>
#include <vector>

#include "engine/event/log_source.h"
#include "rules/correlation.h"
#include "rules/problems.h"
#include "rules/yaml.h"

namespace tocsin {

struct ParsedFilter {
  bool any = false;                  // `rules: any`, or an empty list
  std::vector<RuleReference> rules;  // ids and names
};

// `filter`: the value of that key. nullopt if the document has to be rejected.
std::optional<ParsedFilter> parse_filter(const YamlNode& filter, Problems& problems);

// FIL-04: each attribute that the filter gives equals the rule's.
bool covers(const LogSource& filter, const LogSource& rule);

}  // namespace tocsin
