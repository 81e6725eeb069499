// SPDX-License-Identifier: Apache-2.0
#include "app/telemetry.h"

#include <algorithm>
#include <utility>

namespace tocsin {

void Telemetry::begin_step(TimeNs now) {
  const std::lock_guard lock(mutex_);
  numbers_.step_at = now;
  ++numbers_.steps_open;
}

void Telemetry::end_step(TimeNs now) {
  const std::lock_guard lock(mutex_);
  numbers_.step_at = now;
  --numbers_.steps_open;
}

void Telemetry::on_batch(const BatchResult& result) {
  const std::lock_guard lock(mutex_);
  InputNumbers& input = numbers_.inputs[result.source->input];
  input.counters.add(result.counters);
  const RunCounters& seen = result.counters;
  if (seen.events + seen.malformed + seen.oversized + seen.skipped > 0) {
    input.last_record_at = result.received_at;
  }
  if (result.first_time) {
    input.event_time = result.first_time;
  }
  if (result.ruleset != ruleset_) {
    if (ruleset_ != nullptr) {
      add_by_name(*ruleset_, matches_, numbers_.matches);
    }
    ruleset_ = result.ruleset;
    matches_.assign(ruleset_->rules.size(), 0);
  }
  for (const Match& match : result.matches) {
    ++matches_[static_cast<std::size_t>(match.rule)];
  }
}

void Telemetry::add_by_name(const Ruleset& ruleset,
                            const std::vector<std::uint64_t>& counts,
                            std::map<std::string, std::uint64_t>& matches) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) {
      const RuleInfo& rule = ruleset.rules[i];
      matches[rule.id.empty() ? rule.title : rule.id] += counts[i];
    }
  }
}

void Telemetry::on_notice(const std::string& input, const InputNotice& notice) {
  const std::lock_guard lock(mutex_);
  InputNumbers& numbers = numbers_.inputs[input];
  ++numbers.notices[notice.code];
  if (notice.kind == InputNotice::Kind::lost) {
    numbers.lost_bytes[notice.code] += notice.bytes;
  }
}

void Telemetry::on_stage(const AlertCounters& alerts, const CorrelationCounters& correlations) {
  const std::lock_guard lock(mutex_);
  numbers_.alerts = alerts.alerts;
  numbers_.duplicates = alerts.duplicates;
  numbers_.alerts_by_level = alerts.by_level;
  numbers_.correlations = correlations;
}

void Telemetry::on_files(const std::vector<InputStatus>& files) {
  const std::lock_guard lock(mutex_);
  for (const InputStatus& status : files) {
    numbers_.inputs[status.input].files = status;
  }
}

void Telemetry::on_commits(std::optional<TimeNs> uncommitted_since) {
  const std::lock_guard lock(mutex_);
  numbers_.has_store = true;
  numbers_.uncommitted_since = uncommitted_since;
}

void Telemetry::on_rules(const RuleNumbers& rules) {
  const std::lock_guard lock(mutex_);
  numbers_.rules = rules;
}

void Telemetry::on_reload(bool done, std::string result, TimeNs now) {
  const std::lock_guard lock(mutex_);
  ++(done ? numbers_.reload.done : numbers_.reload.refused);
  numbers_.reload.last_result = std::move(result);
  numbers_.reload.last_at = now;
}

void Telemetry::on_lanes(std::vector<LaneStatus> lanes) {
  const std::lock_guard lock(mutex_);
  numbers_.lanes = std::move(lanes);
}

void Telemetry::on_counted(std::map<std::string, std::uint64_t> alerts_by_rule) {
  const std::lock_guard lock(mutex_);
  numbers_.counted = std::move(alerts_by_rule);
}

void Telemetry::on_system_alerts(std::uint64_t raised) {
  const std::lock_guard lock(mutex_);
  numbers_.system_alerts = raised;
}

void Telemetry::expect_input(const std::string& id) {
  const std::lock_guard lock(mutex_);
  numbers_.inputs[id].files.input = id;
}

Numbers Telemetry::numbers() const {
  const std::lock_guard lock(mutex_);
  Numbers numbers = numbers_;
  if (ruleset_ != nullptr) {
    add_by_name(*ruleset_, matches_, numbers.matches);
  }
  return numbers;
}

TimeNs Telemetry::last_record(const std::string& input) const {
  const std::lock_guard lock(mutex_);
  const auto found = numbers_.inputs.find(input);
  return found == numbers_.inputs.end() || found->second.last_record_at == 0
             ? numbers_.started_at
             : found->second.last_record_at;
}

std::string unhealthy_reason(const Numbers& numbers, TimeNs now, DurationNs stall_ns) {
  if (now - numbers.step_at > stall_ns) {
    return "the engine made no step for " + std::to_string((now - numbers.step_at) / second_ns) +
           " s" +
           (numbers.steps_open > 0 ? ": stdout, the store or a dead-letter file takes nothing"
                                   : "");
  }
  if (numbers.uncommitted_since && now - *numbers.uncommitted_since > stall_ns) {
    return "the state takes nothing: is its disk full?";
  }
  if (numbers.rules.loaded == 0) {
    return "no rule is loaded";
  }
  return {};
}

}  // namespace tocsin
