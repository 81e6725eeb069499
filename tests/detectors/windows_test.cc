// SPDX-License-Identifier: Apache-2.0
// Every window detector against its slow twin: after each event, all windows that hold it are made
// from the list of all events so far and judged by the definition.
#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "detectors/condition.h"
#include "detectors/registry.h"
#include "tests/detectors/engine_fixture.h"
#include "tests/detectors/stream.h"

namespace tocsin {
namespace {

using testing::drive;
using testing::DriverOptions;
using testing::DriverReport;
using testing::random_stream;
using testing::spec_of;
using testing::StreamEvent;
using testing::StreamShape;

constexpr int latenesses = 5;

// The events of one window, in order of (time, arrival).
using Window = std::vector<const StreamEvent*>;
struct Twin {
  std::function<bool(const StreamEvent&)> enters;
  std::function<bool(const Window&)> holds;
};

std::vector<std::size_t> expected_arrivals(const Twin& twin,
                                           const std::vector<StreamEvent>& events,
                                           DurationNs timespan_ns) {
  std::vector<std::size_t> arrivals;
  for (std::size_t arrived = 0; arrived < events.size(); ++arrived) {
    const StreamEvent& event = events[arrived];
    if (!twin.enters(event)) {
      continue;
    }
    Window group;
    for (std::size_t i = 0; i <= arrived; ++i) {
      if (events[i].group == event.group && twin.enters(events[i])) {
        group.push_back(&events[i]);
      }
    }
    std::stable_sort(group.begin(), group.end(), [](const StreamEvent* a, const StreamEvent* b) {
      return a->time < b->time;
    });
    const bool fires = std::any_of(group.begin(), group.end(), [&](const StreamEvent* end) {
      if (end->time < event.time || end->time - timespan_ns > event.time) {
        return false;
      }
      Window window;
      for (const StreamEvent* member : group) {
        if (member->time <= end->time && member->time >= end->time - timespan_ns) {
          window.push_back(member);
        }
      }
      return twin.holds(window);
    });
    if (fires) {
      arrivals.push_back(arrived);
    }
  }
  return arrivals;
}

std::vector<std::size_t> arrivals_of(const std::vector<DriverReport>& reports) {
  std::vector<std::size_t> arrivals;
  for (const DriverReport& report : reports) {
    arrivals.push_back(report.arrival);
  }
  return arrivals;
}

void compare(const CorrelationSpec& spec, const Twin& twin, StreamShape shape, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::size_t reported = 0;
  std::size_t silent = 0;
  for (int stream = 0; stream < testing::streams(60 * latenesses) / latenesses; ++stream) {
    for (const std::int64_t late_seconds :
         std::array<std::int64_t, latenesses>{0, 3, 20, 60, 300}) {
      CAPTURE(stream);
      CAPTURE(late_seconds);
      shape.late_seconds = late_seconds;
      const std::vector<StreamEvent> events = random_stream(random, shape);
      DriverOptions options;
      options.lateness_ns = late_seconds * second_ns;
      const std::vector<DriverReport> reports = drive(spec, events, {}, options);
      const std::vector<std::size_t> expected = expected_arrivals(twin, events, spec.timespan_ns);
      REQUIRE(arrivals_of(reports) == expected);
      reported += expected.size();
      silent += events.size() - expected.size();

      options.restart_after = static_cast<std::size_t>(stream) % events.size();
      options.hash_seed_after = 99;
      const std::vector<DriverReport> again = drive(spec, events, {}, options);
      REQUIRE(arrivals_of(again) == expected);
      for (std::size_t i = 0; i < again.size(); ++i) {
        REQUIRE(again[i].report.evidence_json == reports[i].report.evidence_json);
        REQUIRE(again[i].report.count == reports[i].report.count);
        REQUIRE(again[i].report.first_seen == reports[i].report.first_seen);
      }
    }
  }
  // A condition that always or never holds would show nothing.
  CHECK(reported > 100);
  CHECK(silent > 100);
}

bool meets(const std::vector<Threshold>& thresholds, double value) {
  return std::all_of(thresholds.begin(), thresholds.end(), [&](const Threshold& t) {
    switch (t.op) {
      case CompareOp::lt:
        return value < t.value;
      case CompareOp::lte:
        return value <= t.value;
      case CompareOp::gt:
        return value > t.value;
      case CompareOp::gte:
        return value >= t.value;
      case CompareOp::eq:
        return value == t.value;
      case CompareOp::neq:
        return value != t.value;
    }
    return false;
  });
}

bool is_number(const StreamEvent& event) {
  return event.value.size() == 1 && event.value[0] != "x";
}

std::vector<double> numbers(const Window& window) {
  std::vector<double> values;
  for (const StreamEvent* event : window) {
    values.push_back(std::stod(event->value[0]));
  }
  return values;
}

bool always(const StreamEvent&) {
  return true;
}

const std::vector<std::vector<Threshold>> count_conditions = {
    {{CompareOp::gte, 4}},
    {{CompareOp::gt, 2}},
    {{CompareOp::lt, 3}},
    {{CompareOp::lte, 2}},
    {{CompareOp::eq, 3}},
    {{CompareOp::neq, 2}},
    {{CompareOp::gt, 1}, {CompareOp::lt, 5}},
};

TEST_CASE("event_count equals its slow twin") {
  for (std::size_t i = 0; i < count_conditions.size(); ++i) {
    CAPTURE(i);
    CorrelationSpec spec = spec_of("event_count", 20 * second_ns);
    spec.thresholds = count_conditions[i];
    const Twin twin = {always, [&](const Window& window) {
                         return meets(spec.thresholds, static_cast<double>(window.size()));
                       }};
    compare(spec, twin, {}, i);
  }
}

TEST_CASE("value_count equals its slow twin") {
  for (std::size_t i = 0; i < count_conditions.size(); ++i) {
    CAPTURE(i);
    CorrelationSpec spec = spec_of("value_count", 30 * second_ns);
    spec.fields = {"n"};
    spec.thresholds = count_conditions[i];
    const Twin twin = {[](const StreamEvent& event) { return !event.value.empty(); },
                       [&](const Window& window) {
                         std::set<std::vector<std::string>> distinct;
                         for (const StreamEvent* event : window) {
                           distinct.insert(event->value);
                         }
                         return meets(spec.thresholds, static_cast<double>(distinct.size()));
                       }};
    StreamShape shape;
    shape.odd_values = true;
    compare(spec, twin, shape, i);
  }
}

TEST_CASE("value_sum and value_avg equal their slow twins") {
  for (const bool average : {false, true}) {
    for (const Threshold threshold : {Threshold{CompareOp::gte, 6},
                                      Threshold{CompareOp::gt, 1.5},
                                      Threshold{CompareOp::lt, 2},
                                      Threshold{CompareOp::eq, 3}}) {
      CAPTURE(average);
      CAPTURE(threshold.value);
      CorrelationSpec spec = spec_of(average ? "value_avg" : "value_sum", 20 * second_ns);
      spec.fields = {"n"};
      spec.thresholds = {threshold};
      const Twin twin = {is_number, [&](const Window& window) {
                           double sum = 0;
                           for (const double value : numbers(window)) {
                             sum += value;
                           }
                           const auto count = static_cast<double>(window.size());
                           return meets(spec.thresholds, average ? sum / count : sum);
                         }};
      StreamShape shape;
      shape.odd_values = true;
      shape.values = average ? 9 : 6;
      compare(spec, twin, shape, average ? 1 : 2);
    }
  }
}

TEST_CASE("value_percentile and value_median equal their slow twins") {
  for (const double percentile : {0.0, 10.0, 50.0, 90.0, 100.0}) {
    CAPTURE(percentile);
    CorrelationSpec spec = spec_of("value_percentile", 30 * second_ns);
    spec.fields = {"n"};
    spec.percentile = percentile;
    spec.thresholds = {{CompareOp::gte, percentile < 50 ? 0.5 : 2.0}};
    const Twin twin = {is_number, [&](const Window& window) {
                         std::vector<double> values = numbers(window);
                         std::sort(values.begin(), values.end());
                         const double rank =
                             percentile / 100 * static_cast<double>(values.size() - 1);
                         const auto low = static_cast<std::size_t>(rank);
                         const std::size_t high = std::min(low + 1, values.size() - 1);
                         const double value = values[low] + (values[high] - values[low]) *
                                                                (rank - static_cast<double>(low));
                         return meets(spec.thresholds, value);
                       }};
    StreamShape shape;
    shape.odd_values = true;
    compare(spec, twin, shape, static_cast<std::uint64_t>(percentile));
    if (percentile == 50) {
      spec.type = "value_median";
      spec.percentile.reset();
      compare(spec, twin, shape, 51);
    }
  }
}

std::uint64_t seen_in(const Window& window) {
  std::uint64_t seen = 0;
  for (const StreamEvent* event : window) {
    seen |= event->inputs;
  }
  return seen;
}

ConditionStep leaf(std::uint32_t input) {
  return {ConditionStep::Kind::input, input};
}
const ConditionStep both = {ConditionStep::Kind::all_of, 2};
const ConditionStep either = {ConditionStep::Kind::any_of, 2};
const ConditionStep negation = {ConditionStep::Kind::negation, 0};

struct ExtendedCase {
  const char* text;
  std::vector<ConditionStep> steps;
  std::function<bool(std::uint64_t met, std::uint64_t seen)> holds;
};

std::vector<ExtendedCase> extended_cases() {
  return {
      {"r0 and r1 and r2",
       {leaf(0), leaf(1), leaf(2), {ConditionStep::Kind::all_of, 3}},
       [](std::uint64_t met, std::uint64_t) { return met == 7; }},
      {"r0 and (r1 or r2)",
       {leaf(0), leaf(1), leaf(2), either, both},
       [](std::uint64_t met, std::uint64_t) { return (met & 1) != 0 && (met & 6) != 0; }},
      {"r0 and r2 and not r1",
       {leaf(0), leaf(2), both, leaf(1), negation, both},
       [](std::uint64_t met, std::uint64_t seen) { return (met & 5) == 5 && (seen & 2) == 0; }},
      {"not (r0 or r1)",
       {leaf(0), leaf(1), either, negation},
       [](std::uint64_t, std::uint64_t seen) { return (seen & 3) == 0; }},
  };
}

TEST_CASE("temporal equals its slow twin") {
  StreamShape shape;
  shape.inputs = 3;
  CorrelationSpec spec = spec_of("temporal", 12 * second_ns, 3);
  compare(spec, {always, [](const Window& window) { return seen_in(window) == 7; }}, shape, 1);
  spec.thresholds = {{CompareOp::gte, 2}};
  compare(spec,
          {always,
           [](const Window& window) {
             const std::uint64_t seen = seen_in(window);
             return (seen & 1) + (seen >> 1 & 1) + (seen >> 2 & 1) >= 2;
           }},
          shape,
          2);
  spec.thresholds.clear();
  for (const ExtendedCase& c : extended_cases()) {
    CAPTURE(c.text);
    spec.condition = c.steps;
    compare(
        spec,
        {always, [&](const Window& window) { return c.holds(seen_in(window), seen_in(window)); }},
        shape,
        3);
  }
}

// Can the rules of `subset` be met in list order at non-decreasing times? By the definition: some
// event for each, tried in all ways.
bool has_chain(const Window& window, std::uint64_t subset, TimeNs from) {
  if (subset == 0) {
    return true;
  }
  const std::uint64_t first = subset & (~subset + 1);
  return std::any_of(window.begin(), window.end(), [&](const StreamEvent* event) {
    return event->time >= from && (event->inputs & first) != 0 &&
           has_chain(window, subset & ~first, event->time);
  });
}

std::uint64_t bits(std::uint64_t subset) {
  std::uint64_t count = 0;
  for (; subset != 0; subset &= subset - 1) {
    ++count;
  }
  return count;
}

TEST_CASE("temporal_ordered equals its slow twin") {
  StreamShape shape;
  shape.inputs = 3;
  shape.events = 40;
  shape.seconds = 120;
  CorrelationSpec spec = spec_of("temporal_ordered", 12 * second_ns, 3);
  compare(spec, {always, [](const Window& window) { return has_chain(window, 7, 0); }}, shape, 1);
  for (const Threshold threshold :
       {Threshold{CompareOp::gte, 2}, Threshold{CompareOp::eq, 2}, Threshold{CompareOp::lt, 3}}) {
    CAPTURE(threshold.value);
    spec.thresholds = {threshold};
    compare(spec,
            {always,
             [&](const Window& window) {
               std::uint64_t longest = 0;
               for (std::uint64_t subset = 1; subset < 8; ++subset) {
                 if (bits(subset) > longest && has_chain(window, subset, 0)) {
                   longest = bits(subset);
                 }
               }
               return meets(spec.thresholds, static_cast<double>(longest));
             }},
            shape,
            2);
  }
  spec.thresholds.clear();
  for (const ExtendedCase& c : extended_cases()) {
    CAPTURE(c.text);
    spec.condition = c.steps;
    compare(spec,
            {always,
             [&](const Window& window) {
               const std::uint64_t seen = seen_in(window);
               for (std::uint64_t subset = 0; subset < 8; ++subset) {
                 if (has_chain(window, subset, 0) && c.holds(subset, seen)) {
                   return true;
                 }
               }
               return false;
             }},
            shape,
            3);
  }
}

TEST_CASE("a detector that cannot be read back is left as it was") {
  CorrelationSpec spec = spec_of("event_count", 20 * second_ns);
  spec.thresholds = {{CompareOp::gte, 2}};
  const DetectorSettings settings;
  DetectorResult made = make_detector(spec, settings);
  REQUIRE(made.has_value());
  std::string state;
  (*made)->save(state);
  CHECK((*made)->load(state));
  CHECK_FALSE((*made)->load(""));
  CHECK_FALSE((*made)->load(state + "x"));
  CHECK_FALSE((*made)->load(state.substr(0, state.size() - 1)));
  CHECK_FALSE((*made)->load(std::string(20, '\xff')));
}

}  // namespace
}  // namespace tocsin
