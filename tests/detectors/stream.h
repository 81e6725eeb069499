// SPDX-License-Identifier: Apache-2.0
// Random streams for detectors, and a driver that feeds them to one detector without an engine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/flow/detector.h"

namespace tocsin::testing {

struct StreamEvent {
  TimeNs time = 0;
  std::uint64_t inputs = 1;
  std::optional<std::string> group;
  std::vector<std::string> value;                        // of one field; empty: absent
  std::vector<std::optional<std::string>> parents = {};  // values of the group before its last
};

struct StreamShape {
  std::size_t events = 60;
  std::int64_t seconds = 200;     // times are within this
  std::int64_t late_seconds = 0;  // an event is at most this much behind the latest before it
  std::uint64_t inputs = 1;       // rules of the correlation
  std::size_t groups = 2;
  std::size_t values = 6;
  bool odd_values = false;  // absent, non-numeric, several
};

std::vector<StreamEvent> random_stream(std::mt19937_64& random, const StreamShape& shape);

// Hands one event to a detector, as number `arrival` of a stream.
void observe(Detector& detector,
             const StreamEvent& event,
             std::size_t arrival,
             const ReportSink& sink);

// "arrival number" of each report, in order; with the evidence where asked for.
struct DriverOptions {
  DurationNs lateness_ns = 0;
  std::optional<std::size_t> restart_after;  // saves, and goes on with a new detector that loads
  std::uint64_t hash_seed_after = 1;
  bool watermark = true;
};
struct DriverReport {
  std::size_t arrival = 0;
  Report report;
};
std::vector<DriverReport> drive(const CorrelationSpec& spec,
                                const std::vector<StreamEvent>& events,
                                const DetectorSettings& settings,
                                const DriverOptions& options);

// A specification with `inputs` rules named r0, r1 ...
CorrelationSpec spec_of(const std::string& type, DurationNs timespan_ns, std::size_t inputs = 1);

}  // namespace tocsin::testing
