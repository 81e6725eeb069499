// SPDX-License-Identifier: Apache-2.0
#include "engine/base/time.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace tocsin {
namespace {

// Days since 1970-01-01 of a proleptic Gregorian date, and back. Source: H. Hinnant,
// "chrono-compatible low-level date algorithms".
constexpr std::int64_t days_from_civil(std::int64_t year, std::int64_t month, std::int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

struct Civil {
  std::int64_t year;
  std::int64_t month;
  std::int64_t day;
};
constexpr Civil civil_from_days(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t day_of_era = days - era * 146097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

constexpr bool is_leap(std::int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}
constexpr std::array<std::int64_t, 13> month_days = {
    0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
constexpr std::int64_t days_in_month(std::int64_t year, std::int64_t month) {
  return month == 2 && is_leap(year) ? 29 : month_days[static_cast<std::size_t>(month)];
}

// Of each year that a time may have: the days before it since 1970 and, in the lowest bit, whether
// it is a leap year.
constexpr std::int64_t first_year = 1678;
constexpr std::int64_t last_year = 2261;
constexpr std::array<std::int32_t, last_year - first_year + 1> years = [] {
  std::array<std::int32_t, last_year - first_year + 1> out{};
  for (std::int64_t year = first_year; year <= last_year; ++year) {
    out[static_cast<std::size_t>(year - first_year)] =
        static_cast<std::int32_t>(days_from_civil(year, 1, 1) * 2 + (is_leap(year) ? 1 : 0));
  }
  return out;
}();
// The days of a year before each month, and before the next year; of leap years the second row.
constexpr std::array<std::array<std::int16_t, 13>, 2> days_before_month = [] {
  std::array<std::array<std::int16_t, 13>, 2> out{};
  for (std::size_t leap = 0; leap < 2; ++leap) {
    for (std::size_t month = 1; month <= 12; ++month) {
      const std::int64_t days = month_days[month] + (month == 2 && leap == 1 ? 1 : 0);
      out[leap][month] = static_cast<std::int16_t>(out[leap][month - 1] + days);
    }
  }
  return out;
}();

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// Reads fixed-width decimal fields one after another; `ok` turns false at the first that is none.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  std::int64_t digits(std::size_t count) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (at_ == text_.size() || text_[at_] < '0' || text_[at_] > '9') {
        ok_ = false;
        return 0;
      }
      value = value * 10 + (text_[at_++] - '0');
    }
    return value;
  }
  bool take(std::string_view any_of) {
    if (at_ < text_.size() && any_of.find(text_[at_]) != std::string_view::npos) {
      taken_ = text_[at_++];
      return true;
    }
    return false;
  }
  void need(std::string_view any_of) { ok_ = take(any_of) && ok_; }
  char taken() const { return taken_; }
  // Digits behind a decimal point as nanoseconds; what lies beyond is cut.
  std::int64_t fraction() {
    std::int64_t value = 0;
    int count = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      if (count < 9) {
        value = value * 10 + (text_[at_] - '0');
      }
      ++count;
      ++at_;
    }
    ok_ = ok_ && count > 0;
    for (; count < 9; ++count) {
      value *= 10;
    }
    return value;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return at_ == text_.size(); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  char taken_ = 0;
  bool ok_ = true;
};

std::string two_digits(std::int64_t value) {
  return {static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)};
}

// What eight characters must look like: 0 stands for any digit. The first is in the lowest byte.
static_assert(std::endian::native == std::endian::little);
constexpr std::uint64_t every_byte(std::uint64_t byte) {
  return byte * 0x0101010101010101u;
}
struct Form {
  std::uint64_t text = 0;
  std::uint64_t limit = 0;  // with what is allowed in a byte it stays below 0x80
};
constexpr Form form_of(const char (&text)[9]) {
  Form form;
  for (unsigned i = 0; i < 8; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    form.text |= std::uint64_t{byte} << (8 * i);
    form.limit |= std::uint64_t{byte == '0' ? 0x76u : 0x7fu} << (8 * i);
  }
  return form;
}

// Each byte of the result is the digit there and the following one as a number. `odd` is not 0
// behind it if the characters do not look so.
std::uint64_t pairs_of(const char* text, const Form& form, std::uint64_t& odd) {
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof word);
  // Digits become their values, what stands between them 0.
  const std::uint64_t values = word ^ form.text;
  odd |= (((values & every_byte(0x7f)) + form.limit) | values) & every_byte(0x80);
  return values * 10 + (values >> 8);
}

