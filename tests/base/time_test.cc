// SPDX-License-Identifier: Apache-2.0
#include "engine/base/time.h"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace tocsin;

TEST_CASE("parse_rfc3339 reads every form and refuses impossible dates") {
  const std::vector<std::pair<std::string, std::optional<TimeNs>>> table = {
      {"1970-01-01T00:00:00Z", 0},
      {"1970-01-01t00:00:01z", second_ns},
      {"1970-01-01 00:00:01", second_ns},
      {"1970-01-01T01:00:00+01:00", 0},
      {"1969-12-31T23:00:00-01:00", 0},
      {"1970-01-01T00:00:00.5Z", second_ns / 2},
      {"1970-01-01T00:00:00.1234567891Z", 123456789},
      {"2023-07-10T11:42:36Z", 1688989356 * second_ns},
      {"2024-02-29T00:00:00Z", 1709164800 * second_ns},
      {"1969-12-31T23:59:59Z", -second_ns},
      {"2000-02-29T00:00:00Z", 951782400 * second_ns},
      {"1970-01-01T23:59:00+23:59", 0},
      {"1900-02-29T00:00:00Z", std::nullopt},
      {"1970-01-01T00:00:00+24:00", std::nullopt},
      {"1970-01-01T00:00:00+01:60", std::nullopt},
      {"2023-02-29T00:00:00Z", std::nullopt},
      {"2023-13-01T00:00:00Z", std::nullopt},
      {"2023-01-01T24:00:00Z", std::nullopt},
      {"2023-01-01", std::nullopt},
      {"2023-01-01T00:00:00Zx", std::nullopt},
      {"2023-01-01T00:00:00.Z", std::nullopt},
      {"0001-01-01T00:00:00Z", std::nullopt},
      {"9999-01-01T00:00:00Z", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& row : table) {
    const auto& text = row.first;
    const auto& time = row.second;
    CAPTURE(text);
    CHECK(parse_rfc3339(text) == time);
  }
}

TEST_CASE("every date is read alike in the form that is read fast and in another one") {
  int dates = 0;
  for (int year = 1677; year <= 2262; ++year) {
    for (int month = 0; month <= 13; ++month) {
      for (int day = 0; day <= 32; ++day) {
        char text[64];
        const int size =
            std::snprintf(text, sizeof text, "%04d-%02d-%02dT12:34:56", year, month, day);
        const std::string date(text, static_cast<std::size_t>(size));
        const std::optional<TimeNs> fast = parse_rfc3339(date + "Z");
        const std::optional<TimeNs> other = parse_rfc3339(date + "+00:00");
        if (fast != other || (fast && format_rfc3339(*fast) != date + "Z")) {
          FAIL_CHECK(date);
        }
        dates += fast ? 1 : 0;
      }
    }
  }
  CHECK(dates == 584 * 365 + 141);  // with the leap days of 1678 to 2261
}

TEST_CASE("parse_epoch tells seconds, milli-, micro- and nanoseconds by magnitude") {
  const TimeNs time = 1688989356 * second_ns;
  CHECK(parse_epoch("1688989356") == time);
  CHECK(parse_epoch("1688989356.25") == time + second_ns / 4);
  CHECK(parse_epoch("1688989356000") == time);
  CHECK(parse_epoch("1688989356000000") == time);
  CHECK(parse_epoch("1688989356000000000") == time);
  CHECK(parse_epoch("100000000000") == 100'000'000 * second_ns);
  CHECK_FALSE(parse_epoch("99999999999").has_value());  // seconds, of the year 5138
  CHECK(parse_epoch("0") == 0);
  CHECK(parse_epoch("-1") == -second_ns);
  for (const char* text : {"", "x", "1x", "99999999999999999999", "1.", "."}) {
    CAPTURE(text);
    CHECK_FALSE(parse_epoch(text).has_value());
  }
}

TEST_CASE("format_rfc3339 is read back to the same time") {
  CHECK(format_rfc3339(0) == "1970-01-01T00:00:00Z");
  CHECK(format_rfc3339(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(format_rfc3339(1'500'000'000) == "1970-01-01T00:00:01.500Z");
  for (TimeNs time = -4'000'000'000'000'000'000; time < 4'000'000'000'000'000'000;
       time += 98'765'432'109'876'543) {
    CHECK(parse_rfc3339(format_rfc3339(time)) == time);
  }
}

TEST_CASE("durations are read and written") {
  const std::vector<std::pair<std::string, std::optional<DurationNs>>> table = {
      {"250ms", 250'000'000},
      {"90s", 90 * second_ns},
      {"15m", 15 * minute_ns},
      {"24h", day_ns},
      {"7d", 7 * day_ns},
      {"2w", 14 * day_ns},
      {"1h30m", 90 * minute_ns},
      {"4000d", 4000 * day_ns},
      {"0s", std::nullopt},
      {"", std::nullopt},
      {"5", std::nullopt},
      {"5min", std::nullopt},
      {"-5s", std::nullopt},
      {"999999999999d", std::nullopt},
      {"60000d60000d", std::nullopt},
      {"1 s", std::nullopt},
  };
  for (const auto& row : table) {
    const auto& text = row.first;
    const auto& duration = row.second;
    CAPTURE(text);
    CHECK(parse_duration(text) == duration);
    if (duration) {
      CHECK(parse_duration(format_duration(*duration)) == duration);
    }
  }
  CHECK(format_duration(90 * minute_ns) == "90m");
  CHECK(format_duration(day_ns) == "1d");
}

TEST_CASE("calendar_parts knows ISO weeks at the turn of the year") {
  const std::vector<std::pair<std::string, int>> table = {
      {"2021-01-03T00:00:00Z", 53},
      {"2021-01-04T00:00:00Z", 1},
      {"2018-12-31T00:00:00Z", 1},
      {"2020-12-31T00:00:00Z", 53},
      {"2023-07-10T00:00:00Z", 28},
      {"1969-12-29T00:00:00Z", 1},
  };
  for (const auto& row : table) {
    const auto& text = row.first;
    const auto& week = row.second;
    CAPTURE(text);
    CHECK(calendar_parts(*parse_rfc3339(text)).week == week);
  }
  const CalendarParts parts = calendar_parts(*parse_rfc3339("2024-02-29T23:58:57Z"));
  CHECK(parts.year == 2024);
  CHECK(parts.month == 2);
  CHECK(parts.day == 29);
  CHECK(parts.hour == 23);
  CHECK(parts.minute == 58);
}
