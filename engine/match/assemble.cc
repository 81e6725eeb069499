// SPDX-License-Identifier: Apache-2.0
#include "engine/match/assemble.h"

#include <algorithm>

#include "engine/match/lower.h"

namespace tocsin::compiled {
namespace {

constexpr std::uint32_t dropped = 0xffffffffu;

// Members from which on an any_of is answered by the field's index instead of one by one.
constexpr std::size_t group_members_min = 8;
// Fewer literals than this are found faster one by one.
constexpr std::size_t indexed_literals_min = 4;
// A keyword of fewer bytes stands in too many records.
constexpr std::size_t short_keyword_bytes_min = 3;

// --- 1. drop what no rule reaches ---

std::vector<bool> reachable(const Draft& draft) {
  std::vector<bool> marked(draft.nodes.nodes.size());
  for (const CompiledRule& rule : draft.rules) {
    marked[index(rule.condition)] = true;
  }
  // Children have smaller numbers than their parents.
  for (std::size_t i = marked.size(); i-- > 0;) {
    const Node& node = draft.nodes.nodes[i];
    if (!marked[i]) {
      continue;
    }
    if (node.kind == Node::Kind::negation) {
      marked[node.first] = true;
    } else if (node.kind == Node::Kind::all_of || node.kind == Node::Kind::any_of) {
      for (const ExprId child : draft.nodes.children_of(node)) {
        marked[index(child)] = true;
      }
    }
  }
  return marked;
}

class Compaction {
 public:
  Compaction(Draft& draft, ProgramData& out)
      : draft_(draft),
        out_(out),
        exprs_(draft.nodes.nodes.size(), dropped),
        predicates_(draft.pools.predicates.size(), dropped),
        fields_(draft.fields.size(), dropped) {}

  void run() {
    std::vector<CompiledPredicate> all = std::move(draft_.pools.predicates);
    out_.pools = std::move(draft_.pools);
    out_.pools.predicates.clear();
    const std::vector<bool> marked = reachable(draft_);
    for (std::size_t i = 0; i < marked.size(); ++i) {
      if (marked[i]) {
        keep_node(static_cast<std::uint32_t>(i), all);
      }
    }
    for (const CompiledRule& rule : draft_.rules) {
      keep_rule(rule);
    }
    for (const std::string& path : draft_.wanted_fields) {
      if (!path.empty() && std::find(paths_.begin(), paths_.end(), path) == paths_.end()) {
        paths_.push_back(path);
      }
    }
    out_.plan = FieldPlan(paths_, draft_.source_rows);
    out_.slots = Slots(out_.plan.size());
  }

  const std::vector<std::string>& paths() const { return paths_; }

 private:
  FieldId keep_field(FieldId field) {
    if (field == no_field) {
      return no_field;
    }
    std::uint32_t& kept = fields_[index(field)];
    if (kept == dropped) {
      kept = static_cast<std::uint32_t>(paths_.size());
      paths_.push_back(draft_.fields[index(field)]);
    }
    return FieldId{kept};
  }

  std::uint32_t keep_predicate(std::uint32_t id, const std::vector<CompiledPredicate>& all) {
    if (predicates_[id] == dropped) {
      CompiledPredicate predicate = all[id];
      predicate.field = keep_field(predicate.field);
      if (predicate.test == Test::field) {
        predicate.operand.offset = index(keep_field(FieldId{predicate.operand.offset}));
      }
      predicates_[id] = static_cast<std::uint32_t>(out_.pools.predicates.size());
      out_.pools.predicates.push_back(predicate);
    }
    return predicates_[id];
  }

  void keep_node(std::uint32_t id, const std::vector<CompiledPredicate>& all) {
    Nodes& written = out_.expressions.written;
    Node node = draft_.nodes.nodes[id];
    if (node.kind == Node::Kind::leaf) {
      node.first = keep_predicate(node.first, all);
    } else if (node.kind == Node::Kind::negation) {
      node.first = exprs_[node.first];
    } else if (node.kind == Node::Kind::all_of || node.kind == Node::Kind::any_of) {
      const std::span<const ExprId> children = draft_.nodes.children_of(node);
      node.first = static_cast<std::uint32_t>(written.children.size());
      for (const ExprId child : children) {
        written.children.push_back(ExprId{exprs_[index(child)]});
      }
    }
    exprs_[id] = static_cast<std::uint32_t>(written.nodes.size());
    written.nodes.push_back(node);
  }

