// SPDX-License-Identifier: Apache-2.0
// Selections without effect, and conditions that are the same for every record: decided by a truth
// table over the selections, where equal selections are one variable and a map implies each map
// whose items it contains.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "engine/base/text.h"
#include "rules/condition.h"
#include "rules/detection.h"
#include "rules/lint.h"
#include "rules/report.h"

namespace tocsin {
namespace {

// 2^12 rows of a truth table take well under a millisecond.
constexpr std::size_t variables_max = 12;

class ConditionLint {
 public:
  ConditionLint(const SourceText& source, const Detection& detection, Diagnostics& diagnostics)
      : source_(source),
        detection_(detection),
        diagnostics_(diagnostics),
        names_(selection_names(detection)) {}

  void run() {
    for (const ConditionNode& condition : detection_.conditions) {
      collect(condition);
    }
    for (const DetectionSelection& selection : detection_.selections) {
      if (used_.count(selection.name) == 0) {
        warn(selection.span,
             "unused-selection",
             "the condition does not use the selection `" + printable(selection.name) + "`",
             "drop it, or name it in the condition");
      }
    }
    if (used_.size() <= variables_max) {
      decide();
    }
  }

 private:
  void warn(const SourceSpan& span, std::string code, std::string message, std::string hint) {
    diagnostics_.add(diagnostic_at(
        source_, span, Severity::warning, std::move(code), std::move(message), std::move(hint)));
  }

  void collect(const ConditionNode& node) {
    if (node.kind == ConditionNode::Kind::identifier) {
      used_.insert(node.name);
    } else if (node.kind == ConditionNode::Kind::one_of ||
               node.kind == ConditionNode::Kind::each_of) {
      for (const std::string_view name : select_names(node.name, names_)) {
        used_.insert(name);
      }
    }
    for (const ConditionNode& child : node.children) {
      collect(child);
    }
  }

  struct Variable {
    std::vector<std::string> items;  // of a plain map: sorted texts; else empty
  };

  void make_variables() {
    std::map<std::string, std::size_t> by_text;
    for (const DetectionSelection& selection : detection_.selections) {
      if (used_.count(selection.name) == 0) {
        continue;
      }
      const auto [at, added] = by_text.emplace(canonical_text(selection.root), variables_.size());
      variable_of_[selection.name] = at->second;
      if (!added) {
        continue;
      }
      Variable variable;
      if (selection.root.kind == DetectionNode::Kind::all_of) {
        for (const DetectionNode& item : selection.root.children) {
          variable.items.push_back(canonical_text(item));
        }
        std::sort(variable.items.begin(), variable.items.end());
      }
      variables_.push_back(std::move(variable));
    }
  }

  // May this combination of selections occur?
  bool possible(std::uint32_t row) const {
    for (std::size_t i = 0; i < variables_.size(); ++i) {
      if ((row >> i & 1) == 0) {
        continue;
      }
      for (std::size_t k = 0; k < variables_.size(); ++k) {
        const std::vector<std::string>& fewer = variables_[k].items;
        const std::vector<std::string>& more = variables_[i].items;
        const bool implied =
            !fewer.empty() && std::includes(more.begin(), more.end(), fewer.begin(), fewer.end());
        if (implied && (row >> k & 1) == 0) {
          return false;
        }
      }
    }
    return true;
  }

  bool value(const ConditionNode& node, std::uint32_t row) const {
    const auto holds = [&](const ConditionNode& child) { return value(child, row); };
    const auto is_set = [&](std::string_view name) {
      return (row >> variable_of_.at(name) & 1) != 0;
    };
    const std::vector<ConditionNode>& children = node.children;
    switch (node.kind) {
      case ConditionNode::Kind::all_of:
        return std::all_of(children.begin(), children.end(), holds);
      case ConditionNode::Kind::any_of:
        return std::any_of(children.begin(), children.end(), holds);
      case ConditionNode::Kind::negation:
        return !value(children.front(), row);
      case ConditionNode::Kind::identifier:
        return is_set(node.name);
      case ConditionNode::Kind::one_of:
      case ConditionNode::Kind::each_of:
        break;
    }
    const std::vector<std::string_view> names = select_names(node.name, names_);
    return node.kind == ConditionNode::Kind::one_of
               ? std::any_of(names.begin(), names.end(), is_set)
               : std::all_of(names.begin(), names.end(), is_set);
  }

  // Precondition: the condition was compiled, so every name has a variable.
  void decide() {
    make_variables();
    for (const ConditionNode& condition : detection_.conditions) {
      bool ever = false;
      bool always = true;
      for (std::uint32_t row = 0; row < 1u << variables_.size() && (!ever || always); ++row) {
        if (possible(row)) {
          const bool holds = value(condition, row);
          ever |= holds;
          always &= holds;
        }
      }
      if (!ever) {
        warn(condition.span,
             "condition-always-false",
             "this condition can never hold",
             "what it asks for excludes itself");
      } else if (always) {
        warn(condition.span,
             "condition-always-true",
             "this condition holds for every record",
             "one of its alternatives is always true");
      }
    }
  }

  const SourceText& source_;
  const Detection& detection_;
  Diagnostics& diagnostics_;
  std::vector<std::string_view> names_;
  std::unordered_set<std::string_view> used_;
  std::map<std::string_view, std::size_t> variable_of_;
  std::vector<Variable> variables_;
};

}  // namespace

void lint_condition(const SourceText& source,
                    const Detection& detection,
                    Diagnostics& diagnostics) {
  ConditionLint(source, detection, diagnostics).run();
}

void lint_detection(const SourceText& source,
                    const Detection& detection,
                    Diagnostics& diagnostics) {
  lint_values(source, detection, diagnostics);
  lint_condition(source, detection, diagnostics);
}

}  // namespace tocsin
