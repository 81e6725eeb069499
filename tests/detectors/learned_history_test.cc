// SPDX-License-Identifier: Apache-2.0
// The same history teaches a correlation once, however often it is learned or read.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "detectors/engine.h"
#include "engine/flow/feed.h"
#include "tests/detectors/engine_fixture.h"

namespace tocsin {
namespace {

using testing::correlation;
using testing::load;
using testing::results_of;
using testing::rules;

const std::string novel = "  type: new_value\n  rules: [ra]\n  field: n\n";

std::string hours(int first, int last) {
  std::string lines;
  for (int hour = first; hour < last; ++hour) {
    lines += testing::at(hour * 3600, "\"k\":\"a\",\"u\":\"v\",\"n\":" + std::to_string(hour % 3));
  }
  return lines;
}

struct Learning {
  std::optional<TimeNs> since = {}, until = {};
  bool tail = false;
};

class Machine {
 public:
  // A process of its own: what outlives it is the state.
  CorrelationCounters run(const std::string& correlations,
                          const std::string& lines,
                          const Learning& learning = {}) {
    ruleset_ = load(rules(correlations));
    CorrelationSettings settings;
    settings.by_time = !learning.tail;
    settings.learning = !learning.tail;
    settings.since = learning.since;
    settings.until = learning.until;
    settings.duplicate_horizon_ns = day_ns;
    engine_ = std::make_unique<CorrelationEngine>(ruleset_, settings);
    if (!state_.empty()) {
      REQUIRE(engine_->load(state_));
    }
    std::vector<CorrelationReport> reports;
    // As real inputs do: a stream is known by its first document.
    auto source = std::make_shared<SourceInfo>();
    source->stream_id = content_hash(lines.substr(0, lines.find('\n')));
    std::vector<BatchResult> results = results_of(ruleset_, lines);
    for (BatchResult& result : results) {
      result.source = source;
      engine_->consume(result, reports);
    }
    if (!learning.tail) {
      engine_->finish(reports);
    }
    state_.clear();
    engine_->save(state_);
    return engine_->counters();
  }

  // Of the only group of a correlation; 0: there is none.
  std::uint64_t events(std::uint32_t spec) const {
    std::uint64_t events = 0;
    engine_->for_each_group(spec, [&](const GroupView& view) { events += view.events; });
    return events;
  }

 private:
  std::shared_ptr<const Ruleset> ruleset_;
  std::unique_ptr<CorrelationEngine> engine_;
  std::string state_;
};

TEST_CASE("learning the same history twice counts it once") {
  const std::string one = correlation("Novel", novel);
  Machine machine;
  CHECK(machine.run(one, hours(0, 100)).fed == 100);
  CHECK(machine.events(0) == 100);
  const CorrelationCounters again = machine.run(one, hours(0, 100));
  CHECK(again.fed == 0);
  CHECK(again.learned_before == 100);
  CHECK(machine.events(0) == 100);
  SUBCASE("what was appended since is learned") {
    const CorrelationCounters more = machine.run(one, hours(0, 120));
    CHECK(more.fed == 20);
    CHECK(more.learned_before == 100);
    CHECK(machine.events(0) == 120);
  }
  SUBCASE("tail from the beginning does not count it either, nor report it") {
    Learning tail;
    tail.tail = true;
    CHECK(machine.run(one, hours(0, 101), tail).learned_before == 100);
    CHECK(machine.events(0) == 101);
  }
  SUBCASE("another file is another history") {
    CHECK(machine.run(one, hours(200, 210)).fed == 10);
    CHECK(machine.events(0) == 110);
  }
}

TEST_CASE("a correlation that is new learns from history that others know") {
  const std::string old = correlation("Novel", novel);
  const std::string both = old + correlation("Later",
                                             "  type: new_value\n  rules: [ra, rb]\n"
                                             "  field: n\n");
  Machine machine;
  machine.run(old, hours(0, 30));
  const CorrelationCounters counters = machine.run(both, hours(0, 30));
  CHECK(counters.fed == 30);
  CHECK(counters.duplicates == 0);
  CHECK(counters.learned_before == 0);
  CHECK(machine.events(0) == 30);
  CHECK(machine.events(1) == 30);
  CHECK(machine.run(both, hours(0, 30)).learned_before == 30);
  CHECK(machine.events(0) == 30);
  CHECK(machine.events(1) == 30);
  // Its state went with it.
  machine.run(old, hours(50, 51));
  machine.run(both, hours(0, 30));
  CHECK(machine.events(0) == 31);
  CHECK(machine.events(1) == 30);
}

TEST_CASE("times that were left out may be learned later") {
  const std::string one = correlation("Novel", novel);
  Machine machine;
  Learning recent;
  recent.since = 60 * hour_ns;
  CHECK(machine.run(one, hours(0, 100), recent).fed == 40);
  CHECK(machine.run(one, hours(0, 100), recent).fed == 0);
  CHECK(machine.run(one, hours(0, 100)).fed == 60);
  CHECK(machine.events(0) == 100);
  CHECK(machine.run(one, hours(0, 100)).fed == 0);
  CHECK(machine.run(one, hours(0, 100), recent).fed == 0);
  CHECK(machine.events(0) == 100);
}

TEST_CASE("a learning that was stopped goes on where it was") {
  const std::string one = correlation("Novel", novel);
  Machine machine;
  CHECK(machine.run(one, hours(0, 40)).fed == 40);
  CHECK(machine.run(one, hours(0, 100)).fed == 60);
  // ... and one that is stopped earlier than the last forgets nothing.
  CHECK(machine.run(one, hours(0, 10)).fed == 0);
  CHECK(machine.run(one, hours(0, 100)).fed == 0);
  CHECK(machine.events(0) == 100);
}

TEST_CASE("streams past the limit are counted") {
  LearnedHistory history(2);
  for (std::uint64_t stream = 1; stream <= 5; ++stream) {
    history.note({stream, stream}, 100);
  }
  history.complete({});
  CHECK(history.not_remembered() == 3);
  CHECK(history.reads({1, 1}).size() == 1);
  CHECK(history.reads({5, 5}).empty());
}

}  // namespace
}  // namespace tocsin
