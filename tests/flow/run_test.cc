// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/run.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/memory_input.h"

namespace tocsin {
namespace {

using testing::MemoryInput;
using testing::MemoryInputOptions;
using testing::MemorySource;

// A ruleset of one rule per word: field k equals the word.
std::shared_ptr<const Ruleset> ruleset_of(const std::vector<std::string>& words) {
  ProgramBuilder builder;
  auto ruleset = std::make_shared<Ruleset>();
  for (const std::string& word : words) {
    Predicate predicate;
    predicate.field = "k";
    predicate.op = Op::text;
    predicate.pattern.add_literal(word);
    const Result<ExprId> expr = builder.predicate(predicate);
    REQUIRE(expr.has_value());
    const ProgramBuilder::Selection selection{"sel", *expr};
    builder.rule(*expr, LogSource{}, {&selection, 1});
    RuleInfo info;
    info.title = word;
    ruleset->rules.push_back(info);
    ruleset->alerts_alone.push_back(true);
    ruleset->feeds_detector.push_back(false);
  }
  ruleset->program = builder.build();
  return ruleset;
}

DecodeOptions any_source() {
  DecodeOptions options;
  options.any_log_source = true;
  return options;
}

// Keeps everything, and checks that it is called in order and by one thread at a time.
class Recorder final : public ResultConsumer {
 public:
  void consume(BatchResult& result) override {
    CHECK_FALSE(busy_.exchange(true));
    if (on_consume) {
      on_consume(result);
    }
    numbers.push_back(result.number);
    for (const Match& match : result.matches) {
      if (match.record != nullptr) {
        matches.push_back(result.ruleset->rules[index(match.rule)].title + "@" +
                          match.record->source + ":" + std::to_string(match.record->record));
      }
      sequences.push_back(match.sequence);
    }
    for (const BadRecord& bad : result.bad) {
      bad_records.push_back(result.source->name + ":" + std::to_string(bad.record) + "+" +
                            std::to_string(bad.offset));
    }
    positions.push_back(result.position);
    results.push_back(std::move(result));
    busy_ = false;
  }
  std::function<void(const BatchResult&)> on_consume;
  std::vector<std::uint64_t> numbers;
  std::vector<std::uint64_t> sequences;
  std::vector<std::string> matches;
  std::vector<std::string> bad_records;
  std::vector<std::string> positions;
  std::vector<BatchResult> results;

 private:
  std::atomic<bool> busy_{false};
};

std::string lines(std::size_t count, const std::vector<std::string>& words, bool with_bad) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    if (with_bad && i % 7 == 3) {
      text += "{\"k\": \"broken\n";
    } else {
      text += "{\"k\": \"" + words[i % words.size()] + "\", \"n\": " + std::to_string(i) + "}\n";
    }
    if (i % 5 == 0) {
      text += " \t\n\r\n";  // blank lines are no records
    }
  }
  return text;
}

struct Outcomes {
  RunCounters counters;
  std::vector<std::string> matches;
  std::vector<std::uint64_t> sequences;
  std::vector<std::string> bad_records;
  std::vector<std::uint64_t> numbers;
};

Outcomes run_over(const std::vector<MemorySource>& sources,
                  std::uint32_t threads,
                  std::size_t batch_lines) {
  MemoryInputOptions input_options;
  input_options.batch_lines = batch_lines;
  MemoryInput input(sources, input_options);
  const RulesetSlot rules(ruleset_of({"a", "b"}));
  RunOptions options;
  options.threads = threads;
  Run run(input, rules, options);
  Recorder recorder;
  Outcomes outcomes;
  outcomes.counters = run.run(recorder);
  outcomes.matches = recorder.matches;
  outcomes.sequences = recorder.sequences;
  outcomes.bad_records = recorder.bad_records;
  outcomes.numbers = recorder.numbers;
  return outcomes;
}

std::vector<MemorySource> three_sources() {
  const std::vector<std::string> words = {"a", "x", "b", "y"};
  return {{"one", lines(100, words, true), any_source()},
          {"two", lines(57, words, false), any_source()},
          {"three", lines(3, words, true), any_source()}};
}

