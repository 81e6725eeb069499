// SPDX-License-Identifier: Apache-2.0
// replay(): the whole engine over lines in memory, from bytes to alerts: how tests run it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "detectors/engine.h"
#include "engine/flow/alert.h"
#include "engine/flow/ruleset.h"
#include "engine/flow/run.h"
#include "tests/support/memory_input.h"

namespace tocsin::testing {

struct ReplayOptions {
  std::uint32_t threads = 1;
  std::size_t batch = 1024;  // lines
  bool want_evidence = true;
  CorrelationSettings correlation;
};

struct Replay {
  RunCounters counters;
  CorrelationCounters correlations;
  std::string problem;  // with what is sorted on disk; empty: none
  // Every match in order: index of the rule, number of the record in the input.
  std::vector<std::pair<std::uint32_t, std::uint64_t>> matches;
  // What raises alerts, in order: matches of a batch, then its reports.
  std::vector<Alert> alerts;
};

Replay replay(const std::shared_ptr<const Ruleset>& ruleset,
              std::vector<MemorySource> sources,
              const ReplayOptions& options = {});
// One source named "-" whose log source is not evaluated.
Replay replay(const std::shared_ptr<const Ruleset>& ruleset,
              const std::string& lines,
              const ReplayOptions& options = {});

}  // namespace tocsin::testing
