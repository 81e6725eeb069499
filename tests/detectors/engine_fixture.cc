// SPDX-License-Identifier: Apache-2.0
#include "tests/detectors/engine_fixture.h"

#include <algorithm>
#include <cstdlib>

#include <doctest/doctest.h>

#include "tests/rules/load_fixture.h"

namespace tocsin::testing {

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
                        const std::string& more,
                        const std::string& group_by) {
  return "title: " + title + "\nname: " + title + "\n" + more +
         "correlation:\n  group-by: " + group_by + "\n  timespan: 20s\n" + body + "---\n";
}

std::shared_ptr<const Ruleset> load(const std::string& text) {
  const LoadResult loaded = test::load_text(text);
  INFO(test::all_text(loaded.diagnostics));
  REQUIRE(loaded.diagnostics.errors() == 0);
  return loaded.ruleset;
}

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
      correlation("Again",
                  "  type: event_count\n  rules: [Silence, ra]\n  condition:\n    gte: 3\n",
                  emit) +
      correlation("Later", "  type: temporal\n  rules: [ra, Silence, rc]\n", emit) +
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

int streams(int otherwise) {
  const char* text = std::getenv("TOCSIN_STREAMS");
  return text == nullptr ? otherwise : std::atoi(text);
}

namespace {

std::optional<GeoPlace> equator(const IpAddress& address) {
  if (address.v6 || address.bytes[0] != 10) {
    return std::nullopt;
  }
  GeoPlace place;
  place.latitude = 0;
  place.longitude = address.bytes[3];
  return place;
}

}  // namespace

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

namespace {

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

}  // namespace

std::vector<std::string> correlation_alerts(const Replay& run) {
  std::vector<std::string> alerts;
  for (const Alert& alert : run.alerts) {
    if (alert.kind == AlertKind::correlation) {
      alerts.push_back(whole(alert));
    }
  }
  return alerts;
}

std::vector<std::string> identified_alerts(const Replay& run) {
  std::vector<std::string> alerts;
  for (const Alert& alert : run.alerts) {
    if (alert.kind == AlertKind::correlation) {
      alerts.push_back(alert.id + " " + whole(alert));
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

std::vector<std::string> sorted_alerts(const Replay& run) {
  std::vector<std::string> alerts = correlation_alerts(run);
  std::sort(alerts.begin(), alerts.end());
  return alerts;
}

namespace {

class KeepResults final : public ResultConsumer {
 public:
  void consume(BatchResult& result) override { results.push_back(std::move(result)); }
  std::vector<BatchResult> results;
};

}  // namespace

std::vector<BatchResult> results_of(const std::shared_ptr<const Ruleset>& ruleset,
                                    const std::string& lines) {
  MemorySource source;
  source.text = lines;
  source.decode.any_log_source = true;
  MemoryInputOptions input_options;
  input_options.batch_lines = 1;
  MemoryInput input({source}, input_options);
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

std::string at(int second, const std::string& rest) {
  return "{\"eventTime\":\"" + format_rfc3339(second * second_ns) + "\"," + rest + "}\n";
}

}  // namespace tocsin::testing