TEST_CASE("matches, numbers and problems are the same for every thread and batch size") {
  const Outcomes expected = run_over(three_sources(), 1, 1'000'000);
  REQUIRE(expected.matches.size() > 50);
  for (const std::uint32_t threads : {1u, 2u, 8u}) {
    for (const std::size_t batch_lines : {1u, 2u, 7u, 64u, 1'000'000u}) {
      CAPTURE(threads);
      CAPTURE(batch_lines);
      const Outcomes got = run_over(three_sources(), threads, batch_lines);
      CHECK(got.matches == expected.matches);
      CHECK(got.sequences == expected.sequences);
      CHECK(got.bad_records == expected.bad_records);
      CHECK(got.counters.events == expected.counters.events);
      CHECK(got.counters.malformed == expected.counters.malformed);
      CHECK(got.counters.bytes == expected.counters.bytes);
      for (std::size_t i = 0; i < got.numbers.size(); ++i) {
        REQUIRE(got.numbers[i] == i);
      }
    }
  }
}

TEST_CASE("records are numbered from 0 in each source, malformed ones included") {
  const std::vector<MemorySource> sources = {
      {"one", "{\"k\":\"a\"}\n{\"k\"\n\n{\"k\":\"b\"}\n", any_source()},
      {"two", "{\"k\":\"b\"}\n[\n{\"k\":\"x\"}\n{\"k\":\"a\"}", any_source()}};
  const Outcomes got = run_over(sources, 2, 1);
  CHECK(got.matches == std::vector<std::string>{"a@one:0", "b@one:2", "b@two:0", "a@two:3"});
  CHECK(got.sequences == std::vector<std::uint64_t>{0, 2, 3, 6});
  CHECK(got.bad_records == std::vector<std::string>{"one:1+10", "two:1+10"});
  CHECK(got.counters.events == 5);
  CHECK(got.counters.malformed == 2);
}

TEST_CASE("a byte order mark and CR before LF are no part of a record") {
  const std::vector<MemorySource> sources = {
      {"-", "\xef\xbb\xbf{\"k\":\"a\"}\r\n{\"k\":\"b\"}\r\n\r\n", any_source()}};
  const Outcomes got = run_over(sources, 1, 10);
  CHECK(got.matches == std::vector<std::string>{"a@-:0", "b@-:1"});
  CHECK(got.counters.malformed == 0);
}

TEST_CASE("a match carries its record and evidence; without want_evidence its identity and time") {
  const std::string line = "{\"eventTime\":\"2024-01-01T00:00:00Z\",\"k\":\"a\",\"n\":1}";
  for (const bool want_evidence : {true, false}) {
    CAPTURE(want_evidence);
    MemoryInput input({{"-", line + "\n", any_source()}}, {});
    const RulesetSlot rules(ruleset_of({"a"}));
    RunOptions options;
    options.want_evidence = want_evidence;
    options.now = [] { return TimeNs{77}; };
    Run run(input, rules, options);
    Recorder recorder;
    run.run(recorder);
    REQUIRE(recorder.results.size() == 1);
    CHECK(recorder.results[0].received_at == 77);
    REQUIRE(recorder.results[0].matches.size() == 1);
    const Match& match = recorder.results[0].matches[0];
    CHECK(match.alerts);
    CHECK(match.time == parse_rfc3339("2024-01-01T00:00:00Z"));
    CHECK(match.identity == record_identity(line, false, content_hash("-"), 0));
    REQUIRE((match.record != nullptr) == want_evidence);
    if (want_evidence) {
      CHECK(match.record->time == match.time);
      CHECK(match.record->identity == match.identity);
      CHECK(match.record->json == line);
    }
    CHECK(match.evidence.size() == (want_evidence ? 1u : 0u));
  }
}

TEST_CASE("a rule that feeds a detector keeps its record's text without want_evidence") {
  auto ruleset = std::make_shared<Ruleset>(*ruleset_of({"a"}));
  CorrelationSpec spec;
  spec.type = "event_count";
  spec.inputs.resize(1);
  ruleset->correlations = {spec};
  MemoryInput input({{"-", "{\"k\":\"a\"}\n", any_source()}}, {});
  const RulesetSlot rules(ruleset);
  RunOptions options;
  options.want_evidence = false;
  Run run(input, rules, options);
  Recorder recorder;
  run.run(recorder);
  REQUIRE(recorder.matches.size() == 1);
  CHECK(recorder.results[0].matches[0].record->json == "{\"k\":\"a\"}");
}

