// SPDX-License-Identifier: Apache-2.0
// temporal_ordered: a chain of the listed rules, in list order, at non-decreasing times within a
// timespan: all of them (COR-13), as many as the condition says (COR-14), or such as an extended
// condition asks for.
//
// One pass over the events in time order keeps, for each kind of chain (how long it is and which
// rule it ends with; for extended conditions: which rules it has), the latest possible start: a
// chain is within a window if it starts in it, so the latest start tells for every window, and
// events need not be combined with one another. Events of equal time count as ordered whichever
// came first (COR-13): they are added as one.
#include <algorithm>
#include <bit>

#include "detectors/condition.h"
#include "detectors/registry.h"
#include "detectors/windows.h"

namespace tocsin {

namespace {

constexpr TimeNs never = std::numeric_limits<TimeNs>::min();
// Extended conditions look at every subset of the rules.
constexpr std::size_t subset_rules_max = 10;

struct TemporalOrdered : StatelessPolicy {
  struct Payload {
    std::uint64_t inputs = 0;
  };
  // `starts` is before the time `now`, `with_now` includes the rules `now_inputs` met at that time.
  struct State {
    std::vector<TimeNs> starts;
    std::vector<TimeNs> with_now;
    std::vector<TimeNs> last;  // extended: when each rule was met last
    std::uint64_t now_inputs = 0;
    TimeNs now = never;
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

  bool by_length() const { return condition.empty() && !thresholds.empty(); }
  std::size_t kinds() const {
    if (!condition.empty()) {
      return std::size_t{1} << names.size();
    }
    return by_length() ? names.size() * names.size() : names.size();
  }
  State start() const {
    State state;
    state.starts.assign(kinds(), never);
    state.with_now = state.starts;
    state.last.assign(condition.empty() ? 0 : names.size(), never);
    return state;
  }

  void add(State& state, TimeNs time, const Payload& payload) const {
    if (time != state.now) {
      state.starts = state.with_now;
      state.now = time;
      state.now_inputs = 0;
    }
    if ((state.now_inputs | payload.inputs) == state.now_inputs) {
      return;  // nothing new at this time
    }
    state.now_inputs |= payload.inputs;
    state.with_now = state.starts;
    if (!condition.empty()) {
      extend_subsets(state);
    } else if (by_length()) {
      extend_lengths(state);
    } else {
      extend_full(state);
    }
  }
  void remove(State&, const Payload&) const {}

  // with_now[j]: latest start of a chain of rules 0 to j.
  void extend_full(State& state) const {
    for (std::uint64_t left = state.now_inputs; left != 0; left &= left - 1) {
      const auto j = static_cast<std::size_t>(std::countr_zero(left));
      state.with_now[j] = j == 0 ? state.now : std::max(state.with_now[j], state.with_now[j - 1]);
    }
  }

  // with_now[length * n + j]: of a chain of length + 1 rules that ends with rule j.
  void extend_lengths(State& state) const {
    const std::size_t n = names.size();
    for (std::uint64_t left = state.now_inputs; left != 0; left &= left - 1) {
      const auto j = static_cast<std::size_t>(std::countr_zero(left));
      state.with_now[j] = state.now;
      for (std::size_t length = 1; length <= j; ++length) {
        TimeNs& latest = state.with_now[length * n + j];
        for (std::size_t i = length - 1; i < j; ++i) {
          latest = std::max(latest, state.with_now[(length - 1) * n + i]);
        }
      }
    }
  }

  // with_now[s]: of a chain of exactly the rules in s.
  void extend_subsets(State& state) const {
    for (std::uint64_t left = state.now_inputs; left != 0; left &= left - 1) {
      const auto j = static_cast<std::size_t>(std::countr_zero(left));
      const std::size_t bit = std::size_t{1} << j;
      state.with_now[bit] = state.now;
      for (std::size_t before = 1; before < bit; ++before) {
        state.with_now[before | bit] =
            std::max(state.with_now[before | bit], state.with_now[before]);
      }
      state.last[j] = state.now;
    }
  }

  std::size_t longest(const State& state, TimeNs begin) const {
    const std::size_t n = names.size();
    if (!by_length()) {
      std::size_t length = 0;
      while (length < n && is_within(state.with_now[length], begin)) {
        ++length;
      }
      return length;
    }
    for (std::size_t length = n; length > 0; --length) {
      for (std::size_t j = length - 1; j < n; ++j) {
        if (is_within(state.with_now[(length - 1) * n + j], begin)) {
          return length;
        }
      }
    }
    return 0;
  }
  static bool is_within(TimeNs start, TimeNs begin) { return start != never && start >= begin; }

  bool holds_extended(const State& state, TimeNs begin) const {
    std::uint64_t seen = 0;
    for (std::size_t j = 0; j < names.size(); ++j) {
      seen |= is_within(state.last[j], begin) ? std::uint64_t{1} << j : 0;
    }
    if (tocsin::holds(condition, 0, seen)) {
      return true;  // asserts nothing
    }
    for (std::size_t subset = 1; subset < state.with_now.size(); ++subset) {
      if (is_within(state.with_now[subset], begin) && tocsin::holds(condition, subset, seen)) {
        return true;
      }
    }
    return false;
  }

  bool holds(const State& state, TimeNs begin) const {
    if (!condition.empty()) {
      return holds_extended(state, begin);
    }
    if (!thresholds.empty()) {
      return tocsin::holds(thresholds, static_cast<double>(longest(state, begin)));
    }
    return is_within(state.with_now.back(), begin);
  }

  void evidence(const State& state, TimeNs begin, EvidenceWriter& out) const {
    std::string list = "[";
    for (const std::string& name : names) {
      list += list.size() > 1 ? "," : "";
      append_json_string(name, list);
    }
    out.raw("order", list + "]");
    if (condition.empty()) {
      out.integer("longest_chain", longest(state, begin));
    }
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

DetectorResult make_temporal_ordered(const CorrelationSpec& spec,
                                     const DetectorSettings& settings) {
  if (!spec.condition.empty()) {
    if (!is_valid(spec.condition, spec.inputs.size())) {
      return spec_error("the condition is not complete");
    }
    if (spec.inputs.size() > subset_rules_max) {
      return spec_error("temporal_ordered with an extended condition takes at most 10 rules",
                        "list the rules and leave the condition out, or use temporal");
    }
  }
  TemporalOrdered policy;
  policy.thresholds = spec.thresholds;
  policy.condition = spec.condition;
  for (const CorrelationInput& input : spec.inputs) {
    policy.names.push_back(input.name);
  }
  return std::unique_ptr<Detector>(std::make_unique<WindowDetector<TemporalOrdered>>(
      std::move(policy), spec.timespan_ns, settings));
}

}  // namespace tocsin
