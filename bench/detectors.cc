// SPDX-License-Identifier: Apache-2.0
// detectors [--runs N] [--rows memory,count,order,new]: stateful detectors alone, on one thread,
// from matches in memory: matches per second of CPU time, medians, and where it says so the memory
// that the process grew by. A line is "what | measured | what it must be".
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/yardstick.h"
#include "detectors/registry.h"
#include "engine/flow/feed.h"

namespace {

using namespace tocsin;

struct Observed {
  std::string key;
  std::string value;
  std::uint64_t inputs = 1;
  TimeNs time = 0;
};

CorrelationSpec spec_of(const std::string& type, DurationNs timespan_ns, std::size_t inputs) {
  CorrelationSpec spec;
  spec.info.title = type;
  spec.info.key = type;
  spec.type = type;
  spec.timespan_ns = timespan_ns;
  spec.group_by = {"g"};
  for (std::size_t i = 0; i < inputs; ++i) {
    CorrelationInput input;
    input.rule = static_cast<std::uint32_t>(i);
    input.name = std::to_string(i);
    input.group_fields = {"g"};
    spec.inputs.push_back(std::move(input));
  }
  return spec;
}

std::string key_of(const std::string& text) {
  const std::vector<std::optional<std::string>> group = {text};
  std::string key;
  append_group_key(group, key);
  return key;
}

std::unique_ptr<Detector> make(const CorrelationSpec& spec) {
  DetectorSettings settings;
  settings.hash_seed = 42;
  settings.max_keys = 2'000'000;
  DetectorResult made = make_detector(spec, settings);
  if (!made) {
    std::fprintf(stderr, "%s: %s\n", spec.type.c_str(), made.error().message.c_str());
    std::exit(2);
  }
  return std::move(*made);
}

std::uint64_t reports = 0;

// Feeds all and moves the watermark as the engine does; CPU seconds.
double feed(Detector& detector, const std::vector<Observed>& events) {
  const ReportSink sink = [](Report&&) { ++reports; };
  TimeNs next_look = 0;
  const double before = bench::thread_cpu_seconds();
  std::uint64_t sequence = 0;
  for (const Observed& event : events) {
    const std::string_view text = event.value;
    const FieldView field{{&text, 1}};
    Observation observation;
    observation.inputs = event.inputs;
    observation.time = event.time;
    observation.sequence = sequence++;
    observation.group_key = event.key;
    observation.fields = {&field, 1};
    if (event.time >= next_look) {
      detector.on_time(event.time, sink);
      next_look = event.time + minute_ns;
    }
    detector.on_match(observation, sink);
  }
  return bench::thread_cpu_seconds() - before;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Resident memory in bytes.
double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  statm >> pages >> pages;
  return pages * 4096;
}

void print_row(const char* name, const std::string& measured, const char* must) {
  std::printf("%s | %s | %s\n", name, measured.c_str(), must);
  std::fflush(stdout);
}

std::string text_of(double number, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f%s", number, unit);
  return text;
}

// Matches per second.
double row(const char* name,
           const char* must,
           const CorrelationSpec& spec,
           const std::vector<Observed>& events,
           int runs,
           const std::vector<Observed>& warm_up = {}) {
  std::vector<double> seconds;
  for (int run = 0; run < runs; ++run) {
    const std::unique_ptr<Detector> detector = make(spec);
    feed(*detector, warm_up);
    seconds.push_back(feed(*detector, events));
  }
  const double rate = static_cast<double>(events.size()) / median(seconds);
  print_row(name, text_of(rate / 1e6, " M/s"), must);
  return rate;
}

std::vector<Observed> stream(std::size_t count,
                             const std::function<void(std::size_t, Observed&)>& make_one) {
  std::vector<Observed> events(count);
  for (std::size_t i = 0; i < count; ++i) {
    make_one(i, events[i]);
  }
  return events;
}

void count_rows(int runs) {
  CorrelationSpec spec = spec_of("event_count", 10 * minute_ns, 1);
  spec.thresholds = {{CompareOp::gte, 1e6}};
  std::mt19937_64 random(1);
  std::vector<std::string> keys;
  for (int i = 0; i < 100'000; ++i) {
    keys.push_back(key_of("arn:" + std::to_string(i)));
  }
  row("event_count, 100,000 groups",
      "2 M/s",
      spec,
      stream(4'000'000,
             [&](std::size_t i, Observed& event) {
               event.key = keys[random() % keys.size()];
               event.time = static_cast<TimeNs>(i) * 500'000;
             }),
      runs);
  CorrelationSpec values = spec_of("value_count", 10 * minute_ns, 1);
  values.fields = {"v"};
  values.thresholds = {{CompareOp::gte, 1e6}};
  std::vector<double> rates;
  for (const std::size_t distinct : {10u, 2'000u}) {
    // 10 groups, each with about 4,000 events in its window.
    rates.push_back(row(distinct == 10 ? "value_count, 10 groups, 10 distinct values per window"
                                       : "value_count, 10 groups, 2,000 distinct values per window",
                        "-",
                        values,
                        stream(2'000'000,
                               [&](std::size_t i, Observed& event) {
                                 event.key = keys[random() % 10];
                                 event.value = "agent-" + std::to_string(random() % distinct);
                                 event.time = static_cast<TimeNs>(i) * 15'000'000;
                               }),
                        runs));
  }
  print_row(
      "value_count, speed with 2,000 distinct / with 10", text_of(rates[1] / rates[0], ""), "0.5");
}

void order_rows(int runs) {
  const CorrelationSpec spec = spec_of("temporal_ordered", 10 * minute_ns, 4);
  std::mt19937_64 random(2);
  std::vector<double> rates;
  for (const std::size_t count : {100'000u, 1'000'000u}) {
    // One group, all within the window for the short stream: what a combining detector would die
    // of. The last rule is never met.
    rates.push_back(row(count == 100'000
                            ? "temporal_ordered, 4 rules, 100,000 matches of one group"
                            : "temporal_ordered, 4 rules, 1,000,000 matches of one group",
                        "-",
                        spec,
                        stream(count,
                               [&](std::size_t i, Observed& event) {
                                 event.key = key_of("g");
                                 event.inputs = std::uint64_t{1} << (random() % 3);
                                 event.time = static_cast<TimeNs>(i) * 1'000'000;
                               }),
                        runs));
  }
  print_row("temporal_ordered, speed with 1,000,000 matches / with 100,000",
            text_of(rates[1] / rates[0], ""),
            "about 1: linear");
}

CorrelationSpec new_value_spec() {
  CorrelationSpec spec = spec_of("new_value", 0, 1);
  spec.fields = {"v"};
  spec.options.push_back({"on-learning", {"silent"}, 1, 1});
  return spec;
}

// First of all: memory that earlier rows gave back would hide what this one takes.
void memory_row() {
  const std::vector<Observed> all = stream(1'000'000, [&](std::size_t i, Observed& event) {
    const std::size_t which = i * 7919 % 1'000'000;
    event.key = key_of("key-" + std::to_string(which / 10));
    event.value = "10." + std::to_string(which % 10) + ".1." + std::to_string(which / 10 % 250);
    event.time = static_cast<TimeNs>(i) * 1'000;
  });
  const double before = resident_bytes();
  const std::unique_ptr<Detector> detector = make(new_value_spec());
  feed(*detector, all);
  const double grown = (resident_bytes() - before) / 1e6;
  const double counted = static_cast<double>(detector->counters().bytes) / 1e6;
  print_row("new_value, 1,000,000 pairs, resident memory",
            text_of(grown, " MB (") + text_of(counted, " MB by its own count)"),
            "150 MB");
}

void novelty_rows(int runs) {
  std::mt19937_64 random(3);
  std::vector<std::string> keys;
  for (int i = 0; i < 1'000'000; ++i) {
    keys.push_back(key_of("key-" + std::to_string(i / 10)));
  }
  const auto pair = [&](std::size_t which, Observed& event) {
    event.key = keys[which];
    event.value = "10." + std::to_string(which % 10) + ".1." + std::to_string(which / 10 % 250);
  };
  row("new_value, pairs of the last minute (1,000)",
      "3 M/s",
      new_value_spec(),
      stream(3'000'000,
             [&](std::size_t i, Observed& event) {
               pair(random() % 1'000, event);
               event.time = static_cast<TimeNs>(i) * 20'000;
             }),
      runs);
  const std::vector<Observed> all = stream(1'000'000, [&](std::size_t i, Observed& event) {
    pair(i * 7919 % 1'000'000, event);
    event.time = static_cast<TimeNs>(i) * 1'000;
  });
  row("new_value, 1,000,000 pairs, in random order",
      "1 M/s",
      new_value_spec(),
      stream(2'000'000,
             [&](std::size_t i, Observed& event) {
               pair(random() % 1'000'000, event);
               event.time = day_ns + static_cast<TimeNs>(i) * 1'000;
             }),
      runs,
      all);
}

}  // namespace

int main(int count, char** arguments) {
  int runs = 5;
  std::string rows = "memory,count,order,new";
  for (int i = 1; i + 1 < count; i += 2) {
    if (std::strcmp(arguments[i], "--runs") == 0) {
      runs = std::max(1, std::atoi(arguments[i + 1]));
    } else if (std::strcmp(arguments[i], "--rows") == 0) {
      rows = arguments[i + 1];
    }
  }
  const auto wanted = [&rows](const char* row) { return rows.find(row) != std::string::npos; };
  if (wanted("memory")) {
    memory_row();
  }
  if (wanted("count")) {
    count_rows(runs);
  }
  if (wanted("order")) {
    order_rows(runs);
  }
  if (wanted("new")) {
    novelty_rows(runs);
  }
  return 0;
}
