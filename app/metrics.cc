// SPDX-License-Identifier: Apache-2.0
#include "app/metrics.h"

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace tocsin {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

double seconds(DurationNs duration) {
  return static_cast<double>(duration) / static_cast<double>(second_ns);
}

class Families {
 public:
  // Opens a family; what follows are its members.
  void counter(const char* name, const char* help) {
    open(name, help, prometheus::MetricType::Counter);
  }
  void gauge(const char* name, const char* help) {
    open(name, help, prometheus::MetricType::Gauge);
  }
  void add(double value, const Labels& labels = {}) {
    prometheus::ClientMetric metric;
    for (const auto& [name, text] : labels) {
      metric.label.push_back({name, text});
    }
    if (families_.back().type == prometheus::MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    families_.back().metric.push_back(std::move(metric));
  }
  void add(std::uint64_t value, const Labels& labels = {}) {
    add(static_cast<double>(value), labels);
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  void open(const char* name, const char* help, prometheus::MetricType type) {
    families_.emplace_back();
    families_.back().name = name;
    families_.back().help = help;
    families_.back().type = type;
  }
  std::vector<prometheus::MetricFamily> families_;
};

void add_records(const Numbers& numbers, Families& out) {
  struct Row {
    const char* name;
    const char* help;
    std::uint64_t RunCounters::*value;
  };
  constexpr Row rows[] = {
      {"tocsin_input_records_total", "records evaluated", &RunCounters::events},
      {"tocsin_input_bytes_total", "bytes read, decompressed", &RunCounters::bytes},
      {"tocsin_input_malformed_total", "records that are no JSON", &RunCounters::malformed},
      {"tocsin_input_oversized_total", "records larger than allowed", &RunCounters::oversized},
      {"tocsin_input_repaired_total", "records read tolerantly", &RunCounters::repaired},
      {"tocsin_input_skipped_total", "digests, control messages", &RunCounters::skipped},
  };
  for (const Row& row : rows) {
    out.counter(row.name, row.help);
    for (const auto& [id, input] : numbers.inputs) {
      out.add(input.counters.*row.value, {{"input", id}});
    }
  }
}

void add_files(const Numbers& numbers, TimeNs now, Families& out) {
  struct Row {
    const char* name;
    const char* help;
    bool total;
    std::uint64_t InputStatus::*value;
  };
  constexpr Row rows[] = {
      {"tocsin_input_files", "files followed", false, &InputStatus::files},
      {"tocsin_input_files_open", "descriptors held", false, &InputStatus::files_open},
      {"tocsin_input_lag_bytes", "bytes seen, not read", false, &InputStatus::bytes_behind},
      {"tocsin_input_rotations_total", "files that left", true, &InputStatus::rotations},
      {"tocsin_input_restarts_total", "truncated or replaced", true, &InputStatus::restarts},
  };
  for (const Row& row : rows) {
    row.total ? out.counter(row.name, row.help) : out.gauge(row.name, row.help);
    for (const auto& [id, input] : numbers.inputs) {
      out.add(input.files.*row.value, {{"input", id}});
    }
  }
  out.gauge("tocsin_input_lag_seconds", "now less the event time of what was read last");
  for (const auto& [id, input] : numbers.inputs) {
    if (input.event_time) {
      out.add(seconds(now - *input.event_time), {{"input", id}});
    }
  }
  out.gauge("tocsin_input_silent_seconds", "since the last record");
  for (const auto& [id, input] : numbers.inputs) {
    const TimeNs last = input.last_record_at == 0 ? numbers.started_at : input.last_record_at;
    out.add(seconds(now - last), {{"input", id}});
  }
  out.counter("tocsin_input_lost_bytes_total", "bytes that could not be read any more");
  for (const auto& [id, input] : numbers.inputs) {
    for (const auto& [reason, bytes] : input.lost_bytes) {
      out.add(bytes, {{"input", id}, {"reason", reason}});
    }
  }
  out.counter("tocsin_input_notices_total", "what inputs had to say, by code");
  for (const auto& [id, input] : numbers.inputs) {
    for (const auto& [code, count] : input.notices) {
      out.add(count, {{"input", id}, {"code", code}});
    }
  }
}

void add_rules(const Numbers& numbers, Families& out) {
  out.gauge("tocsin_rules", "rules, correlations and filters by state");
  out.add(numbers.rules.loaded, {{"state", "loaded"}});
  out.add(numbers.rules.rejected, {{"state", "rejected"}});
  out.add(numbers.rules.kept, {{"state", "kept"}});
  out.counter("tocsin_rule_matches_total", "records that met the rule");
  for (const auto& [rule, count] : numbers.matches) {
    out.add(count, {{"rule", rule}});
  }
  out.counter("tocsin_reloads_total", "reloads by result");
  out.add(numbers.reload.done, {{"result", "done"}});
  out.add(numbers.reload.refused, {{"result", "refused"}});
}

void add_alerts(const Numbers& numbers, Families& out) {
  out.counter("tocsin_alerts_total", "alerts by level");
  for (std::size_t level = 0; level < level_count; ++level) {
    out.add(numbers.alerts_by_level[level],
            {{"level", std::string(to_text(static_cast<Level>(level)))}});
  }
  out.counter("tocsin_duplicates_total", "matches of records seen before");
  out.add(numbers.duplicates);
  out.counter("tocsin_system_alerts_total", "alerts about tocsin itself, before rate limits");
  out.add(numbers.system_alerts);
  const CorrelationCounters& state = numbers.correlations;
  out.gauge("tocsin_detector_keys", "groups that detectors keep");
  out.add(state.detectors.keys);
  out.gauge("tocsin_detector_bytes", "memory of detector state, estimated");
  out.add(state.detectors.bytes);
  out.counter("tocsin_detector_evicted_keys_total", "groups forgotten for lack of room");
  out.add(state.detectors.evicted_keys);
  out.counter("tocsin_detector_late_total", "records behind all that is held");
  out.add(state.detectors.late);
  out.counter("tocsin_detector_without_time_total", "records without a usable time");
  out.add(state.without_time);
  out.counter("tocsin_detector_future_total", "records ahead of their receive time");
  out.add(state.future);
}

void add_deliveries(const Numbers& numbers, Families& out) {
  out.gauge("tocsin_spool_depth", "deliveries that wait");
  for (const LaneStatus& lane : numbers.lanes) {
    out.add(lane.pending, {{"receiver", lane.receiver}});
  }
  out.counter("tocsin_deliveries_total", "deliveries by receiver and result");
  for (const LaneStatus& lane : numbers.lanes) {
    out.add(lane.delivered, {{"receiver", lane.receiver}, {"result", "delivered"}});
    out.add(lane.failed, {{"receiver", lane.receiver}, {"result", "failed"}});
    out.add(lane.shed, {{"receiver", lane.receiver}, {"result", "shed"}});
  }
  out.gauge("tocsin_alerts_over_quota", "kept as counts only, past the quota of their rule");
  for (const auto& [rule, count] : numbers.counted) {
    out.add(count, {{"rule", rule}});
  }
  out.counter("tocsin_delivery_attempts_total", "requests to receivers");
  for (const LaneStatus& lane : numbers.lanes) {
    out.add(lane.attempts, {{"receiver", lane.receiver}});
  }
}

}  // namespace

std::string metrics_text(const Numbers& numbers, TimeNs now, bool healthy) {
  Families out;
  out.gauge("tocsin_healthy", "1: as /health says 200");
  out.add(std::uint64_t{healthy ? 1u : 0u});
  out.gauge("tocsin_uptime_seconds", "since the start");
  out.add(seconds(now - numbers.started_at));
  out.gauge("tocsin_step_age_seconds", "since the engine's last step");
  out.add(seconds(std::max<DurationNs>(now - numbers.step_at, 0)));
  add_records(numbers, out);
  add_files(numbers, now, out);
  if (numbers.has_store) {
    out.gauge("tocsin_commit_age_seconds", "of the oldest change that is not in the store yet");
    const TimeNs since = numbers.uncommitted_since.value_or(now);
    out.add(seconds(std::max<DurationNs>(now - since, 0)));
  }
  add_rules(numbers, out);
  add_alerts(numbers, out);
  add_deliveries(numbers, out);
  return out.text();
}

}  // namespace tocsin
