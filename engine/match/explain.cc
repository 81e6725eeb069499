// SPDX-License-Identifier: Apache-2.0
// Evidence and explanations: for the few records that matched, or that somebody asks about.
#include <algorithm>

#include "engine/base/cidr.h"
#include "engine/base/fold.h"
#include "engine/base/time.h"
#include "engine/match/evaluate.h"
#include "engine/match/program.h"
#include "engine/match/program_data.h"

namespace tocsin {
namespace compiled {
namespace {

constexpr std::size_t explained_values_max = 8;

std::string value_text(Event& event, EntryId entry) {
  switch (event.value(entry).kind) {
    case ValueKind::null:
      return "null";
    case ValueKind::empty_array:
      return "[]";
    case ValueKind::boolean:
    case ValueKind::number:
    case ValueKind::string:
    case ValueKind::object:
      break;
  }
  return std::string(event.text(entry));
}

std::vector<EntryId> entries_of(FieldId field, Event& event) {
  std::vector<EntryId> entries;
  if (field == no_field) {
    const std::span<const EntryId> scalars = event.scalars();
    entries.assign(scalars.begin(), scalars.end());
  } else {
    for (EntryId entry = event.first(field); entry != no_entry; entry = event.next(entry)) {
      entries.push_back(entry);
    }
  }
  return entries;
}

// The first selection of a rule that is this expression, or nullptr.
const NamedSelection* selection_at(const ProgramData& program,
                                   const CompiledRule& rule,
                                   ExprId expr) {
  for (std::uint32_t i = 0; i < rule.selection_count; ++i) {
    const NamedSelection& selection = program.selections[rule.selection_first + i];
    if (selection.expr == expr) {
      return &selection;
    }
  }
  return nullptr;
}

class EvidenceWalk {
 public:
  EvidenceWalk(const ProgramData& program,
               const CompiledRule& rule,
               Evaluation& evaluation,
               Event& event)
      : program_(program), rule_(rule), evaluation_(evaluation), event_(event) {}

  // Leaves that are true under no negation: what an analyst is shown.
  void walk(ExprId expr, std::string_view selection) {
    if (!evaluation_.holds(expr)) {
      return;
    }
    if (selection.empty()) {
      const NamedSelection* const named = selection_at(program_, rule_, expr);
      selection = named == nullptr ? std::string_view() : std::string_view(named->name);
    }
    const Nodes& nodes = program_.expressions.evaluated;
    const Node& node = nodes[expr];
    switch (node.kind) {
      case Node::Kind::leaf:
        add(PredicateId{node.first}, selection);
        break;
      case Node::Kind::group:
        add_members(program_.expressions.groups[node.first], selection);
        break;
      case Node::Kind::all_of:
      case Node::Kind::any_of:
        walk_children(expr, selection);
        break;
      case Node::Kind::negation:
      case Node::Kind::always:
      case Node::Kind::never:
        break;
    }
  }

  std::vector<Evidence> take() { return std::move(evidence_); }

 private:
  // In the author's order, but for lists that are answered as groups.
  void walk_children(ExprId expr, std::string_view selection) {
    const Nodes& written = program_.expressions.written;
    const Nodes& evaluated = program_.expressions.evaluated;
    const std::span<const ExprId> fast = evaluated.children_of(evaluated[expr]);
    const bool grouped = std::any_of(fast.begin(), fast.end(), [&](ExprId child) {
      return index(child) >= written.nodes.size();
    });
    for (const ExprId child : grouped || index(expr) >= written.nodes.size()
                                  ? fast
                                  : written.children_of(written[expr])) {
      walk(child, selection);
    }
  }

  void add_members(const Group& group, std::string_view selection) {
    std::vector<PredicateId> members;
    evaluation_.for_each_member_that_holds(group, [&](PredicateId id) { members.push_back(id); });
    std::sort(members.begin(), members.end());
    for (const PredicateId id : members) {
      add(id, selection);
    }
  }

