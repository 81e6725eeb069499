// SPDX-License-Identifier: Apache-2.0
// value_count: how many distinct values (or tuples of values) of fields are within a timespan. An
// event that lacks one of the fields does not enter (conformance COR-09, COR-10). A field with
// several values counts as one, as in group-by.
#include <algorithm>
#include <cmath>
#include <vector>

#include "detectors/registry.h"
#include "detectors/windows.h"
#include "engine/base/prefetch.h"

namespace tocsin {

namespace {

// How often each value is in a window: a hash table of so few bytes per value that a large window
// stays in the cache. The hashes are seeded: nobody can choose two that collide, and by chance it
// takes billions of values in one window.
class ValueTable {
 public:
  std::size_t size() const { return size_; }
  void prefetch(std::uint64_t value) const {
    if (!cells_.empty()) {
      tocsin::prefetch(&cells_[value & (cells_.size() - 1)]);
    }
  }
  void add(std::uint64_t value) {
    if ((size_ + 1) * 4 > cells_.size() * 3) {
      grow();
    }
    Cell& cell = cells_[locate(value)];
    size_ += cell.count == 0 ? 1 : 0;
    cell.value = value;
    ++cell.count;
  }
  void remove(std::uint64_t value) {
    if (cells_.empty()) {
      return;
    }
    std::size_t hole = locate(value);
    if (cells_[hole].count == 0 || --cells_[hole].count > 0) {
      return;
    }
    // Backward shift: who was pushed past the hole moves into it.
    const std::size_t mask = cells_.size() - 1;
    for (std::size_t at = (hole + 1) & mask; cells_[at].count > 0; at = (at + 1) & mask) {
      if (((at - cells_[at].value) & mask) >= ((at - hole) & mask)) {
        cells_[hole] = cells_[at];
        hole = at;
      }
    }
    cells_[hole] = Cell{};
    --size_;
  }

 private:
  struct Cell {
    std::uint64_t value = 0;
    std::uint64_t count = 0;  // 0: free
  };

  std::size_t locate(std::uint64_t value) const {
    const std::size_t mask = cells_.size() - 1;
    std::size_t at = static_cast<std::size_t>(value) & mask;
    while (cells_[at].count > 0 && cells_[at].value != value) {
      at = (at + 1) & mask;
    }
    return at;
  }
  void grow() {
    std::vector<Cell> old(cells_.empty() ? 8 : cells_.size() * 2);
    old.swap(cells_);
    for (const Cell& cell : old) {
      if (cell.count > 0) {
        cells_[locate(cell.value)] = cell;
      }
    }
  }

  std::vector<Cell> cells_;
  std::size_t size_ = 0;
};

struct ValueCount {
  // Of the tuple: 8 bytes instead of the text.
  struct Payload {
    std::uint64_t tuple = 0;
  };
  using State = ValueTable;
  static constexpr bool ordered = false;

  std::vector<Threshold> thresholds;
  std::uint64_t least_needed = 0;  // by the thresholds
  std::uint64_t seed = 0;

  std::uint64_t entries_needed() const {
    double needed = 0;
    for (const Threshold& threshold : thresholds) {
      needed = std::max(needed, threshold.value);
    }
    return static_cast<std::uint64_t>(std::min(std::ceil(needed), 1e9)) + 1;
  }
  bool payload(const Observation& observation, Payload& payload) const {
    std::uint64_t hash = seed;
    for (const FieldView& field : observation.fields) {
      if (field.values.empty()) {
        return false;
      }
      // Each part's hash is the seed of the next: no two lists of parts are alike.
      hash = field.values.size() == 1 ? seeded_hash(field.values.front(), hash)
                                      : seeded_hash(*field.single(), hash);
    }
    payload.tuple = hash;
    return true;
  }
  State start() const { return {}; }
  void add(State& state, TimeNs, const Payload& payload) const { state.add(payload.tuple); }
  void remove(State& state, const Payload& payload) const { state.remove(payload.tuple); }
  void prefetch(const State& state, const Payload& payload) const { state.prefetch(payload.tuple); }
  bool holds(const State& state, TimeNs) const {
    return tocsin::holds(thresholds, static_cast<double>(state.size()));
  }
  std::uint64_t most(const State& state) const { return state.size(); }
  std::uint64_t least() const { return least_needed; }
  void evidence(const State& state, TimeNs, EvidenceWriter& out) const {
    out.integer("distinct", state.size());
    out.text("condition", to_text(thresholds));
  }
  void save(const Payload& payload, WireWriter& writer) const { writer.number(payload.tuple); }
  bool load(WireReader& reader, Payload& payload) const {
    payload.tuple = reader.number();
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
  policy.least_needed = least_count(spec.thresholds);
  policy.seed = settings.hash_seed;
  return std::unique_ptr<Detector>(
      std::make_unique<WindowDetector<ValueCount>>(std::move(policy), spec.timespan_ns, settings));
}

}  // namespace tocsin
