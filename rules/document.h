// SPDX-License-Identifier: Apache-2.0
// One YAML document of a rule file and what it is: detection rule, correlation or filter.
// Thread rule: plain values.
#pragma once

#include <cstdint>

#include "engine/flow/rule_info.h"
#include "rules/yaml.h"

namespace tocsin {

struct RuleDocument {
  RuleKind kind = RuleKind::detection;
  YamlNode root;  // a map
};

// A `correlation` key makes a correlation, else a `filter` key a filter, else it is a detection
// rule (DOC-02). Precondition: root is a map.
RuleKind classify_document(const YamlNode& root);

}  // namespace tocsin
