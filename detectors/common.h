// SPDX-License-Identifier: Apache-2.0
// What all detectors share: arithmetic on times, keys of groups, conditions, reports.
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/text.h"
#include "engine/base/time.h"
#include "engine/flow/detector.h"
#include "engine/flow/feed.h"

namespace tocsin {

// A record may claim any time: sums stay at the ends of the range instead of wrapping.
inline TimeNs add_saturating(TimeNs time, DurationNs duration) {
  constexpr TimeNs least = std::numeric_limits<TimeNs>::min();
  constexpr TimeNs greatest = std::numeric_limits<TimeNs>::max();
  if (duration > 0 && time > greatest - duration) {
    return greatest;
  }
  if (duration < 0 && time < least - duration) {
    return least;
  }
  return time + duration;
}
inline TimeNs subtract_saturating(TimeNs time, DurationNs duration) {
  return duration == std::numeric_limits<DurationNs>::min() ? std::numeric_limits<TimeNs>::max()
                                                            : add_saturating(time, -duration);
}

// All thresholds hold; none: true.
bool holds(std::span<const Threshold> thresholds, double value);
bool holds(const Threshold& threshold,
           int comparison);  // comparison: value <=> threshold as -1, 0, 1
// The least whole number that may meet them; 0: any may.
std::uint64_t least_count(std::span<const Threshold> thresholds);
std::string_view to_text(CompareOp op);
// "gte 3", "gt 1, lt 10"
std::string to_text(std::span<const Threshold> thresholds);

// A JSON object, member by member.
class EvidenceWriter {
 public:
  void text(std::string_view key, std::string_view value);
  void number(std::string_view key, double value);
  void integer(std::string_view key, std::uint64_t value);
  void flag(std::string_view key, bool value);
  void raw(std::string_view key, std::string_view json);
  std::string finish() &&;

 private:
  void key(std::string_view name);
  std::string json_ = "{";
};

// A group's numbers as a JSON object.
std::string group_json(const GroupView& view);

// A report of `observation`, with its group, time, identity and record as the last event.
Report report_of(const Observation& observation);

// The records of a window in time order, at most the first 3 and the last 7 of all, the last being
// `fired`. `sequences`: of the window's events in time order, the fired one may be among them.
void append_events(std::span<const std::uint64_t> sequences,
                   const Observation& fired,
                   const RecordLookup& lookup,
                   std::vector<std::shared_ptr<const RecordCopy>>& out);

}  // namespace tocsin
