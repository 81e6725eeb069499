// SPDX-License-Identifier: Apache-2.0
// run(): the loop from bytes to matches: claims batches, reads, decodes and matches them on worker
// threads, and hands the results to one consumer strictly in batch order, so that the outcome is
// the same for 1 or 8 threads. Thread rule: run() blocks; stop() may be called from any thread or a
// signal-handling thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/flow/alert.h"
#include "engine/flow/feed.h"
#include "engine/flow/input.h"
#include "engine/flow/ruleset.h"
#include "engine/match/filter.h"

namespace tocsin {

// A record that could not be evaluated.
struct BadRecord {
  RecordProblem problem{};
  std::uint64_t record = 0;  // its number in its source
  std::uint64_t offset = 0;  // in the decompressed stream
  std::string reason;
  std::string bytes;  // at most limits::dead_letter_record_bytes_max
};

struct RunCounters {
  std::uint64_t events = 0;  // records, malformed ones not included
  std::uint64_t malformed = 0;
  std::uint64_t oversized = 0;
  std::uint64_t repaired = 0;
  std::uint64_t unvalidated = 0;
  std::uint64_t skipped = 0;  // digests, control messages
  std::uint64_t bytes = 0;    // decompressed
  std::uint64_t candidates = 0;
  std::uint64_t unclassified = 0;  // of the events: no log source is known
  std::uint64_t read_in_part = 0;  // of the events: only the fields that decide were read
  // By FieldId of the ruleset's plan: had some record that was decoded a value there?
  std::vector<bool> fields_seen;
  void add(const RunCounters& other);
};

// What became of one batch. `first_record` numbers are final (the loop adds up the batches before
// it).
struct BatchResult {
  std::uint64_t number = 0;
  std::shared_ptr<const SourceInfo> source;
  std::shared_ptr<const Ruleset> ruleset;
  TimeNs received_at = 0;
  RunCounters counters;
  std::vector<Match> matches;  // by (record, rule)
  std::shared_ptr<Feed> feed;  // what they bring to correlations; null: nothing
  std::vector<BadRecord> bad;
  // The greatest event time of the records, those that match nothing included: where a correlation
  // needs the watermark, or RunOptions::wants_time.
  std::optional<TimeNs> latest_time;
  std::optional<TimeNs> first_time;  // event time of the first record that was parsed
  bool first_of_source = false;
  bool last_of_source = false;
  std::uint64_t stream_offset = 0;  // of the batch's first byte
  std::uint64_t records_after = 0;  // of the source, this batch's included
  std::string position;
};

class ResultConsumer {
 public:
  virtual ~ResultConsumer() = default;
  // In batch order, one call at a time, on any worker's thread. May block: that is the
  // backpressure.
  virtual void consume(BatchResult& result) = 0;
  // The input has nothing now and every batch was consumed: what waits for time may be decided.
  // Between calls of consume(), at the pace of Input::wait. `now` is the receive time.
  virtual void idle(TimeNs now) { static_cast<void>(now); }
};

struct RunOptions {
  std::uint32_t threads = 1;
  bool want_evidence = true;                           // fill evidence, copy records
  FilterMode filter = FilterMode::automatic;           // before the parse
  bool wants_time = false;                             // fill BatchResult::latest_time always
  std::uint64_t (*profile_clock)() = nullptr;          // measures each rule, see Run::profile()
  std::function<TimeNs()> now;                         // receive time
  std::function<std::shared_ptr<const GeoSet>()> geo;  // databases of addresses; may be empty
  // How often the input may keep up while the consumer takes nothing; 0: never. tail.
  DurationNs keep_up_ns = 0;
  std::function<void(const Ruleset&)> on_ruleset;  // may be empty
  // A source that is gone on with in its middle: how many records came before. Empty: none. Called
  // as ResultConsumer::consume is.
  std::function<std::uint64_t(const SourceInfo&)> records_before;
};

class Run {
 public:
  Run(Input& input, const RulesetSlot& rules, RunOptions options);
  // Until the input is finished or stop() was called (then what was claimed is finished first).
  RunCounters run(ResultConsumer& consumer);
  // After run(), with a profile_clock: what each rule of the last rule set took on all threads, by
  // RuleId.
  const std::vector<RuleProfile>& profile() const { return profile_; }
  void stop();

 private:
  Input& input_;
  const RulesetSlot& rules_;
  RunOptions options_;
  std::atomic<bool> stopping_{false};
  std::vector<RuleProfile> profile_;
};

}  // namespace tocsin
