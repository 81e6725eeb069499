// SPDX-License-Identifier: Apache-2.0
// Evaluation: one record against one program: finds candidates, evaluates conditions with short
// circuit. Each predicate is computed at most once; many predicates of one field by one look-up.
// Thread rule: one thread; lives for one record. Cost: no allocation in steady state.
#pragma once

#include "engine/match/program_data.h"

namespace tocsin::compiled {

class Evaluation {
 public:
  // Forgets what `scratch` knew of the record before.
  Evaluation(const ProgramData& program, ScratchData& scratch, Event& event);

  // Fills scratch.candidates, each rule once.
  void find_candidates(const Audience& audience, bool skip_rules_that_need_nothing);

  bool holds(const Candidate& candidate);
  // A node of Expressions::evaluated.
  bool holds(const Node& node);
  bool holds(ExprId expr) { return holds(program_.expressions.evaluated[expr]); }
  bool predicate_holds(PredicateId id);

  // The predicates of this group's field that were found true; holds(group) must have been asked
  // before.
  template <typename Visit>
  void for_each_member_that_holds(const Group& group, Visit visit);

  // The first value that satisfies a predicate, or no_entry.
  EntryId satisfying(PredicateId id);

 private:
  bool has_values(std::uint32_t slot) const;
  template <typename Visit>
  bool any_entry(std::uint32_t slot, Visit visit);
  SlotState& state(std::uint32_t slot);
  void run_exact(std::uint32_t slot);
  void run_literals(std::uint32_t slot);
  void test_each(PredicateId id, std::uint32_t slot);
  void test_suspects();
  void test_on(PredicateId id, std::uint32_t slot, EntryId entry);
  void scan_literals(std::uint32_t slot, EntryId entry);
  void run_keywords_by_value();
  bool run_keywords_at_once();
  void keyword_found(const MultiLiteral::Literal& literal, std::size_t end);
  void remember_true(PredicateId id, std::uint32_t slot);
  void add_candidates(std::span<const RuleId> rules);
  void probe(const Audience& audience, std::uint32_t slot);
  bool known(PredicateId id) const { return scratch_.memo[index(id)] >> 1 == scratch_.epoch; }
  bool group_holds(const Group& group);
  bool is_member(const Group& group, PredicateId id) const;
  bool leaf_holds(Leaf leaf);
  bool find_out(PredicateId id);
  bool exact_holds(PredicateId id, std::uint32_t slot);

  const ProgramData& program_;
  ScratchData& scratch_;
  Event& event_;
  const Audience* audience_ = nullptr;  // while candidates are being found
};

template <typename Visit>
void Evaluation::for_each_member_that_holds(const Group& group, Visit visit) {
  for (std::uint32_t hit = state(group.slot).first_hit; hit != no_hit;
       hit = scratch_.hits[hit].next) {
    const PredicateId id = scratch_.hits[hit].predicate;
    if (is_member(group, id)) {
      visit(id);
    }
  }
}

}  // namespace tocsin::compiled
