// SPDX-License-Identifier: Apache-2.0
// event_count: how many events of a group are within a timespan.
#include <algorithm>
#include <cmath>

#include "detectors/registry.h"
#include "detectors/windows.h"

namespace tocsin {

namespace {

struct EventCount : StatelessPolicy {
  struct Payload {};
  struct State {
    std::uint64_t count = 0;
  };
  static constexpr bool ordered = false;

  std::vector<Threshold> thresholds;
  std::uint64_t least_needed = 0;  // by the thresholds

  std::uint64_t entries_needed() const {
    double needed = 0;
    for (const Threshold& threshold : thresholds) {
      needed = std::max(needed, threshold.value);
    }
    // One more than the threshold, for gt. Beyond a billion nothing would fit in memory anyway.
    return static_cast<std::uint64_t>(std::min(std::ceil(needed), 1e9)) + 1;
  }
  bool payload(const Observation&, Payload&) const { return true; }
  State start() const { return {}; }
  void add(State& state, TimeNs, const Payload&) const { ++state.count; }
  void remove(State& state, const Payload&) const { --state.count; }
  bool holds(const State& state, TimeNs) const {
    return tocsin::holds(thresholds, static_cast<double>(state.count));
  }
  std::uint64_t most(const State& state) const { return state.count; }
  std::uint64_t least() const { return least_needed; }
  void evidence(const State& state, TimeNs, EvidenceWriter& out) const {
    out.integer("count", state.count);
    out.text("condition", to_text(thresholds));
  }
  void save(const Payload&, WireWriter&) const {}
  bool load(WireReader& reader, Payload&) const { return reader.ok(); }
};

}  // namespace

DetectorResult make_event_count(const CorrelationSpec& spec, const DetectorSettings& settings) {
  if (spec.thresholds.empty()) {
    return spec_error("event_count needs a condition", "condition: {gte: 10}");
  }
  EventCount policy;
  policy.thresholds = spec.thresholds;
  policy.least_needed = least_count(spec.thresholds);
  return std::unique_ptr<Detector>(
      std::make_unique<WindowDetector<EventCount>>(std::move(policy), spec.timespan_ns, settings));
}

}  // namespace tocsin
