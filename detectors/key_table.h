// SPDX-License-Identifier: Apache-2.0
// KeyTable: bounded state per group key, in two segments (a segmented LRU). New keys are on
// probation and go first, least recently used first; a key that is seen again is protected, up to a
// quota: a flood of one-off keys cannot push out the slow attack among them. Keys are compared as
// bytes; the hash is seeded, since attackers choose keys.
//
// Thread rule: one thread. Cost: O(1) expected per call. Memory: the limit times the state. Order
// of eviction and of for_each depends on the calls only, not on the seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/hash.h"

namespace tocsin {

template <typename State>
class KeyTable {
 public:
  // At most 4/5 of the keys are protected, so that a new key always has some time on probation.
  KeyTable(std::uint64_t keys_max, std::uint64_t seed)
      : keys_max_(keys_max < 2 ? 2 : keys_max),
        protected_max_(keys_max_ - (keys_max_ < 5 ? 1 : keys_max_ / 5)),
        seed_(seed) {}

  std::size_t size() const { return used_; }
  std::uint64_t evicted() const { return evicted_; }
  // Of these, keys that had been protected: a detector is weaker than its rule says.
  std::uint64_t evicted_protected() const { return evicted_protected_; }

  State* find(std::string_view key) {
    const std::uint32_t slot = lookup(key, seeded_hash(key, seed_));
    return slot == no_slot ? nullptr : &slots_[slot].state;
  }

  // Finds the key's state, or makes one; either way it was used last. Valid until the next touch()
  // or expire().
  State& touch(std::string_view key, bool* created = nullptr) {
    const std::uint64_t hash = seeded_hash(key, seed_);
    std::uint32_t slot = lookup(key, hash);
    if (created != nullptr) {
      *created = slot == no_slot;
    }
    if (slot != no_slot) {
      unlink(slot);
      link_newest(slot, protected_segment);
      bound_protected();
      return slots_[slot].state;
    }
    while (used_ >= keys_max_) {
      evict();
    }
    slot = add(key, hash);
    link_newest(slot, probation_segment);
    return slots_[slot].state;
  }

  // Drops least recently used keys while `is_old(state)`; for keys whose time has passed. Amortised
  // O(1).
  template <typename IsOld>
  void expire(IsOld is_old) {
    for (Segment& segment : segments_) {
      while (segment.oldest != no_slot && is_old(slots_[segment.oldest].state)) {
        remove(segment.oldest);
      }
    }
  }