  void add(PredicateId id, std::string_view selection) {
    const CompiledPredicate& predicate = program_.pools[id];
    const EntryId entry = evaluation_.satisfying(id);
    Evidence evidence;
    evidence.selection = selection;
    evidence.field =
        predicate.field == no_field ? std::string() : program_.plan.path(predicate.field);
    evidence.op = op_name(predicate);
    evidence.pattern = program_.pools.text(predicate.original);
    if (entry != no_entry) {
      evidence.value = value_text(event_, entry);
    }
    evidence_.push_back(std::move(evidence));
  }

  const ProgramData& program_;
  const CompiledRule& rule_;
  Evaluation& evaluation_;
  Event& event_;
  std::vector<Evidence> evidence_;
};

bool is_scalar_text(ValueKind kind) {
  return kind == ValueKind::string || kind == ValueKind::number;
}

bool fits_folded(const ProgramData& program,
                 const CompiledPredicate& predicate,
                 Event& event,
                 EntryId entry) {
  if (predicate.test == Test::pattern) {
    Pattern folded = program.pools.patterns[predicate.operand.offset];
    for (PatternElement& element : folded.elements) {
      element.literal = fold(std::string_view(element.literal));
    }
    return match(folded, event.folded(entry));
  }
  CompiledPredicate folded = predicate;
  folded.cased = false;
  folded.operand = predicate.key;
  return holds(program.pools, folded, event, entry);
}

std::string_view reason_for_text(Test test) {
  if (test == Test::contains) {
    return "does not contain it";
  }
  if (test == Test::starts_with) {
    return "begins otherwise";
  }
  if (test == Test::ends_with) {
    return "ends otherwise";
  }
  return test == Test::pattern ? "does not fit the pattern" : "differs";
}

// Why a predicate does not hold on a value that has a text.
std::string_view reason_for_value(const ProgramData& program,
                                  const CompiledPredicate& predicate,
                                  Event& event,
                                  EntryId entry) {
  const Value value = event.value(entry);
  switch (predicate.test) {
    case Test::equals:
    case Test::contains:
    case Test::starts_with:
    case Test::ends_with:
    case Test::pattern:
      return predicate.cased && fits_folded(program, predicate, event, entry)
                 ? "differs in case"
                 : reason_for_text(predicate.test);
    case Test::number:
    case Test::boolean:
    case Test::present:
      return "differs";
    case Test::is_null:
      return "has a value";
    case Test::exists:
      return "absent";
    case Test::regex:
      return "does not match";
    case Test::cidr:
      return is_scalar_text(value.kind) && parse_ip(event.text(entry)) ? "outside the network"
                                                                       : "not an address";
    case Test::less:
    case Test::less_equal:
    case Test::greater:
    case Test::greater_equal: {
      Number number;
      const bool numeric = is_scalar_text(value.kind) && parse_number(event.text(entry), number);
      return numeric ? "outside the range" : "not a number";
    }
    case Test::field: {
      const FieldId other{predicate.operand.offset};
      return event.first(other) == no_entry ? "the other field is absent" : "differs";
    }
    case Test::time_part:
      return is_scalar_text(value.kind) && parse_time(event.text(entry)) ? "differs" : "not a time";
  }
  return "differs";
}

// Of several values, the one that came nearest says why: differing in case is nearer than
// differing.
std::string reason_of(const ProgramData& program,
                      const CompiledPredicate& predicate,
                      Event& event,
                      const std::vector<EntryId>& entries) {
  if (entries.empty()) {
    return "absent";
  }
  std::string reason;
  for (const EntryId entry : entries) {
    const ValueKind kind = event.value(entry).kind;
    std::string_view why;
    if (predicate.test == Test::is_null) {
      why = "has a value";
    } else if (kind == ValueKind::null) {
      why = "null";
    } else if (kind == ValueKind::empty_array) {
      why = "an empty array";
    } else {
      why = reason_for_value(program, predicate, event, entry);
    }
    const bool nearer = why == "differs in case" || why == "outside the network" ||
                        why == "outside the range" || reason == "null" ||
                        reason == "an empty array";
    if (reason.empty() || nearer) {
      reason = why;
    }
  }
  return reason;
}

class ExplainWalk {
 public:
  ExplainWalk(const ProgramData& program,
              const CompiledRule& rule,
              Evaluation& evaluation,
              Event& event)
      : program_(program), rule_(rule), evaluation_(evaluation), event_(event) {}