  void keep_rule(CompiledRule rule) {
    const auto selections = std::span<const NamedSelection>(draft_.selections)
                                .subspan(rule.selection_first, rule.selection_count);
    rule.condition = ExprId{exprs_[index(rule.condition)]};
    rule.selection_first = static_cast<std::uint32_t>(out_.selections.size());
    for (const NamedSelection& selection : selections) {
      // One that the condition does not use says nothing about why the rule holds.
      if (exprs_[index(selection.expr)] != dropped) {
        out_.selections.push_back({ExprId{exprs_[index(selection.expr)]}, selection.name});
      }
    }
    rule.selection_count =
        static_cast<std::uint32_t>(out_.selections.size()) - rule.selection_first;
    out_.rules.push_back(rule);
  }

  Draft& draft_;
  ProgramData& out_;
  std::vector<std::uint32_t> exprs_;
  std::vector<std::uint32_t> predicates_;
  std::vector<std::uint32_t> fields_;
  std::vector<std::string> paths_;
};

// --- 2. groups and the order of evaluation ---

bool is_groupable(const Pools& pools, PredicateId id) {
  return is_exact(pools[id].test) || !literals_of(pools, pools[id]).empty();
}

class Ordering {
 public:
  explicit Ordering(ProgramData& program) : program_(program) {}

  void run() {
    Nodes& evaluated = program_.expressions.evaluated;
    const Nodes& written = program_.expressions.written;
    evaluated.nodes = written.nodes;
    // The ids up to here are those of `written`; groups come behind.
    for (std::uint32_t id = 0; id < written.nodes.size(); ++id) {
      const Node node = written.nodes[id];
      if (node.kind == Node::Kind::all_of || node.kind == Node::Kind::any_of) {
        order(id, node);
      } else if (node.kind == Node::Kind::leaf) {
        evaluated.nodes[id].count = field_that_exists(program_.pools.predicates[node.first]);
      }
      costs_.push_back(cost_of(evaluated.nodes[id]));
    }
    program_.expressions.child_nodes.reserve(evaluated.children.size());
    for (const ExprId child : evaluated.children) {
      program_.expressions.child_nodes.push_back(evaluated[child]);
    }
  }

 private:
  static std::uint32_t field_that_exists(const CompiledPredicate& predicate) {
    const bool exists = predicate.test == Test::exists && predicate.field != no_field;
    return exists ? index(predicate.field) + 1 : 0;
  }

  float predicate_cost(const CompiledPredicate& predicate) const {
    const float keyword = predicate.field == no_field ? 50.0f : 1.0f;
    switch (predicate.test) {
      case Test::equals:
      case Test::number:
      case Test::boolean:
        return keyword;
      case Test::present:
      case Test::exists:
      case Test::is_null:
        return keyword / 2;
      case Test::cidr:
        return keyword * 2;
      case Test::less:
      case Test::less_equal:
      case Test::greater:
      case Test::greater_equal:
        return keyword * 3;
      case Test::starts_with:
      case Test::ends_with:
        return keyword * 2;
      case Test::contains:
        return keyword * 4;
      case Test::pattern:
      case Test::field:
      case Test::time_part:
        return keyword * 6;
      case Test::regex:
        return keyword * 20;
    }
    return keyword;
  }

  float cost_of(const Node& node) const {
    switch (node.kind) {
      case Node::Kind::always:
      case Node::Kind::never:
        return 0;
      case Node::Kind::leaf:
        return predicate_cost(program_.pools.predicates[node.first]);
      case Node::Kind::negation:
        return costs_[node.first];
      case Node::Kind::group:
        return group_cost(program_.expressions.groups[node.first]);
      case Node::Kind::all_of:
      case Node::Kind::any_of:
        break;
    }
    float sum = 0;
    for (const ExprId child : program_.expressions.evaluated.children_of(node)) {
      sum += child_cost(child);
    }
    return sum;
  }

  float group_cost(const Group& group) const {
    const float keyword = group.slot == program_.slots.keywords() ? 50.0f : 1.0f;
    return keyword * (group.literals ? 10.0f : 2.0f);
  }

