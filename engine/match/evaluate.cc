// SPDX-License-Identifier: Apache-2.0
#include "engine/match/evaluate.h"

#include <algorithm>
#include <optional>

namespace tocsin::compiled {
namespace {

constexpr std::uint8_t asked_max = 2;

}  // namespace

Evaluation::Evaluation(const ProgramData& program, ScratchData& scratch, Event& event)
    : program_(program), scratch_(scratch), event_(event) {
  scratch_.next_record();
}

bool Evaluation::has_values(std::uint32_t slot) const {
  return slot == program_.slots.keywords() || event_.first(FieldId{slot}) != no_entry;
}

// Until visit(entry) is true.
template <typename Visit>
bool Evaluation::any_entry(std::uint32_t slot, Visit visit) {
  if (slot == program_.slots.keywords()) {
    const std::span<const EntryId> scalars = event_.scalars();
    return std::any_of(scalars.begin(), scalars.end(), visit);
  }
  for (EntryId entry = event_.first(FieldId{slot}); entry != no_entry; entry = event_.next(entry)) {
    if (visit(entry)) {
      return true;
    }
  }
  return false;
}

SlotState& Evaluation::state(std::uint32_t slot) {
  SlotState& state = scratch_.slot_states[slot];
  if (state.epoch != scratch_.epoch) {
    state = {scratch_.epoch, false, false, 0, no_hit};
  }
  return state;
}

void Evaluation::add_candidates(std::span<const RuleId> rules) {
  for (const RuleId rule : rules) {
    std::uint32_t& epoch = scratch_.rule_epochs[index(rule)];
    if (epoch != scratch_.epoch) {
      epoch = scratch_.epoch;
      scratch_.candidates.push_back(rule);
    }
  }
}

void Evaluation::remember_true(PredicateId id, std::uint32_t slot) {
  scratch_.memo[index(id)] = scratch_.epoch << 1 | 1;
  if (program_.pools[id].grouped) {
    SlotState& slot_state = state(slot);
    scratch_.hits.push_back({id, slot_state.first_hit});
    slot_state.first_hit = static_cast<std::uint32_t>(scratch_.hits.size() - 1);
  }
  if (audience_ != nullptr) {
    add_candidates(audience_->postings(id));
  }
}

void Evaluation::run_exact(std::uint32_t slot) {
  if (state(slot).exact_done) {
    return;
  }
  // While candidates are being found, what is no rule's witness can wait: most records have none.
  bool left_some = false;
  const ExactTable& table = program_.indexes[slot].exact;
  any_entry(slot, [&](EntryId entry) {
    table.look_up(event_, entry, [&](PredicateId id) {
      if (audience_ != nullptr && audience_->postings(id).empty()) {
        left_some = true;
      } else if (!known(id)) {
        ++scratch_.statistics.predicates;
        if (compiled::holds(program_.pools, program_.pools[id], event_, entry)) {
          remember_true(id, slot);
        }
      }
    });
    return false;
  });
  state(slot).exact_done = !left_some;
}

void Evaluation::run_literals(std::uint32_t slot) {
  SlotState& slot_state = state(slot);
  if (slot_state.literals_done) {
    return;
  }
  slot_state.literals_done = true;
  if (slot == program_.slots.keywords()) {
    if (run_keywords_at_once()) {
      return;
    }
    if (program_.keywords.usable()) {
      run_keywords_by_value();
      return;
    }
    for (const PredicateId id : program_.short_keywords) {
      test_each(id, slot);
    }
  }
  any_entry(slot, [&](EntryId entry) {
    scan_literals(slot, entry);
    return false;
  });
}

void Evaluation::scan_literals(std::uint32_t slot, EntryId entry) {
  if (++scratch_.value_serial == 0) {
    std::fill(scratch_.tested.begin(), scratch_.tested.end(), 0u);
    scratch_.value_serial = 1;
  }
  const std::uint32_t serial = scratch_.value_serial;
  program_.indexes[slot].literals.scan(event_.folded(entry), [&](PredicateId id) {
    if (known(id) || scratch_.tested[index(id)] == serial) {
      return;
    }
    scratch_.tested[index(id)] = serial;
    ++scratch_.statistics.predicates;
    const CompiledPredicate& predicate = program_.pools[id];
    if ((predicate.test == Test::contains && !predicate.cased) ||
        compiled::holds(program_.pools, predicate, event_, entry)) {
      remember_true(id, slot);
    }
  });
}

void Evaluation::test_on(PredicateId id, std::uint32_t slot, EntryId entry) {
  if (!known(id)) {
    ++scratch_.statistics.predicates;
    if (compiled::holds(program_.pools, program_.pools[id], event_, entry)) {
      remember_true(id, slot);
    }
  }
}

// Of a record that has escapes or is not ASCII: most of its values are still found by one scan.
void Evaluation::run_keywords_by_value() {
  const std::uint32_t slot = program_.slots.keywords();
  std::vector<ScratchData::Suspect>& suspects = scratch_.suspects;
  for (const EntryId entry : event_.scalars()) {
    suspects.clear();
    const std::string_view text = event_.text(entry);
    const bool scanned =
        is_ascii(text) && program_.keywords.scan(
                              text,
                              scratch_.keywords,
                              [](void* found, const MultiLiteral::Literal& literal, std::size_t) {
                                static_cast<std::vector<ScratchData::Suspect>*>(found)->push_back(
                                    {literal.predicate, 0});
                              },
                              &suspects);
    if (!scanned) {
      for (const PredicateId id : program_.short_keywords) {
        test_on(id, slot, entry);
      }
      scan_literals(slot, entry);
      continue;
    }
    std::sort(suspects.begin(), suspects.end());
    suspects.erase(std::unique(suspects.begin(), suspects.end()), suspects.end());
    for (const ScratchData::Suspect& suspect : suspects) {
      test_on(suspect.predicate, slot, entry);
    }
  }
}

void Evaluation::test_each(PredicateId id, std::uint32_t slot) {
  if (known(id)) {
    return;
  }
  ++scratch_.statistics.predicates;
  const CompiledPredicate& predicate = program_.pools[id];
  if (any_entry(slot, [&](EntryId entry) {
        return compiled::holds(program_.pools, predicate, event_, entry);
      })) {
    remember_true(id, slot);
  }
}

void Evaluation::keyword_found(const MultiLiteral::Literal& literal, std::size_t end) {
  const PredicateId id = literal.predicate;
  if (known(id)) {
    return;
  }
  const std::optional<std::size_t> in_json =
      scratch_.texts.end_in_json(end - literal.text.size(), end);
  if (!in_json) {
    return;
  }
  const CompiledPredicate& predicate = program_.pools[id];
  if (predicate.test == Test::contains && !predicate.cased) {
    ++scratch_.statistics.predicates;
    remember_true(id, program_.slots.keywords());
  } else {
    scratch_.suspects.push_back({id, *in_json});
  }
}

// A keyword predicate that holds on a scalar has one of its literals there: others are not tested.
void Evaluation::test_suspects() {
  std::vector<ScratchData::Suspect>& suspects = scratch_.suspects;
  if (suspects.empty()) {
    return;
  }
  const std::uint32_t slot = program_.slots.keywords();
  const std::span<const EntryId> scalars = event_.scalars();
  const char* const text = event_.json().data();
  std::sort(suspects.begin(), suspects.end());
  PredicateId tested{no_hit};
  EntryId tested_on = no_entry;
  for (const ScratchData::Suspect& suspect : suspects) {
    if (known(suspect.predicate)) {
      continue;
    }
    const char* const last = text + (suspect.end - 1);
    const auto behind = std::upper_bound(
        scalars.begin(), scalars.end(), last, [this](const char* at, EntryId entry) {
          return at < event_.value(entry).data;
        });
    if (behind == scalars.begin() ||
        last >= event_.value(*(behind - 1)).data + event_.value(*(behind - 1)).size) {
      test_each(suspect.predicate, slot);
      continue;
    }
    const EntryId entry = *(behind - 1);
    if (tested == suspect.predicate && tested_on == entry) {
      continue;
    }
    tested = suspect.predicate;
    tested_on = entry;
    test_on(tested, slot, entry);
  }
}

// Looks for all keywords in all values at once. False: the record is not written so that this finds
// the same.
bool Evaluation::run_keywords_at_once() {
  if (!program_.keywords.usable() || !event_.gather(scratch_.texts)) {
    return false;
  }
  scratch_.suspects.clear();
  const bool scanned = program_.keywords.scan(
      scratch_.texts.bytes(),
      scratch_.keywords,
      [](void* self, const MultiLiteral::Literal& literal, std::size_t end) {
        static_cast<Evaluation*>(self)->keyword_found(literal, end);
      },
      this);
  if (scanned) {
    test_suspects();
  }
  return scanned;
}

// The first questions about a field are answered by themselves: most records have one candidate,
// and looking up all that the value equals takes twice as long.
bool Evaluation::exact_holds(PredicateId id, std::uint32_t slot) {
  SlotState& slot_state = state(slot);
  if (!slot_state.exact_done && slot_state.asked < asked_max) {
    ++slot_state.asked;
    test_each(id, slot);
  } else if (has_values(slot)) {
    run_exact(slot);
  }
  return scratch_.memo[index(id)] == (scratch_.epoch << 1 | 1);
}

bool Evaluation::predicate_holds(PredicateId id) {
  const std::uint32_t memo = scratch_.memo[index(id)];
  return memo >> 1 == scratch_.epoch ? (memo & 1) != 0 : find_out(id);
}

// Most of what conditions ask is whether a field is there, or is known already.
inline bool Evaluation::leaf_holds(Leaf leaf) {
  if (leaf.only_has_to_exist()) {
    ++scratch_.statistics.predicates;
    return event_.first(leaf.field()) != no_entry;
  }
  return predicate_holds(leaf.predicate());
}

bool Evaluation::find_out(PredicateId id) {
  const CompiledPredicate& predicate = program_.pools[id];
  const std::uint32_t slot = program_.slots.of(predicate.field);
  bool result = false;
  if (predicate.test == Test::exists && predicate.field != no_field) {
    ++scratch_.statistics.predicates;
    result = has_values(slot);
    if (result) {
      remember_true(id, slot);
    }
  } else if (is_exact(predicate.test)) {
    result = exact_holds(id, slot);
  } else if (!predicate.indexed || !state(slot).literals_done) {
    ++scratch_.statistics.predicates;
    bool absent = true;
    result = any_entry(slot, [&](EntryId entry) {
      absent = false;
      return compiled::holds(program_.pools, predicate, event_, entry);
    });
    result = result || (absent && holds_absent(predicate));
    if (result) {
      remember_true(id, slot);
    }
  }
  scratch_.memo[index(id)] = scratch_.epoch << 1 | (result ? 1 : 0);
  return result;
}

bool Evaluation::is_member(const Group& group, PredicateId id) const {
  const auto first = program_.expressions.members.begin() + group.first;
  return std::binary_search(first, first + group.count, id);
}

bool Evaluation::group_holds(const Group& group) {
  if (!has_values(group.slot)) {
    return false;
  }
  if (group.exact) {
    run_exact(group.slot);
  }
  if (group.literals) {
    run_literals(group.slot);
  }
  for (std::uint32_t hit = state(group.slot).first_hit; hit != no_hit;
       hit = scratch_.hits[hit].next) {
    if (is_member(group, scratch_.hits[hit].predicate)) {
      return true;
    }
  }
  return false;
}

bool Evaluation::holds(const Candidate& candidate) {
  if (candidate.leaf_count == 0) {
    return holds(candidate.root);
  }
  const bool decides = candidate.root.kind == Node::Kind::any_of;
  for (std::size_t i = 0; i < candidate.leaf_count; ++i) {
    if (leaf_holds(candidate.leaves[i]) == decides) {
      return decides;
    }
  }
  return !decides;
}

bool Evaluation::holds(const Node& node) {
  switch (node.kind) {
    case Node::Kind::always:
      return true;
    case Node::Kind::never:
      return false;
    case Node::Kind::leaf:
      return leaf_holds(Leaf(node));
    case Node::Kind::negation:
      return !holds(ExprId{node.first});
    case Node::Kind::all_of:
    case Node::Kind::any_of: {
      const bool decides = node.kind == Node::Kind::any_of;
      const Node* const children = program_.expressions.child_nodes.data() + node.first;
      for (std::uint32_t i = 0; i < node.count; ++i) {
        const Node& child = children[i];
        const bool leaf = child.kind == Node::Kind::leaf;
        if ((leaf ? leaf_holds(Leaf(child)) : holds(child)) == decides) {
          return decides;
        }
      }
      return !decides;
    }
    case Node::Kind::group:
      return group_holds(program_.expressions.groups[node.first]);
  }
  return false;
}

void Evaluation::probe(const Audience& audience, std::uint32_t slot) {
  const Audience::Probe& probe = audience.probe(slot);
  if (!probe.any()) {
    return;
  }
  add_candidates(audience.present(probe));
  if (probe.exact) {
    run_exact(slot);
  }
  if (probe.literals) {
    run_literals(slot);
  }
  for (const PredicateId id : audience.direct(probe)) {
    predicate_holds(id);  // if true, its rules become candidates
  }
}

void Evaluation::find_candidates(const Audience& audience, bool skip_rules_that_need_nothing) {
  scratch_.candidates.clear();
  audience_ = &audience;
  const std::span<const std::uint32_t> active = audience.active();
  const std::span<const FieldId> present = event_.present();
  if (active.size() < present.size()) {
    for (const std::uint32_t slot : active) {
      if (event_.first(FieldId{slot}) != no_entry) {
        probe(audience, slot);
      }
    }
  } else {
    for (const FieldId field : present) {
      probe(audience, index(field));
    }
  }
  probe(audience, program_.slots.keywords());
  audience_ = nullptr;
  for (const RuleId rule : audience.always()) {
    if (!skip_rules_that_need_nothing || !program_.rules[index(rule)].needs_nothing) {
      add_candidates({&rule, 1});
    }
  }
}

EntryId Evaluation::satisfying(PredicateId id) {
  const CompiledPredicate& predicate = program_.pools[id];
  EntryId found = no_entry;
  any_entry(program_.slots.of(predicate.field), [&](EntryId entry) {
    if (compiled::holds(program_.pools, predicate, event_, entry)) {
      found = entry;
    }
    return found != no_entry;
  });
  return found;
}

}  // namespace tocsin::compiled
