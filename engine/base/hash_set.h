// SPDX-License-Identifier: Apache-2.0
// HashSet: a set of Hash128 that only grows, for hundred thousands of them. A byte of each key lies
// apart, eight in a word: who is new is nearly always told by that word, and its key is written
// without waiting for the memory it goes to. An empty one owns no memory. Thread rule: one thread.
// Cost: O(1) expected; 23 to 46 bytes per key. Precondition: keys are well mixed: their bits are
// used as they are.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/large_pages.h"
#include "engine/base/prefetch.h"

namespace tocsin {

class HashSet {
 public:
  std::size_t size() const { return size_; }

  // So many will be inserted. What was saved in the order of one table and is read into a smaller
  // one would fill its first half first, and each insert would walk through that.
  void reserve(std::size_t keys) {
    std::size_t groups = tags_.empty() ? 1 : tags_.size();
    while (keys * 4 > groups * group_size * 3) {
      groups *= 2;
    }
    if (groups > tags_.size()) {
      grow_to(groups);
    }
  }

  // An insert() of it is about to come.
  void prefetch(const Hash128& key) const {
    if (!tags_.empty()) {
      const std::size_t group = home(key);
      tocsin::prefetch_write(&tags_[group]);
      tocsin::prefetch_write(&keys_[group * group_size]);
      tocsin::prefetch_write(&keys_[group * group_size + group_size / 2]);
    }
  }

  // True: it was not there.
  bool insert(const Hash128& key) {
    if ((size_ + 1) * 4 > keys_.size() * 3) {
      grow_to(tags_.empty() ? 1 : tags_.size() * 2);
    }
    const std::uint64_t tag = tag_of(key);
    for (std::size_t group = home(key);; group = (group + 1) & (tags_.size() - 1)) {
      const std::uint64_t tags = tags_[group];
      for (std::uint64_t like = zero_bytes(tags ^ tag * each_byte); like != 0; like &= like - 1) {
        if (keys_[group * group_size + place(like)] == key) {
          return false;
        }
      }
      if (const std::uint64_t free = zero_bytes(tags); free != 0) {
        put(group, place(free), tag, key);
        ++size_;
        return true;
      }
    }
  }

  // In the order of the table: only for what does not depend on it.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::size_t group = 0; group < tags_.size(); ++group) {
      for (std::uint64_t tags = tags_[group], at = 0; tags != 0; tags >>= 8, ++at) {
        visit(keys_[group * group_size + at]);
      }
    }
  }

 private:
  static constexpr std::size_t group_size = 8;  // places a group; filled from the first on
  static constexpr std::uint64_t each_byte = 0x0101010101010101;
  static constexpr std::uint64_t each_top = 0x8080808080808080;

  // The top bit of each byte that is zero. Of those above the lowest some may not be.
  static std::uint64_t zero_bytes(std::uint64_t bytes) {
    return (bytes - each_byte) & ~bytes & each_top;
  }
  static std::size_t place(std::uint64_t top_bits) {
    return static_cast<std::size_t>(std::countr_zero(top_bits)) / 8;
  }
  // Never zero, which stands for a free place.
  static std::uint64_t tag_of(const Hash128& key) { return key.high >> 57 | 0x80; }
  std::size_t home(const Hash128& key) const {
    return static_cast<std::size_t>(key.low) & (tags_.size() - 1);
  }
  void put(std::size_t group, std::size_t at, std::uint64_t tag, const Hash128& key) {
    tags_[group] |= tag << (8 * at);
    keys_[group * group_size + at] = key;
  }

  void grow_to(std::size_t groups) {
    HashSet larger;
    larger.tags_.resize(groups);
    larger.keys_.resize(groups * group_size);
    for_each([&larger](const Hash128& key) { larger.add(key); });
    larger.size_ = size_;
    *this = std::move(larger);
  }
  // Precondition: it is not there, and there is room.
  void add(const Hash128& key) {
    std::size_t group = home(key);
    while (zero_bytes(tags_[group]) == 0) {
      group = (group + 1) & (tags_.size() - 1);
    }
    put(group, place(zero_bytes(tags_[group])), tag_of(key), key);
  }

  std::vector<std::uint64_t, LargePageAllocator<std::uint64_t>> tags_;  // a word for each group
  std::vector<Hash128, LargePageAllocator<Hash128>> keys_;
  std::size_t size_ = 0;
};

}  // namespace tocsin
