// SPDX-License-Identifier: Apache-2.0
// Prefilter: which rules could match a record? One Audience per kind of record (CloudTrail, any,
// each fixed log source) knows, by field, which look-ups tell its rules' witnesses. May
// over-approximate, never under-approximate. Thread rule: immutable after construction. Cost: only
// the fields that a record has cost anything.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/match/compiled.h"
#include "engine/match/exact_table.h"
#include "engine/match/literal_index.h"
#include "engine/match/witness.h"

namespace tocsin::compiled {

// Where a field's state stands in arrays: its FieldId, or behind all fields for keywords.
class Slots {
 public:
  explicit Slots(std::size_t fields = 0) : fields_(static_cast<std::uint32_t>(fields)) {}
  std::size_t size() const { return std::size_t{fields_} + 1; }
  std::uint32_t keywords() const { return fields_; }
  std::uint32_t of(FieldId field) const { return field == no_field ? fields_ : index(field); }

 private:
  std::uint32_t fields_;
};

// What one field's values are looked up in, over all rules.
struct FieldIndex {
  ExactTable exact;
  LiteralIndex literals;
};

class Audience {
 public:
  // `rules`: those a record of this audience can meet. `witnesses`: by rule, over all rules.
  Audience(const Pools& pools,
           const Slots& slots,
           std::span<const RuleId> rules,
           std::span<const Witnesses> witnesses);

  // What is to be done for a field that is present.
  struct Probe {
    bool exact = false;
    bool literals = false;
    std::uint32_t direct_first = 0;  // predicates to be tested one by one
    std::uint32_t direct_count = 0;
    std::uint32_t present_first = 0;  // rules for which its presence is enough
    std::uint32_t present_count = 0;
    bool any() const { return exact || literals || direct_count != 0 || present_count != 0; }
  };
  const Probe& probe(std::uint32_t slot) const { return probes_[slot]; }
  // The fields for which something is to be done.
  std::span<const std::uint32_t> active() const { return active_; }
  std::span<const PredicateId> direct(const Probe& probe) const {
    return std::span<const PredicateId>(direct_).subspan(probe.direct_first, probe.direct_count);
  }
  std::span<const RuleId> present(const Probe& probe) const {
    return std::span<const RuleId>(present_).subspan(probe.present_first, probe.present_count);
  }
  // Rules that a predicate is a witness of.
  std::span<const RuleId> postings(PredicateId id) const {
    const Posting& posting = posting_of_[index(id)];
    const RuleId* const few = posting.few.data();
    const RuleId* const many = postings_.data() + posting.first;
    return {posting.count <= posting.few.size() ? few : many, posting.count};
  }
  std::size_t rule_count() const { return rule_count_; }
  // Candidates on every record.
  std::span<const RuleId> always() const { return always_; }

 private:
  void add_postings(std::span<const RuleId> rules,
                    std::span<const Witnesses> witnesses,
                    std::size_t predicates);
  void add_presence(const Slots& slots,
                    std::span<const RuleId> rules,
                    std::span<const Witnesses> witnesses);
  void add_probes(const Pools& pools, const Slots& slots);

  std::size_t rule_count_ = 0;
  std::vector<Probe> probes_;  // by slot
  std::vector<std::uint32_t> active_;
  std::vector<PredicateId> direct_;
  std::vector<RuleId> present_;
  // Most predicates are the witness of few rules: these lie where they are looked for.
  struct Posting {
    std::uint32_t count = 0;
    std::uint32_t first = 0;  // into postings_
    std::array<RuleId, 2> few{};
  };
  std::vector<Posting> posting_of_;  // by predicate
  std::vector<RuleId> postings_;
  std::vector<RuleId> always_;
};

}  // namespace tocsin::compiled
