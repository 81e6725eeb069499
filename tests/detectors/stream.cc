// SPDX-License-Identifier: Apache-2.0
#include "tests/detectors/stream.h"

#include <algorithm>
#include <limits>

#include <doctest/doctest.h>

#include "detectors/registry.h"
#include "engine/flow/feed.h"

namespace tocsin::testing {

namespace {

std::int64_t pick(std::mt19937_64& random, std::int64_t below) {
  return std::uniform_int_distribution<std::int64_t>(0, below - 1)(random);
}

std::vector<std::string> random_value(std::mt19937_64& random, const StreamShape& shape) {
  if (shape.odd_values) {
    switch (pick(random, 8)) {
      case 0:
        return {};
      case 1:
        return {"x"};
      case 2:
        return {"1", "2"};
      default:
        break;
    }
  }
  return {std::to_string(pick(random, static_cast<std::int64_t>(shape.values)) - 1)};
}

}  // namespace

std::vector<StreamEvent> random_stream(std::mt19937_64& random, const StreamShape& shape) {
  std::vector<std::int64_t> seconds;
  for (std::size_t i = 0; i < shape.events; ++i) {
    seconds.push_back(pick(random, shape.seconds));
  }
  std::sort(seconds.begin(), seconds.end());
  std::vector<StreamEvent> events;
  std::int64_t latest = 0;
  for (const std::int64_t on_time : seconds) {
    StreamEvent event;
    latest = std::max(latest, on_time);
    const std::int64_t late =
        shape.late_seconds > 0 && pick(random, 3) == 0 ? pick(random, shape.late_seconds + 1) : 0;
    event.time = std::max<std::int64_t>(0, latest - late) * second_ns;
    event.inputs = 0;
    while (event.inputs == 0) {
      for (std::uint64_t input = 0; input < shape.inputs; ++input) {
        event.inputs |= pick(random, static_cast<std::int64_t>(shape.inputs)) == 0
                            ? std::uint64_t{1} << input
                            : 0;
      }
    }
    const std::int64_t group = pick(random, static_cast<std::int64_t>(shape.groups));
    event.group = group == 0 ? std::nullopt : std::optional<std::string>(std::to_string(group));
    event.value = random_value(random, shape);
    events.push_back(std::move(event));
  }
  return events;
}

CorrelationSpec spec_of(const std::string& type, DurationNs timespan_ns, std::size_t inputs) {
  CorrelationSpec spec;
  spec.info.title = type;
  spec.info.key = type;
  spec.type = type;
  spec.timespan_ns = timespan_ns;
  spec.group_by = {"g"};
  for (std::size_t i = 0; i < inputs; ++i) {
    CorrelationInput input;
    input.rule = static_cast<std::uint32_t>(i);
    input.name = "r" + std::to_string(i);
    input.group_fields = {"g"};
    spec.inputs.push_back(std::move(input));
  }
  return spec;
}

void observe(Detector& detector,
             const StreamEvent& event,
             std::size_t arrival,
             const ReportSink& sink) {
  std::vector<std::optional<std::string>> group = event.parents;
  group.push_back(event.group);
  std::string key;
  append_group_key(group, key);
  const std::vector<std::string_view> texts(event.value.begin(), event.value.end());
  const std::vector<FieldView> fields = {{texts}};
  Observation observation;
  observation.inputs = event.inputs;
  observation.time = event.time;
  observation.sequence = arrival;
  observation.identity = {0, arrival + 1};
  observation.group_key = key;
  observation.fields = fields;
  detector.on_match(observation, sink);
}

std::vector<DriverReport> drive(const CorrelationSpec& spec,
                                const std::vector<StreamEvent>& events,
                                const DetectorSettings& settings,
                                const DriverOptions& options) {
  DetectorResult made = make_detector(spec, settings);
  REQUIRE_MESSAGE(made.has_value(), made.error().message);
  std::unique_ptr<Detector> detector = std::move(*made);
  std::vector<DriverReport> reports;
  TimeNs latest = std::numeric_limits<TimeNs>::min();
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (options.restart_after == i) {
      std::string state;
      detector->save(state);
      DetectorSettings other = settings;
      other.hash_seed = options.hash_seed_after;
      DetectorResult again = make_detector(spec, other);
      REQUIRE(again.has_value());
      REQUIRE((*again)->load(state));
      detector = std::move(*again);
    }
    const StreamEvent& event = events[i];
    const auto sink = [&](Report&& report) { reports.push_back({i, std::move(report)}); };
    latest = std::max(latest, event.time);
    if (options.watermark) {
      detector->on_time(latest - options.lateness_ns, sink);
    }
    observe(*detector, event, i, sink);
  }
  const auto sink = [&](Report&& report) { reports.push_back({events.size(), std::move(report)}); };
  if (latest != std::numeric_limits<TimeNs>::min()) {
    detector->on_time(latest + 1, sink);
  }
  return reports;
}

}  // namespace tocsin::testing
