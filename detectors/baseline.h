// SPDX-License-Identifier: Apache-2.0
// Baseline: the values that new_value knows of one group, with since when and from how many events.
//
// A value counts as known only when it is old enough and was seen on enough days, so that an
// attacker's first calls do not make him known. Days are counted exactly while events are at most
// 64 days out of order. Thread rule: one thread. Cost: learn and find O(1); past its limit a
// baseline forgets a tenth of its values at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/prefetch.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/base/wire.h"

namespace tocsin {

struct BaselineRules {
  DurationNs learning_ns = 7 * day_ns;
  std::uint64_t learning_min_events = 0;
  DurationNs mature_after_ns = day_ns;
  std::uint64_t min_days = 2;
  DurationNs forget_after_ns = 30 * day_ns;
  std::uint64_t values_max = 10'000;
};

struct KnownValue {
  std::string text;
  TimeNs first_seen = 0;
  TimeNs last_seen = 0;
  std::uint64_t days_seen = 0;  // bit i: the day i days before that of last_seen
  std::uint32_t count = 0;      // stays at its greatest
  std::uint16_t days = 0;       // the same: more than a century
  std::uint16_t tag = 0;        // of the text's hash: spares a look at most other texts
};

class Baseline {
 public:
  // `hash` is text_hash() of the value, 0 where it is not known. Returns how many values the limit
  // made it forget. `hint`: what find() said of the value, if nothing was learned since.
  std::uint64_t learn(std::string_view value,
                      TimeNs time,
                      const BaselineRules& rules,
                      std::uint32_t hash = 0,
                      const KnownValue* hint = nullptr);

  // Was it seen at all, and not forgotten by `time`? Valid until the next learn().
  const KnownValue* find(std::string_view value,
                         TimeNs time,
                         const BaselineRules& rules,
                         std::uint32_t hash = 0) const;
  static bool is_known(const KnownValue& value, TimeNs time, const BaselineRules& rules);

  bool is_empty() const { return events_ == 0; }
  // Nothing was learned for forget_after: what comes now begins anew.
  bool is_forgotten(TimeNs time, const BaselineRules& rules) const;
  bool is_learning(TimeNs time, const BaselineRules& rules) const;
  std::uint64_t events() const { return events_; }
  TimeNs since() const { return since_; }
  TimeNs last_seen() const { return last_seen_; }
  const std::vector<KnownValue>& values() const { return values_; }
  std::size_t bytes() const;
  // Has memory fetch what learn() and find() look at first.
  void prefetch() const {
    if (!index_.empty()) {
      return;  // where in the index is not known
    }
    const std::size_t bytes = values_.size() * sizeof(KnownValue);
    for (std::size_t at = 0; at < bytes && at < prefetched_bytes; at += 64) {
      tocsin::prefetch(reinterpret_cast<const char*>(values_.data()) + at);
    }
    if (bytes > 0) {
      tocsin::prefetch(reinterpret_cast<const char*>(values_.data()) +
                       std::min(bytes, prefetched_bytes) - 1);
    }
  }

  // The same of one value; after the other.
  void prefetch(std::string_view value, std::uint32_t hash) const;

  // Takes in what another one knows of the same group, or of a part of it.
  void merge(const Baseline& other, const BaselineRules& rules);

  void save(WireWriter& writer) const;
  bool load(WireReader& reader);

 private:
  friend Result<Baseline> baseline_of_json(std::string_view json);
  // As many values as most groups have; more are not worth the other lines they push out.
  static constexpr std::size_t prefetched_bytes = 8 * sizeof(KnownValue);
  KnownValue* locate(std::string_view value, std::uint32_t hash);
  void add(KnownValue value);  // precondition: it is not there
  void index_all();
  void drop_least(const BaselineRules& rules);

  std::vector<KnownValue> values_;
  std::vector<std::uint32_t>
      index_;  // open addressing over values_, used from a handful of values on
  std::uint64_t events_ = 0;
  TimeNs since_ = 0;
  TimeNs last_seen_ = 0;
};

// {"since","last_seen","events","values":[{"value","first_seen","last_seen","days","events"}]}; and
// back, where an Error says what is missing. On which days a value was seen is not in it: they are
// taken as the last so many.
std::string baseline_json(const Baseline& baseline);
Result<Baseline> baseline_of_json(std::string_view json);

}  // namespace tocsin
