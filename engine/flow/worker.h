// SPDX-License-Identifier: Apache-2.0
// Worker: what one thread of the run loop does with one batch: splits it, decodes and matches each
// record, and copies out the few that matched. Its numbers are relative to the batch; the collector
// (run.cc) makes them final. Thread rule: one per thread. Errors: none; bad records are in the
// result. Cost: that of decode and match; nothing is allocated for a record that matches nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/event/decode.h"
#include "engine/flow/run.h"

namespace tocsin {

// A batch's result before its numbers are final.
struct Outcome {
  BatchResult result;
  std::vector<std::shared_ptr<RecordCopy>>
      copies;                 // what result.matches refer to, in order, each once
  std::uint64_t records = 0;  // malformed ones included
};

class Worker {
 public:
  explicit Worker(bool want_evidence,
                  FilterMode filter = FilterMode::automatic,
                  bool wants_time = false,
                  std::uint64_t (*profile_clock)() = nullptr)
      : want_evidence_(want_evidence),
        filter_mode_(filter),
        wants_time_(wants_time),
        profile_clock_(profile_clock) {}

  // Precondition: batch.source, batch.ruleset and its program are set. The outcome owns all it
  // holds.
  Outcome process(const Batch& batch);

  // What the rules of the current rule set took; empty without a profile_clock.
  std::span<const RuleProfile> profile() const;
  // Of the last batch; null before the first.
  const std::shared_ptr<const Ruleset>& ruleset() const { return ruleset_; }

 private:
  struct Decoder {
    DecodeOptions options;
    std::unique_ptr<RecordDecoder> decoder;
    std::unique_ptr<Filter> filter;  // of ruleset_; null: not made yet
  };
  Decoder& decoder_for(const DecodeOptions& options);
  void adopt(const std::shared_ptr<const Ruleset>& ruleset);

  bool want_evidence_;
  FilterMode filter_mode_;
  bool wants_time_;
  std::uint64_t (*profile_clock_)();
  std::vector<Decoder> decoders_;  // one per distinct options: a handful
  std::shared_ptr<const Ruleset> ruleset_;
  std::unique_ptr<Scratch> scratch_;
  std::shared_ptr<const FeedPlan> feed_plan_;
  std::unique_ptr<FeedBuilder> feed_builder_;
  std::size_t matches_expected_ = 0;
  std::size_t copies_expected_ = 0;
};

}  // namespace tocsin
