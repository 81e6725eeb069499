// SPDX-License-Identifier: Apache-2.0
#include "engine/match/prefilter.h"

#include <utility>

namespace tocsin::compiled {

Audience::Audience(const Pools& pools,
                   const Slots& slots,
                   std::span<const RuleId> rules,
                   std::span<const Witnesses> witnesses)
    : rule_count_(rules.size()), probes_(slots.size()) {
  add_postings(rules, witnesses, pools.predicates.size());
  add_presence(slots, rules, witnesses);
  add_probes(pools, slots);
}

void Audience::add_postings(std::span<const RuleId> rules,
                            std::span<const Witnesses> witnesses,
                            std::size_t predicates) {
  posting_of_.resize(predicates);
  for (const RuleId rule : rules) {
    for (const PredicateId id : witnesses[index(rule)].predicates) {
      ++posting_of_[index(id)].count;
    }
  }
  std::uint32_t first = 0;
  for (Posting& posting : posting_of_) {
    posting.first = first;
    first += std::exchange(posting.count, 0);
  }
  postings_.resize(first);
  for (const RuleId rule : rules) {
    for (const PredicateId id : witnesses[index(rule)].predicates) {
      Posting& posting = posting_of_[index(id)];
      if (posting.count < posting.few.size()) {
        posting.few[posting.count] = rule;
      }
      postings_[posting.first + posting.count++] = rule;
    }
  }
}

void Audience::add_presence(const Slots& slots,
                            std::span<const RuleId> rules,
                            std::span<const Witnesses> witnesses) {
  std::vector<std::vector<RuleId>> by_slot(slots.size());
  for (const RuleId rule : rules) {
    if (witnesses[index(rule)].always) {
      always_.push_back(rule);
    }
    for (const FieldId field : witnesses[index(rule)].present) {
      by_slot[slots.of(field)].push_back(rule);
    }
  }
  for (std::size_t slot = 0; slot < by_slot.size(); ++slot) {
    probes_[slot].present_first = static_cast<std::uint32_t>(present_.size());
    probes_[slot].present_count = static_cast<std::uint32_t>(by_slot[slot].size());
    present_.insert(present_.end(), by_slot[slot].begin(), by_slot[slot].end());
  }
}

void Audience::add_probes(const Pools& pools, const Slots& slots) {
  std::vector<std::vector<PredicateId>> direct(slots.size());
  for (std::uint32_t i = 0; i < pools.predicates.size(); ++i) {
    const PredicateId id{i};
    if (postings(id).empty()) {
      continue;
    }
    const CompiledPredicate& predicate = pools[id];
    Probe& probe = probes_[slots.of(predicate.field)];
    if (is_exact(predicate.test)) {
      probe.exact = true;
    } else if (predicate.indexed) {
      probe.literals = true;
    } else {
      direct[slots.of(predicate.field)].push_back(id);
    }
  }
  for (std::size_t slot = 0; slot < direct.size(); ++slot) {
    probes_[slot].direct_first = static_cast<std::uint32_t>(direct_.size());
    probes_[slot].direct_count = static_cast<std::uint32_t>(direct[slot].size());
    direct_.insert(direct_.end(), direct[slot].begin(), direct[slot].end());
    if (slot != slots.keywords() && probes_[slot].any()) {
      active_.push_back(static_cast<std::uint32_t>(slot));
    }
  }
}

}  // namespace tocsin::compiled