  // Least recently used first, those on probation before the protected: re-adding in this order
  // makes an equal table.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Segment& segment : segments_) {
      for (std::uint32_t slot = segment.oldest; slot != no_slot; slot = slots_[slot].newer) {
        visit(std::string_view(slots_[slot].key),
              slots_[slot].state,
              &segment == &segments_[protected_segment]);
      }
    }
  }

  // For loading: adds a key that is not there as the newest of its segment.
  State& restore(std::string_view key, bool is_protected) {
    while (used_ >= keys_max_) {
      evict();
    }
    const std::uint32_t slot = add(key, seeded_hash(key, seed_));
    link_newest(slot, is_protected ? protected_segment : probation_segment);
    return slots_[slot].state;
  }

  // Without the memory that states own.
  std::size_t bytes() const {
    return slots_.capacity() * sizeof(Slot) + index_.capacity() * sizeof(Cell) + key_bytes_;
  }

 private:
  static constexpr std::uint32_t no_slot = 0xffffffffu;
  enum SegmentId : std::uint8_t { probation_segment, protected_segment };

  struct Slot {
    std::string key;
    State state{};
    std::uint64_t hash = 0;
    std::uint32_t older = no_slot;
    std::uint32_t newer = no_slot;
    SegmentId segment = probation_segment;
  };
  struct Cell {
    std::uint32_t slot = no_slot;
    std::uint32_t tag = 0;  // upper half of the hash: spares a look at most other keys' slots
  };
  struct Segment {
    std::uint32_t oldest = no_slot;
    std::uint32_t newest = no_slot;
    std::size_t size = 0;
  };

  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t home(std::uint64_t hash) const {
    return static_cast<std::size_t>(hash) & (index_.size() - 1);
  }

  std::uint32_t lookup(std::string_view key, std::uint64_t hash) const {
    if (index_.empty()) {
      return no_slot;
    }
    for (std::size_t at = home(hash); index_[at].slot != no_slot;
         at = (at + 1) & (index_.size() - 1)) {
      if (index_[at].tag == tag_of(hash) && slots_[index_[at].slot].key == key) {
        return index_[at].slot;
      }
    }
    return no_slot;
  }

  std::uint32_t add(std::string_view key, std::uint64_t hash) {
    if ((used_ + 1) * 2 > index_.size()) {
      grow_index();
    }
    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    slots_[slot].key.assign(key);
    slots_[slot].hash = hash;
    key_bytes_ += key.size();
    place(slot);
    ++used_;
    return slot;
  }

  void place(std::uint32_t slot) {
    std::size_t at = home(slots_[slot].hash);
    while (index_[at].slot != no_slot) {
      at = (at + 1) & (index_.size() - 1);
    }
    index_[at] = {slot, tag_of(slots_[slot].hash)};
  }

  void grow_index() {
    index_.assign(index_.empty() ? 16 : index_.size() * 2, Cell{});
    for (const Segment& segment : segments_) {
      for (std::uint32_t slot = segment.oldest; slot != no_slot; slot = slots_[slot].newer) {
        place(slot);
      }
    }
  }

  void remove_from_index(std::uint32_t slot) {
    const std::size_t mask = index_.size() - 1;
    std::size_t hole = home(slots_[slot].hash);
    while (index_[hole].slot != slot) {
      hole = (hole + 1) & mask;
    }
    for (std::size_t at = (hole + 1) & mask; index_[at].slot != no_slot; at = (at + 1) & mask) {
      if (((at - home(slots_[index_[at].slot].hash)) & mask) >= ((at - hole) & mask)) {
        index_[hole] = index_[at];
        hole = at;
      }
    }
    index_[hole] = Cell{};
  }

  void remove(std::uint32_t slot) {
    remove_from_index(slot);
    unlink(slot);
    key_bytes_ -= slots_[slot].key.size();
    slots_[slot] = Slot{};
    free_.push_back(slot);
    --used_;
  }

  void evict() {
    const bool from_probation = segments_[probation_segment].oldest != no_slot;
    ++evicted_;
    if (!from_probation) {
      ++evicted_protected_;
    }
    remove(segments_[from_probation ? probation_segment : protected_segment].oldest);
  }

  // Past the quota the least recently used protected key is on probation again, as its newest.
  void bound_protected() {
    while (segments_[protected_segment].size > protected_max_) {
      const std::uint32_t slot = segments_[protected_segment].oldest;
      unlink(slot);
      link_newest(slot, probation_segment);
    }
  }

  void link_newest(std::uint32_t slot, SegmentId id) {
    Segment& segment = segments_[id];
    Slot& s = slots_[slot];
    s.segment = id;
    s.older = segment.newest;
    s.newer = no_slot;
    (segment.newest == no_slot ? segment.oldest : slots_[segment.newest].newer) = slot;
    segment.newest = slot;
    ++segment.size;
  }

  void unlink(std::uint32_t slot) {
    const Slot& s = slots_[slot];
    Segment& segment = segments_[s.segment];
    (s.older == no_slot ? segment.oldest : slots_[s.older].newer) = s.newer;
    (s.newer == no_slot ? segment.newest : slots_[s.newer].older) = s.older;
    --segment.size;
  }

  std::uint64_t keys_max_;
  std::uint64_t protected_max_;
  std::uint64_t seed_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<Cell> index_;  // open addressing, a power of two, load at most 1/2
  Segment segments_[2];
  std::size_t used_ = 0;
  std::size_t key_bytes_ = 0;
  std::uint64_t evicted_ = 0;
  std::uint64_t evicted_protected_ = 0;
};

}  // namespace tocsin
