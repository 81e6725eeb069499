// SPDX-License-Identifier: Apache-2.0
#include "detectors/seen_records.h"

#include <utility>

namespace tocsin {

namespace {

std::int64_t hour_of(TimeNs time) {
  return time / hour_ns - (time % hour_ns < 0 ? 1 : 0);
}

}  // namespace

HashSet& SeenRecords::records_of(std::int64_t hour) {
  if (recent_[0].records == nullptr || recent_[0].number != hour) {
    std::swap(recent_[0], recent_[1]);
    if (recent_[0].records == nullptr || recent_[0].number != hour) {
      recent_[0] = {hour, &hours_[hour]};
    }
  }
  return *recent_[0].records;
}

void SeenRecords::prefetch(const Hash128& identity, TimeNs event_time) const {
  const std::int64_t hour = hour_of(event_time);
  for (const Hour& recent : recent_) {
    if (recent.records != nullptr && recent.number == hour) {
      recent.records->prefetch(identity);
    }
  }
}

void SeenRecords::forget_first() {
  size_ -= hours_.begin()->second.size();
  hours_.erase(hours_.begin());
  recent_ = {};
}

bool SeenRecords::insert(const Hash128& identity, TimeNs event_time) {
  const bool created = records_of(hour_of(event_time)).insert(identity);
  size_ += created ? 1 : 0;
  while (size_ > records_max_ && hours_.size() > 1) {
    forget_first();
    ++forgotten_early_;
  }
  if (size_ > records_max_) {
    // All in one hour: nothing is older than anything else.
    clear();
    ++forgotten_early_;
  }
  return created;
}

void SeenRecords::forget_before(TimeNs time) {
  const std::int64_t hour = hour_of(time);
  while (!hours_.empty() && hours_.begin()->first < hour) {
    forget_first();
  }
}

void SeenRecords::clear() {
  hours_.clear();
  recent_ = {};
  size_ = 0;
}

void SeenRecords::save(WireWriter& writer) const {
  writer.number(hours_.size());
  for (const auto& [hour, records] : hours_) {
    writer.signed_number(hour);
    writer.number(records.size());
    records.for_each([&](const Hash128& identity) { writer.hash(identity); });
  }
}

void SeenRecords::load(WireReader& reader) {
  clear();
  for (std::size_t hours = reader.count(2); hours > 0 && reader.ok(); --hours) {
    HashSet& records = hours_[reader.signed_number()];
    std::size_t count = reader.count(16);
    records.reserve(count);
    for (; count > 0 && reader.ok(); --count) {
      records.insert(reader.hash());
    }
    size_ += records.size();
  }
}

}  // namespace tocsin
