// SPDX-License-Identifier: Apache-2.0
// Heartbeat: posts to a URL again and again while tocsin is well, so that whoever listens there
// notices when it is not, or when it is gone. Thread rule: a thread of its own; the destructor ends
// a request that runs. Errors: logged, at most one line a minute, without the URL's path.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "alerts/http.h"
#include "app/log.h"
#include "app/watch_config.h"

namespace tocsin {

class Heartbeat {
 public:
  // `unwell` says why no beat is to be sent; empty: all is well.
  Heartbeat(HeartbeatConfig config, const Log& log, std::function<std::string()> unwell);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  void run();
  void beat();
  void complain(const std::string& why);

  const HeartbeatConfig config_;
  const Log& log_;
  const std::function<std::string()> unwell_;
  HttpClient http_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  TimeNs complained_at_ = 0;
  std::thread thread_;
};

}  // namespace tocsin
