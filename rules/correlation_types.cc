// SPDX-License-Identifier: Apache-2.0
// The table of correlation types and their keys: what DETECTION.md lists under "Stateful
// detectors"; and the timespans that they take.
#include <array>
#include <charconv>
#include <limits>

#include "rules/correlation.h"
#include "rules/keys.h"

namespace tocsin {
namespace {

using Kind = CorrelationOption::Kind;

constexpr std::array<std::string_view, 5> granularities = {"raw", "ip", "net", "asn", "country"};
constexpr std::array<std::string_view, 3> on_learning = {"silent", "tag", "alert"};
constexpr std::array<std::string_view, 3> on_new_group = {"learn", "alert", "parent"};
constexpr std::array<std::string_view, 2> directions = {"after", "before"};

constexpr std::array<CorrelationOption, 9> new_value_options = {{
    {"granularity", Kind::choice, granularities},
    {"learning", Kind::duration, {}},
    {"learning-min-events", Kind::count, {}},
    {"mature-after", Kind::duration, {}},
    {"min-days", Kind::count, {}},
    {"forget-after", Kind::duration, {}},
    {"on-learning", Kind::choice, on_learning},
    {"on-new-group", Kind::choice, on_new_group},
    {"exclude", Kind::values, {}},
}};
constexpr std::array<CorrelationOption, 3> rare_value_options = {{
    {"min-population", Kind::count, {}},
    {"max-share", Kind::share, {}},
    {"max-count", Kind::count, {}},
}};
constexpr std::array<CorrelationOption, 1> absence_options = {{
    {"direction", Kind::choice, directions},
}};
constexpr std::array<CorrelationOption, 3> impossible_travel_options = {{
    {"min-distance", Kind::distance, {}},
    {"min-speed", Kind::speed, {}},
    {"exclude", Kind::values, {}},
}};

constexpr CorrelationType counting(std::string_view name, FieldPlace field, bool several_fields) {
  CorrelationType type;
  type.name = name;
  type.field = field;
  type.several_fields = several_fields;
  return type;
}

constexpr CorrelationType temporal(std::string_view name) {
  CorrelationType type;
  type.name = name;
  type.needs_condition = false;
  type.extended = true;
  return type;
}

constexpr CorrelationType own(std::string_view name,
                              FieldPlace field,
                              std::span<const CorrelationOption> options) {
  CorrelationType type;
  type.name = name;
  type.field = field;
  type.takes_condition = false;
  type.needs_condition = false;
  type.options = options;
  return type;
}

constexpr CorrelationType new_value() {
  CorrelationType type = own("new_value", FieldPlace::own, new_value_options);
  type.needs_timespan = false;
  type.takes_baseline = true;
  return type;
}

constexpr std::array<CorrelationType, 12> types = {{
    counting("event_count", FieldPlace::none, false),
    counting("value_count", FieldPlace::condition, true),
    counting("value_sum", FieldPlace::condition, false),
    counting("value_avg", FieldPlace::condition, false),
    counting("value_percentile", FieldPlace::condition, false),
    counting("value_median", FieldPlace::condition, false),
    temporal("temporal"),
    temporal("temporal_ordered"),
    new_value(),
    own("rare_value", FieldPlace::own, rare_value_options),
    own("absence", FieldPlace::none, absence_options),
    own("impossible_travel", FieldPlace::own, impossible_travel_options),
}};

constexpr std::array<DocumentKey, 9> common_keys = {{
    {"type", "text", "what is counted, compared or looked for"},
    {"rules", "text | texts", "ids or names of the rules whose matches are read"},
    {"group-by", "text | texts", "fields: each combination of values is counted by itself"},
    {"timespan", "timespan", "how long the window is: 15m, 1h, 7d"},
    {"aliases", "map", "names for fields that are called differently in each rule"},
    {"generate", "boolean", "true: the rules raise their own alerts too"},
    {"condition", "map", "what the count or value is compared with: {gte: 5}"},
    {"field", "text | texts", "the field whose values are read"},
    {"baseline", "text | texts", "ids or names of the rules that are learned from"},
}};

}  // namespace

std::span<const CorrelationType> correlation_types() {
  return types;
}

std::span<const DocumentKey> correlation_keys() {
  return common_keys;
}

bool takes_key(const CorrelationType& type, std::string_view key) {
  if (key == "condition") {
    return type.takes_condition;
  }
  if (key == "field") {
    return type.field == FieldPlace::own;
  }
  return key != "baseline" || type.takes_baseline;
}

std::optional<DurationNs> parse_timespan(std::string_view text) {
  struct Unit {
    char letter;
    std::uint64_t seconds;
  };
  // Month and year are those of the Gregorian mean, as pySigma has them.
  constexpr std::array<Unit, 7> units = {{{'s', 1},
                                          {'m', 60},
                                          {'h', 3'600},
                                          {'d', 86'400},
                                          {'w', 604'800},
                                          {'M', 2'629'746},
                                          {'y', 31'556'952}}};
  if (text.size() < 2) {
    return std::nullopt;
  }
  const char* end = text.data() + text.size() - 1;
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number == 0) {
    return std::nullopt;
  }
  for (const Unit& unit : units) {
    if (unit.letter != text.back()) {
      continue;
    }
    const std::uint64_t unit_ns = unit.seconds * static_cast<std::uint64_t>(second_ns);
    if (number > static_cast<std::uint64_t>(std::numeric_limits<DurationNs>::max()) / unit_ns) {
      return std::nullopt;
    }
    return static_cast<DurationNs>(number * unit_ns);
  }
  return std::nullopt;
}

}  // namespace tocsin
