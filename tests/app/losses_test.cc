// SPDX-License-Identifier: Apache-2.0
// Somebody who makes correlations forget is told of: each limit that can be crossed on purpose has
// an alert of its own.
#include "app/losses.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "app/alert_stage.h"
#include "engine/flow/run.h"
#include "rules/load.h"
#include "tests/support/memory_input.h"
#include "tests/support/process.h"

using namespace tocsin;

namespace {

std::string rule(const std::string& type, const std::string& more, bool waits = false) {
  return std::string("title: calls\nname: calls\nlogsource: {product: test}\n") +
         "detection:\n  s: {k: a}\n  condition: s\ntocsin: {alert: false}\n---\n" +
         "title: Counted\n" + (waits ? "tocsin: {emit: watermark}\n" : "") +
         "correlation:\n  type: " + type + "\n  rules: [calls]\n  group-by: [u]\n  timespan: 1h\n" +
         more;
}

const std::string count_gte = "  condition: {gte: 3}\n";

std::string line(int second, const std::string& user, int number, int size = 0) {
  return "{\"eventTime\":\"" + format_rfc3339(second * second_ns) + "\",\"k\":\"a\",\"u\":\"" +
         user + "\",\"id\":" + std::to_string(number) + ",\"pad\":\"" +
         std::string(static_cast<std::size_t>(size), 'x') + "\"}\n";
}

// The codes of the system alerts that these lines raise in a `tail`.
std::set<std::string> told(const std::string& rules,
                           const std::string& lines,
                           const std::function<void(CorrelationSettings&)>& limit) {
  const test::ScratchFolder folder;
  LoadOptions load;
  load.paths.emplace_back(folder.write("rules.yml", rules));
  const LoadResult loaded = load_rules(load);
  REQUIRE(loaded.rejected == 0);
  REQUIRE(loaded.ruleset->correlations.size() == 1);
  AlertStageSettings settings;
  settings.format = OutputFormat::none;
  settings.follow = true;
  settings.correlation.duplicate_horizon_ns = day_ns;
  limit(settings.correlation);
  AlertStage stage(std::move(settings), loaded.ruleset);
  testing::MemorySource source;
  source.text = lines;
  source.decode.any_log_source = true;
  testing::MemoryInput input({source}, {});
  const RulesetSlot slot(loaded.ruleset);
  Run run(input, slot, RunOptions{});
  run.run(stage);
  std::set<std::string> codes;
  for (const auto& entry : stage.counters().titles) {
    if (entry.second.first.rfind("tocsin: ", 0) == 0) {
      codes.insert(entry.first);
      CHECK(stage.counters().by_rule.at(entry.first) >= 1);
    }
  }
  return codes;
}

void no_limit(CorrelationSettings&) {}

TEST_CASE("a flood of records that makes tocsin forget which it has seen is an alert") {
  std::string flood;
  for (int i = 0; i < 100; ++i) {
    flood += line(i, "u" + std::to_string(i % 7), i);
  }
  CHECK(told(rule("event_count", count_gte), flood, no_limit).empty());
  const auto limited = [](CorrelationSettings& settings) { settings.duplicate_ids_max = 50; };
  CHECK(told(rule("event_count", count_gte), flood, limited) ==
        std::set<std::string>{"duplicates-forgotten"});
}

TEST_CASE("a flood that makes windows be decided before the lateness is over is an alert") {
  std::string flood;
  for (int i = 0; i < 100; ++i) {
    flood += line(i, "u", i);
  }
  const std::string rules = rule("event_count", "  condition: {lt: 3}\n", true);
  CHECK(told(rules, flood, no_limit).empty());
  const auto limited = [](CorrelationSettings& settings) { settings.waiting_max = 50; };
  CHECK(told(rules, flood, limited) == std::set<std::string>{"detector-deciding-early"});
}

TEST_CASE("large records that push those out which alerts would name are an alert") {
  std::string flood;
  for (int i = 0; i < 100; ++i) {
    flood += line(i, "u", i, 1'000);
  }
  CHECK(told(rule("event_count", count_gte), flood, no_limit).empty());
  const auto limited = [](CorrelationSettings& settings) { settings.records_bytes_max = 50'000; };
  CHECK(told(rule("event_count", count_gte), flood, limited) ==
        std::set<std::string>{"evidence-dropped"});
}

TEST_CASE("a flood of groups or values, and records that come too late, are alerts") {
  std::string groups;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 100; ++i) {
      groups += line(round, "u" + std::to_string(i / 2), round * 100 + i);
    }
  }
  const auto few_keys = [](CorrelationSettings& settings) { settings.detector.max_keys = 10; };
  CHECK(told(rule("event_count", count_gte), groups, few_keys).count("detector-evicting") == 1);
  std::string events;
  for (int i = 0; i < 100; ++i) {
    events += line(i, "u", i);
  }
  const auto few_values = [](CorrelationSettings& settings) {
    settings.detector.max_values_per_key = 10;
  };
  CHECK(told(rule("event_count", count_gte), events, few_values) ==
        std::set<std::string>{"detector-dropping"});
  CHECK(told(rule("event_count", count_gte), line(100'000, "u", 1) + line(5, "u", 2), no_limit) ==
        std::set<std::string>{"record-late"});
}

TEST_CASE("files past those that are remembered as learned are told of once, with their number") {
  const test::ScratchFolder folder;
  LoadOptions load;
  load.paths.emplace_back(folder.write("rules.yml", rule("event_count", count_gte)));
  const LoadResult loaded = load_rules(load);
  REQUIRE(loaded.rejected == 0);
  const auto files = [](int first, int last) {
    std::vector<testing::MemorySource> sources;
    for (int i = first; i < last; ++i) {
      sources.push_back({"file-" + std::to_string(i), line(i, "u", i), {}});
      sources.back().decode.any_log_source = true;
    }
    return sources;
  };
  CorrelationSettings learning;
  learning.learning = true;
  learning.learned_streams_max = 2;
  const RulesetSlot slot(loaded.ruleset);

  struct Learner final : ResultConsumer {
    Learner(std::shared_ptr<const Ruleset> ruleset, const CorrelationSettings& settings)
        : engine(std::move(ruleset), settings) {}
    void consume(BatchResult& result) override { engine.consume(result, reports); }
    CorrelationEngine engine;
    std::vector<CorrelationReport> reports;
  };
  Learner learner(loaded.ruleset, learning);
  testing::MemoryInput few(files(0, 2), {});
  Run(few, slot, RunOptions{}).run(learner);
  learner.engine.finish(learner.reports);
  CHECK(correlation_losses(*loaded.ruleset, learner.engine).empty());
  testing::MemoryInput more(files(2, 5), {});
  Run(more, slot, RunOptions{}).run(learner);
  learner.engine.finish(learner.reports);
  const std::vector<Loss> losses = correlation_losses(*loaded.ruleset, learner.engine);
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].code == "history-forgotten");
  CHECK(losses[0].subject.empty());
  CHECK(losses[0].level == Level::medium);
  CHECK(losses[0].count == 3);
  CHECK(losses[0].text ==
        "more files were learned from than are remembered: learning from the rest once more would "
        "count them twice");

  // Not with every batch, and again only when there are ten times as many.
  AlertStageSettings settings;
  settings.format = OutputFormat::none;
  settings.correlation = learning;
  AlertStage stage(std::move(settings), loaded.ruleset);
  const auto told_after = [&](int first, int last) {
    testing::MemoryInput input(files(first, last), {});
    Run(input, slot, RunOptions{}).run(stage);
    stage.finish(0);
    const auto& by_rule = stage.counters().by_rule;
    return by_rule.count("history-forgotten") == 0 ? 0 : by_rule.at("history-forgotten");
  };
  CHECK(told_after(0, 2) == 0);
  CHECK(told_after(2, 4) == 1);
  CHECK(told_after(4, 20) == 1);
  CHECK(told_after(20, 24) == 2);
}

}  // namespace