// No time that is read here: the first year's are far from it. (A time or none in two words takes a
// detour over the stack, which costs more than reading it.)
constexpr TimeNs no_time = std::numeric_limits<TimeNs>::min();

// "2026-01-02T03:04:05Z", the form that most logs have, eight characters at a time. no_time: it is
// another form, or no date.
TimeNs parse_plain(std::string_view text) {
  if (text.size() != 20) {
    return no_time;
  }
  constexpr Form date_form = form_of("0000-00-");
  constexpr Form clock_form = form_of("00T00:00");
  constexpr Form end_form = form_of("0:00:00Z");
  std::uint64_t odd = 0;
  const std::uint64_t date = pairs_of(text.data(), date_form, odd);
  const std::uint64_t clock = pairs_of(text.data() + 8, clock_form, odd);
  const std::uint64_t end = pairs_of(text.data() + 12, end_form, odd);
  const auto byte = [](std::uint64_t word, unsigned at) {
    return static_cast<std::int64_t>(word >> (8 * at) & 0xff);
  };
  const std::int64_t year = byte(date, 0) * 100 + byte(date, 2);
  const std::int64_t month = byte(date, 5);
  const std::int64_t day = byte(clock, 0);
  const std::int64_t hour = byte(clock, 3);
  const std::int64_t minute = byte(clock, 6);
  const std::int64_t second = byte(end, 5);
  if (odd != 0 || year < first_year || year > last_year || month < 1 || month > 12 || day < 1 ||
      hour > 23 || minute > 59 || second > 60) {
    return no_time;
  }
  const std::int32_t of_year = years[static_cast<std::size_t>(year - first_year)];
  const std::int16_t* const before =
      &days_before_month[of_year & 1][static_cast<std::size_t>(month - 1)];
  if (day > before[1] - before[0]) {
    return no_time;
  }
  const std::int64_t days = (of_year >> 1) + before[0] + day - 1;
  return (days * 86400 + hour * 3600 + minute * 60 + second) * second_ns;
}

std::optional<TimeNs> parse_any_rfc3339(std::string_view text);

}  // namespace

std::optional<TimeNs> parse_rfc3339(std::string_view text) {
  const TimeNs time = parse_plain(text);
  return time != no_time ? std::optional<TimeNs>(time) : parse_any_rfc3339(text);
}

