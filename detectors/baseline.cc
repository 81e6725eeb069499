// SPDX-License-Identifier: Apache-2.0
#include "detectors/baseline.h"

#include <algorithm>
#include <limits>

#include "detectors/common.h"
#include "engine/base/hash.h"

namespace tocsin {

namespace {

constexpr std::uint32_t empty_cell = 0xffffffffu;
// Fewer values than this are found faster by looking at each: their cache lines are fetched
// together, where an index costs one more wait.
constexpr std::size_t indexed_from = 17;

std::int64_t day_of(TimeNs time) {
  return time / day_ns - (time % day_ns < 0 ? 1 : 0);
}

// The table is per group and bounded: without a seed an attacker slows down his own group only.
std::uint32_t hash_of(std::string_view text, std::uint32_t known) {
  return known != 0 ? known : text_hash(text);
}

std::uint16_t tag_of(std::uint32_t hash) {
  return static_cast<std::uint16_t>(hash >> 16);
}

template <typename Number>
Number bounded(std::uint64_t number) {
  return static_cast<Number>(std::min<std::uint64_t>(number, std::numeric_limits<Number>::max()));
}

void start(KnownValue& value, TimeNs time) {
  value.first_seen = time;
  value.last_seen = time;
  value.days_seen = 1;
  value.days = 1;
  value.count = 1;
}

void note_day(KnownValue& value, TimeNs time) {
  const std::int64_t ahead = day_of(time) - day_of(value.last_seen);
  if (ahead > 0) {
    value.days_seen = (ahead < 64 ? value.days_seen << ahead : 0) | 1;
    value.days = bounded<std::uint16_t>(value.days + 1u);
  } else if (ahead > -64) {
    const std::uint64_t bit = std::uint64_t{1} << -ahead;
    if ((value.days_seen & bit) == 0) {
      value.days_seen |= bit;
      value.days = bounded<std::uint16_t>(value.days + 1u);
    }
  }
}

}  // namespace

KnownValue* Baseline::locate(std::string_view text, std::uint32_t known_hash) {
  const std::uint32_t hash = hash_of(text, known_hash);
  if (index_.empty()) {
    for (KnownValue& value : values_) {
      if (value.tag == tag_of(hash) && value.text == text) {
        return &value;
      }
    }
    return nullptr;
  }
  const std::size_t mask = index_.size() - 1;
  std::size_t at = static_cast<std::size_t>(hash) & mask;
  for (; index_[at] != empty_cell; at = (at + 1) & mask) {
    KnownValue& value = values_[index_[at]];
    if (value.tag == tag_of(hash) && value.text == text) {
      return &value;
    }
  }
  return nullptr;
}

void Baseline::prefetch(std::string_view text, std::uint32_t hash) const {
  if (!index_.empty() || values_.empty()) {
    return;
  }
  const std::uint16_t tag = tag_of(hash_of(text, hash));
  for (const KnownValue& value : values_) {
    if (value.tag == tag) {
      tocsin::prefetch(value.text.data());
      tocsin::prefetch(value.text.data() + value.text.size());
      return;
    }
  }
}

void Baseline::index_all() {
  if (values_.size() < indexed_from) {
    index_.clear();
    return;
  }
  std::size_t size = 16;
  while (size < values_.size() * 2) {
    size *= 2;
  }
  index_.assign(size, empty_cell);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    std::size_t at = text_hash(values_[i].text) & (size - 1);
    while (index_[at] != empty_cell) {
      at = (at + 1) & (size - 1);
    }
    index_[at] = static_cast<std::uint32_t>(i);
  }
}

std::uint64_t Baseline::learn(std::string_view text,
                              TimeNs time,
                              const BaselineRules& rules,
                              std::uint32_t hash,
                              const KnownValue* hint) {
  if (is_forgotten(time, rules)) {
    *this = Baseline();
    hint = nullptr;
  }
  since_ = events_ == 0 ? time : std::min(since_, time);
  last_seen_ = events_ == 0 ? time : std::max(last_seen_, time);
  ++events_;
  KnownValue* const value = hint != nullptr
                                ? &values_[static_cast<std::size_t>(hint - values_.data())]
                                : locate(text, hash);
  if (value != nullptr) {
    if (time > add_saturating(value->last_seen, rules.forget_after_ns)) {
      start(*value, time);  // was forgotten in between
      return 0;
    }
    note_day(*value, time);
    value->first_seen = std::min(value->first_seen, time);
    value->last_seen = std::max(value->last_seen, time);
    value->count = bounded<std::uint32_t>(std::uint64_t{value->count} + 1);
    return 0;
  }
  std::uint64_t dropped = 0;
  if (values_.size() >= rules.values_max) {
    dropped = values_.size();
    drop_least(rules);
    dropped -= values_.size();
  }
  KnownValue added;
  added.text = std::string(text);
  start(added, time);
  add(std::move(added));
  return dropped;
}

