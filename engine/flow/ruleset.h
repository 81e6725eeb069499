// SPDX-License-Identifier: Apache-2.0
// Ruleset: a program, what is known of its rules, and the detectors' specifications: what a reload
// replaces, whole. Thread rule: immutable, shared. RulesetSlot is the mutex-protected place the
// reader takes it from between two batches.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "engine/flow/correlation_spec.h"
#include "engine/flow/rule_info.h"
#include "engine/match/program.h"

namespace tocsin {

struct Ruleset {
  std::shared_ptr<const Program> program;
  // Detection rules: index == RuleId.
  std::vector<RuleInfo> rules;
  // Correlations, inner ones before those that name them.
  std::vector<CorrelationSpec> correlations;
  // By detection rule: does a match raise an alert by itself? (tocsin.alert, generate: false)
  std::vector<bool> alerts_alone;
  // By detection rule: does some correlation or baseline read its matches?
  std::vector<bool> feeds_detector;
};

class RulesetSlot {
 public:
  explicit RulesetSlot(std::shared_ptr<const Ruleset> first) : current_(std::move(first)) {}
  std::shared_ptr<const Ruleset> get() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }
  void set(std::shared_ptr<const Ruleset> next) {
    const std::lock_guard lock(mutex_);
    current_ = std::move(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Ruleset> current_;
};

}  // namespace tocsin
