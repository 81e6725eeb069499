// SPDX-License-Identifier: Apache-2.0
// The table of correlation types and their keys: what DETECTION.md lists under "Stateful
// detectors".
#include <array>

#include "rules/correlation.h"

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

}  // namespace

std::span<const CorrelationType> correlation_types() {
  return types;
}

}  // namespace tocsin
