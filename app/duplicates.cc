// SPDX-License-Identifier: Apache-2.0
#include "app/duplicates.h"

#include <algorithm>

namespace tocsin {

Duplicates::Duplicates(DurationNs horizon_ns, std::size_t ids_max)
    : horizon_ns_(horizon_ns), ids_max_(ids_max) {}

Duplicates::Bucket& Duplicates::bucket_of(std::int64_t hour) {
  if (last_ == nullptr || last_->first != hour) {
    last_ = &*buckets_.try_emplace(hour).first;
  }
  return last_->second;
}

void Duplicates::erase(Buckets::iterator bucket) {
  last_ = &*bucket == last_ ? nullptr : last_;
  size_ -= bucket->second.ids.size();
  buckets_.erase(bucket);
}

bool Duplicates::insert(const Hash128& id, TimeNs event_time) {
  Bucket& bucket = bucket_of(event_time / hour_ns - (event_time % hour_ns < 0 ? 1 : 0));
  bucket.last_used = ++uses_;
  if (!bucket.ids.insert(id)) {
    return false;
  }
  ++size_;
  if (horizon_ns_ > 0) {
    const std::int64_t oldest = buckets_.rbegin()->first - horizon_ns_ / hour_ns;
    while (buckets_.begin()->first < oldest) {
      erase(buckets_.begin());
    }
  }
  if (size_ > ids_max_) {
    make_room();
  }
  return true;
}

void Duplicates::make_room() {
  erase(std::min_element(buckets_.begin(), buckets_.end(), [](const auto& a, const auto& b) {
    return a.second.last_used < b.second.last_used;
  }));
  ++forgotten_early_;
}

void Duplicates::save(WireWriter& writer) const {
  writer.number(uses_);
  writer.number(buckets_.size());
  for (const auto& [hour, bucket] : buckets_) {
    writer.signed_number(hour);
    writer.number(bucket.last_used);
    writer.number(bucket.ids.size());
    bucket.ids.for_each([&writer](const Hash128& id) { writer.hash(id); });
  }
}

void Duplicates::load(WireReader& reader) {
  buckets_.clear();
  last_ = nullptr;
  size_ = 0;
  uses_ = reader.number();
  for (std::size_t hours = reader.count(3); hours > 0 && reader.ok(); --hours) {
    Bucket& bucket = buckets_[reader.signed_number()];
    bucket.last_used = reader.number();
    std::size_t ids = reader.count(16);
    bucket.ids.reserve(ids);
    for (; ids > 0 && reader.ok(); --ids) {
      bucket.ids.insert(reader.hash());
    }
    size_ += bucket.ids.size();
  }
}

}  // namespace tocsin
