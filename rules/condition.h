// SPDX-License-Identifier: Apache-2.0
// The condition language: text -> tree. Words are lower case; `not` binds tighter than `and`, `and`
// tighter than `or`:
//   or  := and ('or' and)*      and := not ('and' not)*      not := 'not' not | primary
//   primary := '(' or ')' | ('1' | 'any' | 'all') 'of' ('them' | pattern) | identifier
// Source: Sigma rules specification 2.1, "Condition"; conformance COND and LEG.
// Thread rule: pure functions. Cost: O(length). Depth is bounded by limits::condition_depth_max.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/diagnostic.h"
#include "rules/ast.h"
#include "rules/yaml.h"

namespace tocsin {

// `scalar` is a string node: the condition; `names` are the identifiers that it may use. Also
// serves the extended conditions of correlations, whose names are rules. nullopt after an error.
std::optional<ConditionNode> parse_condition(const SourceText& source,
                                             const YamlNode& scalar,
                                             std::span<const std::string_view> names,
                                             Diagnostics& diagnostics);

// The names that `pattern` (`them`, or a name with `*`) of a quantifier stands for, in their order:
// names that begin with
// `_` only where the pattern does.
std::vector<std::string_view> select_names(std::string_view pattern,
                                           std::span<const std::string_view> names);

}  // namespace tocsin