  float child_cost(ExprId child) const {
    const Node& node = program_.expressions.evaluated[child];
    return node.kind == Node::Kind::group ? cost_of(node) : costs_[index(child)];
  }

  // Replaces many leaves of one field by one group.
  std::vector<ExprId> with_groups(std::span<const ExprId> children) {
    const Nodes& written = program_.expressions.written;
    struct Leaf {
      std::uint32_t slot;
      PredicateId predicate;
    };
    std::vector<Leaf> leaves;
    std::vector<ExprId> out;
    for (const ExprId child : children) {
      const Node& node = written[child];
      if (node.kind == Node::Kind::leaf && is_groupable(program_.pools, PredicateId{node.first})) {
        const CompiledPredicate& predicate = program_.pools.predicates[node.first];
        leaves.push_back({program_.slots.of(predicate.field), PredicateId{node.first}});
      }
    }
    std::sort(leaves.begin(), leaves.end(), [](const Leaf& a, const Leaf& b) {
      return a.slot != b.slot ? a.slot < b.slot : a.predicate < b.predicate;
    });
    std::vector<PredicateId> grouped;
    for (auto first = leaves.begin(); first != leaves.end();) {
      const auto end = std::find_if(
          first, leaves.end(), [&first](const Leaf& leaf) { return leaf.slot != first->slot; });
      if (static_cast<std::size_t>(end - first) >= group_members_min) {
        out.push_back(add_group(
            first->slot, end - first, [&first](std::ptrdiff_t i) { return first[i].predicate; }));
        for (auto leaf = first; leaf != end; ++leaf) {
          grouped.push_back(leaf->predicate);
        }
      }
      first = end;
    }
    std::sort(grouped.begin(), grouped.end());
    for (const ExprId child : children) {
      const Node& node = written[child];
      if (node.kind != Node::Kind::leaf ||
          !std::binary_search(grouped.begin(), grouped.end(), PredicateId{node.first})) {
        out.push_back(child);
      }
    }
    return out;
  }

  template <typename Member>
  ExprId add_group(std::uint32_t slot, std::ptrdiff_t count, Member member) {
    Expressions& expressions = program_.expressions;
    Group group;
    group.slot = slot;
    group.first = static_cast<std::uint32_t>(expressions.members.size());
    group.count = static_cast<std::uint32_t>(count);
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      const PredicateId id = member(i);
      CompiledPredicate& predicate = program_.pools.predicates[index(id)];
      predicate.grouped = true;
      if (is_exact(predicate.test)) {
        group.exact = true;
      } else {
        group.literals = true;
        predicate.indexed = true;
      }
      expressions.members.push_back(id);
    }
    expressions.groups.push_back(group);
    expressions.evaluated.nodes.push_back(
        {Node::Kind::group, static_cast<std::uint32_t>(expressions.groups.size() - 1), 0});
    return ExprId{static_cast<std::uint32_t>(expressions.evaluated.nodes.size() - 1)};
  }

  void order(std::uint32_t id, const Node& written) {
    Nodes& evaluated = program_.expressions.evaluated;
    const std::span<const ExprId> all = program_.expressions.written.children_of(written);
    std::vector<ExprId> children = written.kind == Node::Kind::any_of
                                       ? with_groups(all)
                                       : std::vector<ExprId>(all.begin(), all.end());
    std::stable_sort(children.begin(), children.end(), [this](ExprId a, ExprId b) {
      return child_cost(a) < child_cost(b);
    });
    if (children.size() == 1) {
      evaluated.nodes[id] = evaluated[children.front()];  // the group alone
      return;
    }
    evaluated.nodes[id].first = static_cast<std::uint32_t>(evaluated.children.size());
    evaluated.nodes[id].count = static_cast<std::uint32_t>(children.size());
    evaluated.children.insert(evaluated.children.end(), children.begin(), children.end());
  }

