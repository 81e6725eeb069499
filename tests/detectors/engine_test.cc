// SPDX-License-Identifier: Apache-2.0
#include "detectors/engine.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/detectors/engine_fixture.h"

namespace tocsin {
namespace {

using testing::at;
using testing::correlation;
using testing::correlation_alerts;
using testing::load;
using testing::Replay;
using testing::replay;
using testing::ReplayOptions;
using testing::results_of;
using testing::rules;

TEST_CASE("a record that comes twice feeds once, in both orders") {
  const auto ruleset = load(
      rules(correlation("C", "  type: event_count\n  rules: [ra]\n  condition:\n    gte: 2\n")));
  // CloudTrail records are known by their eventID wherever they stand.
  const std::string fields =
      "\"eventVersion\":\"1.08\",\"awsRegion\":\"r\",\"eventName\":\"e\",\"eventSource\":\"s3."
      "amazonaws.com\","
      "\"recipientAccountId\":\"1\",\"k\":\"a\",\"u\":\"x\",\"eventID\":";
  const std::string one = at(100, fields + "\"1\"");
  const std::string other = at(101, fields + "\"2\"");
  const std::string forged = at(100, fields + "\"1\",\"more\":1");
  for (const bool by_time : {false, true}) {
    CAPTURE(by_time);
    ReplayOptions options;
    options.correlation.by_time = by_time;
    Replay run = replay(ruleset, one + one, options);
    CHECK(run.correlations.duplicates == 1);
    CHECK(correlation_alerts(run).empty());
    CHECK(correlation_alerts(replay(ruleset, one + other + one, options)).size() == 1);
    // The same id with other content is another record.
    CHECK(correlation_alerts(replay(ruleset, one + forged, options)).size() == 1);
  }
}

TEST_CASE("records without a usable time feed nothing and are counted") {
  const auto ruleset = load(
      rules(correlation("C", "  type: event_count\n  rules: [ra]\n  condition:\n    gte: 1\n")));
  const Replay run =
      replay(ruleset, "{\"k\":\"a\"}\n{\"k\":\"a\",\"eventTime\":\"soon\"}\n{\"k\":\"x\"}\n");
  CHECK(run.correlations.without_time == 2);
  CHECK(correlation_alerts(run).empty());
}

TEST_CASE("a correlation reports once per group and timespan when folded") {
  const auto ruleset = load(
      rules(correlation("C", "  type: event_count\n  rules: [ra]\n  condition:\n    gte: 2\n")));
  std::string lines;
  for (const int second : {0, 1, 2, 3, 50, 51, 52}) {
    lines += at(second, "\"k\":\"a\",\"u\":\"x\"");
  }
  lines += at(53, "\"k\":\"a\",\"u\":\"y\"") + at(54, "\"k\":\"a\",\"u\":\"y\"");
  const Replay folded = replay(ruleset, lines);
  CHECK(correlation_alerts(folded).size() == 3);
  CHECK(folded.correlations.folded == 3);
  ReplayOptions options;
  options.correlation.fold = false;
  CHECK(correlation_alerts(replay(ruleset, lines, options)).size() == 6);
}

TEST_CASE("a report names the first three and the last seven events, and the one that fired last") {
  const auto ruleset = load(
      rules(correlation("C", "  type: event_count\n  rules: [ra]\n  condition:\n    gte: 15\n")));
  std::string lines;
  for (int second = 0; second < 15; ++second) {
    lines += at(second == 14 ? 5 : second, "\"k\":\"a\",\"u\":\"x\"");
  }
  const Replay run = replay(ruleset, lines);
  REQUIRE(correlation_alerts(run).size() == 1);
  std::vector<std::uint64_t> records;
  for (const Alert& alert : run.alerts) {
    for (const auto& event : alert.events) {
      if (alert.kind == AlertKind::correlation) {
        records.push_back(event->record);
      }
    }
  }
  CHECK(records == std::vector<std::uint64_t>{0, 1, 2, 8, 9, 10, 11, 12, 13, 14});
}

TEST_CASE("the watermark follows the input that is behind, unless it is idle") {
  const auto ruleset = load(rules(correlation("Silence", "  type: absence\n  rules: [ra, rb]\n")));
  CorrelationSettings settings;
  settings.detector.lateness_ns = 10 * second_ns;
  CorrelationEngine engine(ruleset, settings);
  const auto feed = [&](const std::string& input, const std::string& line) {
    std::vector<BatchResult> results = results_of(ruleset, line);
    auto source = std::make_shared<SourceInfo>(*results[0].source);
    source->input = input;
    results[0].source = source;
    std::vector<CorrelationReport> reports;
    engine.consume(results[0], reports);
    return reports.size();
  };
  CHECK(feed("slow", at(100, "\"k\":\"a\",\"u\":\"x\"")) == 0);
  CHECK(feed("fast", at(1000, "\"k\":\"b\",\"u\":\"y\"")) == 0);
  CHECK(engine.watermark() == 90 * second_ns);
  std::vector<CorrelationReport> reports;
  engine.set_idle("slow", true, reports);
  CHECK(engine.watermark() == 990 * second_ns);
  CHECK(reports.size() == 1);
  engine.advance(2000 * second_ns, reports);
  CHECK(engine.watermark() == 2000 * second_ns);
}

TEST_CASE("records that feed nothing move the watermark where a correlation decides by it") {
  const auto ruleset = load(rules(correlation("Silence", "  type: absence\n  rules: [ra, rb]\n")));
  const std::string deleted = at(100, "\"k\":\"a\",\"u\":\"x\"");
  const std::string others = at(90, "\"k\":\"none\"") + at(5000, "\"k\":\"none\"");
  for (const bool by_time : {false, true}) {
    for (const std::size_t batch : {std::size_t{1}, std::size_t{1024}}) {
      CAPTURE(by_time);
      CAPTURE(batch);
      ReplayOptions options;
      options.correlation.by_time = by_time;
      options.batch = batch;
      CHECK(correlation_alerts(replay(ruleset, deleted, options)).empty());
      CHECK(correlation_alerts(replay(ruleset, deleted + others, options)).size() == 1);
      // What lies behind --until says that time came to it, and no more.
      options.correlation.until = 105 * second_ns;
      CHECK(correlation_alerts(replay(ruleset, deleted + others, options)).empty());
    }
  }
}

TEST_CASE("a time ahead of the receive time is taken as the receive time where asked for") {
  const auto ruleset = load(rules(correlation("Silence", "  type: absence\n  rules: [ra, rb]\n")));
  CorrelationSettings settings;
  settings.clamp_future = true;
  settings.detector.lateness_ns = 0;
  CorrelationEngine engine(ruleset, settings);
  std::vector<BatchResult> results = results_of(ruleset, at(5000, "\"k\":\"a\",\"u\":\"x\""));
  results[0].received_at = 100 * second_ns;
  std::vector<CorrelationReport> reports;
  engine.consume(results[0], reports);
  CHECK(engine.watermark() == 100 * second_ns);
  CHECK(engine.counters().future == 1);
}

}  // namespace
}  // namespace tocsin
