// SPDX-License-Identifier: Apache-2.0
// value_sum, value_avg: of the numbers of a field within a timespan. Values that are no numbers do
// not enter (COR-16).
//
// Sums are kept in units of 1e-9 in 128 bits, not as doubles: exact for 64-bit integers and for
// decimals of nine places, the same in whatever order events arrive and leave, and without the
// drift of adding and subtracting doubles.
#include <array>
#include <charconv>
#include <cmath>

#include "detectors/registry.h"
#include "detectors/windows.h"

namespace tocsin {

namespace {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

constexpr double units_per_one = 1e9;
// Values up to this enter: no 64-bit counter is above. A billion of them do not overflow.
constexpr double value_max = 2e19;

Int128 units_of(double value) {
  const double whole = std::trunc(value);
  return static_cast<Int128>(whole) * 1'000'000'000 +
         static_cast<Int128>(std::llround((value - whole) * units_per_one));
}

std::optional<Int128> parse_units(std::string_view text) {
  const char* const end = text.data() + text.size();
  const bool negative = !text.empty() && text.front() == '-';
  std::uint64_t integer = 0;  // through a double, integers past 2^53 would lose their last digits
  const std::from_chars_result result =
      std::from_chars(text.data() + (negative ? 1 : 0), end, integer);
  if (result.ec == std::errc() && result.ptr == end) {
    const Int128 units = static_cast<Int128>(integer) * 1'000'000'000;
    return negative ? -units : units;
  }
  const std::optional<double> real = parse_real(text);
  if (!real || std::fabs(*real) > value_max) {
    return std::nullopt;
  }
  return units_of(*real);
}

double to_double(Int128 units) {
  return static_cast<double>(units / 1'000'000'000) +
         static_cast<double>(units % 1'000'000'000) / units_per_one;
}

struct Aggregate : StatelessPolicy {
  struct Payload {
    Int128 units = 0;
  };
  struct State {
    Int128 sum = 0;
    std::uint64_t count = 0;
  };
  static constexpr bool ordered = false;

  std::vector<Threshold> thresholds;
  bool average = false;

  std::uint64_t entries_needed() const { return 1; }
  bool payload(const Observation& observation, Payload& payload) const {
    if (observation.fields.empty() || observation.fields[0].values.size() != 1) {
      return false;  // absent, or an array: no number
    }
    const std::optional<Int128> units = parse_units(observation.fields[0].values[0]);
    payload.units = units.value_or(0);
    return units.has_value();
  }
  State start() const { return {}; }
  void add(State& state, TimeNs, const Payload& payload) const {
    state.sum += payload.units;
    ++state.count;
  }
  void remove(State& state, const Payload& payload) const {
    state.sum -= payload.units;
    --state.count;
  }
  bool holds(const State& state, TimeNs) const {
    for (const Threshold& threshold : thresholds) {
      // Beyond what a sum or an average can reach, and small enough to be multiplied by a count.
      const double reach = average ? value_max * 10 : value_max * 1e9;
      const double bounded = std::fmin(std::fmax(threshold.value, -reach), reach);
      // An average is compared multiplied out: exactly.
      const Int128 limit = units_of(bounded) * (average ? static_cast<Int128>(state.count) : 1);
      const int comparison = state.sum < limit ? -1 : (state.sum > limit ? 1 : 0);
      if (!tocsin::holds(threshold, comparison)) {
        return false;
      }
    }
    return true;
  }
  void evidence(const State& state, TimeNs, EvidenceWriter& out) const {
    const double sum = to_double(state.sum);
    out.number(average ? "average" : "sum", average ? sum / static_cast<double>(state.count) : sum);
    out.text("condition", to_text(thresholds));
  }
  void save(const Payload& payload, WireWriter& writer) const {
    const auto bits = static_cast<UInt128>(payload.units);
    writer.hash({static_cast<std::uint64_t>(bits >> 64), static_cast<std::uint64_t>(bits)});
  }
  bool load(WireReader& reader, Payload& payload) const {
    const Hash128 bits = reader.hash();
    payload.units = static_cast<Int128>((static_cast<UInt128>(bits.high) << 64) | bits.low);
    return reader.ok();
  }
};

DetectorResult make(const CorrelationSpec& spec, const DetectorSettings& settings, bool average) {
  if (spec.fields.size() != 1 || spec.thresholds.empty()) {
    return spec_error(spec.type + " needs one field and a condition",
                      "condition: {field: bytes, gte: 1000000}");
  }
  Aggregate policy;
  policy.thresholds = spec.thresholds;
  policy.average = average;
  return std::unique_ptr<Detector>(
      std::make_unique<WindowDetector<Aggregate>>(std::move(policy), spec.timespan_ns, settings));
}

}  // namespace

DetectorResult make_value_sum(const CorrelationSpec& spec, const DetectorSettings& settings) {
  return make(spec, settings, false);
}

DetectorResult make_value_avg(const CorrelationSpec& spec, const DetectorSettings& settings) {
  return make(spec, settings, true);
}

}  // namespace tocsin
