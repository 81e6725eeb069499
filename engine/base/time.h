// SPDX-License-Identifier: Apache-2.0
// Points in time and spans of time as 64-bit nanoseconds, read from and written as text.
// Thread rule: pure functions. Cost: O(length of the text). Nothing here reads a clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin {

// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds ignored (POSIX). Range: years 1678 to 2261.
using TimeNs = std::int64_t;
using DurationNs = std::int64_t;

inline constexpr DurationNs second_ns = 1'000'000'000;
inline constexpr DurationNs minute_ns = 60 * second_ns;
inline constexpr DurationNs hour_ns = 60 * minute_ns;
inline constexpr DurationNs day_ns = 24 * hour_ns;

// RFC 3339 ("2026-01-02T03:04:05.678Z", offsets, lower-case t and z, a space for T; no offset =
// UTC). nullopt for anything else, impossible dates and years outside the range included.
std::optional<TimeNs> parse_rfc3339(std::string_view text);

// An epoch number in s, ms, us or ns, told apart by its magnitude (seconds below 1e11, ms below
// 1e14, us below 1e17). Fractions are allowed. nullopt if the text is no number or out of range.
std::optional<TimeNs> parse_epoch(std::string_view text);

// What records carry: RFC 3339, else an epoch number. DETECTION.md, "Records", Time.
std::optional<TimeNs> parse_time(std::string_view text);

// "2026-01-02T03:04:05Z", with a fraction of 3, 6 or 9 digits only where it is not zero.
std::string format_rfc3339(TimeNs time);

// "250ms", "90s", "15m", "24h", "7d", "2w", "1h30m": positive, units ns us ms s m h d w. nullopt if
// malformed or overflowing.
std::optional<DurationNs> parse_duration(std::string_view text);
// The shortest text that parse_duration reads back to the same value.
std::string format_duration(DurationNs duration);

// UTC calendar parts; `week` is the ISO 8601 week (1..53).
struct CalendarParts {
  std::int32_t year;
  std::int32_t month;
  std::int32_t day;
  std::int32_t hour;
  std::int32_t minute;
  std::int32_t week;
};
CalendarParts calendar_parts(TimeNs time);

}  // namespace tocsin
