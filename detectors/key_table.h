// SPDX-License-Identifier: Apache-2.0
// KeyTable: bounded state per group key, in two segments. New keys are on probation and go first,
// oldest first; a key that is seen again is protected, up to a quota: a flood of one-off keys
// cannot push out the slow attack among them. Protected keys get a second chance (CLOCK): a use is
// only noted, and the oldest one that was not used since its last turn has to go. Keys are compared
// as bytes; the hash is seeded, since attackers choose keys.
//
// Thread rule: one thread. Cost: amortised O(1) expected per call; a use of a protected key touches
// its own slot only. Memory: the limit times the state. Order of eviction and of for_each depends
// on the calls only, not on the seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/prefetch.h"

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
  // Of these, keys that are or had been protected: a detector is weaker than its rule says.
  std::uint64_t evicted_protected() const { return evicted_protected_; }

  // The hash of a key, for those who ask several tables of one seed. 0 stands for "not known".
  std::uint64_t hash_of(std::string_view key, std::uint64_t hash) const {
    return hash != 0 ? hash : seeded_hash(key, seed_);
  }

  // Has memory fetch what find() and touch() of a key with this hash will look at, in three stages
  // that follow one another some keys later; `more(state)` fetches what the state refers to.
  template <typename More>
  void prefetch(std::uint64_t hash, unsigned stage, More more) const {
    if (index_.empty()) {
      return;
    }
    if (stage == 0) {
      tocsin::prefetch(&index_[home(hash)]);
      return;
    }
    for (std::size_t at = home(hash); index_[at].slot != no_slot;
         at = (at + 1) & (index_.size() - 1)) {
      if (index_[at].tag == tag_of(hash)) {
        const Slot& slot = slots_[index_[at].slot];
        if (stage == 1) {
          const char* const begin = reinterpret_cast<const char*>(&slot);
          for (std::size_t line = 0; line < sizeof(Slot); line += 64) {
            tocsin::prefetch(begin + line);
          }
          tocsin::prefetch(begin + sizeof(Slot) - 1);
        } else {
          tocsin::prefetch(slot.key.data());
          tocsin::prefetch(slot.key.data() + slot.key.size());
          more(slot.state);
        }
        return;
      }
    }
  }

  State* find(std::string_view key, std::uint64_t known_hash = 0) {
    const std::uint32_t slot = lookup(key, hash_of(key, known_hash));
    return slot == no_slot ? nullptr : &slots_[slot].state;
  }

  const State* find(std::string_view key) const { return const_cast<KeyTable*>(this)->find(key); }

  // find(), and it was used now. Valid until the next touch() or expire().
  State* use(std::string_view key) {
    const std::uint32_t slot = lookup(key, seeded_hash(key, seed_));
    if (slot == no_slot) {
      return nullptr;
    }
    note_use(slot);
    return &slots_[slot].state;
  }

  // Finds the key's state, or makes one; either way it was used now. Valid until the next touch()
  // or expire().
  State& touch(std::string_view key, bool* created = nullptr, std::uint64_t known_hash = 0) {
    const std::uint64_t hash = hash_of(key, known_hash);
    std::uint32_t slot = lookup(key, hash);
    if (created != nullptr) {
      *created = slot == no_slot;
    }
    if (slot != no_slot) {
      note_use(slot);
      return slots_[slot].state;
    }
    while (used_ >= keys_max_) {
      evict();
    }
    slot = add(key, hash);
    link_newest(slot, probation_segment);
    return slots_[slot].state;
  }

  // Drops keys for which `is_old(state)`, the oldest first, until one is neither old nor was used
  // lately; for keys whose time has passed. Amortised O(1).
  template <typename IsOld>
  void expire(IsOld is_old) {
    for (const SegmentId id : {probation_segment, protected_segment}) {
      for (std::uint32_t slot = segments_[id].oldest; slot != no_slot;
           slot = segments_[id].oldest) {
        if (is_old(slots_[slot].state)) {
          remove(slot);
        } else if (!give_second_chance(slot)) {
          break;
        }
      }
    }
  }

  // What a key's place in the table depends on: whether it is protected, was used since its last
  // turn, and was ever protected.
  using Standing = std::uint8_t;
  static bool is_protected(Standing standing) { return (standing & 1u) != 0; }

  // Oldest first, those on probation before the protected: re-adding in this order makes an equal
  // table.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Segment& segment : segments_) {
      for (std::uint32_t slot = segment.oldest; slot != no_slot; slot = slots_[slot].newer) {
        const unsigned standing = (&segment == &segments_[protected_segment] ? 1u : 0u) |
                                  (slots_[slot].used ? 2u : 0u) |
                                  (slots_[slot].was_protected ? 4u : 0u);
        visit(std::string_view(slots_[slot].key),
              slots_[slot].state,
              static_cast<Standing>(standing));
      }
    }
  }

  // For loading: adds a key that is not there as the newest of its segment.
  State& restore(std::string_view key, std::uint64_t standing) {
    while (used_ >= keys_max_) {
      evict();
    }
    const std::uint32_t slot = add(key, seeded_hash(key, seed_));
    link_newest(slot, (standing & 1u) != 0 ? protected_segment : probation_segment);
    slots_[slot].used = (standing & 2u) != 0;
    slots_[slot].was_protected = (standing & 4u) != 0;
    return slots_[slot].state;
  }

  // Removes a key; false if it is not there.
  bool erase(std::string_view key) {
    const std::uint32_t slot = lookup(key, seeded_hash(key, seed_));
    if (slot == no_slot) {
      return false;
    }
    remove(slot);
    return true;
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
    bool used = false;           // protected: since its last turn
    bool was_protected = false;  // it is, or was before the quota put it on probation again
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

  void note_use(std::uint32_t slot) {
    if (slots_[slot].segment == protected_segment) {
      slots_[slot].used = true;
      return;
    }
    unlink(slot);
    link_newest(slot, protected_segment);
    slots_[slot].was_protected = true;
    bound_protected();
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
    std::uint32_t slot = segments_[probation_segment].oldest;
    if (slot == no_slot) {
      while (give_second_chance(segments_[protected_segment].oldest)) {
      }
      slot = segments_[protected_segment].oldest;
    }
    ++evicted_;
    evicted_protected_ += slots_[slot].was_protected ? 1u : 0u;
    remove(slot);
  }

  // True: it was used since its last turn, and is the newest of its segment now.
  bool give_second_chance(std::uint32_t slot) {
    if (!slots_[slot].used) {
      return false;
    }
    const SegmentId segment = slots_[slot].segment;
    unlink(slot);
    link_newest(slot, segment);
    return true;
  }

  // Past the quota the oldest protected key without a use since its last turn is on probation
  // again, as its newest.
  void bound_protected() {
    while (segments_[protected_segment].size > protected_max_) {
      const std::uint32_t slot = segments_[protected_segment].oldest;
      if (!give_second_chance(slot)) {
        unlink(slot);
        link_newest(slot, probation_segment);
      }
    }
  }

  void link_newest(std::uint32_t slot, SegmentId id) {
    Segment& segment = segments_[id];
    Slot& s = slots_[slot];
    s.segment = id;
    s.used = false;
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
