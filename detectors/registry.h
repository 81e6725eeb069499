// SPDX-License-Identifier: Apache-2.0
// The table of correlation types: how each is made from a specification, and which keys of its own
// it takes. Thread rule: immutable. Errors: what is wrong with a specification, told so that its
// author can mend it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/flow/correlation_spec.h"
#include "engine/flow/detector.h"

namespace tocsin {

struct SpecError {
  std::string message;
  std::string hint;
  std::uint32_t line = 0;  // of the option at fault; 0: the correlation as a whole
  std::uint32_t column = 0;
};
using DetectorResult = Result<std::unique_ptr<Detector>, SpecError>;

struct DetectorType {
  std::string_view name;                      // correlation.type
  std::span<const std::string_view> options;  // keys inside `correlation` beside the common ones
  DetectorResult (*make)(const CorrelationSpec& spec, const DetectorSettings& settings);
  bool looks_back;       // reports name earlier records
  bool emits_by_itself;  // decides itself when a report is due; else `emit: watermark` sorts what
                         // it is given
  bool delays_reports;   // reports an event up to a timespan after it
  bool folds_by_value;   // reports once per (rule, group, value) and 24 h
  bool never_folds;
  // An event that met one of the rules and later another one is more than it was.
  bool tells_inputs_apart;
};

std::span<const DetectorType> detector_types();
const DetectorType* find_detector_type(std::string_view name);  // nullptr: unknown

// Does what it knows of one group serve the groups that differ in the last value only? (new_value,
// on-new-group: parent)
bool shares_with_parent(const CorrelationSpec& spec);

// Made once per (specification, shard). The detector keeps no reference to `spec`.
DetectorResult make_detector(const CorrelationSpec& spec, const DetectorSettings& settings);

inline Unexpected<SpecError> spec_error(std::string message, std::string hint = {}) {
  return Unexpected<SpecError>{SpecError{std::move(message), std::move(hint), 0, 0}};
}

// The rows' functions, one file per family.
DetectorResult make_event_count(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_value_count(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_value_sum(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_value_avg(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_value_percentile(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_value_median(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_temporal(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_temporal_ordered(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_new_value(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_rare_value(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_absence(const CorrelationSpec& spec, const DetectorSettings& settings);
DetectorResult make_impossible_travel(const CorrelationSpec& spec,
                                      const DetectorSettings& settings);

}  // namespace tocsin
