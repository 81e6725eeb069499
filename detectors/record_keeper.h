// SPDX-License-Identifier: Apache-2.0
// RecordKeeper: the records that reports may still name, by the sequence the engine gave them.
// Windows keep only sequences, so that a record is kept once however many detectors it feeds, and
// their state stays small. Thread rule: one thread. Cost: O(1). Bounded in bytes: past it the
// oldest go, and reports name fewer records.
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

  // The next sequence; `record` may be null: nobody will ask for it.
  std::uint64_t add(std::shared_ptr<const RecordCopy> record);
  std::shared_ptr<const RecordCopy> find(std::uint64_t sequence) const;
  // Forgets records of before `time`, as far as they are the oldest by sequence.
  void forget_before(TimeNs time);
  std::uint64_t dropped() const { return dropped_; }

  void save(WireWriter& writer) const;
  void load(WireReader& reader);

 private:
  void pop();

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::uint64_t first_sequence_ = 0;
  std::deque<std::shared_ptr<const RecordCopy>> records_;
  std::uint64_t dropped_ = 0;
};

}  // namespace tocsin
