// SPDX-License-Identifier: Apache-2.0
// throughput --data FILE --rules PATH [--rules PATH ...] [--runs N] [--rows NAMES]: for each rule
// set, the shipped engine against bare simdjson DOM parsing of the same lines, interleaved in one
// process on one thread, from memory, alerts counted. Medians.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "bench/yardstick.h"
#include "engine/base/limits.h"
#include "engine/flow/worker.h"
#include "rules/load.h"

namespace {

using namespace tocsin;

struct Row {
  std::string name;
  std::string rules;
  bool any = false;
  bool strict = false;
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
    }
    pieces.push_back(data.substr(0, size));
    data.remove_prefix(size);
  }
  return pieces;
}

class Engine {
 public:
  Engine(const Row& row, std::shared_ptr<const Ruleset> ruleset)
      : ruleset_(std::move(ruleset)), worker_(false, row.filter) {
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

void measure(const Row& row,
             const std::vector<std::string_view>& pieces,
             std::size_t bytes,
             int runs) {
  LoadOptions options;
  options.paths = {row.rules};
  const LoadResult loaded = load_rules(options);
  Engine engine(row, loaded.ruleset);
  bench::Yardstick yardstick;
  std::vector<double> bare;
  std::vector<double> ours;
  std::vector<double> ratios;
  Measured last;
  for (int run = -1; run < runs; ++run) {  // the first is a warm-up
    const double before = bench::thread_cpu_seconds();
    for (const std::string_view piece : pieces) {
      yardstick.parse_lines(piece);
    }
    const double parse = bench::thread_cpu_seconds() - before;
    last = engine.run(pieces);
    if (run >= 0) {
      bare.push_back(parse);
      ours.push_back(last.seconds);
      ratios.push_back(parse / last.seconds);
    }
  }
  const double size = static_cast<double>(bytes);
  const double records = static_cast<double>(last.records);
  std::printf(
      "%-34s %6zu rules  parse %5.2f GB/s %9.0f rec/s   tocsin %5.2f GB/s %9.0f rec/s   ratio %.2f "
      "  %llu matches, %llu rejected\n",
      row.name.c_str(),
      loaded.ruleset->rules.size(),
      size / median(bare) / 1e9,
      records / median(bare),
      size / median(ours) / 1e9,
      records / median(ours),
      median(ratios),
      static_cast<unsigned long long>(last.matches),
      static_cast<unsigned long long>(last.rejected));
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  std::string data_path;
  std::vector<std::string> rules;
  int runs = 5;
  std::string rows = "routed,walked,strict,any";
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = arguments[i];
    if (name == "--data") {
      data_path = arguments[i + 1];
    } else if (name == "--rules") {
      rules.emplace_back(arguments[i + 1]);
    } else if (name == "--runs") {
      runs = std::max(1, std::atoi(arguments[i + 1]));
    } else if (name == "--rows") {
      rows = arguments[i + 1];
    }
  }
  std::ifstream file(data_path, std::ios::binary);
  if (!file || rules.empty()) {
    std::fprintf(stderr,
                 "usage: throughput --data FILE --rules PATH [--rules PATH ...] [--runs N]\n");
    return 2;
  }
  std::string data((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t size = data.size();
  data.append(limits::padding_bytes, '\0');
  const std::vector<std::string_view> pieces = cut(std::string_view(data).substr(0, size));
  const auto wanted = [&rows](const char* row) { return rows.find(row) != std::string::npos; };
  for (const std::string& path : rules) {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (wanted("routed")) {
      measure({name + ", routed", path, false, false}, pieces, size, runs);
    }
    if (wanted("walked")) {
      measure({name + ", routed, walked", path, false, false, FilterMode::off}, pieces, size, runs);
    }
    if (wanted("strict")) {
      measure({name + ", routed, strict", path, false, true}, pieces, size, runs);
    }
    if (wanted("any")) {
      measure({name + ", any log source", path, true, false}, pieces, size, runs);
    }
  }
  return 0;
}
