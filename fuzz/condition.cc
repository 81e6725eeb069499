// SPDX-License-Identifier: Apache-2.0
// Whatever stands in a condition, it is a tree over known names or a diagnostic. The same text is
// read as a correlation's condition.
#include "rules/condition.h"

#include <algorithm>
#include <array>

#include "fuzz/targets.h"
#include "rules/correlation.h"

namespace tocsin::fuzz {
namespace {

constexpr std::array<std::string_view, 5> names = {
    "selection", "selection_2", "filter_main", "_hidden", "and_more"};

void check_tree(const ConditionNode& node) {
  const bool is_name = node.kind == ConditionNode::Kind::identifier;
  fuzz_check(!is_name || std::find(names.begin(), names.end(), node.name) != names.end(),
             "a name that is no selection");
  fuzz_check(node.span.line == 1 && node.span.column > 0, "a place outside of the line");
  for (const ConditionNode& child : node.children) {
    check_tree(child);
  }
}

}  // namespace

void condition(std::string_view bytes) {
  const SourceText source = SourceText::make("fuzz.yml", std::string(bytes));
  YamlNode scalar;
  scalar.kind = YamlNode::Kind::string;
  scalar.text = bytes;
  scalar.line = 1;
  scalar.column = 1;
  Diagnostics diagnostics;
  const std::optional<ConditionNode> tree = parse_condition(source, scalar, names, diagnostics);
  fuzz_check(tree.has_value() == (diagnostics.errors() == 0), "no tree and no error, or both");
  if (tree && source.line_begins.size() == 1) {
    check_tree(*tree);
  }
  Diagnostics of_correlation;
  Problems problems(source, of_correlation, false);
  std::vector<RuleReference> rules;
  const std::vector<ConditionStep> steps = parse_extended_condition(scalar, rules, problems);
  fuzz_check(problems.rejected() || !steps.empty(), "no condition and no error");
}

}  // namespace tocsin::fuzz
