// SPDX-License-Identifier: Apache-2.0
// Reloader: loads configuration, rules, lists and pipelines again, aside and on a thread of its
// own, when their files changed and came to rest, or when it is asked to. What is wrong keeps the
// set that runs: a broken configuration or pipeline all of it, a rule that no longer compiles its
// last good version; each is logged with its diagnostics and raises an alert. Thread rule:
// reload() and current() from any thread. Cost: a stat per file and look; one load per change.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/session.h"
#include "app/watch.h"

namespace tocsin {

class Reloader {
 public:
  // Makes the run go on with `next`; after an error it goes on with `before`.
  using Apply = std::function<Result<void>(const std::shared_ptr<const Session>& before,
                                           const std::shared_ptr<const Session>& next)>;
  Reloader(std::shared_ptr<const Session> first, Watch& watch, Apply apply);
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // Asks for a reload and does not wait.
  void request();
  // Asks for one, waits for it, and says in a sentence what came of it. False: the old set stays.
  struct Outcome {
    bool done = false;
    std::string text;
  };
  Outcome reload();
  std::shared_ptr<const Session> current() const;

 private:
  void run();
  bool look();
  Outcome load_and_apply();
  Outcome refuse(const std::string& why, const Diagnostics& problems);
  void tell_rules(const Session& before, const Session& next);

  Watch& watch_;
  const Apply apply_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const Session> current_;
  bool ending_ = false;
  std::uint64_t asked_ = 0;  // how often a reload was asked for ...
  std::uint64_t done_ = 0;   // ... and how many of these were done
  Outcome outcome_;

  // Of the thread.
  std::vector<std::string> paths_;
  Hash128 loaded_;  // the fingerprint that the current set was loaded from
  Hash128 seen_;
  TimeNs seen_at_ = 0;
  std::thread thread_;
};

// "FILE:LINE: what is wrong [CODE]" of the first error; empty: there is none.
std::string first_error(const Diagnostics& problems);

// All files that a session was loaded from.
std::vector<std::string> files_of(const Session& session);

}  // namespace tocsin