  ProgramData& program_;
  std::vector<float> costs_;  // by id of `written`
};

// --- 3. indexes and audiences ---

struct RuleLists {
  std::vector<RuleId> all;
  std::vector<RuleId> cloudtrail;
  std::vector<std::vector<RuleId>> fixed;  // by ProgramData::fixed to be
  std::vector<LogSource> fixed_sources;
};

RuleLists rules_by_audience(const ProgramData& program, const std::vector<LogSource>& expected) {
  RuleLists lists;
  for (const LogSource& source : expected) {
    const bool is_new = std::find(lists.fixed_sources.begin(), lists.fixed_sources.end(), source) ==
                        lists.fixed_sources.end();
    if (is_new && !(source.product == "aws" && meets_cloudtrail(source))) {
      lists.fixed_sources.push_back(source);
    }
  }
  lists.fixed.resize(lists.fixed_sources.size());
  for (std::uint32_t i = 0; i < program.rules.size(); ++i) {
    const LogSource& rule = program.log_sources[program.rules[i].log_source];
    lists.all.push_back(RuleId{i});
    if (meets_cloudtrail(rule)) {
      lists.cloudtrail.push_back(RuleId{i});
    }
    for (std::size_t f = 0; f < lists.fixed.size(); ++f) {
      if (applies(rule, class_of(lists.fixed_sources[f]))) {
        lists.fixed[f].push_back(RuleId{i});
      }
    }
  }
  return lists;
}

// Shorter than an index by field takes, but found among all keywords at no further cost.
bool is_short_keyword(const CompiledPredicate& predicate) {
  return predicate.field == no_field && predicate.test == Test::contains && !predicate.cased &&
         predicate.key.size >= short_keyword_bytes_min &&
         predicate.key.size < indexed_literal_bytes_min;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0; });
}

// A record that is all ASCII has no other literal in it.
void build_keywords(ProgramData& program, std::shared_ptr<MatcherStore> store) {
  std::vector<MultiLiteral::Literal> literals;
  for (std::uint32_t i = 0; i < program.pools.predicates.size(); ++i) {
    const CompiledPredicate& predicate = program.pools.predicates[i];
    if (predicate.field != no_field || !predicate.indexed) {
      continue;
    }
    if (is_short_keyword(predicate)) {
      program.short_keywords.push_back(PredicateId{i});
      literals.push_back({std::string(program.pools.text(predicate.key)), PredicateId{i}});
      continue;
    }
    for (const std::string_view literal : literals_of(program.pools, predicate)) {
      literals.push_back({std::string(literal), PredicateId{i}});
    }
  }
  std::erase_if(literals,
                [](const MultiLiteral::Literal& literal) { return !is_ascii(literal.text); });
  program.keywords = MultiLiteral(std::move(literals), std::move(store));
}

// Literal witnesses go into their field's index where one audience has more than a few of them.
void mark_indexed(ProgramData& program, std::span<const RuleId> rules) {
  std::vector<std::vector<PredicateId>> by_slot(program.slots.size());
  for (const RuleId rule : rules) {
    for (const PredicateId id : program.witnesses[index(rule)].predicates) {
      const CompiledPredicate& predicate = program.pools[id];
      if (!is_exact(predicate.test) &&
          (!literals_of(program.pools, predicate).empty() || is_short_keyword(predicate))) {
        by_slot[program.slots.of(predicate.field)].push_back(id);
      }
    }
  }
  for (std::vector<PredicateId>& ids : by_slot) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    if (ids.size() >= indexed_literals_min) {
      for (const PredicateId id : ids) {
        program.pools.predicates[index(id)].indexed = true;
      }
    }
  }
}

void build_indexes(ProgramData& program) {
  std::vector<std::vector<PredicateId>> exact(program.slots.size());
  std::vector<std::vector<LiteralIndex::Literal>> literals(program.slots.size());
  for (std::uint32_t i = 0; i < program.pools.predicates.size(); ++i) {
    const CompiledPredicate& predicate = program.pools.predicates[i];
    const std::uint32_t slot = program.slots.of(predicate.field);
    if (is_exact(predicate.test)) {
      exact[slot].push_back(PredicateId{i});
    } else if (predicate.indexed) {
      for (const std::string_view literal : literals_of(program.pools, predicate)) {
        literals[slot].push_back({literal, PredicateId{i}});
      }
    }
  }
  for (std::size_t slot = 0; slot < program.slots.size(); ++slot) {
    program.indexes.push_back(
        {ExactTable(program.pools, exact[slot]), LiteralIndex(literals[slot])});
  }
}

