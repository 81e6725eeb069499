// SPDX-License-Identifier: Apache-2.0
#include "detectors/engine.h"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "tests/rules/load_fixture.h"
#include "tests/support/replay.h"

namespace tocsin {
namespace {

using testing::Replay;
using testing::replay;
using testing::ReplayOptions;

// Detections ra, rb and rc on k, and correlations over them.
std::string rules(const std::string& correlations) {
  std::string text;
  for (const char* name : {"a", "b", "c"}) {
    text += std::string("title: r") + name + "\nname: r" + name +
            "\nlogsource:\n  product: test\ndetection:\n  sel:\n    k: " + name +
            "\n  condition: sel\n---\n";
  }
  return text + correlations;
}

std::string correlation(const std::string& title,
                        const std::string& body,
                        const std::string& more = {},
                        const std::string& group_by = "[u]") {
  return "title: " + title + "\nname: " + title + "\n" + more +
         "correlation:\n  group-by: " + group_by + "\n  timespan: 20s\n" + body + "---\n";
}

std::shared_ptr<const Ruleset> load(const std::string& text) {
  const LoadResult loaded = test::load_text(text);
  INFO(test::all_text(loaded.diagnostics));
  REQUIRE(loaded.diagnostics.errors() == 0);
  return loaded.ruleset;
}

const std::string watermark = "tocsin:\n  emit: watermark\n";

std::string every_kind(const std::string& emit) {
  const std::string count = "  type: event_count\n  rules: [ra, rb]\n";
  const std::string value = "  rules: [ra, rb]\n  condition:\n    field: n\n";
  return rules(
      correlation("CountGte", count + "  condition:\n    gte: 3\n", emit) +
      correlation("CountLt", count + "  condition:\n    lt: 2\n", emit) +
      correlation("CountEq", count + "  condition:\n    eq: 2\n", emit) +
      correlation("Values", "  type: value_count\n" + value + "    gte: 3\n", emit) +
      correlation("Sum", "  type: value_sum\n" + value + "    gt: 8\n", emit) +
      correlation("Average", "  type: value_avg\n" + value + "    gt: 3\n", emit) +
      correlation("Median", "  type: value_median\n" + value + "    lte: 1\n", emit) +
      correlation("Both", "  type: temporal\n  rules: [ra, rb, rc]\n", emit) +
      correlation(
          "NotB", "  type: temporal\n  rules: [ra, rb]\n  condition: ra and not rb\n", emit) +
      correlation("Order", "  type: temporal_ordered\n  rules: [ra, rb, rc]\n", emit) +
      correlation("Outer",
                  "  type: event_count\n  rules: [CountEq, rc]\n  condition:\n    gte: 3\n",
                  emit) +
      correlation("Silence", "  type: absence\n  rules: [ra, rb]\n") +
      correlation("First",
                  "  type: new_value\n  rules: [ra]\n  baseline: [rb]\n  field: n\n"
                  "  learning: 30s\n  mature-after: 10s\n  min-days: 1\n",
                  emit) +
      correlation("FirstOfParent",
                  "  type: new_value\n  rules: [ra]\n  field: n\n  learning: 60s\n"
                  "  mature-after: 10s\n  min-days: 1\n  on-new-group: parent\n"
                  "  on-learning: silent\n",
                  emit,
                  "[k, u]") +
      correlation("Rare",
                  "  type: rare_value\n  rules: [ra, rb]\n  field: n\n  min-population: 8\n"
                  "  max-share: 0.25\n  max-count: 3\n",
                  emit) +
      correlation("Travel",
                  "  type: impossible_travel\n  rules: [ra, rb]\n  field: ip\n"
                  "  min-distance: 500km\n  min-speed: 900km/h\n",
                  emit));
}

// Streams per property: TOCSIN_STREAMS, for the soak.
int streams(int otherwise) {
  const char* text = std::getenv("TOCSIN_STREAMS");
  return text == nullptr ? otherwise : std::atoi(text);
}

std::optional<GeoPlace> equator(const IpAddress& address) {
  if (address.v6 || address.bytes[0] != 10) {
    return std::nullopt;
  }
  GeoPlace place;
  place.latitude = 0;
  place.longitude = address.bytes[3];
  return place;
}

const std::string new_value_rule =
    "title: NewValue\nname: NewValue\ncorrelation:\n  type: new_value\n  rules: [ra, rb]\n"
    "  group-by: [u]\n  field: n\n  learning: 30s\n  mature-after: 1s\n  min-days: 1\n";

struct Line {
  std::int64_t second;
  std::string text;
};

std::vector<Line> random_lines(std::mt19937_64& random, std::size_t count) {
  std::vector<Line> lines;
  std::int64_t second = 0;
  for (std::size_t i = 0; i < count; ++i) {
    second += static_cast<std::int64_t>(random() % 6);
    std::string text = "{\"eventTime\":\"" +
                       format_rfc3339(1'700'000'000 * second_ns + second * second_ns) +
                       "\",\"k\":\"" + std::string(1, "abcx"[random() % 4]) +
                       "\",\"n\":" + std::to_string(random() % 5) + ",\"ip\":\"10.0.0." +
                       std::to_string(random() % 9) + "\",\"id\":" + std::to_string(i);
    if (const std::uint64_t user = random() % 3; user > 0) {
      text += ",\"u\":\"user" + std::to_string(user) + "\"";
    }
    lines.push_back({second, text + "}"});
  }
  return lines;
}

// A permutation in which no line comes more than `lateness` behind the latest before it.
std::vector<Line> shuffled(const std::vector<Line>& lines,
                           std::mt19937_64& random,
                           std::int64_t lateness) {
  std::vector<std::pair<std::int64_t, std::size_t>> order;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    order.emplace_back(lines[i].second + static_cast<std::int64_t>(
                                             random() % static_cast<std::uint64_t>(lateness)),
                       i);
  }
  std::shuffle(order.begin(), order.end(), random);  // ties in random order
  std::stable_sort(
      order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Line> result;
  for (const auto& [at, i] : order) {
    result.push_back(lines[i]);
  }
  return result;
}

std::string joined(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) {
    text += line.text + "\n";
  }
  return text;
}

// Everything of an alert that must not depend on how the run was cut.
std::string whole(const Alert& alert) {
  std::string text = alert.rule->title + " " + std::to_string(alert.time.value_or(-1)) + " " +
                     std::to_string(alert.count) + " " +
                     std::to_string(alert.first_seen.value_or(-1)) + " " +
                     std::to_string(alert.last_seen.value_or(-1)) + " " + alert.evidence_json;
  for (const auto& [name, value] : alert.group) {
    text += " " + name + "=" + value.value_or("(absent)");
  }
  for (const auto& event : alert.events) {
    text += " " + event->json;
  }
  return text;
}

std::vector<std::string> correlation_alerts(const Replay& run) {
  std::vector<std::string> alerts;
  for (const Alert& alert : run.alerts) {
    if (alert.kind == AlertKind::correlation) {
      alerts.push_back(whole(alert));
    }
  }
  return alerts;
}

std::set<std::string> rules_and_groups(const Replay& run, const std::set<std::string>& titles) {
  std::set<std::string> reports;
  for (const Alert& alert : run.alerts) {
    if (titles.count(alert.rule->title) > 0) {
      reports.insert(alert.rule->title + " " + alert.group[0].second.value_or("(absent)"));
    }
  }
  return reports;
}

ReplayOptions arrival(std::int64_t lateness_seconds) {
  ReplayOptions options;
  options.correlation.fold = false;
  options.correlation.detector.lateness_ns = lateness_seconds * second_ns;
  options.correlation.detector.geo = equator;
  options.correlation.detector.geo_fields.location = true;
  return options;
}

// Rule by rule in order: how far the watermark moves at a time decides only how rules interleave.
std::vector<std::string> sorted_alerts(const Replay& run) {
  std::vector<std::string> alerts = correlation_alerts(run);
  std::sort(alerts.begin(), alerts.end());
  return alerts;
}

TEST_CASE("with emit: watermark alerts do not depend on the order of arrival within the lateness") {
  const auto ruleset = load(every_kind(watermark));
  std::mt19937_64 random(11);
  std::size_t alerts = 0;
  for (int stream = 0; stream < streams(40); ++stream) {
    CAPTURE(stream);
    std::vector<Line> lines = random_lines(random, 60);
    // Ties are broken by identity, which has the offset in it: distinct times keep the comparison
    // exact.
    std::int64_t last = -1;
    lines.erase(std::remove_if(lines.begin(),
                               lines.end(),
                               [&](const Line& line) {
                                 const bool tie = line.second == last;
                                 last = line.second;
                                 return tie;
                               }),
                lines.end());
    const std::vector<std::string> expected =
        sorted_alerts(replay(ruleset, joined(lines), arrival(30)));
    alerts += expected.size();
    for (int permutation = 0; permutation < 5; ++permutation) {
      const std::string other = joined(shuffled(lines, random, 30));
      REQUIRE(sorted_alerts(replay(ruleset, other, arrival(30))) == expected);
    }
  }
  CHECK(alerts > 25u * static_cast<std::size_t>(streams(40)));
}

TEST_CASE("eager: gt and gte counts and temporal report the same rules and groups in any order") {
  const auto ruleset = load(every_kind(""));
  const std::set<std::string> titles = {"CountGte", "Values", "Both", "Order"};
  std::mt19937_64 random(12);
  for (int stream = 0; stream < streams(40); ++stream) {
    CAPTURE(stream);
    const std::vector<Line> lines = random_lines(random, 60);
    const auto expected = rules_and_groups(replay(ruleset, joined(lines), arrival(30)), titles);
    for (int permutation = 0; permutation < 5; ++permutation) {
      const std::string other = joined(shuffled(lines, random, 30));
      REQUIRE(rules_and_groups(replay(ruleset, other, arrival(30)), titles) == expected);
    }
  }
}

TEST_CASE("by time: alerts of any permutation are those of the sorted stream") {
  const auto ruleset = load(every_kind(""));
  std::mt19937_64 random(13);
  ReplayOptions options = arrival(0);
  options.correlation.by_time = true;
  std::size_t alerts = 0;
  for (int stream = 0; stream < streams(40); ++stream) {
    CAPTURE(stream);
    std::vector<Line> lines = random_lines(random, 60);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      // Distinct times, so that the order is one.
      const std::int64_t time =
          (1'700'000'000 + lines[i].second) * second_ns + static_cast<std::int64_t>(i) * 1'000'000;
      lines[i].text.replace(
          0, lines[i].text.find("\",\"k"), "{\"eventTime\":\"" + format_rfc3339(time));
    }
    const std::vector<std::string> expected =
        correlation_alerts(replay(ruleset, joined(lines), options));
    alerts += expected.size();
    std::vector<std::string> in_order =
        correlation_alerts(replay(ruleset, joined(lines), arrival(0)));
    CHECK(in_order == expected);
    for (int permutation = 0; permutation < 5; ++permutation) {
      std::shuffle(lines.begin(), lines.end(), random);
      REQUIRE(correlation_alerts(replay(ruleset, joined(lines), options)) == expected);
    }
  }
  CHECK(alerts > 25u * static_cast<std::size_t>(streams(40)));
}

TEST_CASE("threads, shards and batches do not change a byte of any alert") {
  for (const std::string& emit : {std::string(), watermark}) {
    const auto ruleset = load(every_kind(emit));
    std::mt19937_64 random(14);
    for (int stream = 0; stream < streams(10); ++stream) {
      CAPTURE(stream);
      const std::string lines = joined(shuffled(random_lines(random, 80), random, 25));
      for (const bool by_time : {false, true}) {
        ReplayOptions options = arrival(15);
        options.correlation.by_time = by_time;
        const std::vector<std::string> expected =
            correlation_alerts(replay(ruleset, lines, options));
        for (const std::uint32_t threads : {1u, 2u, 8u}) {
          for (const std::uint32_t shards : {1u, 3u, 7u}) {
            for (const std::size_t batch : {1u, 1024u}) {
              CAPTURE(threads);
              CAPTURE(shards);
              CAPTURE(batch);
              options.threads = threads;
              options.batch = batch;
              options.correlation.shards = shards;
              options.correlation.threads = std::min(threads, 2u);
              REQUIRE(correlation_alerts(replay(ruleset, lines, options)) == expected);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("by time: what is sorted on disk gives the alerts of what is sorted in memory") {
  const auto ruleset = load(every_kind(""));
  std::mt19937_64 random(16);
  for (int stream = 0; stream < 10; ++stream) {
    CAPTURE(stream);
    // Hours of disorder, and every record twice.
    std::vector<Line> lines = random_lines(random, 300);
    const std::vector<Line> copies = lines;
    lines.insert(lines.end(), copies.begin(), copies.end());
    std::shuffle(lines.begin(), lines.end(), random);
    ReplayOptions options = arrival(0);
    options.batch = 10;
    options.correlation.by_time = true;
    const Replay expected = replay(ruleset, joined(lines), options);
    CHECK(expected.correlations.runs_on_disk == 0);
    for (const std::uint32_t shards : {1u, 3u}) {
      options.correlation.shards = shards;
      options.correlation.held_bytes_max = 20'000;
      const Replay sorted_on_disk = replay(ruleset, joined(lines), options);
      CHECK(sorted_on_disk.correlations.runs_on_disk > 3);
      CHECK(sorted_on_disk.problem == "");
      REQUIRE(correlation_alerts(sorted_on_disk) == correlation_alerts(expected));
    }
  }
}

class KeepResults final : public ResultConsumer {
 public:
  void consume(BatchResult& result) override { results.push_back(std::move(result)); }
  std::vector<BatchResult> results;
};

std::vector<BatchResult> results_of(const std::shared_ptr<const Ruleset>& ruleset,
                                    const std::string& lines) {
  testing::MemorySource source;
  source.text = lines;
  source.decode.any_log_source = true;
  testing::MemoryInputOptions input_options;
  input_options.batch_lines = 1;
  testing::MemoryInput input({source}, input_options);
  const RulesetSlot slot(ruleset);
  Run run(input, slot, RunOptions{});
  KeepResults keep;
  run.run(keep);
  return std::move(keep.results);
}

std::vector<std::string> texts(const std::vector<CorrelationReport>& reports) {
  std::vector<std::string> list;
  for (const CorrelationReport& report : reports) {
    std::string text = std::to_string(report.spec) + " " + std::to_string(report.report.time) +
                       " " + std::to_string(report.report.count) + " " +
                       report.report.evidence_json;
    for (const auto& event : report.report.events) {
      text += " " + std::to_string(event->record) + event->json;
    }
    list.push_back(text);
  }
  return list;
}

TEST_CASE("a restart at any point changes no report, nor does a reload of the same rules") {
  std::mt19937_64 random(15);
  for (int stream = 0; stream < 2 * streams(1); ++stream) {
    CAPTURE(stream);
    const std::string emit = stream % 2 == 0 ? std::string() : watermark;
    const auto ruleset = load(every_kind(emit));
    const std::string lines = joined(shuffled(random_lines(random, 70), random, 25));
    const std::vector<BatchResult> results = results_of(ruleset, lines);
    CorrelationSettings settings;
    settings = arrival(15).correlation;
    settings.fold = true;
    settings.shards = stream % 4 < 2 ? 1 : 3;
    const auto run = [&](std::size_t stop_at, bool reload) {
      auto engine = std::make_unique<CorrelationEngine>(ruleset, settings);
      std::vector<CorrelationReport> reports;
      for (std::size_t i = 0; i < results.size(); ++i) {
        if (i == stop_at && reload) {
          engine->adopt(load(every_kind(emit)));
        } else if (i == stop_at) {
          std::string state;
          engine->save(state);
          CorrelationSettings other = settings;
          other.detector.hash_seed = 4711;
          engine = std::make_unique<CorrelationEngine>(ruleset, other);
          REQUIRE(engine->load(state));
        }
        engine->consume(results[i], reports);
      }
      engine->finish(reports);
      return texts(reports);
    };
    const std::vector<std::string> expected = run(results.size(), false);
    CHECK(expected.size() > 10);
    const std::size_t every = streams(1) > 1 ? 17 : 3;
    for (std::size_t stop_at = static_cast<std::size_t>(stream) % every; stop_at < results.size();
         stop_at += every) {
      CAPTURE(stop_at);
      REQUIRE(run(stop_at, false) == expected);
      REQUIRE(run(stop_at, true) == expected);
    }
  }
}

TEST_CASE("a saved state and the journals after it give the state again, whenever it is killed") {
  for (const std::string& emit : {std::string(), watermark}) {
    const auto ruleset = load(every_kind(emit) + new_value_rule);
    std::mt19937_64 random(16);
    const std::string lines = joined(shuffled(random_lines(random, 70), random, 25));
    const std::vector<BatchResult> results = results_of(ruleset, lines);
    CorrelationSettings settings;
    settings.detector.lateness_ns = 15 * second_ns;
    settings.journal = true;
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
  settings.redact = [](const std::string& json) {
    std::string clean = json;
    const std::size_t at = clean.find("\"secret\":\"hunter2\"");
    return at == std::string::npos ? clean : clean.replace(at, 18, "\"secret\":\"gone\"");
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

std::string at(int second, const std::string& rest) {
  return "{\"eventTime\":\"" + format_rfc3339(second * second_ns) + "\"," + rest + "}\n";
}

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
