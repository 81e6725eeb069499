// SPDX-License-Identifier: Apache-2.0
// The journal of what was fed, and saved state.
#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "detectors/engine.h"
#include "tests/detectors/engine_fixture.h"

namespace tocsin {
namespace {

using testing::correlation;
using testing::every_kind;
using testing::joined;
using testing::load;
using testing::random_lines;
using testing::results_of;
using testing::rules;
using testing::shuffled;
using testing::texts;
using testing::watermark;

const std::string new_value_rule =
    "title: NewValue\nname: NewValue\ncorrelation:\n  type: new_value\n  rules: [ra, rb]\n"
    "  group-by: [u]\n  field: n\n  learning: 30s\n  mature-after: 1s\n  min-days: 1\n";

TEST_CASE("a saved state and the journals after it give the state again, whenever it is killed") {
  for (const std::string& emit : {std::string(), watermark}) {
    const auto ruleset = load(every_kind(emit) + new_value_rule);
    std::mt19937_64 random(16);
    const std::string lines = joined(shuffled(random_lines(random, 70), random, 25));
    const std::vector<BatchResult> results = results_of(ruleset, lines);
    CorrelationSettings settings;
    settings.detector.lateness_ns = 15 * second_ns;
    settings.journal = true;
    settings.prompt = true;  // as tail, who alone has a journal
    // Saves before result `saved`, is killed before result `killed`; a journal for each `every`.
    const auto run = [&](std::size_t saved, std::size_t killed, std::size_t every) {
      auto engine = std::make_unique<CorrelationEngine>(ruleset, settings);
      std::vector<CorrelationReport> reports;
      std::string state;
      engine->save(state);
      std::vector<std::string> journals;
      for (std::size_t i = 0; i < results.size(); ++i) {
        if (i == saved) {
          journals.clear();
          engine->take_journal();
          state.clear();
          engine->save(state);
        }
        if (i == killed) {
          journals.push_back(engine->take_journal());
          engine = std::make_unique<CorrelationEngine>(ruleset, settings);
          REQUIRE(engine->load(state));
          CHECK(engine->knows_all());
          for (const std::string& journal : journals) {
            REQUIRE(engine->replay(journal));
          }
        }
        // Time that passes without a record, and an input that is idle for a while.
        if (i % 13 == 5) {
          engine->set_idle("memory", true, reports);
          engine->advance(engine->watermark() + 2 * second_ns, reports);
        }
        engine->consume(results[i], reports);
        if (i % every == 0) {
          journals.push_back(engine->take_journal());
        }
      }
      engine->finish(reports);
      return texts(reports);
    };
    const std::vector<std::string> expected = run(results.size(), results.size(), 1);
    CHECK(expected.size() > 10);
    for (std::size_t killed = 0; killed < results.size(); killed += 3) {
      CAPTURE(killed);
      REQUIRE(run(results.size(), killed, 1) == expected);
      REQUIRE(run(killed / 2, killed, 4) == expected);
    }
  }
}

TEST_CASE("a journal feeds no correlation that the saved state did not know") {
  const std::string old_rules =
      rules(correlation("Old", "  type: event_count\n  rules: [ra]\n  condition:\n    gte: 2\n"));
  const std::string new_rules =
      old_rules +
      correlation("New", "  type: event_count\n  rules: [ra]\n  condition:\n    gte: 3\n");
  const auto line = [](int second) {
    return "{\"eventTime\":\"" + format_rfc3339(second * second_ns) + "\",\"k\":\"a\"}\n";
  };
  CorrelationSettings settings;
  settings.journal = true;
  std::string state;
  std::string journal;
  {
    const auto ruleset = load(old_rules);
    CorrelationEngine engine(ruleset, settings);
    engine.save(state);
    std::vector<CorrelationReport> reports;
    for (const BatchResult& result : results_of(ruleset, line(1) + line(2))) {
      engine.consume(result, reports);
    }
    CHECK(reports.size() == 1);
    journal = engine.take_journal();
    CHECK(engine.take_journal().empty());
  }
  const auto ruleset = load(new_rules);
  CorrelationEngine engine(ruleset, settings);
  REQUIRE(engine.load(state));
  CHECK_FALSE(engine.knows_all());
  REQUIRE(engine.replay(journal));
  CHECK(engine.counters(0).keys == 1);
  CHECK(engine.counters(1).keys == 0);
  CHECK(engine.counters().fed == 0);
  std::vector<CorrelationReport> reports;
  for (const BatchResult& result : results_of(ruleset, line(3) + line(4))) {
    engine.consume(result, reports);
  }
  CHECK(reports.empty());  // Old is folded, New has seen two
}

TEST_CASE("secrets are in no journal and no saved state, and change no report") {
  const auto ruleset = load(every_kind(watermark));
  const std::string lines =
      "{\"eventTime\":\"2023-11-14T22:13:20Z\",\"k\":\"a\",\"u\":\"hunter2\",\"secret\":"
      "\"hunter2\"}\n"
      "{\"eventTime\":\"2023-11-14T22:13:21Z\",\"k\":\"a\",\"u\":\"eve\",\"secret\":\"hunter2\"}\n";
  CorrelationSettings settings;
  settings.journal = true;
  settings.redact = [](const std::string& json) -> std::optional<std::string> {
    std::string clean = json;
    const std::size_t at = clean.find("\"secret\":\"hunter2\"");
    return at == std::string::npos
               ? std::nullopt
               : std::optional<std::string>(clean.replace(at, 18, "\"secret\":\"gone\""));
  };
  CorrelationEngine engine(ruleset, settings);
  std::string state;
  engine.save(state);
  std::vector<CorrelationReport> reports;
  for (const BatchResult& result : results_of(ruleset, lines)) {
    engine.consume(result, reports);
  }
  const std::string journal = engine.take_journal();
  std::string later;
  engine.save(later);
  for (const std::string* bytes : {&journal, static_cast<const std::string*>(&later)}) {
    CHECK(bytes->find("\"secret\":\"hunter2\"") == std::string::npos);
    CHECK(bytes->find("\"secret\":\"gone\"") != std::string::npos);
  }
  CorrelationEngine other(ruleset, settings);
  REQUIRE(other.load(state));
  REQUIRE(other.replay(journal));
  std::vector<CorrelationReport> others;
  engine.finish(reports);
  other.finish(others);
  CHECK_FALSE(reports.empty());
  CHECK(texts(others) == texts(reports));
}

TEST_CASE("a journal that cannot be read is refused") {
  const auto ruleset = load(every_kind(""));
  CorrelationSettings settings;
  settings.journal = true;
  CorrelationEngine engine(ruleset, settings);
  std::vector<CorrelationReport> reports;
  std::mt19937_64 random(17);
  for (const BatchResult& result : results_of(ruleset, joined(random_lines(random, 5)))) {
    engine.consume(result, reports);
  }
  const std::string journal = engine.take_journal();
  REQUIRE_FALSE(journal.empty());
  CHECK(engine.replay(""));
  for (std::size_t at = 0; at < journal.size(); ++at) {
    CorrelationEngine other(ruleset, settings);
    std::string torn = journal;
    torn[at] = static_cast<char>(torn[at] ^ 0xff);
    other.replay(torn);  // does no harm
  }
  CHECK_FALSE(CorrelationEngine(ruleset, settings).replay(journal.substr(0, journal.size() - 1)));
  CHECK_FALSE(CorrelationEngine(ruleset, settings).replay(journal + "x"));
}

TEST_CASE("state that cannot be read is refused and changes nothing") {
  const auto ruleset = load(every_kind(""));
  CorrelationEngine engine(ruleset, {});
  std::string state;
  engine.save(state);
  CHECK(engine.load(state));
  CHECK_FALSE(engine.load(""));
  CHECK_FALSE(engine.load(state.substr(0, state.size() / 2)));
  CHECK_FALSE(engine.load(state + "x"));
}

}  // namespace
}  // namespace tocsin
