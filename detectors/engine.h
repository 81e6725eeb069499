// SPDX-License-Identifier: Apache-2.0
// CorrelationEngine: from what batches bring to the correlations (engine/flow/feed.h), in order, to
// the reports of stateful detectors.
//
// One step per record: copies of records are dropped, the watermark moves, and every shard
// (shard.h) takes the events of its groups. What the shards report is merged by (step, correlation,
// time, group), so that it is the same for any number of shards and threads.
//
// by_time (scan): records are kept (held_records.h) and gone through in the order of (time,
// sequence) at the end. Otherwise (tail, --order arrival) they are taken as they come, and the
// watermark is the greatest event time less the lateness, the least over inputs. Where a
// correlation decides by it, records that feed nothing move it too.
//
// Thread rule: one thread calls; shards may run on further ones meanwhile. Determinism: the outcome
// depends on the sequence of records only, not on how they are cut into batches, unless a limit is
// crossed: limits are per shard. Errors: specifications that cannot be run are in problems() and
// report nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detectors/held_records.h"
#include "detectors/learned_history.h"
#include "detectors/seen_records.h"
#include "detectors/shard.h"
#include "engine/base/limits.h"
#include "engine/base/wire.h"
#include "engine/flow/detector.h"
#include "engine/flow/run.h"

namespace tocsin {

class ShardThreads;

struct CorrelationSettings {
  bool by_time = false;
  bool fold = true;
  bool count_folded = false;  // for take_folded()
  // tail: an event time ahead of the receive time is taken as the receive time, and counted.
  bool clamp_future = false;
  // tail: the times of records that feed nothing move the watermark at the end of each batch; else
  // with the next record that feeds something, wherever batches end.
  bool prompt = false;
  // Records outside feed nothing.
  std::optional<TimeNs> since, until;
  DurationNs duplicate_horizon_ns = 0;  // 0: only the limit counts
  std::size_t duplicate_ids_max = limits::duplicate_ids_max;
  std::size_t records_bytes_max = limits::detector_records_bytes_max;
  std::size_t waiting_max = limits::detector_waiting_max;
  std::size_t held_bytes_max = limits::detector_held_bytes_max;
  std::uint32_t shards = 1;
  std::uint32_t threads = 1;  // that run the shards, the caller's included
  // learn: a stream that a correlation learned before does not feed it again; finish() notes what
  // was read. Otherwise (tail) neither does it, and nothing is noted.
  bool learning = false;
  std::size_t learned_streams_max = limits::learned_streams_max;
  // Keep a journal for take_journal(). Not for by_time.
  bool journal = false;
  // Takes the secrets out of a record's JSON before it is kept for later; nullopt: it holds none.
  // Empty: all are kept as they are.
  std::function<std::optional<std::string>(const std::string& json)> redact;
  DetectorSettings detector;
};

struct CorrelationReport {
  std::uint32_t spec = 0;  // into Ruleset::correlations
  Report report;
};

struct CorrelationCounters {
  std::uint64_t fed = 0;              // records that fed some detector
  std::uint64_t without_time = 0;     // ... that had no usable time
  std::uint64_t duplicates = 0;       // ... that had fed them before
  std::uint64_t learned_before = 0;   // ... that all of them had learned from
  std::uint64_t future = 0;           // ... whose time was ahead of their receive time
  std::uint64_t folded = 0;           // reports that repeat a shown one
  std::uint64_t early = 0;            // events decided before the watermark, for lack of room
  std::uint64_t hours_forgotten = 0;  // the horizon of duplicates is shorter than promised
  std::uint64_t records_dropped = 0;  // reports name fewer records, for lack of room
  std::uint64_t runs_on_disk = 0;     // by_time: sorted runs that were written
  DetectorCounters detectors;         // of all
};

// What weakened all correlations so far.
struct CorrelationLosses {
  std::uint64_t hours_forgotten = 0;    // of records that had fed them: copies count again
  std::uint64_t records_dropped = 0;    // reports name fewer records
  std::uint64_t streams_forgotten = 0;  // learning them again would count them twice
};

class CorrelationEngine {
 public:
  CorrelationEngine(std::shared_ptr<const Ruleset> ruleset, CorrelationSettings settings);
  ~CorrelationEngine();

  // Appends what the batch's records make detectors report. Precondition: of the engine's ruleset.
  void consume(const BatchResult& result, std::vector<CorrelationReport>& out);
  // No record will come any more: all that waited is decided. What an absence still waits for is
  // not reported.
  void finish(std::vector<CorrelationReport>& out);

  // How many reports were folded into which shown ones since the last call: they are to be counted
  // in the alerts of those. What a journal replays was counted before. Only with count_folded.
  std::vector<FoldedReports> take_folded();

  // tail: an idle input holds the watermark back no longer; its next record makes it count again.
  void set_idle(const std::string& input, bool idle, std::vector<CorrelationReport>& out);
  // tail, all inputs idle: moves the watermark to `time` (never back).
  void advance(TimeNs time, std::vector<CorrelationReport>& out);

  // Goes on with a new ruleset: a correlation whose key and fingerprint are unchanged keeps its
  // state.
  void adopt(std::shared_ptr<const Ruleset> ruleset);

  // State for a restart. load(): false if the bytes are not readable (then nothing has changed);
  // specifications that they do not know start empty. The number of shards is that of the state.
  // Not for by_time.
  void save(std::string& out) const;
  bool load(std::string_view bytes);

