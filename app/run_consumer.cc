// SPDX-License-Identifier: Apache-2.0
#include "app/run_consumer.h"

#include <algorithm>

#include "app/console.h"

namespace tocsin {
namespace {

constexpr DurationNs sample_interval_ns = second_ns / 4;
constexpr DurationNs counted_interval_ns = 10 * second_ns;

}  // namespace

void RunConsumer::consume(BatchResult& result) {
  watch_.telemetry.begin_step(wall_clock_now());
  watch_.telemetry.on_batch(result);
  progress_.add(result.counters);
  stage_.consume(result);
  const TimeNs now = wall_clock_now();
  watch_.telemetry.end_step(now);
  if (now - sampled_at_ >= sample_interval_ns || now < sampled_at_) {
    check_silence(now);
    sample(now);
  }
  note_first();
}

void RunConsumer::note_first() {
  if (const auto first = std::exchange(on_first_, nullptr)) {
    first();
  }
}

void RunConsumer::idle(TimeNs now) {
  watch_.telemetry.begin_step(now);
  if (now - sampled_at_ >= sample_interval_ns || now < sampled_at_) {
    check_silence(now);
    sample(now);
  }
  stage_.idle(now);
  watch_.telemetry.end_step(wall_clock_now());
  note_first();
}

void RunConsumer::sample(TimeNs now) {
  sampled_at_ = now;
  watch_.telemetry.on_stage(stage_.counters(), stage_.correlation_counters());
  watch_.telemetry.on_system_alerts(watch_.system_alerts.raised());
  watch_.telemetry.on_lanes(outlets_.status());
  if (store_ != nullptr) {
    sample_store(now);
  }
  std::vector<InputStatus> files;
  input_.status(files);
  watch_.telemetry.on_files(files);
}

void RunConsumer::sample_store(TimeNs now) {
  const TimeNs since = waiting_since_();
  const DurationNs age = since == 0 ? 0 : steady_now() - since;
  watch_.telemetry.on_commits(since == 0 ? std::nullopt : std::optional<TimeNs>(now - age));
  // Up to a row per rule, group and minute: not as often as the rest.
  if (now - counted_at_ < counted_interval_ns && now >= counted_at_) {
    return;
  }
  counted_at_ = now;
  std::map<std::string, std::uint64_t> by_rule;
  for (const CountedAlerts& row : store_->counted()) {
    by_rule[row.rule] += row.count;
  }
  watch_.telemetry.on_counted(std::move(by_rule));
}

void RunConsumer::expect(const std::vector<InputConfig>& inputs) {
  const std::lock_guard lock(mutex_);
  silence_.clear();
  for (const InputConfig& input : inputs) {
    watch_.telemetry.expect_input(input.id);
    if (input.no_data_for_ns > 0) {
      silence_[input.id] = input.no_data_for_ns;
    }
  }
}

void RunConsumer::check_silence(TimeNs now) {
  const std::lock_guard lock(mutex_);
  for (const auto& [input, allowed] : silence_) {
    const TimeNs since = std::max(watch_.telemetry.last_record(input), told_silent_[input]);
    if (now - since >= allowed) {
      told_silent_[input] = now;
      const DurationNs silent = now - watch_.telemetry.last_record(input);
      watch_.log.write(LogLevel::warning,
                       "input-silent",
                       "input " + input + " brought no record",
                       {{"seconds", std::to_string(silent / second_ns)}});
      watch_.system_alerts.raise(
          "input-silent",
          input,
          Level::high,
          "input " + input + " brought no record for " + std::to_string(silent / second_ns) + " s");
    }
  }
}

}  // namespace tocsin
