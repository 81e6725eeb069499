// SPDX-License-Identifier: Apache-2.0
// value_percentile, value_median: the value at a rank of the numbers of a field within a timespan,
// by linear interpolation between the two nearest ranks (COR-17). Values that are no numbers do not
// enter.
#include <cmath>
#include <memory>
#include <utility>

#include <ext/pb_ds/assoc_container.hpp>
#include <ext/pb_ds/tree_policy.hpp>

#include "detectors/registry.h"
#include "detectors/windows.h"

namespace tocsin {

namespace {

// A red-black tree that knows the rank of each element: insert, erase and find by rank in O(log n).
// The number tells equal values apart.
using RankedValues = __gnu_pbds::tree<std::pair<double, std::uint64_t>,
                                      __gnu_pbds::null_type,
                                      std::less<std::pair<double, std::uint64_t>>,
                                      __gnu_pbds::rb_tree_tag,
                                      __gnu_pbds::tree_order_statistics_node_update>;

struct Percentile : StatelessPolicy {
  struct Payload {
    double value = 0;
  };
  struct State {
    std::unique_ptr<RankedValues> values;
    std::uint64_t next_number = 0;
  };
  static constexpr bool ordered = false;

  std::vector<Threshold> thresholds;
  double percentile = 50;

  std::uint64_t entries_needed() const { return 1; }
  bool payload(const Observation& observation, Payload& payload) const {
    if (observation.fields.empty() || observation.fields[0].values.size() != 1) {
      return false;  // absent, or an array: no number
    }
    const std::optional<double> value = parse_real(observation.fields[0].values[0]);
    payload.value = value.value_or(0);
    return value.has_value();
  }
  State start() const {
    State state;
    state.values = std::make_unique<RankedValues>();
    return state;
  }
  void add(State& state, TimeNs, const Payload& payload) const {
    state.values->insert({payload.value, state.next_number++});
  }
  void remove(State& state, const Payload& payload) const {
    // Any of the equal ones: they cannot be told apart in a rank.
    const auto found = state.values->lower_bound({payload.value, 0});
    if (found != state.values->end() && found->first == payload.value) {
      state.values->erase(found);
    }
  }
  double value_at_rank(const State& state) const {
    const double rank = percentile / 100 * static_cast<double>(state.values->size() - 1);
    const double below = std::floor(rank);
    const double low = state.values->find_by_order(static_cast<std::size_t>(below))->first;
    if (below == rank) {
      return low;
    }
    const double high = state.values->find_by_order(static_cast<std::size_t>(below) + 1)->first;
    return low + (high - low) * (rank - below);
  }
  bool holds(const State& state, TimeNs) const {
    return state.values->size() > 0 && tocsin::holds(thresholds, value_at_rank(state));
  }
  void evidence(const State& state, TimeNs, EvidenceWriter& out) const {
    out.number("percentile", percentile);
    out.number("value", value_at_rank(state));
    out.text("condition", to_text(thresholds));
  }
  void save(const Payload& payload, WireWriter& writer) const { writer.real(payload.value); }
  bool load(WireReader& reader, Payload& payload) const {
    payload.value = reader.real();
    return reader.ok() && std::isfinite(payload.value);
  }
};

DetectorResult make(const CorrelationSpec& spec, const DetectorSettings& settings, double rank) {
  if (spec.fields.size() != 1 || spec.thresholds.empty()) {
    return spec_error(spec.type + " needs one field and a condition",
                      "condition: {field: bytes, gte: 1000000}");
  }
  if (!(rank >= 0 && rank <= 100)) {
    return spec_error("percentile must be between 0 and 100");
  }
  Percentile policy;
  policy.thresholds = spec.thresholds;
  policy.percentile = rank;
  return std::unique_ptr<Detector>(
      std::make_unique<WindowDetector<Percentile>>(std::move(policy), spec.timespan_ns, settings));
}

}  // namespace

DetectorResult make_value_percentile(const CorrelationSpec& spec,
                                     const DetectorSettings& settings) {
  if (!spec.percentile) {
    return spec_error("value_percentile needs a percentile",
                      "condition: {field: bytes, percentile: 95, gt: 1000000}");
  }
  return make(spec, settings, *spec.percentile);
}

DetectorResult make_value_median(const CorrelationSpec& spec, const DetectorSettings& settings) {
  return make(spec, settings, 50);
}

}  // namespace tocsin
