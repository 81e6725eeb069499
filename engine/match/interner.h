// SPDX-License-Identifier: Apache-2.0
// Interner: equal byte strings get equal numbers, counted from 0 in order of arrival. For building
// only. Thread rule: one thread. Cost: one hash and one comparison a look-up; keys are kept in one
// arena.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/hash.h"

namespace tocsin::compiled {

class Interner {
 public:
  static constexpr std::uint32_t none = 0xffffffffu;

  std::uint32_t size() const { return static_cast<std::uint32_t>(keys_.size()); }
  std::string_view key(std::uint32_t id) const {
    return std::string_view(bytes_).substr(keys_[id].offset, keys_[id].size);
  }

  // The number of `key`, or none.
  std::uint32_t find(std::string_view key) const {
    return slots_.empty() ? none : slots_[slot_of(key)];
  }

  // The number of `key`, entering it if it is new: then it is the old size().
  std::uint32_t intern(std::string_view key) {
    if (keys_.size() * 2 >= slots_.size()) {
      grow();
    }
    const std::size_t slot = slot_of(key);
    if (slots_[slot] == none) {
      slots_[slot] = size();
      keys_.push_back({bytes_.size(), key.size(), seeded_hash(key, 0)});
      bytes_ += key;
    }
    return slots_[slot];
  }

 private:
  struct Key {
    std::size_t offset = 0;
    std::size_t size = 0;
    std::uint64_t hash = 0;
  };

  std::size_t slot_of(std::string_view wanted) const {
    const std::uint64_t hash = seeded_hash(wanted, 0);
    std::size_t slot = hash & (slots_.size() - 1);
    while (slots_[slot] != none &&
           (keys_[slots_[slot]].hash != hash || key(slots_[slot]) != wanted)) {
      slot = (slot + 1) & (slots_.size() - 1);
    }
    return slot;
  }

  void grow() {
    slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, none);
    for (std::uint32_t id = 0; id < size(); ++id) {
      std::size_t slot = keys_[id].hash & (slots_.size() - 1);
      while (slots_[slot] != none) {
        slot = (slot + 1) & (slots_.size() - 1);
      }
      slots_[slot] = id;
    }
  }

  std::string bytes_;
  std::vector<Key> keys_;
  std::vector<std::uint32_t> slots_;  // a power of two, load at most 1/2
};

}  // namespace tocsin::compiled
