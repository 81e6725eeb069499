// SPDX-License-Identifier: Apache-2.0
// RecordKeeper: the records that reports may still name, by the sequence the engine gave them.
// Windows keep only sequences, so that a record is kept once however many detectors it feeds, and
// their state stays small. Thread rule: one thread. Cost: add O(1), find O(log n). Bounded in
// bytes: past it the oldest go, and reports name fewer records.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "engine/base/time.h"
#include "engine/base/wire.h"
#include "engine/flow/alert.h"

namespace tocsin {

class RecordKeeper {
 public:
  explicit RecordKeeper(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Precondition: `sequence` is greater than all before.
  void add(std::uint64_t sequence, std::shared_ptr<const RecordCopy> record);
  std::shared_ptr<const RecordCopy> find(std::uint64_t sequence) const;
  // Forgets records of before `time`, as far as they are the oldest by sequence.
  void forget_before(TimeNs time);
  std::uint64_t dropped() const { return dropped_; }

  void save(WireWriter& writer) const;
  void load(WireReader& reader);

 private:
  struct Kept {
    std::uint64_t sequence;
    std::shared_ptr<const RecordCopy> record;
  };
  void pop();

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::deque<Kept> records_;
  std::uint64_t dropped_ = 0;
};

}  // namespace tocsin