// Where no rule for CloudTrail is a candidate on every record, the fields that make candidates are
// read alone until there is one.
void choose_pivots(ProgramData& program) {
  const Audience& cloudtrail = program.general[1];
  if (!cloudtrail.always().empty() || cloudtrail.probe(program.slots.keywords()).any()) {
    return;
  }
  std::vector<FieldId> pivots;
  for (const std::uint32_t slot : cloudtrail.active()) {
    pivots.push_back(FieldId{slot});
    for (const PredicateId id : cloudtrail.direct(cloudtrail.probe(slot))) {
      if (program.pools[id].test == Test::field) {
        pivots.push_back(FieldId{program.pools[id].operand.offset});  // what it is compared with
      }
    }
  }
  program.plan.use_pivots(pivots);
}

void build_filters(ProgramData& program,
                   std::span<const std::string> paths,
                   const RuleLists& lists) {
  std::vector<ExprId> conditions;
  for (const CompiledRule& rule : program.rules) {
    conditions.push_back(rule.condition);
  }
  const std::vector<Witnesses> witnesses =
      filter_witnesses(program.pools, program.expressions.written, paths, conditions);
  const auto plan = [&](std::span<const RuleId> rules) {
    return FilterPlan(program.pools, paths, rules, witnesses);
  };
  program.general_filters.push_back(plan(lists.all));
  program.general_filters.push_back(plan(lists.cloudtrail));
  for (const std::vector<RuleId>& rules : lists.fixed) {
    program.fixed_filters.push_back(plan(rules));
  }
}

Candidate candidate_of(const CompiledRule& rule, const ProgramData& program) {
  Candidate candidate;
  candidate.root = program.expressions.evaluated[rule.condition];
  candidate.log_source = rule.log_source;
  const LogSource& source = program.log_sources[rule.log_source];
  candidate.meets_every_cloudtrail = source.category.empty() &&
                                     (source.product.empty() || source.product == "aws") &&
                                     (source.service.empty() || source.service == "cloudtrail");
  const Node& root = candidate.root;
  if (root.kind != Node::Kind::all_of && root.kind != Node::Kind::any_of) {
    return candidate;
  }
  const auto children =
      std::span<const Node>(program.expressions.child_nodes).subspan(root.first, root.count);
  if (children.size() <= candidate.leaves.size() &&
      std::all_of(children.begin(), children.end(), [](const Node& child) {
        return child.kind == Node::Kind::leaf && Leaf::fits(child);
      })) {
    candidate.leaf_count = static_cast<std::uint8_t>(children.size());
    std::transform(
        children.begin(), children.end(), candidate.leaves.begin(), [](const Node& leaf) {
          return Leaf(leaf);
        });
  }
  return candidate;
}

}  // namespace

void assemble(Draft draft, ProgramData& out) {
  out.log_sources = std::move(draft.log_sources);
  Compaction compaction(draft, out);
  compaction.run();
  const WitnessFinder finder(out.pools, out.expressions.written, compaction.paths());
  for (CompiledRule& rule : out.rules) {
    out.witnesses.push_back(finder.find(rule.condition));
    rule.needs_nothing = out.witnesses.back().holds_on_nothing;
  }
  Ordering(out).run();
  const RuleLists lists = rules_by_audience(out, draft.expected_sources);
  mark_indexed(out, lists.all);
  mark_indexed(out, lists.cloudtrail);
  for (const std::vector<RuleId>& rules : lists.fixed) {
    mark_indexed(out, rules);
  }
  build_indexes(out);
  build_keywords(out, std::move(draft.keyword_store));
  for (const CompiledRule& rule : out.rules) {
    out.candidates.push_back(candidate_of(rule, out));
  }
  for (const LogSource& source : out.log_sources) {
    if (is_foreign_service(source)) {
      out.foreign_services.add(source.service);
    }
  }
  out.general.emplace_back(out.pools, out.slots, lists.all, out.witnesses);
  out.general.emplace_back(out.pools, out.slots, lists.cloudtrail, out.witnesses);
  choose_pivots(out);
  for (std::size_t i = 0; i < lists.fixed.size(); ++i) {
    out.fixed.push_back(
        {lists.fixed_sources[i], Audience(out.pools, out.slots, lists.fixed[i], out.witnesses)});
  }
  build_filters(out, compaction.paths(), lists);
}

}  // namespace tocsin::compiled
