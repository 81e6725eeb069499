// SPDX-License-Identifier: Apache-2.0
// Telemetry: the numbers of a run that lasts, gathered where they arise and read by whoever shows
// them: metrics, health, status, heartbeat. Thread rule: any thread; one lock per batch. Errors:
// none.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "alerts/receivers.h"
#include "app/alert_stage.h"
#include "engine/flow/input.h"
#include "engine/flow/run.h"

namespace tocsin {

struct InputNumbers {
  RunCounters counters;
  TimeNs last_record_at = 0;         // receive time; 0: none yet
  std::optional<TimeNs> event_time;  // of the last batch's first record
  InputStatus files;
  std::map<std::string, std::uint64_t> lost_bytes;  // by the code of the notice
  std::map<std::string, std::uint64_t> notices;     // by code
};

struct ReloadNumbers {
  std::uint64_t done = 0;     // the new set runs
  std::uint64_t refused = 0;  // the old set stays
  std::string last_result;    // a sentence; empty: none yet
  TimeNs last_at = 0;
};

struct RuleNumbers {
  std::uint64_t loaded = 0, rejected = 0;
  std::uint64_t kept = 0;  // that go on in an earlier version
};

struct Numbers {
  TimeNs started_at = 0;
  TimeNs step_at = 0;          // the engine's last step: a batch, or finding nothing to do
  std::size_t steps_open = 0;  // 1: a batch is being worked on
  std::map<std::string, InputNumbers> inputs;
  RuleNumbers rules;
  std::map<std::string, std::uint64_t> matches;  // by rule: id, else title
  std::uint64_t alerts = 0, duplicates = 0, system_alerts = 0;
  std::array<std::uint64_t, level_count> alerts_by_level{};
  CorrelationCounters correlations;
  std::vector<LaneStatus> lanes;
  // Alerts past their rule's quota, which were counted instead of stored, by the rule's key.
  std::map<std::string, std::uint64_t> counted;
  ReloadNumbers reload;
  bool has_store = false;
  std::optional<TimeNs> uncommitted_since;  // of the oldest change that waits
};

class Telemetry {
 public:
  explicit Telemetry(TimeNs started_at) { numbers_.started_at = numbers_.step_at = started_at; }

  void begin_step(TimeNs now);
  void end_step(TimeNs now);
  void on_batch(const BatchResult& result);
  void on_notice(const std::string& input, const InputNotice& notice);
  void on_stage(const AlertCounters& alerts, const CorrelationCounters& correlations);
  void on_files(const std::vector<InputStatus>& files);
  void on_commits(std::optional<TimeNs> uncommitted_since);
  void on_rules(const RuleNumbers& rules);
  void on_reload(bool done, std::string result, TimeNs now);
  void on_lanes(std::vector<LaneStatus> lanes);
  void on_counted(std::map<std::string, std::uint64_t> alerts_by_rule);
  void on_system_alerts(std::uint64_t raised);
  void expect_input(const std::string& id);

  Numbers numbers() const;
  // When this input last brought a record; its start, if never.
  TimeNs last_record(const std::string& input) const;

 private:
  static void add_by_name(const Ruleset& ruleset,
                          const std::vector<std::uint64_t>& counts,
                          std::map<std::string, std::uint64_t>& matches);

  mutable std::mutex mutex_;
  Numbers numbers_;  // but for the matches of the rules that run: those are in matches_
  std::shared_ptr<const Ruleset> ruleset_;
  std::vector<std::uint64_t> matches_;  // by rule
};

// Why tocsin is not well; empty: it is. `stall_ns`: no step for so long is not well.
std::string unhealthy_reason(const Numbers& numbers, TimeNs now, DurationNs stall_ns);

}  // namespace tocsin
