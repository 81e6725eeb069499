// SPDX-License-Identifier: Apache-2.0
// An inner correlation that reports a record later than it came: who names that correlation and one
// of its rules counts the record once. Against slow twins that see all records at once.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/detectors/engine_fixture.h"

namespace tocsin {
namespace {

using testing::arrival;
using testing::at;
using testing::correlation;
using testing::correlation_alerts;
using testing::joined;
using testing::Line;
using testing::load;
using testing::random_lines;
using testing::Replay;
using testing::replay;
using testing::ReplayOptions;
using testing::rules;
using testing::rules_and_groups;
using testing::shuffled;
using testing::streams;

constexpr std::int64_t timespan = 20;

std::shared_ptr<const Ruleset> ruleset_of(const std::string& emit_of_pairs) {
  const std::string twice = "  rules: [Silence, ra]\n  condition:\n";
  return load(
      rules(correlation("Silence", "  type: absence\n  rules: [ra, rb]\n") +
            correlation("Pairs",
                        "  type: event_count\n  rules: [ra]\n  condition:\n    gte: 2\n",
                        emit_of_pairs) +
            correlation("Count", "  type: event_count\n" + twice + "    gte: 3\n") +
            correlation("Sum", "  type: value_sum\n" + twice + "    field: n\n    gt: 6\n") +
            correlation("CountPairs",
                        "  type: event_count\n  rules: [Pairs, ra]\n  condition:\n    gte: 3\n") +
            correlation("Together", "  type: temporal\n  rules: [Silence, ra, rc]\n") +
            correlation("Order", "  type: temporal_ordered\n  rules: [ra, Silence, rc]\n")));
}

struct Record {
  std::int64_t second;
  char k;
  std::int64_t n;
  std::string user;
};

std::vector<Record> records_of(const std::vector<Line>& lines) {
  std::vector<Record> records;
  for (const Line& line : lines) {
    const std::size_t user = line.text.find("user");
    records.push_back({line.second,
                       line.text[line.text.find("\"k\":\"") + 5],
                       std::atoi(line.text.c_str() + line.text.find("\"n\":") + 4),
                       user == line.text.npos ? "(absent)" : line.text.substr(user, 5)});
  }
  return records;
}

// "rule group", as often as it fires: records in the order of time, each once.
std::vector<std::string> expected_counts(const std::vector<Record>& records) {
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < records.size(); ++i) {
    std::int64_t count = 0;
    std::int64_t sum = 0;
    for (std::size_t j = 0; j <= i; ++j) {
      if (records[i].k == 'a' && records[j].k == 'a' && records[j].user == records[i].user &&
          records[j].second >= records[i].second - timespan) {
        ++count;
        sum += records[j].n;
      }
    }
    for (const char* rule : {"Count ", "CountPairs "}) {
      if (count >= 3) {
        expected.push_back(rule + records[i].user);
      }
    }
    if (sum > 6) {
      expected.push_back("Sum " + records[i].user);
    }
  }
  std::sort(expected.begin(), expected.end());
  return expected;
}

std::set<std::string> expected_together(const std::vector<Record>& records) {
  std::set<std::string> expected;
  const std::int64_t last = records.back().second;
  for (const Record& open : records) {
    const bool answered = std::any_of(records.begin(), records.end(), [&](const Record& other) {
      return other.k == 'b' && other.user == open.user && other.second >= open.second &&
             other.second <= open.second + timespan;
    });
    if (open.k != 'a' || answered || open.second + timespan > last) {
      continue;
    }
    for (const Record& other : records) {
      if (other.k == 'c' && other.user == open.user &&
          std::abs(other.second - open.second) <= timespan) {
        expected.insert("Together " + open.user);
        if (other.second >= open.second) {
          expected.insert("Order " + open.user);
        }
      }
    }
  }
  return expected;
}

std::vector<std::string> firings(const Replay& run, const std::set<std::string>& titles) {
  std::vector<std::string> list;
  for (const Alert& alert : run.alerts) {
    if (titles.count(alert.rule->title) > 0) {
      list.push_back(alert.rule->title + " " + alert.group[0].second.value_or("(absent)"));
    }
  }
  std::sort(list.begin(), list.end());
  return list;
}

const std::set<std::string> counts = {"Count", "CountPairs", "Sum"};
const std::set<std::string> orders = {"Together", "Order"};

TEST_CASE("eager: a record that absence reports later counts once, as in a slow twin") {
  const std::vector<std::shared_ptr<const Ruleset>> rulesets = {ruleset_of(""),
                                                                ruleset_of(testing::watermark)};
  std::mt19937_64 random(31);
  std::size_t fired = 0;
  std::size_t together = 0;
  for (int stream = 0; stream < streams(60); ++stream) {
    CAPTURE(stream);
    const auto& ruleset = rulesets[static_cast<std::size_t>(stream) % 2];
    const std::vector<Line> lines = random_lines(random, 70);
    const std::vector<Record> records = records_of(lines);
    const std::vector<std::string> expected = expected_counts(records);
    const std::set<std::string> expected_pairs = expected_together(records);
    fired += expected.size();
    together += expected_pairs.size();
    for (const bool by_time : {false, true}) {
      CAPTURE(by_time);
      ReplayOptions options = arrival(by_time ? 0 : 25);
      options.correlation.by_time = by_time;
      const Replay run = replay(ruleset, joined(lines), options);
      REQUIRE(firings(run, counts) == expected);
      REQUIRE(rules_and_groups(run, orders) == expected_pairs);
    }
    const std::set<std::string> groups(expected.begin(), expected.end());
    for (int permutation = 0; permutation < 3; ++permutation) {
      const Replay run = replay(ruleset, joined(shuffled(lines, random, 25)), arrival(25));
      REQUIRE(rules_and_groups(run, counts) == groups);
      REQUIRE(rules_and_groups(run, orders) == expected_pairs);
    }
  }
  CHECK(fired > 5u * static_cast<std::size_t>(streams(60)));
  CHECK(together > static_cast<std::size_t>(streams(60)));
}

TEST_CASE("a record that comes late and is reported by absence at once counts once") {
  const auto ruleset = load(rules(correlation("Silence", "  type: absence\n  rules: [ra, rb]\n") +
                                  correlation("Count",
                                              "  type: event_count\n  rules: [Silence, ra]\n"
                                              "  condition:\n    gte: 2\n",
                                              testing::watermark)));
  const std::string user = ",\"u\":\"user1\"";
  const std::string lines = at(1'000, "\"k\":\"x\"" + user) + at(960, "\"k\":\"a\"" + user) +
                            at(1'001, "\"k\":\"x\"" + user) + at(1'100, "\"k\":\"x\"" + user);
  CHECK(correlation_alerts(replay(ruleset, lines, arrival(5))).empty());
}

TEST_CASE("a report that brings nothing new is none: temporal fires once for a record") {
  const auto ruleset = load(
      rules(correlation("Silence", "  type: absence\n  rules: [ra, rb]\n") +
            correlation("Either",
                        "  type: temporal\n  rules: [Silence, ra]\n  condition:\n    gte: 1\n")));
  const std::string user = ",\"u\":\"user1\"";
  const std::string lines = at(1'000, "\"k\":\"a\"" + user) + at(1'500, "\"k\":\"x\"" + user);
  CHECK(correlation_alerts(replay(ruleset, lines, arrival(5))).size() == 1);
}

}  // namespace
}  // namespace tocsin
