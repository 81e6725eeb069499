// SPDX-License-Identifier: Apache-2.0
// ExactTable: all predicates of one field that are true by equality (texts, numbers, booleans,
// networks), so that a list of 200,000 values costs one look-up per value of the record. A look-up
// gives suspects; the caller verifies each. Thread rule: immutable after construction. Cost: 8 to
// 16 bytes a predicate; a look-up is one hash and one cache line.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/hash.h"
#include "engine/match/ascii.h"
#include "engine/match/compiled.h"

namespace tocsin::compiled {

inline std::uint32_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t hash = a * 0x9e3779b97f4a7c15u ^ std::rotl(b * 0xc2b2ae3d27d4eb4fu, 31);
  hash ^= hash >> 32;
  hash *= 0xff51afd7ed558ccdu;
  return static_cast<std::uint32_t>(hash >> 32);
}

// Length, first 8 and last 8 bytes: enough for names, at a fixed cost. ASCII is folded on the way.
inline std::uint32_t ends_hash(std::string_view text) {
  const std::size_t size = text.size();
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (size >= 8) {
    first = load(text.data(), 8);
    last = load(text.data() + size - 8, 8);
  } else if (size >= 4) {
    first = load(text.data(), 4);
    last = load(text.data() + size - 4, 4);
  } else if (size > 0) {
    first = static_cast<unsigned char>(text[0]);
    last = static_cast<unsigned char>(text[size / 2]) +
           256u * static_cast<unsigned char>(text[size - 1]);
  }
  return mix(lower_ascii(first) + size, lower_ascii(last));
}

class ExactTable {
 public:
  ExactTable() = default;
  // `predicates`: of one field, each with is_exact(test).
  ExactTable(const Pools& pools, std::span<const PredicateId> predicates);

  bool empty() const { return slots_.empty(); }

  // Calls suspect(PredicateId) for every predicate that may hold on this value.
  template <typename Suspect>
  void look_up(Event& event, EntryId entry, Suspect suspect) const;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t predicate = no_predicate;
  };
  struct PrefixLength {
    bool v6 = false;
    std::uint8_t bits = 0;
    friend auto operator<=>(const PrefixLength&, const PrefixLength&) = default;
  };
  static constexpr std::uint32_t no_predicate = 0xffffffffu;

  void insert(std::uint32_t hash, PredicateId predicate);
  void add_network_lengths(const Pools& pools, std::span<const PredicateId> predicates);
  std::uint32_t text_hash(std::string_view folded) const;
  std::uint32_t value_hash(const Value& value, Event& event, EntryId entry) const;
  // A bit for each size that a text here has; the highest: for all beyond.
  static std::uint64_t size_bit(std::size_t size) {
    return std::uint64_t{1} << (size < 63 ? size : 63);
  }
  template <typename Suspect>
  void probe(std::uint32_t hash, Suspect& suspect) const;
  static std::uint32_t number_hash(const Number& number);
  static std::uint32_t network_hash(const IpAddress& address, PrefixLength length);

  std::vector<Slot> slots_;  // a power of two, load at most 1/2, linear probing
  std::uint32_t mask_ = 0;
  bool whole_hash_ =
      false;  // the ends of the texts do not tell them apart: hash all of their bytes
  bool has_texts_ = false;
  std::uint64_t text_sizes_ = 0;
  bool has_numbers_ = false;
  std::vector<PrefixLength> prefix_lengths_;
};

template <typename Suspect>
void ExactTable::probe(std::uint32_t hash, Suspect& suspect) const {
  for (std::uint32_t at = hash & mask_; slots_[at].predicate != no_predicate;
       at = (at + 1) & mask_) {
    if (slots_[at].hash == hash) {
      suspect(PredicateId{slots_[at].predicate});
    }
  }
}

inline std::uint32_t ExactTable::text_hash(std::string_view folded) const {
  return whole_hash_ ? static_cast<std::uint32_t>(seeded_hash(folded, 0)) : ends_hash(folded);
}

// Folding a text costs more than hashing it: what is plain ASCII, as most values are, is folded
// only if the hash is found.
inline std::uint32_t ExactTable::value_hash(const Value& value, Event& event, EntryId entry) const {
  const bool raw =
      value.plain || (value.kind != ValueKind::object && !value.escaped && is_ascii(value.raw()));
  return raw && !whole_hash_ ? ends_hash(value.raw()) : text_hash(event.folded(entry));
}

template <typename Suspect>
void ExactTable::look_up(Event& event, EntryId entry, Suspect suspect) const {
  const Value value = event.value(entry);
  if (value.kind == ValueKind::null || value.kind == ValueKind::empty_array) {
    return;
  }
  // A plain text is as long as it is when folded: most are of no size that is looked for.
  if (has_texts_ && (!value.plain || (text_sizes_ & size_bit(value.size)) != 0)) {
    probe(value_hash(value, event, entry), suspect);
  }
  if (has_numbers_ && value.kind == ValueKind::number) {
    Number number;
    if (parse_number(value.raw(), number)) {
      probe(number_hash(number), suspect);
    }
  }
  if (!prefix_lengths_.empty() &&
      (value.kind == ValueKind::string || value.kind == ValueKind::number)) {
    if (const std::optional<IpAddress> address = parse_ip(event.text(entry))) {
      for (const PrefixLength length : prefix_lengths_) {
        if (length.v6 == address->v6) {
          probe(network_hash(*address, length), suspect);
        }
      }
    }
  }
}

}  // namespace tocsin::compiled
