// SPDX-License-Identifier: Apache-2.0
// FlatMap: a hash table from Hash128 to a small value, open addressing in one array. For many small
// tables and a few large ones; empty ones own no memory. Thread rule: one thread. Cost: O(1)
// expected; 16 bytes per cell and the value. Precondition: keys are well mixed (a seeded hash):
// their low bits are used as they are.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/prefetch.h"

namespace tocsin {

template <typename Value>
class FlatMap {
 public:
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return cells_.capacity() * sizeof(Cell); }

  // So many will be inserted: see HashSet::reserve(), engine/base/hash_set.h.
  void reserve(std::size_t keys) {
    std::size_t cells = cells_.empty() ? 8 : cells_.size();
    while (keys * 4 > cells * 3) {
      cells *= 2;
    }
    if (cells > cells_.size()) {
      grow_to(cells);
    }
  }

  // A look-up of it is about to come.
  void prefetch(const Hash128& key) const {
    if (!cells_.empty()) {
      tocsin::prefetch(&cells_[home(stored(key))]);
    }
  }

  Value* find(const Hash128& key) {
    const std::size_t at = locate(stored(key));
    return at == cells_.size() || !cells_[at].used() ? nullptr : &cells_[at].value;
  }
  const Value* find(const Hash128& key) const { return const_cast<FlatMap*>(this)->find(key); }

  // The value of `key`, made if it is not there (then *created is true). Valid until the next
  // insert or erase.
  Value& insert(const Hash128& key, bool* created = nullptr) {
    if ((size_ + 1) * 4 > cells_.size() * 3) {
      grow_to(cells_.empty() ? 8 : cells_.size() * 2);
    }
    const Hash128 own = stored(key);
    Cell& cell = cells_[locate(own)];
    if (created != nullptr) {
      *created = !cell.used();
    }
    if (!cell.used()) {
      cell = Cell{own, Value{}};
      ++size_;
    }
    return cell.value;
  }

  bool erase(const Hash128& key) {
    std::size_t hole = locate(stored(key));
    if (hole == cells_.size() || !cells_[hole].used()) {
      return false;
    }
    // Backward shift: who was pushed past the hole moves into it, so that no tombstones are needed.
    const std::size_t mask = cells_.size() - 1;
    for (std::size_t at = (hole + 1) & mask; cells_[at].used(); at = (at + 1) & mask) {
      if (((at - home(cells_[at].key)) & mask) >= ((at - hole) & mask)) {
        cells_[hole] = std::move(cells_[at]);
        hole = at;
      }
    }
    cells_[hole] = Cell{};
    --size_;
    return true;
  }

  void clear() {
    cells_.clear();
    size_ = 0;
  }

  // In the order of the table: only for what does not depend on it.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Cell& cell : cells_) {
      if (cell.used()) {
        visit(cell.key, cell.value);
      }
    }
  }

 private:
  struct Cell {
    Hash128 key;  // all zero: the cell is free
    [[no_unique_address]] Value value{};
    bool used() const { return (key.high | key.low) != 0; }
  };

  // Zero stands for "free": a key of zero is kept as another one that is as unlikely to come.
  static Hash128 stored(const Hash128& key) {
    const std::uint64_t other = (key.high | key.low) != 0 ? 0 : ~std::uint64_t{0};
    return {key.high | other, key.low | other};
  }
  std::size_t home(const Hash128& stored_key) const {
    return static_cast<std::size_t>(stored_key.low) & (cells_.size() - 1);
  }

  // Where the key is or would be; cells_.size() if there is no table yet.
  std::size_t locate(const Hash128& stored_key) const {
    if (cells_.empty()) {
      return 0;
    }
    const std::size_t mask = cells_.size() - 1;
    std::size_t at = home(stored_key);
    while (cells_[at].used() && !(cells_[at].key == stored_key)) {
      at = (at + 1) & mask;
    }
    return at;
  }

  void grow_to(std::size_t cells) {
    std::vector<Cell> old(cells);
    old.swap(cells_);
    for (Cell& cell : old) {
      if (cell.used()) {
        cells_[locate(cell.key)] = std::move(cell);
      }
    }
  }

  std::vector<Cell> cells_;
  std::size_t size_ = 0;
};

}  // namespace tocsin