void Baseline::add(KnownValue value) {
  const std::uint32_t hash = text_hash(value.text);
  value.tag = tag_of(hash);
  values_.push_back(std::move(value));
  if (index_.empty() ? values_.size() >= indexed_from : values_.size() * 2 > index_.size()) {
    index_all();
  } else if (!index_.empty()) {
    const std::size_t mask = index_.size() - 1;
    std::size_t at = static_cast<std::size_t>(hash) & mask;
    while (index_[at] != empty_cell) {
      at = (at + 1) & mask;
    }
    index_[at] = static_cast<std::uint32_t>(values_.size() - 1);
  }
}

// Values seen on too few days go before others: a flood of new ones must not push out what is
// known.
void Baseline::drop_least(const BaselineRules& rules) {
  const auto is_less = [&](const KnownValue& a, const KnownValue& b) {
    const bool a_mature = a.days >= rules.min_days;
    const bool b_mature = b.days >= rules.min_days;
    if (a_mature != b_mature) {
      return b_mature;
    }
    return a.last_seen != b.last_seen ? a.last_seen < b.last_seen : a.text < b.text;
  };
  const std::size_t drop = std::max<std::size_t>(1, values_.size() / 10);
  std::sort(values_.begin(), values_.end(), is_less);
  values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(drop));
  index_all();
}

const KnownValue* Baseline::find(std::string_view text,
                                 TimeNs time,
                                 const BaselineRules& rules,
                                 std::uint32_t hash) const {
  const KnownValue* value = const_cast<Baseline*>(this)->locate(text, hash);
  return value != nullptr && time <= add_saturating(value->last_seen, rules.forget_after_ns)
             ? value
             : nullptr;
}

bool Baseline::is_known(const KnownValue& value, TimeNs time, const BaselineRules& rules) {
  return value.days >= rules.min_days &&
         time >= add_saturating(value.first_seen, rules.mature_after_ns);
}

bool Baseline::is_forgotten(TimeNs time, const BaselineRules& rules) const {
  return events_ > 0 && time > add_saturating(last_seen_, rules.forget_after_ns);
}

bool Baseline::is_learning(TimeNs time, const BaselineRules& rules) const {
  return events_ == 0 || is_forgotten(time, rules) || events_ < rules.learning_min_events ||
         time < add_saturating(since_, rules.learning_ns);
}

void Baseline::merge(const Baseline& other, const BaselineRules& rules) {
  if (other.events_ == 0) {
    return;
  }
  since_ = events_ == 0 ? other.since_ : std::min(since_, other.since_);
  last_seen_ = events_ == 0 ? other.last_seen_ : std::max(last_seen_, other.last_seen_);
  events_ += other.events_;
  for (const KnownValue& more : other.values_) {
    KnownValue* const value = locate(more.text, 0);
    if (value == nullptr) {
      if (values_.size() >= rules.values_max) {
        drop_least(rules);
      }
      add(more);
      continue;
    }
    if (more.last_seen > value->last_seen) {
      value->days_seen = more.days_seen;
    }
    value->days = std::max(value->days, more.days);
    value->first_seen = std::min(value->first_seen, more.first_seen);
    value->last_seen = std::max(value->last_seen, more.last_seen);
    value->count += std::min(more.count, 0xffffffffu - value->count);
  }
}

std::size_t Baseline::bytes() const {
  std::size_t bytes =
      values_.capacity() * sizeof(KnownValue) + index_.capacity() * sizeof(std::uint32_t);
  for (const KnownValue& value : values_) {
    bytes += value.text.size() > 15 ? value.text.capacity() : 0;
  }
  return bytes;
}

void Baseline::save(WireWriter& writer) const {
  writer.number(events_);
  writer.signed_number(since_);
  writer.signed_number(last_seen_);
  writer.number(values_.size());
  for (const KnownValue& value : values_) {
    writer.text(value.text);
    writer.signed_number(value.first_seen);
    writer.signed_number(value.last_seen);
    writer.number(value.days_seen);
    writer.number(value.days);
    writer.number(value.count);
  }
}

bool Baseline::load(WireReader& reader) {
  events_ = reader.number();
  since_ = reader.signed_number();
  last_seen_ = reader.signed_number();
  values_.clear();
  for (std::size_t count = reader.count(6); count > 0 && reader.ok(); --count) {
    KnownValue value;
    value.text = std::string(reader.text());
    value.first_seen = reader.signed_number();
    value.last_seen = reader.signed_number();
    value.days_seen = reader.number();
    value.days = bounded<std::uint16_t>(reader.number());
    value.count = bounded<std::uint32_t>(reader.number());
    value.tag = tag_of(text_hash(value.text));
    values_.push_back(std::move(value));
  }
  index_all();
  return reader.ok();
}

}  // namespace tocsin