  // What was fed since the last call, as bytes. A saved state, and after it the journals that were
  // taken since, give the same state again: replay() feeds one, and what detectors report then was
  // reported before. False: not readable; the state is then that of a part of it. A correlation
  // that the loaded state did not know is fed nothing.
  std::string take_journal();
  bool replay(std::string_view journal);
  // The loaded state is of these very correlations.
  bool knows_all() const;
  // Inputs that fed correlations.
  std::vector<std::string> inputs() const;

  const std::vector<CorrelationProblem>& problems() const { return shards_.front()->problems(); }
  // by_time: what went wrong on disk; empty: nothing. Records were lost only if is_incomplete().
  const std::string& problem() const { return problem_; }
  bool is_incomplete() const { return incomplete_; }
  // What weakened one correlation so far. O(shards).
  DetectorLosses losses(std::uint32_t spec) const;
  CorrelationLosses losses() const;
  // Records that fed nothing because all correlations had learned from them.
  std::uint64_t learned_before() const { return counters_.learned_before; }
  CorrelationCounters counters() const;
  DetectorCounters counters(std::uint32_t spec) const;
  TimeNs watermark() const { return watermark_; }

  // --- for people and their tools, between batches ---
  // Does it learn what is usual? (new_value, rare_value)
  bool has_baseline(std::uint32_t spec) const;
  // Groups in the order of their keys.
  void for_each_group(std::uint32_t spec, const GroupVisit& visit) const;
  std::optional<std::string> show(std::uint32_t spec, std::string_view group_key) const;
  bool forget(std::uint32_t spec, std::string_view group_key);
  Result<void> import_group(std::uint32_t spec, std::string_view group_key, std::string_view json);

 private:
  struct InputClock {
    TimeNs latest = 0;
    bool idle = false;
  };
  using Out = std::vector<CorrelationReport>;

  std::vector<std::unique_ptr<CorrelationShard>> make_shards(std::uint32_t count) const;
  Detector* owner(std::uint32_t spec, std::string_view group_key) const;
  // What of the batch's feed correlations have not learned from.
  std::shared_ptr<Feed> unlearned(const BatchResult& result);
  void find_owners(Feed& feed) const;
  void follow_learners();
  void follow_inputs();
  void move_watermark(TimeNs time);
  void add_step(const Feed* feed,
                const FeedRecord* record,
                const std::shared_ptr<const RecordCopy>* copy,
                TimeNs time);
  void take(const Feed& feed, const FeedRecord& record, TimeNs time);
  void move_clock(const std::string& input, TimeNs time);
  TimeNs bounded_time(TimeNs time, const BatchResult& result) const;
  void pass_time(const std::string& input, std::optional<TimeNs> latest);
  void take_from(const std::string& input, const Feed& feed, const FeedRecord& record, TimeNs time);
  const std::shared_ptr<const RecordCopy>* kept_copy(const Feed& feed, const FeedRecord& record);
  bool notes() const { return settings_.journal && !replaying_; }
  void note_taken(const std::string& input,
                  const Feed& feed,
                  const FeedRecord& record,
                  const RecordCopy* copy,
                  TimeNs time,
                  bool is_copy);
  void note_clock(const std::string& input, TimeNs time);
  void note_idle(const std::string& input, bool idle);
  void note_advance();
  void close_segment();
  bool replay_segment(std::string_view bytes, Out& reported_before);
  bool replay_taken(WireReader& reader,
                    const std::vector<std::optional<std::uint32_t>>& specs,
                    Out& reported_before);
  enum class Helpers : std::uint8_t { all, where_many };
  void run_steps(Out& out, Helpers helpers = Helpers::all);
  void collect(Out& out);
  // Copies follow one another, and what is seen need not outlive the run.
  bool has_sorted_copies() const {
    return settings_.by_time && settings_.duplicate_horizon_ns == 0;
  }
  bool is_new(const FeedRecord& record);
  bool is_wanted(const FeedRecord& record);

  std::shared_ptr<const Ruleset> ruleset_;
  CorrelationSettings settings_;
  std::vector<std::unique_ptr<CorrelationShard>> shards_;
  std::unique_ptr<ShardThreads> threads_;
  SeenRecords seen_;
  SeenRecords seen_again_;  // of records that only those take who had not learned from them
  LearnedHistory learned_;
  std::vector<Hash128> seen_now_;  // by_time: of records at the time `latest_`, while they are few
  HeldRecords held_;
  std::uint64_t runs_on_disk_ = 0;
  std::map<std::string, InputClock> clocks_;
  std::pair<const std::string, InputClock>* clock_ = nullptr;  // of the last record
  TimeNs watermark_;
  TimeNs latest_;
  std::map<std::string, TimeNs> passing_;  // by input: times that did not move it yet
  TimeNs passed_;  // the greatest time of all records, where it was asked for
  std::uint64_t next_step_ = 0;
  std::vector<ShardStep> steps_;
  std::deque<std::shared_ptr<const RecordCopy>> redacted_;  // that steps_ refer to
  std::vector<std::vector<ShardReport>> reports_;           // by shard
  std::string problem_;
  bool incomplete_ = false;
  std::string journal_;             // segments that are complete
  std::string segment_;             // entries of the ruleset at hand
  std::vector<bool> noted_;         // correlations that the segment names
  std::optional<TimeNs> advanced_;  // not yet in the journal
  bool replaying_ = false;
  CorrelationCounters counters_;
};

}  // namespace tocsin
