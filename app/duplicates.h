// SPDX-License-Identifier: Apache-2.0
// Which alerts were raised already: a quarter of real CloudTrail records are second copies, and a
// record that is read twice raises one alert (DETECTION.md, "Duplicates"). Ids are kept in buckets
// of an hour of event time; the bucket that was used longest ago goes first when
// limits::duplicate_ids_max is reached. Thread rule: one thread. Cost: O(1) amortised; 23 to 46
// bytes per id.
#pragma once

#include <cstdint>
#include <map>

#include "engine/base/hash.h"
#include "engine/base/hash_set.h"
#include "engine/base/time.h"
#include "engine/base/wire.h"

namespace tocsin {

class Duplicates {
 public:
  // `horizon_ns`: buckets older than the newest by more than this are forgotten; 0: only the limit
  // counts (scan).
  explicit Duplicates(DurationNs horizon_ns, std::size_t ids_max);
  // True the first time an id is seen at this event time.
  bool insert(const Hash128& id, TimeNs event_time);
  // It is about to be asked for.
  void prefetch(const Hash128& id) const {
    if (last_ != nullptr) {
      last_->second.ids.prefetch(id);
    }
  }
  // How often the limit made it forget a bucket early: the horizon is shorter than promised.
  std::uint64_t forgotten_early() const { return forgotten_early_; }

  void save(WireWriter& writer) const;
  void load(WireReader& reader);  // the reader says whether it could be read

 private:
  struct Bucket {
    HashSet ids;
    std::uint64_t last_used = 0;
  };
  using Buckets = std::map<std::int64_t, Bucket>;  // by hour
  Bucket& bucket_of(std::int64_t hour);
  void erase(Buckets::iterator bucket);
  void make_room();

  DurationNs horizon_ns_;
  std::size_t ids_max_;
  Buckets buckets_;
  Buckets::value_type* last_ = nullptr;  // that was asked for last: most alerts are of one hour
  std::size_t size_ = 0;
  std::uint64_t uses_ = 0;
  std::uint64_t forgotten_early_ = 0;
};

}  // namespace tocsin
