// SPDX-License-Identifier: Apache-2.0
// value_count: how many distinct values (or tuples of values) of fields are within a timespan. An
// event that lacks one of the fields does not enter (conformance COR-09, COR-10). A field with
// several values counts as one, as in group-by.
#include <algorithm>
#include <cmath>

#include "detectors/flat_map.h"
#include "detectors/registry.h"
#include "detectors/windows.h"

namespace tocsin {

namespace {

struct ValueCount {
  // Of the tuple, seeded: 16 bytes instead of the text, and nobody can choose two that collide.
  struct Payload {
    Hash128 tuple;
  };
  using State = FlatMap<std::uint32_t>;  // occurrences in the window
  static constexpr bool ordered = false;

  std::vector<Threshold> thresholds;
  std::uint64_t seed = 0;

  std::uint64_t entries_needed() const {
    double needed = 0;
    for (const Threshold& threshold : thresholds) {
      needed = std::max(needed, threshold.value);
    }
    return static_cast<std::uint64_t>(std::min(std::ceil(needed), 1e9)) + 1;
  }
  bool payload(const Observation& observation, Payload& payload) const {
    std::string tuple;
    WireWriter writer(tuple);
    for (const FieldTexts& field : observation.fields) {
      if (field.values.empty()) {
        return false;
      }
      if (field.values.size() == 1) {
        writer.text(field.values.front());
      } else {
        writer.text(*field.single());
      }
    }
    payload.tuple.high = seeded_hash(tuple, seed);
    payload.tuple.low = seeded_hash(tuple, ~seed);
    return true;
  }
  State start() const { return {}; }
  void add(State& state, TimeNs, const Payload& payload) const { ++state.insert(payload.tuple); }
  void remove(State& state, const Payload& payload) const {
    if (std::uint32_t* count = state.find(payload.tuple); count != nullptr && --*count == 0) {
      state.erase(payload.tuple);
    }
  }
  bool holds(const State& state, TimeNs) const {
    return tocsin::holds(thresholds, static_cast<double>(state.size()));
  }
  void evidence(const State& state, TimeNs, EvidenceWriter& out) const {
    out.integer("distinct", state.size());
    out.text("condition", to_text(thresholds));
  }
  void save(const Payload& payload, WireWriter& writer) const { writer.hash(payload.tuple); }
  bool load(WireReader& reader, Payload& payload) const {
    payload.tuple = reader.hash();
    return reader.ok();
  }
  // The hashes mean nothing without their seed.
  void save_settings(WireWriter& writer) const { writer.number(seed); }
  bool load_settings(WireReader& reader) {
    seed = reader.number();
    return reader.ok();
  }
};

}  // namespace

DetectorResult make_value_count(const CorrelationSpec& spec, const DetectorSettings& settings) {
  if (spec.fields.empty()) {
    return spec_error("value_count needs a field", "condition: {field: userAgent, gte: 10}");
  }
  if (spec.thresholds.empty()) {
    return spec_error("value_count needs a condition", "condition: {field: userAgent, gte: 10}");
  }
  ValueCount policy;
  policy.thresholds = spec.thresholds;
  policy.seed = settings.hash_seed;
  return std::unique_ptr<Detector>(
      std::make_unique<WindowDetector<ValueCount>>(std::move(policy), spec.timespan_ns, settings));
}

}  // namespace tocsin
