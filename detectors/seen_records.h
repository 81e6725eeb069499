// SPDX-License-Identifier: Apache-2.0
// SeenRecords: which records fed the detectors already. A quarter of real CloudTrail records are
// second copies, and each event counts once (DETECTION.md, "Duplicates"). Kept in buckets of an
// hour of event time: a copy has the same event time, so only one bucket is asked. At the limit the
// oldest hour goes first, and the horizon is shorter than promised. Thread rule: one thread. Cost:
// O(1); 23 to 46 bytes per record.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "engine/base/hash.h"
#include "engine/base/hash_set.h"
#include "engine/base/time.h"
#include "engine/base/wire.h"

namespace tocsin {

class SeenRecords {
 public:
  explicit SeenRecords(std::size_t records_max) : records_max_(records_max) {}

  // True the first time.
  bool insert(const Hash128& identity, TimeNs event_time);
  // insert() of it is about to come.
  void prefetch(const Hash128& identity, TimeNs event_time) const;
  // Forgets the hours that end before `time`.
  void forget_before(TimeNs time);
  void clear();
  // Hours that the limit made it forget.
  std::uint64_t forgotten_early() const { return forgotten_early_; }

  void save(WireWriter& writer) const;
  void load(WireReader& reader);

 private:
  std::size_t records_max_;
  struct Hour {
    std::int64_t number = 0;
    HashSet* records = nullptr;
  };
  HashSet& records_of(std::int64_t hour);
  void forget_first();

  std::map<std::int64_t, HashSet> hours_;
  // Of these, those used last: events that are a little out of order go to and fro between two.
  std::array<Hour, 2> recent_;
  std::size_t size_ = 0;
  std::uint64_t forgotten_early_ = 0;
};

}  // namespace tocsin
