// SPDX-License-Identifier: Apache-2.0
// YAML -> AST: the structures of a detection (conformance DET). parse_detection and
// parse_filter_detection are declared in compile.h; here is what they share with tools that build
// or change detections. Thread rule: pure functions. Cost: O(size of the nodes).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/ast.h"
#include "rules/compile.h"
#include "rules/yaml.h"

namespace tocsin {

// `field|modifier|...` of a key node, with the place of each modifier. The item has no values yet.
FieldItem parse_field_key(const SourceText& source, const YamlNode& key);

// A selection's content: a map, a list or a plain value. nullopt after an error.
std::optional<DetectionNode> parse_detection_node(const SourceText& source,
                                                  const YamlNode& node,
                                                  Diagnostics& diagnostics);

// The names of the selections, in their order. Views into `detection`.
std::vector<std::string_view> selection_names(const Detection& detection);

// Of a part of a detection, as canonical_text(const Detection&).
std::string canonical_text(const DetectionNode& node);

}  // namespace tocsin
