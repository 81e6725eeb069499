// SPDX-License-Identifier: Apache-2.0
// SIGINT and SIGTERM as a call on a thread of its own; a second one ends the process at once.
// SIGHUP as another call, where one is given; else it ends the process as ever.
// Thread rule: construct before any other thread is started (it blocks the signals for all of
// them).
#pragma once

#include <functional>
#include <memory>

namespace tocsin {

class StopSignals {
 public:
  explicit StopSignals(std::function<void()> on_stop, std::function<void()> on_hangup = {});
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin
