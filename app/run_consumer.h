// SPDX-License-Identifier: Apache-2.0
// RunConsumer: stands between the run loop and the alert stage: keeps the progress line and the
// numbers, and notices inputs that fell silent. Thread rule: as ResultConsumer.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "app/alert_stage.h"
#include "app/config.h"
#include "app/outlets.h"
#include "app/progress.h"
#include "app/watch.h"

namespace tocsin {

class RunConsumer final : public ResultConsumer {
 public:
  // `on_first` is called once, after the first batch or the first look that found none.
  RunConsumer(AlertStage& stage,
              Progress& progress,
              Watch& watch,
              const Input& input,
              const Outlets& outlets,
              std::function<void()> on_first)
      : stage_(stage),
        progress_(progress),
        watch_(watch),
        input_(input),
        outlets_(outlets),
        on_first_(std::move(on_first)) {}
  void consume(BatchResult& result) override;
  void idle(TimeNs now) override;
  // `waiting_since`: since when something waits to be committed, on the steady clock; 0: nothing.
  void watch_store(const Store& store, std::function<TimeNs()> waiting_since) {
    store_ = &store;
    waiting_since_ = std::move(waiting_since);
  }
  // Which inputs must not be silent for longer than they say. From any thread.
  void expect(const std::vector<InputConfig>& inputs);
  // Brings the numbers up to date.
  void sample(TimeNs now);

 private:
  void check_silence(TimeNs now);
  void sample_store(TimeNs now);
  void note_first();

  AlertStage& stage_;
  Progress& progress_;
  Watch& watch_;
  const Input& input_;
  const Outlets& outlets_;
  std::function<void()> on_first_;
  const Store* store_ = nullptr;  // null: no --state
  std::function<TimeNs()> waiting_since_;
  TimeNs sampled_at_ = 0;
  TimeNs counted_at_ = 0;
  std::mutex mutex_;                           // silence_
  std::map<std::string, DurationNs> silence_;  // by input
  std::map<std::string, TimeNs> told_silent_;  // and when it was told last
};

}  // namespace tocsin
