// SPDX-License-Identifier: Apache-2.0
// stream --data FILE --rules PATH [--rules PATH ...] [--runs N] [--threads N] [--order
// time|arrival]: rules and the correlations over them against bare simdjson DOM parsing of the same
// lines, from memory. On one thread CPU time, interleaved; on two threads and more the wall time
// against that of one thread. Medians. A line is "what | measured | what it must be".
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "bench/yardstick.h"
#include "detectors/engine.h"
#include "engine/base/limits.h"
#include "engine/flow/run.h"
#include "rules/load.h"

namespace {

using namespace tocsin;

// Hands out pieces of whole lines of a text in memory.
class PieceInput final : public Input {
 public:
  explicit PieceInput(std::string_view data)
      : data_(data), source_(std::make_shared<SourceInfo>()) {}
  ClaimStatus claim(Batch& batch) override {
    if (at_ == data_.size()) {
      return ClaimStatus::finished;
    }
    std::size_t size = std::min(data_.size() - at_, limits::batch_bytes);
    if (at_ + size < data_.size()) {
      size = data_.rfind('\n', at_ + size - 1) + 1 - at_;
    }
    batch.number = number_++;
    batch.source = source_;
    batch.lines = true;
    batch.stream_offset = at_;
    batch.first_of_source = at_ == 0;
    batch.bytes = data_.substr(at_, size);
    at_ += size;
    return ClaimStatus::batch;
  }
  void load(Batch&) override {}
  void wait(DurationNs) override {}
  void wake() override {}
  std::uint64_t bytes_total() const override { return data_.size(); }
  std::uint64_t bytes_done() const override { return at_; }

 private:
  std::string_view data_;
  std::shared_ptr<const SourceInfo> source_;
  std::size_t at_ = 0;
  std::uint64_t number_ = 0;
};

class Consumer final : public ResultConsumer {
 public:
  explicit Consumer(CorrelationEngine& engine) : engine_(engine) {}
  void consume(BatchResult& result) override {
    engine_.consume(result, reports);
    matches += result.matches.size();
  }
  std::vector<CorrelationReport> reports;
  std::uint64_t matches = 0;

 private:
  CorrelationEngine& engine_;
};

struct Measured {
  double cpu_seconds = 0;
  double wall_seconds = 0;
  std::uint64_t records = 0;
  std::uint64_t fed = 0;
  std::size_t reports = 0;
};

double wall_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Measured run_once(std::string_view data,
                  const std::shared_ptr<const Ruleset>& ruleset,
                  bool by_time,
                  std::uint32_t threads) {
  PieceInput input(data);
  const RulesetSlot slot(ruleset);
  RunOptions options;
  options.threads = threads;
  options.want_evidence = false;
  CorrelationSettings settings;
  settings.by_time = by_time;
  settings.shards = threads;
  settings.threads = threads;
  settings.detector.hash_seed = 42;
  CorrelationEngine engine(ruleset, settings);
  Consumer consumer(engine);
  Measured measured;
  const double cpu = bench::thread_cpu_seconds();
  const double wall = wall_now();
  Run run(input, slot, options);
  measured.records = run.run(consumer).events;
  engine.finish(consumer.reports);
  measured.cpu_seconds = bench::thread_cpu_seconds() - cpu;
  measured.wall_seconds = wall_now() - wall;
  measured.fed = engine.counters().fed;
  measured.reports = consumer.reports.size();
  return measured;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void measure(std::string_view data,
             const std::shared_ptr<const Ruleset>& ruleset,
             bool by_time,
             int runs) {
  bench::Yardstick yardstick;
  std::vector<double> bare;
  std::vector<double> ours;
  std::vector<double> ratios;
  Measured last;
  for (int run = -1; run < runs; ++run) {  // the first is a warm-up
    const double before = bench::thread_cpu_seconds();
    yardstick.parse_lines(data);
    const double parse = bench::thread_cpu_seconds() - before;
    last = run_once(data, ruleset, by_time, 1);
    if (run >= 0) {
      bare.push_back(parse);
      ours.push_back(last.cpu_seconds);
      ratios.push_back(parse / last.cpu_seconds);
    }
  }
  std::printf(
      "stream %s, %zu rules and %zu correlations, against bare parsing | %.2f (%.3f s / %.3f s; "
      "%llu records, %llu fed, %zu reports) | 0.40\n",
      by_time ? "by time" : "by arrival",
      ruleset->rules.size(),
      ruleset->correlations.size(),
      median(ratios),
      median(bare),
      median(ours),
      static_cast<unsigned long long>(last.records),
      static_cast<unsigned long long>(last.fed),
      last.reports);
  std::fflush(stdout);
}

void scale(std::string_view data,
           const std::shared_ptr<const Ruleset>& ruleset,
           bool by_time,
           std::uint32_t threads,
           int runs) {
  std::vector<double> ratios;
  for (int run = -1; run < runs; ++run) {
    const double one = run_once(data, ruleset, by_time, 1).wall_seconds;
    const double many = run_once(data, ruleset, by_time, threads).wall_seconds;
    if (run >= 0) {
      ratios.push_back(one / many);
    }
  }
  std::printf("stream %s, wall time on one thread / on %u threads and shards | %.2f | 1.7\n",
              by_time ? "by time" : "by arrival",
              threads,
              median(ratios));
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  std::string data_path;
  LoadOptions load;
  int runs = 5;
  std::uint32_t threads = 2;
  std::vector<bool> orders = {false, true};  // by time?
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = arguments[i];
    if (name == "--data") {
      data_path = arguments[i + 1];
    } else if (name == "--rules") {
      load.paths.emplace_back(arguments[i + 1]);
    } else if (name == "--order") {
      orders = {std::strcmp(arguments[i + 1], "time") == 0};
    } else if (name == "--runs") {
      runs = std::max(1, std::atoi(arguments[i + 1]));
    } else if (name == "--threads") {
      threads = static_cast<std::uint32_t>(std::max(1, std::atoi(arguments[i + 1])));
    }
  }
  std::ifstream file(data_path, std::ios::binary);
  if (!file || load.paths.empty()) {
    std::fprintf(stderr,
                 "usage: stream --data FILE --rules PATH [--rules PATH ...] [--runs N] "
                 "[--threads N] [--order time|arrival]\n");
    return 2;
  }
  std::string data((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t size = data.size();
  data.append(limits::padding_bytes, '\0');
  const std::string_view text = std::string_view(data).substr(0, size);
  const LoadResult loaded = load_rules(load);
  if (loaded.rejected > 0) {
    std::fprintf(
        stderr, "%llu rules were rejected\n", static_cast<unsigned long long>(loaded.rejected));
    return 2;
  }
  for (const bool by_time : orders) {
    measure(text, loaded.ruleset, by_time, runs);
  }
  if (threads > 1) {
    for (const bool by_time : orders) {
      scale(text, loaded.ruleset, by_time, threads, runs);
    }
  }
  return 0;
}