TEST_CASE("a slow consumer holds back the workers: few batches are claimed ahead of it") {
  constexpr std::uint32_t threads = 4;
  MemoryInputOptions input_options;
  input_options.batch_lines = 1;
  MemoryInput input({{"-", lines(300, {"a"}, false), any_source()}}, input_options);
  const RulesetSlot rules(ruleset_of({"a"}));
  RunOptions options;
  options.threads = threads;
  Run run(input, rules, options);
  Recorder recorder;
  std::uint64_t ahead_max = 0;
  recorder.on_consume = [&](const BatchResult& result) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    ahead_max = std::max(ahead_max, input.claimed() - result.number);
  };
  run.run(recorder);
  CHECK(recorder.matches.size() == 300);
  // Two outcomes per thread may wait, and each thread may hold one more batch.
  CHECK(ahead_max > 0);
  CHECK(ahead_max <= threads * 3);
}

TEST_CASE("stop finishes what was claimed and nothing else") {
  for (const std::uint32_t threads : {1u, 2u, 8u}) {
    CAPTURE(threads);
    Run* running = nullptr;
    MemoryInputOptions input_options;
    input_options.batch_lines = 1;
    input_options.on_claim = [&](std::uint64_t number) {
      if (number == 20) {
        running->stop();
      }
    };
    MemoryInput input({{"-", lines(100, {"a"}, false), any_source()}}, input_options);
    const RulesetSlot rules(ruleset_of({"a"}));
    RunOptions options;
    options.threads = threads;
    Run run(input, rules, options);
    running = &run;
    Recorder recorder;
    run.run(recorder);
    CHECK(input.claimed() == 21);
    REQUIRE(recorder.numbers.size() == 21);
    CHECK(recorder.numbers.back() == 20);
  }
}

TEST_CASE("stop wakes an input that is idle") {
  for (const std::uint32_t threads : {1u, 4u}) {
    CAPTURE(threads);
    MemoryInputOptions input_options;
    input_options.endless = true;
    MemoryInput input({{"-", lines(10, {"a"}, false), any_source()}}, input_options);
    const RulesetSlot rules(ruleset_of({"a"}));
    RunOptions options;
    options.threads = threads;
    Run run(input, rules, options);
    Recorder recorder;
    std::thread runner([&] { run.run(recorder); });
    std::thread stopper([&] { run.stop(); });
    stopper.join();
    runner.join();
    CHECK(recorder.matches.size() <= 10);
  }
}

TEST_CASE("a new ruleset is taken between two batches and announced before its first") {
  for (const std::uint32_t threads : {1u, 2u, 8u}) {
    CAPTURE(threads);
    RulesetSlot rules(ruleset_of({"a"}));
    MemoryInputOptions input_options;
    input_options.batch_lines = 2;
    input_options.on_claim = [&](std::uint64_t number) {
      if (number == 2) {
        rules.set(ruleset_of({"x", "b"}));
      }
    };
    MemoryInput input({{"-", lines(10, {"a", "b"}, false), any_source()}}, input_options);
    std::vector<std::size_t> announced;
    RunOptions options;
    options.threads = threads;
    options.on_ruleset = [&](const Ruleset& ruleset) { announced.push_back(ruleset.rules.size()); };
    Run run(input, rules, options);
    Recorder recorder;
    run.run(recorder);
    CHECK(announced == std::vector<std::size_t>{1, 2});
    REQUIRE(!recorder.results.empty());
    for (const BatchResult& result : recorder.results) {
      CHECK(result.ruleset->rules.size() == (result.number < 2 ? 1u : 2u));
    }
    CHECK(recorder.matches.front() == "a@-:0");
    CHECK(recorder.matches.back() == "b@-:9");
  }
}

TEST_CASE("an empty input ends at once") {
  for (const std::uint32_t threads : {1u, 8u}) {
    MemoryInput input({}, {});
    const RulesetSlot rules(ruleset_of({"a"}));
    RunOptions options;
    options.threads = threads;
    Run run(input, rules, options);
    Recorder recorder;
    const RunCounters counters = run.run(recorder);
    CHECK(counters.events == 0);
    CHECK(recorder.numbers.empty());
  }
}

}  // namespace
}  // namespace tocsin
