// SPDX-License-Identifier: Apache-2.0
// throughput --data FILE --rules PATH [...]: the shipped engine against bare simdjson DOM parsing
// of the same lines, interleaved in one process on one thread, from memory, alerts counted.
// Medians, as one JSON object: scripts/bench.py makes a table of many.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "bench/yardstick.h"
#include "engine/base/limits.h"
#include "engine/flow/worker.h"
#include "rules/load.h"

namespace {

using namespace tocsin;

struct Row {
  std::string rules;
  bool any = false;
  bool strict = false;
  bool time = false;  // the event time of every record is asked for
  FilterMode filter = FilterMode::automatic;
};

struct Measured {
  double seconds = 0;
  std::uint64_t records = 0;
  std::uint64_t matches = 0;
  std::uint64_t rejected = 0;
};

// Cuts the data into batches of whole lines, as the input does.
std::vector<std::string_view> cut(std::string_view data) {
  std::vector<std::string_view> pieces;
  while (!data.empty()) {
    std::size_t size = std::min(data.size(), limits::batch_bytes);
    if (size < data.size()) {
      size = data.rfind('\n', size - 1) + 1;
      size = size == 0 ? std::min(data.find('\n'), data.size() - 1) + 1 : size;
    }
    pieces.push_back(data.substr(0, size));
    data.remove_prefix(size);
  }
  return pieces;
}

class Engine {
 public:
  Engine(const Row& row, std::shared_ptr<const Ruleset> ruleset)
      : ruleset_(std::move(ruleset)), worker_(false, row.filter, row.time) {
    auto source = std::make_shared<SourceInfo>();
    source->decode.any_log_source = row.any;
    source->decode.strict_json = row.strict;
    source_ = source;
  }
  Measured run(const std::vector<std::string_view>& pieces) {
    Measured measured;
    Batch batch;
    batch.source = source_;
    batch.ruleset = ruleset_;
    batch.lines = true;
    const double before = bench::thread_cpu_seconds();
    for (const std::string_view piece : pieces) {
      batch.bytes = piece;
      const Outcome outcome = worker_.process(batch);
      measured.records += outcome.records;
      measured.matches += outcome.result.matches.size();
      measured.rejected += outcome.result.counters.unvalidated;
    }
    measured.seconds = bench::thread_cpu_seconds() - before;
    return measured;
  }

 private:
  std::shared_ptr<const Ruleset> ruleset_;
  std::shared_ptr<const SourceInfo> source_;
  Worker worker_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Rows that differ in nothing but the data and the rules, so that a script can make a table of
// them.
void measure(const Row& row, std::string_view data, int runs, bool bare_too) {
  LoadOptions options;
  options.paths = {row.rules};
  const LoadResult loaded = load_rules(options);
  const std::vector<std::string_view> pieces = cut(data);
  Engine engine(row, loaded.ruleset);
  bench::Yardstick yardstick;
  std::vector<double> bare;
  std::vector<double> ours;
  std::vector<double> ratios;
  Measured last;
  std::uint64_t allocated = 0;
  for (int run = -1; run < runs; ++run) {  // the first is a warm-up
    const double before = bench::thread_cpu_seconds();
    for (const std::string_view piece : pieces) {
      if (bare_too) {
        yardstick.parse_lines(piece);
      }
    }
    const double parse = bench::thread_cpu_seconds() - before;
    const std::uint64_t allocations_before = bench::allocations();
    last = engine.run(pieces);
    allocated = bench::allocations() - allocations_before;
    if (run >= 0) {
      bare.push_back(parse);
      ours.push_back(last.seconds);
      ratios.push_back(parse / last.seconds);
    }
  }
  const double records = static_cast<double>(last.records);
  std::printf(
      "{\"rules\":%zu,\"records\":%.0f,\"bytes\":%zu,\"matches\":%llu,\"rejected\":%llu,"
      "\"bare_seconds\":%.6f,\"seconds\":%.6f,\"ratio\":%.4f,\"allocations_per_record\":%.4f}\n",
      loaded.ruleset->rules.size(),
      records,
      data.size(),
      static_cast<unsigned long long>(last.matches),
      static_cast<unsigned long long>(last.rejected),
      median(bare),
      median(ours),
      median(ratios),
      static_cast<double>(allocated) / records);
}

}  // namespace

int main(int count, char** arguments) {
  Row row;
  std::string data_path;
  int runs = 5;
  bool bare_too = true;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = arguments[i];
    const std::string value = arguments[i + 1];
    if (name == "--data") {
      data_path = value;
    } else if (name == "--rules") {
      row.rules = value;
    } else if (name == "--runs") {
      runs = std::max(1, std::atoi(value.c_str()));
    } else if (name == "--filter") {
      row.filter = value == "off"  ? FilterMode::off
                   : value == "on" ? FilterMode::on
                                   : FilterMode::automatic;
    } else if (name == "--strict") {
      row.strict = value == "yes";
    } else if (name == "--any") {
      row.any = value == "yes";
    } else if (name == "--time") {
      row.time = value == "yes";
    } else if (name == "--bare") {
      bare_too = value != "no";  // for a profiler
    }
  }
  std::ifstream file(data_path, std::ios::binary);
  if (!file || row.rules.empty()) {
    std::fprintf(stderr,
                 "usage: throughput --data FILE --rules PATH [--runs N] [--filter auto|off|on] "
                 "[--strict yes] [--any yes] [--time yes] [--bare no]\n");
    return 2;
  }
  std::string data((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t size = data.size();
  data.append(limits::padding_bytes, '\0');
  measure(row, std::string_view(data).substr(0, size), runs, bare_too);
  return 0;
}
