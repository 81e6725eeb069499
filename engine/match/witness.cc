// SPDX-License-Identifier: Apache-2.0
// The costs are ranks, not times: how often the witness is true of a CloudTrail record and what it
// takes to know. Measured on real records they choose as well as costs trained on data do, and lead
// to fewer fields that decide.
#include "engine/match/witness.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "engine/match/lower.h"

namespace tocsin::compiled {
namespace {

constexpr float none = std::numeric_limits<float>::infinity();
constexpr float presence_cost = 100;
constexpr float keyword_cost = 60;
constexpr float keyword_short_cost = 1000;

struct FieldCost {
  std::string_view field;
  float equals;
};

// Fields with few values: an equality on them is true of many records.
constexpr std::array<FieldCost, 17> field_costs = {{
    {"eventName", 1},
    {"errorCode", 4},
    {"EventID", 5},
    {"eventSource", 50},
    {"userIdentity.type", 55},
    {"awsRegion", 60},
    {"eventType", 90},
    {"eventCategory", 95},
    {"eventVersion", 95},
    {"managementEvent", 95},
    {"readOnly", 80},
    {"recipientAccountId", 80},
    {"userIdentity.accountId", 80},
    {"Channel", 60},
    {"Provider_Name", 40},
    {"EventType", 30},
    {"Initiated", 60},
}};

float equality_cost(std::string_view field) {
  for (const FieldCost& cost : field_costs) {
    if (cost.field == field) {
      return cost.equals;
    }
  }
  return 2;
}

float literal_cost(std::size_t bytes) {
  if (bytes >= 8) {
    return 5;
  }
  if (bytes >= 5) {
    return 8;
  }
  return bytes >= indexed_literal_bytes_min ? 15 : 90;
}

// A set of many is little dearer than its dearest member: they share one look-up.
float union_cost(float dearest, std::size_t count) {
  return dearest + std::log2(static_cast<float>(count));
}

}  // namespace

WitnessFinder::WitnessFinder(const Pools& pools,
                             const Nodes& nodes,
                             std::span<const std::string> fields,
                             const WitnessCosts* costs)
    : pools_(pools), nodes_(nodes), fields_(fields), others_(costs) {
  costs_.reserve(nodes.nodes.size());
  for (const Node& node : nodes.nodes) {
    costs_.push_back(cost_of(node));
  }
}

float WitnessFinder::presence_cost_of(FieldId field) const {
  return others_ == nullptr ? presence_cost : others_->presence(field);
}

float WitnessFinder::predicate_cost(const CompiledPredicate& predicate) const {
  if (others_ != nullptr) {
    return others_->predicate(predicate);
  }
  const std::vector<std::string_view> literals = literals_of(pools_, predicate);
  std::size_t shortest = literals.empty() ? predicate.key.size : literals[0].size();
  for (const std::string_view literal : literals) {
    shortest = std::min(shortest, literal.size());
  }
  if (predicate.field == no_field) {
    return shortest >= indexed_literal_bytes_min ? keyword_cost + literal_cost(shortest)
                                                 : keyword_short_cost;
  }
  switch (predicate.test) {
    case Test::equals:
      return equality_cost(fields_[index(predicate.field)]);
    case Test::number:
      return equality_cost(fields_[index(predicate.field)]) + 1;
    case Test::boolean:
      return std::max(equality_cost(fields_[index(predicate.field)]), 40.0f);
    case Test::contains:
    case Test::starts_with:
    case Test::ends_with:
    case Test::pattern:
      return literal_cost(shortest);
    case Test::regex:
      return shortest == 0 ? 95 : literal_cost(shortest) + 2;
    case Test::cidr:
      return 20;
    case Test::less:
    case Test::less_equal:
    case Test::greater:
    case Test::greater_equal:
      return 60;
    case Test::field:
    case Test::time_part:
      return 90;
    case Test::present:
    case Test::exists:
      return presence_cost;
    case Test::is_null:
      break;
  }
  return none;
}

WitnessFinder::Cost WitnessFinder::cost_of(const Node& node) const {
  Cost cost;
  switch (node.kind) {
    case Node::Kind::always:
      return {none, 0, true};
    case Node::Kind::never:
    case Node::Kind::group:
      return {0, none, false};
    case Node::Kind::leaf: {
      const CompiledPredicate& predicate = pools_.predicates[node.first];
      const bool absent = holds_absent(predicate);
      return {absent ? none : predicate_cost(predicate),
              absent && predicate.field != no_field ? presence_cost_of(predicate.field) : none,
              absent};
    }
    case Node::Kind::negation: {
      const Cost child = costs_[node.first];
      return {child.fails, child.holds, !child.verdict};
    }
    case Node::Kind::all_of:
    case Node::Kind::any_of:
      break;
  }
  const bool all = node.kind == Node::Kind::all_of;
  float cheapest = none;
  float dearest = 0;
  cost.verdict = all;
  for (const ExprId id : nodes_.children_of(node)) {
    const Cost& child = costs_[index(id)];
    cheapest = std::min(cheapest, all ? child.holds : child.fails);
    dearest = std::max(dearest, all ? child.fails : child.holds);
    cost.verdict = all ? cost.verdict && child.verdict : cost.verdict || child.verdict;
  }
  const float together = union_cost(dearest, node.count);
  cost.holds = all ? cheapest : together;
  cost.fails = all ? together : cheapest;
  return cost;
}

void WitnessFinder::collect(ExprId expr, bool positive, Witnesses& out) const {
  const Node& node = nodes_[expr];
  switch (node.kind) {
    case Node::Kind::always:
    case Node::Kind::never:
    case Node::Kind::group:
      return;
    case Node::Kind::leaf:
      if (positive) {
        out.predicates.push_back(PredicateId{node.first});
      } else {
        out.present.push_back(pools_.predicates[node.first].field);
      }
      return;
    case Node::Kind::negation:
      collect(ExprId{node.first}, !positive, out);
      return;
    case Node::Kind::all_of:
    case Node::Kind::any_of:
      break;
  }
  const std::span<const ExprId> children = nodes_.children_of(node);
  if ((node.kind == Node::Kind::any_of) == positive) {
    for (const ExprId child : children) {
      collect(child, positive, out);
    }
    return;
  }
  const auto cost = [this, positive](ExprId id) {
    return positive ? costs_[index(id)].holds : costs_[index(id)].fails;
  };
  collect(*std::min_element(children.begin(),
                            children.end(),
                            [&cost](ExprId a, ExprId b) { return cost(a) < cost(b); }),
          positive,
          out);
}

void WitnessFinder::collect_fields(ExprId condition, Witnesses& out) const {
  for (const PredicateId id : predicates_of(nodes_, condition)) {
    const CompiledPredicate& predicate = pools_[id];
    if (predicate.field == no_field) {
      out.always = true;
      return;
    }
    out.present.push_back(predicate.field);
    if (predicate.test == Test::field) {
      out.present.push_back(FieldId{predicate.operand.offset});
    }
  }
}

Witnesses WitnessFinder::find(ExprId condition) const {
  Witnesses out;
  const Cost& cost = costs_[index(condition)];
  out.holds_on_nothing = cost.verdict;
  if (cost.holds != none) {
    collect(condition, true, out);
  } else if (cost.verdict) {
    out.always = true;
  } else {
    collect_fields(condition, out);
    if (out.always) {
      out.present.clear();
    }
  }
  const auto tidy = [](auto& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  };
  tidy(out.predicates);
  tidy(out.present);
  return out;
}

std::vector<PredicateId> predicates_of(const Nodes& nodes, ExprId expr) {
  std::vector<PredicateId> out;
  std::vector<ExprId> open{expr};
  while (!open.empty()) {
    const Node& node = nodes[open.back()];
    open.pop_back();
    switch (node.kind) {
      case Node::Kind::leaf:
        out.push_back(PredicateId{node.first});
        break;
      case Node::Kind::negation:
        open.push_back(ExprId{node.first});
        break;
      case Node::Kind::all_of:
      case Node::Kind::any_of: {
        const std::span<const ExprId> children = nodes.children_of(node);
        open.insert(open.end(), children.begin(), children.end());
        break;
      }
      case Node::Kind::always:
      case Node::Kind::never:
      case Node::Kind::group:
        break;
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace tocsin::compiled