  Explanation walk(ExprId expr, bool in_selection) {
    if (!in_selection) {
      if (const NamedSelection* const named = selection_at(program_, rule_, expr)) {
        Explanation out;
        out.kind = Explanation::Kind::selection;
        out.name = named->name;
        out.holds = evaluation_.holds(expr);
        out.children.push_back(walk(expr, true));
        return out;
      }
    }
    const Node& node = program_.expressions.written[expr];
    Explanation out;
    out.holds = evaluation_.holds(expr);
    switch (node.kind) {
      case Node::Kind::leaf:
        return leaf(PredicateId{node.first});
      case Node::Kind::negation:
        out.kind = Explanation::Kind::negation;
        out.children.push_back(walk(ExprId{node.first}, in_selection));
        break;
      case Node::Kind::all_of:
      case Node::Kind::any_of:
        out.kind =
            node.kind == Node::Kind::all_of ? Explanation::Kind::all_of : Explanation::Kind::any_of;
        for (const ExprId child : program_.expressions.written.children_of(node)) {
          out.children.push_back(walk(child, in_selection));
        }
        break;
      case Node::Kind::always:  // all of nothing
        out.kind = Explanation::Kind::all_of;
        break;
      case Node::Kind::never:  // any of nothing
      case Node::Kind::group:
        out.kind = Explanation::Kind::any_of;
        break;
    }
    return out;
  }

 private:
  Explanation leaf(PredicateId id) {
    const CompiledPredicate& predicate = program_.pools[id];
    Explanation out;
    out.holds = evaluation_.predicate_holds(id);
    out.field = predicate.field == no_field ? std::string() : program_.plan.path(predicate.field);
    out.op = op_name(predicate);
    out.pattern = program_.pools.text(predicate.original);
    const std::vector<EntryId> entries = entries_of(predicate.field, event_);
    // A keyword is asked of the whole record: its values say nothing.
    if (predicate.field != no_field) {
      for (std::size_t i = 0; i < std::min(entries.size(), explained_values_max); ++i) {
        out.values.push_back(value_text(event_, entries[i]));
      }
    } else if (const EntryId entry = evaluation_.satisfying(id); entry != no_entry) {
      out.values.push_back(value_text(event_, entry));
    }
    if (!out.holds) {
      out.reason = predicate.field == no_field ? "in no value"
                                               : reason_of(program_, predicate, event_, entries);
    }
    return out;
  }

  const ProgramData& program_;
  const CompiledRule& rule_;
  Evaluation& evaluation_;
  Event& event_;
};

}  // namespace
}  // namespace compiled

std::vector<Evidence> Program::evidence(RuleId rule, Event& event, Scratch& scratch) const {
  compiled::Evaluation evaluation(*impl_, *scratch.impl_, event);
  const compiled::CompiledRule& compiled_rule = impl_->rules[index(rule)];
  compiled::EvidenceWalk walk(*impl_, compiled_rule, evaluation, event);
  walk.walk(compiled_rule.condition, {});
  return walk.take();
}

Explanation Program::explain(RuleId rule, Event& event, Scratch& scratch) const {
  compiled::Evaluation evaluation(*impl_, *scratch.impl_, event);
  const compiled::CompiledRule& compiled_rule = impl_->rules[index(rule)];
  return compiled::ExplainWalk(*impl_, compiled_rule, evaluation, event)
      .walk(compiled_rule.condition, false);
}

}  // namespace tocsin
