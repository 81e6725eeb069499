// SPDX-License-Identifier: Apache-2.0
// What no order of arrival, number of threads and shards, size of batches or restart may change.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "detectors/engine.h"
#include "tests/detectors/engine_fixture.h"

namespace tocsin {
namespace {

using testing::arrival;
using testing::correlation_alerts;
using testing::every_kind;
using testing::identified_alerts;
using testing::joined;
using testing::Line;
using testing::load;
using testing::random_lines;
using testing::Replay;
using testing::replay;
using testing::ReplayOptions;
using testing::results_of;
using testing::rules_and_groups;
using testing::shuffled;
using testing::sorted_alerts;
using testing::streams;
using testing::texts;
using testing::watermark;

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
  const std::set<std::string> titles = {"CountGte", "Values", "Both", "Order", "Again", "Later"};
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
            identified_alerts(replay(ruleset, lines, options));
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
              REQUIRE(identified_alerts(replay(ruleset, lines, options)) == expected);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("a record that comes later than the lateness meets the same state in any shard") {
  const auto ruleset = load(every_kind(""));
  std::mt19937_64 random(14);
  for (int stream = 0; stream < streams(40); ++stream) {
    CAPTURE(stream);
    const std::string lines = joined(shuffled(random_lines(random, 80), random, 25));
    ReplayOptions options = arrival(15);
    const std::vector<std::string> expected = identified_alerts(replay(ruleset, lines, options));
    for (const std::uint32_t shards : {2u, 3u, 7u}) {
      CAPTURE(shards);
      options.correlation.shards = shards;
      REQUIRE(identified_alerts(replay(ruleset, lines, options)) == expected);
    }
  }
}

TEST_CASE("an alert's id is its own: no other alert has it, and a second run gives the same") {
  const auto ruleset = load(every_kind(""));
  std::mt19937_64 random(17);
  std::size_t alerts = 0;
  for (int stream = 0; stream < streams(40); ++stream) {
    CAPTURE(stream);
    // Equal records at other places are records of their own.
    std::vector<Line> lines = random_lines(random, 60);
    for (std::size_t i = 0; i < 60; i += 4) {
      lines.push_back(lines[i]);
    }
    const std::string text = joined(shuffled(lines, random, 25));
    const Replay run = replay(ruleset, text, arrival(30));
    std::map<std::string, std::string> of_id;
    std::size_t raised = 0;
    for (const Alert& alert : run.alerts) {
      if (alert.kind == AlertKind::correlation) {
        std::string what = alert.rule->title;
        for (const auto& [name, value] : alert.group) {
          what += " " + name + "=" + value.value_or("(absent)");
        }
        REQUIRE(of_id.emplace(alert.id, what).first->second == what);
        ++raised;
      }
    }
    REQUIRE(of_id.size() == raised);
    alerts += raised;
    REQUIRE(identified_alerts(replay(ruleset, text, arrival(30))) == identified_alerts(run));
  }
  CHECK(alerts > 25u * static_cast<std::size_t>(streams(40)));
}

TEST_CASE("by time: what is sorted on disk gives the alerts of what is sorted in memory") {
  const auto ruleset = load(every_kind(""));
  std::mt19937_64 random(16);
  for (int stream = 0; stream < streams(10); ++stream) {
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

TEST_CASE("a restart at any point changes no report, nor does a reload of the same rules") {
  std::mt19937_64 random(15);
  for (int stream = 0; stream < 2 * streams(10); ++stream) {
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
    const std::size_t every = streams(10) > 10 ? 17 : 7;
    for (std::size_t stop_at = static_cast<std::size_t>(stream) % every; stop_at < results.size();
         stop_at += every) {
      CAPTURE(stop_at);
      REQUIRE(run(stop_at, false) == expected);
      REQUIRE(run(stop_at, true) == expected);
    }
  }
}

}  // namespace
}  // namespace tocsin
