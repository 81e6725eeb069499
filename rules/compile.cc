// SPDX-License-Identifier: Apache-2.0
#include "rules/compile.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/condition.h"
#include "rules/detection.h"
#include "rules/modifiers.h"
#include "rules/report.h"
#include "rules/sigma_string.h"

namespace tocsin {
namespace {

// Of a list of values that are all wrong in the same way the first few are enough.
constexpr std::size_t value_errors_max = 20;

class Compiler {
 public:
  Compiler(const SourceText& source, ProgramBuilder& builder, CompileContext& context)
      : source_(source), builder_(&builder), context_(context) {}

  std::optional<CompiledDetection> run(const Detection& detection) {
    names_ = selection_names(detection);
    const std::unordered_set<std::string_view> used = used_names(detection);
    CompiledDetection compiled{};
    bool ok = true;
    for (const DetectionSelection& selection : detection.selections) {
      if (used.count(selection.name) == 0) {
        ok &= check_unused(selection);
        continue;
      }
      const std::optional<ExprId> expr = compile(selection.root);
      ok &= expr.has_value();
      if (expr) {
        selections_.emplace(selection.name, *expr);
        compiled.selections.push_back({selection.name, *expr});
      }
    }
    std::vector<ExprId> alternatives;
    for (const ConditionNode& condition : detection.conditions) {
      const std::optional<ExprId> expr = ok ? compile(condition) : std::nullopt;
      ok &= expr.has_value();
      if (expr) {
        alternatives.push_back(*expr);
      }
    }
    if (!ok) {
      return std::nullopt;
    }
    compiled.condition =
        alternatives.size() == 1 ? alternatives[0] : builder_->any_of(alternatives);
    return compiled;
  }

 private:
  std::unordered_set<std::string_view> used_names(const Detection& detection) const {
    std::unordered_set<std::string_view> used;
    std::vector<const ConditionNode*> open;
    for (const ConditionNode& condition : detection.conditions) {
      open.push_back(&condition);
    }
    while (!open.empty()) {
      const ConditionNode* node = open.back();
      open.pop_back();
      if (node->kind == ConditionNode::Kind::identifier) {
        used.insert(node->name);
      } else if (node->kind == ConditionNode::Kind::one_of ||
                 node->kind == ConditionNode::Kind::each_of) {
        for (const std::string_view name : select_names(node->name, names_)) {
          used.insert(name);
        }
      }
      for (const ConditionNode& child : node->children) {
        open.push_back(&child);
      }
    }
    return used;
  }

  // A selection without effect is checked all the same, but leaves nothing in the program.
  bool check_unused(const DetectionSelection& selection) {
    if (!scratch_) {
      scratch_.emplace();
    }
    ProgramBuilder* const builder = std::exchange(builder_, &*scratch_);
    const bool ok = compile(selection.root).has_value();
    builder_ = builder;
    return ok;
  }

  std::optional<ExprId> compile(const DetectionNode& node) {
    if (node.kind == DetectionNode::Kind::item) {
      return compile(node.item);
    }
    std::vector<ExprId> children;
    children.reserve(node.children.size());
    bool ok = true;
    for (const DetectionNode& child : node.children) {
      const std::optional<ExprId> expr = compile(child);
      ok &= expr.has_value();
      if (expr) {
        children.push_back(*expr);
      }
    }
    if (!ok) {
      return std::nullopt;
    }
    return join(node.kind == DetectionNode::Kind::all_of, children);
  }

  ExprId join(bool all, const std::vector<ExprId>& children) {
    if (children.size() == 1) {
      return children[0];
    }
    return all ? builder_->all_of(children) : builder_->any_of(children);
  }

  // Hands on what one step found. Warnings beyond the limit are dropped; errors have been told by
  // then.
  void pass_on(const Diagnostics& found) {
    for (const Diagnostic& diagnostic : found.list()) {
      std::size_t& count = diagnostic.severity == Severity::error ? errors_ : warnings_;
      if (++count <= limits::detection_problems_max) {
        context_.diagnostics->add(diagnostic);
      }
    }
  }

  std::optional<ExprId> compile(const FieldItem& item) {
    if (errors_ >= limits::detection_problems_max || full_) {
      return std::nullopt;
    }
    Diagnostics found;
    CompileContext context{context_.placeholders, &found};
    const std::optional<ItemPlan> plan = plan_item(source_, item, context);
    pass_on(found);
    if (!plan) {
      return std::nullopt;
    }
    std::vector<ExprId> values;
    values.reserve(item.values.size());
    std::size_t errors = 0;
    for (const DetectionValue& value : item.values) {
      const std::optional<ExprId> expr = compile(item, *plan, value);
      if (expr) {
        values.push_back(*expr);
      } else if (++errors == value_errors_max || full_) {
        break;
      }
    }
    if (errors > 0) {
      return std::nullopt;
    }
    const ExprId joined = join(plan->all, values);
    return plan->negated ? builder_->negate(joined) : joined;
  }