namespace {

std::optional<TimeNs> parse_any_rfc3339(std::string_view text) {
  Reader reader(text);
  const std::int64_t year = reader.digits(4);
  reader.need("-");
  const std::int64_t month = reader.digits(2);
  reader.need("-");
  const std::int64_t day = reader.digits(2);
  reader.need("Tt ");
  const std::int64_t hour = reader.digits(2);
  reader.need(":");
  const std::int64_t minute = reader.digits(2);
  reader.need(":");
  const std::int64_t second = reader.digits(2);
  if (!reader.ok() || year < first_year || year > last_year || month < 1 || month > 12 || day < 1 ||
      day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  std::int64_t nanoseconds = 0;
  if (reader.take(".,")) {
    nanoseconds = reader.fraction();
  }
  std::int64_t offset_minutes = 0;
  if (!reader.take("Zz") && reader.take("+-")) {
    const bool west = reader.taken() == '-';
    const std::int64_t hours = reader.digits(2);
    reader.take(":");
    const std::int64_t minutes = reader.digits(2);
    if (hours > 23 || minutes > 59) {
      return std::nullopt;
    }
    offset_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
  }
  if (!reader.ok() || !reader.at_end()) {
    return std::nullopt;
  }
  const std::int64_t seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 +
                               minute * 60 + second - offset_minutes * 60;
  return seconds * second_ns + nanoseconds;
}

}  // namespace

std::optional<TimeNs> parse_epoch(std::string_view text) {
  Reader reader(text);
  const bool negative = reader.take("-");
  std::size_t count = 0;
  std::int64_t whole = 0;
  while (!reader.at_end() && count < 19) {
    Reader before = reader;
    const std::int64_t digit = reader.digits(1);
    if (!reader.ok()) {
      reader = before;
      break;
    }
    if (whole > (std::numeric_limits<std::int64_t>::max() - digit) / 10) {
      return std::nullopt;
    }
    whole = whole * 10 + digit;
    ++count;
  }
  if (count == 0) {
    return std::nullopt;
  }
  std::int64_t fraction_ns = 0;  // of one unit, in billionths
  if (reader.take(".")) {
    fraction_ns = reader.fraction();
  }
  if (!reader.ok() || !reader.at_end()) {
    return std::nullopt;
  }
  const std::int64_t unit = whole < 100'000'000'000           ? second_ns
                            : whole < 100'000'000'000'000     ? 1'000'000
                            : whole < 100'000'000'000'000'000 ? 1'000
                                                              : 1;
  if (whole > std::numeric_limits<std::int64_t>::max() / unit - 1) {
    return std::nullopt;
  }
  const std::int64_t value = whole * unit + fraction_ns / (second_ns / unit);
  return negative ? -value : value;
}

std::optional<TimeNs> parse_time(std::string_view text) {
  if (const auto time = parse_rfc3339(text)) {
    return time;
  }
  return parse_epoch(text);
}

std::string format_rfc3339(TimeNs time) {
  const std::int64_t seconds = floor_divide(time, second_ns);
  std::int64_t nanoseconds = time - seconds * second_ns;
  const std::int64_t days = floor_divide(seconds, 86400);
  const std::int64_t of_day = seconds - days * 86400;
  const Civil date = civil_from_days(days);
  std::string out = two_digits(date.year / 100) + two_digits(date.year % 100) + '-' +
                    two_digits(date.month) + '-' + two_digits(date.day) + 'T' +
                    two_digits(of_day / 3600) + ':' + two_digits(of_day / 60 % 60) + ':' +
                    two_digits(of_day % 60);
  if (nanoseconds != 0) {
    std::size_t digits = 9;
    while (digits > 3 && nanoseconds % 1000 == 0) {
      nanoseconds /= 1000;
      digits -= 3;
    }
    std::string fraction = std::to_string(nanoseconds);
    out += '.' + std::string(digits - fraction.size(), '0') + fraction;
  }
  return out + 'Z';
}

namespace {

struct Unit {
  std::string_view name;
  DurationNs size;
};
// Longest names first where one begins another.
constexpr std::array<Unit, 8> units = {{{"ns", 1},
                                        {"us", 1'000},
                                        {"ms", 1'000'000},
                                        {"s", second_ns},
                                        {"m", minute_ns},
                                        {"h", hour_ns},
                                        {"d", day_ns},
                                        {"w", 7 * day_ns}}};

}  // namespace

std::optional<DurationNs> parse_duration(std::string_view text) {
  DurationNs total = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    DurationNs number = 0;
    const std::size_t start = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      if (number > (std::numeric_limits<DurationNs>::max() - 9) / 10) {
        return std::nullopt;
      }
      number = number * 10 + (text[at++] - '0');
    }
    if (at == start) {
      return std::nullopt;
    }
    const std::string_view rest = text.substr(at);
    const Unit* unit = nullptr;
    for (const Unit& candidate : units) {
      if (rest.substr(0, candidate.name.size()) == candidate.name) {
        unit = &candidate;
        break;
      }
    }
    if (unit == nullptr || number > (std::numeric_limits<DurationNs>::max() - total) / unit->size) {
      return std::nullopt;
    }
    total += number * unit->size;
    at += unit->name.size();
  }
  return total > 0 ? std::optional(total) : std::nullopt;
}

std::string format_duration(DurationNs duration) {
  const Unit* best = &units[0];
  for (const Unit& unit : units) {
    if (unit.name != "w" && duration % unit.size == 0) {
      best = &unit;
    }
  }
  return std::to_string(duration / best->size) + std::string(best->name);
}

CalendarParts calendar_parts(TimeNs time) {
  const std::int64_t seconds = floor_divide(time, second_ns);
  const std::int64_t days = floor_divide(seconds, 86400);
  const std::int64_t of_day = seconds - days * 86400;
  const Civil date = civil_from_days(days);
  // ISO 8601: a week belongs to the year of its Thursday; 1970-01-01 was a Thursday.
  const std::int64_t weekday = (days % 7 + 7 + 3) % 7;  // 0: Monday
  const std::int64_t thursday = days - weekday + 3;
  const std::int64_t first_of_year = days_from_civil(civil_from_days(thursday).year, 1, 1);
  CalendarParts parts{};
  parts.year = static_cast<std::int32_t>(date.year);
  parts.month = static_cast<std::int32_t>(date.month);
  parts.day = static_cast<std::int32_t>(date.day);
  parts.hour = static_cast<std::int32_t>(of_day / 3600);
  parts.minute = static_cast<std::int32_t>(of_day / 60 % 60);
  parts.week = static_cast<std::int32_t>((thursday - first_of_year) / 7 + 1);
  return parts;
}

}  // namespace tocsin
