// SPDX-License-Identifier: Apache-2.0
#include "detectors/registry.h"

#include <array>

namespace tocsin {

namespace {

constexpr std::array<std::string_view, 9> new_value_options = {"granularity",
                                                               "learning",
                                                               "learning-min-events",
                                                               "mature-after",
                                                               "min-days",
                                                               "forget-after",
                                                               "on-learning",
                                                               "on-new-group",
                                                               "exclude"};
constexpr std::array<std::string_view, 3> rare_value_options = {
    "min-population", "max-share", "max-count"};
constexpr std::array<std::string_view, 1> absence_options = {"direction"};
constexpr std::array<std::string_view, 3> impossible_travel_options = {
    "min-distance", "min-speed", "exclude"};

constexpr DetectorType window_type(std::string_view name,
                                   DetectorResult (*make)(const CorrelationSpec&,
                                                          const DetectorSettings&)) {
  DetectorType type{};
  type.name = name;
  type.make = make;
  type.looks_back = true;
  return type;
}

constexpr DetectorType temporal_type(std::string_view name,
                                     DetectorResult (*make)(const CorrelationSpec&,
                                                            const DetectorSettings&)) {
  DetectorType type = window_type(name, make);
  type.tells_inputs_apart = true;
  return type;
}

constexpr DetectorType value_type(std::string_view name,
                                  std::span<const std::string_view> options,
                                  DetectorResult (*make)(const CorrelationSpec&,
                                                         const DetectorSettings&)) {
  DetectorType type{};
  type.name = name;
  type.options = options;
  type.make = make;
  type.folds_by_value = true;
  return type;
}

constexpr DetectorType new_value_type() {
  DetectorType type = value_type("new_value", new_value_options, make_new_value);
  type.tells_inputs_apart = true;
  return type;
}

constexpr DetectorType absence_type() {
  DetectorType type{};
  type.name = "absence";
  type.options = absence_options;
  type.make = make_absence;
  type.tells_inputs_apart = true;
  type.emits_by_itself = true;
  type.delays_reports = true;
  return type;
}

constexpr DetectorType travel_type() {
  DetectorType type{};
  type.name = "impossible_travel";
  type.options = impossible_travel_options;
  type.make = make_impossible_travel;
  type.looks_back = true;
  type.never_folds = true;
  return type;
}

constexpr std::array<DetectorType, 12> types = {
    window_type("event_count", make_event_count),
    window_type("value_count", make_value_count),
    window_type("value_sum", make_value_sum),
    window_type("value_avg", make_value_avg),
    window_type("value_percentile", make_value_percentile),
    window_type("value_median", make_value_median),
    temporal_type("temporal", make_temporal),
    temporal_type("temporal_ordered", make_temporal_ordered),
    new_value_type(),
    value_type("rare_value", rare_value_options, make_rare_value),
    absence_type(),
    travel_type(),
};

}  // namespace

std::span<const DetectorType> detector_types() {
  return types;
}

const DetectorType* find_detector_type(std::string_view name) {
  for (const DetectorType& type : types) {
    if (type.name == name) {
      return &type;
    }
  }
  return nullptr;
}

bool shares_with_parent(const CorrelationSpec& spec) {
  for (const CorrelationSpec::Option& option : spec.options) {
    if (option.key == "on-new-group" && option.values == std::vector<std::string>{"parent"}) {
      return true;
    }
  }
  return false;
}

DetectorResult make_detector(const CorrelationSpec& spec, const DetectorSettings& settings) {
  const DetectorType* type = find_detector_type(spec.type);
  if (type == nullptr) {
    return spec_error("there is no correlation type '" + spec.type + "'");
  }
  if (spec.inputs.empty() || spec.inputs.size() > 64) {
    return spec_error("a correlation takes 1 to 64 rules");
  }
  return type->make(spec, settings);
}

}  // namespace tocsin