  std::optional<ExprId> compile(const FieldItem& item,
                                const ItemPlan& plan,
                                const DetectionValue& value) {
    ValueAlternatives alternatives;
    Diagnostics found;
    CompileContext context{context_.placeholders, &found};
    const bool lowered = lower_value(source_, item, plan, value, context, alternatives);
    pass_on(found);
    if (!lowered || !has_room(alternatives, value)) {
      return std::nullopt;
    }
    std::vector<ExprId> exprs;
    exprs.reserve(alternatives.predicates.size());
    for (const Predicate& predicate : alternatives.predicates) {
      Result<ExprId> expr = builder_->predicate(predicate);
      if (!expr) {
        Diagnostics refused;
        refused.add(diagnostic_at(source_,
                                  value.span,
                                  Severity::error,
                                  "invalid-regex",
                                  expr.error().message,
                                  regex_hint(predicate.text, expr.error().message)));
        pass_on(refused);
        return std::nullopt;
      }
      exprs.push_back(*expr);
    }
    const ExprId joined = join(false, exprs);
    return alternatives.negated ? builder_->negate(joined) : joined;
  }

  // Each value is bounded by itself; all of a detection are here.
  bool has_room(const ValueAlternatives& alternatives, const DetectionValue& value) {
    alternatives_ += alternatives.predicates.size();
    for (const Predicate& predicate : alternatives.predicates) {
      text_bytes_ += bytes_of(predicate.pattern);
    }
    full_ =
        alternatives_ > limits::rule_alternatives_max || text_bytes_ > limits::rule_text_bytes_max;
    if (full_) {
      context_.diagnostics->add(
          diagnostic_at(source_,
                        value.span,
                        Severity::error,
                        "too-many-alternatives",
                        "the values of this detection make more than " +
                            with_thousands(limits::rule_alternatives_max) + " alternatives or " +
                            with_thousands(limits::rule_text_bytes_max) + " bytes",
                        "split the rule, or use fewer encodings, placeholders or dashes"));
    }
    return !full_;
  }

  static std::string quoted(std::string_view name) {
    std::string out(1, '`');
    out += printable(name);
    return out += '`';
  }

  static std::string regex_hint(std::string_view pattern, std::string_view message) {
    const bool look_around = pattern.find("(?=") != std::string_view::npos ||
                             pattern.find("(?!") != std::string_view::npos ||
                             pattern.find("(?<=") != std::string_view::npos ||
                             pattern.find("(?<!") != std::string_view::npos;
    if (look_around) {
      return "write what must not match as a selection of its own, behind `and not`";
    }
    if (pattern.starts_with('*') || pattern.starts_with('?')) {
      return "in a regular expression `.*` is any text; `*` only repeats what stands before it";
    }
    if (message.find("back-reference") != std::string_view::npos) {
      return "write out the texts that the group stands for";
    }
    if (message.find("repetition") != std::string_view::npos) {
      return "write a smaller count, or `+` and `*` for any number";
    }
    return "the syntax is RE2's: write a literal `( ) [ ] { } . * + ? ^ $ | \\` with a backslash "
           "before it";
  }

  // --- conditions ---

  std::optional<ExprId> compile(const ConditionNode& node) {
    switch (node.kind) {
      case ConditionNode::Kind::identifier:
        return selection(node);
      case ConditionNode::Kind::one_of:
      case ConditionNode::Kind::each_of:
        return quantified(node);
      case ConditionNode::Kind::negation: {
        const std::optional<ExprId> child = compile(node.children.front());
        return child ? std::optional(builder_->negate(*child)) : std::nullopt;
      }
      case ConditionNode::Kind::all_of:
      case ConditionNode::Kind::any_of:
        break;
    }
    std::vector<ExprId> children;
    for (const ConditionNode& child : node.children) {
      const std::optional<ExprId> expr = compile(child);
      if (!expr) {
        return std::nullopt;
      }
      children.push_back(*expr);
    }
    return join(node.kind == ConditionNode::Kind::all_of, children);
  }

  // Names were resolved when the condition was read; a pipeline may have taken selections away
  // since.
  std::optional<ExprId> selection(const ConditionNode& node) {
    const auto found = selections_.find(node.name);
    if (found != selections_.end()) {
      return found->second;
    }
    fail(node, "unknown-selection", "there is no selection " + quoted(node.name));
    return std::nullopt;
  }

  std::optional<ExprId> quantified(const ConditionNode& node) {
    std::vector<ExprId> children;
    for (const std::string_view name : select_names(node.name, names_)) {
      children.push_back(selections_.at(name));
    }
    if (children.empty()) {
      fail(node, "unmatched-pattern", quoted(node.name) + " fits no selection");
      return std::nullopt;
    }
    return join(node.kind == ConditionNode::Kind::each_of, children);
  }

  void fail(const ConditionNode& node, std::string code, std::string message) {
    context_.diagnostics->add(
        diagnostic_at(source_, node.span, Severity::error, std::move(code), std::move(message)));
  }

  const SourceText& source_;
  ProgramBuilder* builder_;
  std::optional<ProgramBuilder> scratch_;  // for what is only checked
  CompileContext& context_;
  std::vector<std::string_view> names_;
  std::unordered_map<std::string_view, ExprId> selections_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
  std::size_t alternatives_ = 0;
  std::size_t text_bytes_ = 0;
  bool full_ = false;  // rule_alternatives_max or rule_text_bytes_max was crossed
};

}  // namespace

std::optional<CompiledDetection> compile_detection(const SourceText& source,
                                                   const Detection& detection,
                                                   ProgramBuilder& builder,
                                                   CompileContext& context) {
  return Compiler(source, builder, context).run(detection);
}

}  // namespace tocsin
