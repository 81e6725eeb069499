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

// How much of a record to read at first: where most records need all of it in the end, looking
// twice costs more than it saves.
class ExtentChoice {
 public:
  // For the next record.
  FieldPlan::Extent next() const {
    const bool whole = resting_ > 0 || number_ < whole_first || number_ % whole_every == 0;
    return whole ? FieldPlan::Extent::whole : FieldPlan::Extent::pivots;
  }
  // A record was read: to its end from the start, or was it completed?
  void note(bool whole, bool completed) {
    ++number_;
    resting_ -= resting_ > 0 ? 1 : 0;
    if (!whole || completed) {
      completed_ += completed ? 1 : 0;
      if (++looked_at_ == sample_records) {
        resting_ = completed_ > completed_max ? rest_records : 0;
        looked_at_ = completed_ = 0;
      }
    }
  }

 private:
  // So that which fields there are is known of a sample at least.
  static constexpr std::uint64_t whole_first = 32;
  static constexpr std::uint64_t whole_every = 64;
  static constexpr std::uint32_t sample_records = 512;
  static constexpr std::uint32_t completed_max = sample_records * 3 / 10;
  static constexpr std::uint32_t rest_records = 64 * sample_records;
  std::uint64_t number_ = 0;
  std::uint32_t looked_at_ = 0;
  std::uint32_t completed_ = 0;
  std::uint32_t resting_ = 0;
};

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

  // Matches of rules that raise no alert carry their record too: for who asks rules one by one.
  void copy_all_records() { copies_all_ = true; }

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
  bool wants_time() const { return wants_time_ || feed_plan_->needs_watermark(); }

  ExtentChoice extent_;
  bool want_evidence_;
  bool copies_all_ = false;
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
  Feed::Size feed_expected_;
};

}  // namespace tocsin
