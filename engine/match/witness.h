// SPDX-License-Identifier: Apache-2.0
// Witnesses: what a rule necessarily needs of a record. If a rule holds, one of its witnesses is
// true: a predicate, or the mere presence of a field. Found on the condition with negations pushed
// to the leaves:
//   and: its cheapest child's; or: all children's; a leaf: itself, if it is false on an absent
//   field; a negated leaf: the presence of its field, if that negation is false on an absent field
//   (not null), else nothing.
// A rule without such a set that is false on an empty record needs the presence of one of its
// fields at least. Thread rule: plain values. Cost: O(size of all expressions), once.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/match/compiled.h"

namespace tocsin::compiled {

struct Witnesses {
  std::vector<PredicateId> predicates;  // ascending
  std::vector<FieldId> present;         // ascending
  bool always = false;                  // nothing is known: a candidate on every record
  bool holds_on_nothing = false;        // true on a record with nothing in it
};

// What a witness is worth to somebody else than the index of candidates; infinity: nothing.
struct WitnessCosts {
  std::function<float(const CompiledPredicate&)> predicate;
  std::function<float(FieldId)> presence;
};

class WitnessFinder {
 public:
  // `fields`: paths by FieldId. References must outlive the finder.
  WitnessFinder(const Pools& pools,
                const Nodes& nodes,
                std::span<const std::string> fields,
                const WitnessCosts* costs = nullptr);

  Witnesses find(ExprId condition) const;

 private:
  struct Cost {
    float holds =
        0;  // of a set that is met whenever the expression is true; infinite: there is none
    float fails = 0;       // ... whenever it is false
    bool verdict = false;  // on a record with nothing in it
  };
  Cost cost_of(const Node& node) const;
  float predicate_cost(const CompiledPredicate& predicate) const;
  float presence_cost_of(FieldId field) const;
  void collect(ExprId expr, bool positive, Witnesses& out) const;
  void collect_fields(ExprId condition, Witnesses& out) const;

  const Pools& pools_;
  const Nodes& nodes_;
  std::span<const std::string> fields_;
  const WitnessCosts* others_;
  std::vector<Cost> costs_;
};

// Every predicate under an expression, ascending.
std::vector<PredicateId> predicates_of(const Nodes& nodes, ExprId expr);

}  // namespace tocsin::compiled
