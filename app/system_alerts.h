// SPDX-License-Identifier: Apache-2.0
// SystemAlerts: what tocsin has to say about itself as alerts: raised from any thread, taken by the
// alert stage between two batches, at most one of a kind and subject in an interval; what came
// meanwhile is counted and told when the interval is over. Thread rule: any thread. Cost: bounded
// (subjects_max).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/flow/alert.h"

namespace tocsin {

class SystemAlerts {
 public:
  explicit SystemAlerts(DurationNs interval_ns) : interval_ns_(interval_ns) {}

  // `code` is stable ("input-lost"); `subject` is what it is about (an input, a rule), and is not
  // shown.
  void raise(const std::string& code,
             const std::string& subject,
             Level level,
             const std::string& summary);
  // What is due now. `now`: the receive time.
  std::vector<Alert> take(TimeNs now);
  void set_interval(DurationNs interval_ns);
  std::uint64_t raised() const;

  static constexpr std::size_t subjects_max = 1'000;  // of a flood of subjects the rest share one

 private:
  struct Kind {
    bool told = false;
    TimeNs told_at = 0;
    std::uint64_t waiting = 0;
    Level level = Level::medium;
    std::string summary;  // the first that waits
  };
  mutable std::mutex mutex_;
  DurationNs interval_ns_;
  std::map<std::pair<std::string, std::string>, Kind> kinds_;
  std::uint64_t raised_ = 0;
  bool any_waiting_ = false;
};

}  // namespace tocsin
