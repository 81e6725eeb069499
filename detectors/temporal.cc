// SPDX-License-Identifier: Apache-2.0
// temporal: which of the listed rules are met within a timespan, in any order: all of them, as many
// different ones as the condition says (COR-11), or as an extended condition says (COR-15). One
// event may meet several (COR-12).
#include <bit>

#include "detectors/condition.h"
#include "detectors/registry.h"
#include "detectors/windows.h"

namespace tocsin {

namespace {

struct Temporal : StatelessPolicy {
  struct Payload {
    std::uint64_t inputs = 0;
  };
  // When each rule was met last: it is in a window that begins no later.
  struct State {
    std::vector<TimeNs> last;
    std::uint64_t ever = 0;
  };
  static constexpr bool ordered = true;

  std::vector<Threshold> thresholds;
  std::vector<ConditionStep> condition;
  std::vector<std::string> names;

  std::uint64_t all() const {
    return names.size() == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << names.size()) - 1;
  }
  std::uint64_t entries_needed() const { return names.size(); }
  bool payload(const Observation& observation, Payload& payload) const {
    payload.inputs = observation.inputs & all();
    return payload.inputs != 0;
  }
  void merge(Payload& into, const Payload& payload) const { into.inputs |= payload.inputs; }
  State start() const { return {std::vector<TimeNs>(names.size()), 0}; }
  void add(State& state, TimeNs time, const Payload& payload) const {
    for (std::uint64_t left = payload.inputs; left != 0; left &= left - 1) {
      state.last[static_cast<std::size_t>(std::countr_zero(left))] = time;
    }
    state.ever |= payload.inputs;
  }
  void remove(State&, const Payload&) const {}
  std::uint64_t seen(const State& state, TimeNs begin) const {
    std::uint64_t seen = 0;
    for (std::uint64_t left = state.ever; left != 0; left &= left - 1) {
      const auto input = static_cast<std::size_t>(std::countr_zero(left));
      if (state.last[input] >= begin) {
        seen |= std::uint64_t{1} << input;
      }
    }
    return seen;
  }
  bool holds(const State& state, TimeNs begin) const {
    const std::uint64_t met = seen(state, begin);
    if (!condition.empty()) {
      return tocsin::holds(condition, met, met);
    }
    if (!thresholds.empty()) {
      return tocsin::holds(thresholds, static_cast<double>(std::popcount(met)));
    }
    return met == all();
  }
  void evidence(const State& state, TimeNs begin, EvidenceWriter& out) const {
    const std::uint64_t met = seen(state, begin);
    std::string list = "[";
    for (std::size_t i = 0; i < names.size(); ++i) {
      if ((met >> i & 1) != 0) {
        list += list.size() > 1 ? "," : "";
        append_json_string(names[i], list);
      }
    }
    out.raw("rules", list + "]");
    if (!thresholds.empty()) {
      out.text("condition", to_text(thresholds));
    }
  }
  void save(const Payload& payload, WireWriter& writer) const { writer.number(payload.inputs); }
  bool load(WireReader& reader, Payload& payload) const {
    payload.inputs = reader.number() & all();
    return reader.ok();
  }
};

}  // namespace

DetectorResult make_temporal(const CorrelationSpec& spec, const DetectorSettings& settings) {
  if (!spec.condition.empty() && !is_valid(spec.condition, spec.inputs.size())) {
    return spec_error("the condition is not complete");
  }
  Temporal policy;
  policy.thresholds = spec.thresholds;
  policy.condition = spec.condition;
  for (const CorrelationInput& input : spec.inputs) {
    policy.names.push_back(input.name);
  }
  return std::unique_ptr<Detector>(
      std::make_unique<WindowDetector<Temporal>>(std::move(policy), spec.timespan_ns, settings));
}

}  // namespace tocsin
