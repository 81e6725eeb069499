// SPDX-License-Identifier: Apache-2.0
// RecordNumbers: how many records of each stream came before, so that a record has the same number
// after a restart as without it (DETECTION.md: `record` is the same in every mode). Streams are
// known by their id, which a renamed, copied or compressed file keeps. Bounded: the stream that was
// read longest ago is forgotten, and would begin at 0 again. Thread rule: one thread. Cost: O(1).
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/hash.h"
#include "engine/flow/store.h"

namespace tocsin {

class RecordNumbers {
 public:
  // The input of its rows among Commit::positions: no input of a user has it.
  static constexpr const char* input_name = "tocsin:records";
  static constexpr std::size_t streams_max = 20'000;

  void load(const std::vector<Position>& positions);
  // Of an unknown stream 0.
  std::uint64_t before(const Hash128& stream) const;
  // Appends the rows that change.
  void note(const Hash128& stream, std::uint64_t records, std::string& rows);

 private:
  struct Stream {
    Hash128 id;
    std::uint64_t records;
  };
  std::list<Stream> streams_;  // read longest ago first
  std::unordered_map<Hash128, std::list<Stream>::iterator, Hash128Hasher> by_id_;
};

}  // namespace tocsin
