// SPDX-License-Identifier: Apache-2.0
// What watches a run: its log, its numbers, its alerts about itself. Made before all else of a run,
// and outlives it. Thread rule: any thread.
#pragma once

#include <mutex>
#include <set>
#include <string>

#include "app/log.h"
#include "app/options.h"
#include "app/system_alerts.h"
#include "app/telemetry.h"
#include "engine/flow/input.h"

namespace tocsin {

struct Watch {
  Watch(const Options& options, const WatchConfig& config, TimeNs now)
      : log(config.log_format, options.quiet),
        telemetry(now),
        system_alerts(config.system_alert_interval_ns),
        quiet(options.quiet),
        verbose(options.verbose) {}

  Log log;
  Telemetry telemetry;
  SystemAlerts system_alerts;
  bool quiet;
  bool verbose;
};

// Notices of inputs: each said once in the log, counted, and, where data is lost or cannot be read,
// raised as an alert about tocsin itself; those change the exit status too. Any thread.
class Notices {
 public:
  explicit Notices(Watch& watch) : watch_(watch) {}
  void take(const std::string& input, const InputNotice& notice);
  bool incomplete() const;

 private:
  static constexpr std::size_t said_max =
      10'000;  // of months of tail; then a notice may be said again
  Watch& watch_;
  mutable std::mutex mutex_;
  std::set<std::string> said_;
  bool incomplete_ = false;
};

}  // namespace tocsin
