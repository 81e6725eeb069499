// SPDX-License-Identifier: Apache-2.0
// What a user sees of a run on stderr: a progress line while it lasts (terminals only), a summary
// at its end, the JSON of --stats. Thread rule: Progress: one call at a time. The others are pure.
#pragma once

#include <cstdint>
#include <string>

#include "app/alert_stage.h"
#include "app/session.h"
#include "engine/flow/input.h"
#include "engine/flow/run.h"

namespace tocsin {

class Progress {
 public:
  Progress(bool enabled, const Input& input);
  ~Progress();  // wipes the line
  // Counts a batch; rewrites the line at most five times a second.
  void add(const RunCounters& batch);

 private:
  bool enabled_;
  const Input& input_;
  TimeNs started_;
  TimeNs shown_ = 0;
  RunCounters total_;
};

struct RunOutcome {
  RunCounters run;
  DurationNs elapsed_ns = 0;
};

std::string summary(const Session& session, const RunOutcome& outcome, const AlertCounters& alerts);
std::string stats_json(const Session& session,
                       const RunOutcome& outcome,
                       const AlertCounters& alerts);

}  // namespace tocsin
