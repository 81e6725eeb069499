// SPDX-License-Identifier: Apache-2.0
// CorrelationShard: the detectors' state of the groups that hash to one shard, and what is done
// with it step by step. Every shard goes through the same steps, each taking the events of its own
// groups, so that watermark and order are the same for all; CorrelationEngine makes the steps and
// merges what is reported.
//
// One step per record: the watermark moves, and what waited for it is decided; then the record's
// events go through the correlations in their order, inner ones first. A tree of correlations that
// name one another is in one shard as a whole.
//
// Thread rule: one thread at a time per shard; shards are independent.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "detectors/fields.h"
#include "detectors/folding.h"
#include "detectors/record_keeper.h"
#include "detectors/registry.h"
#include "engine/flow/detector.h"
#include "engine/flow/feed.h"
#include "engine/flow/ruleset.h"

namespace tocsin {

struct CorrelationProblem {
  std::uint32_t spec = 0;
  SpecError error;
};

struct ShardSettings {
  std::uint32_t number = 0;
  std::uint32_t shards = 1;
  bool fold = true;
  bool count_folded = false;
  std::size_t records_bytes_max = 0;
  std::size_t waiting_max = 0;
  DetectorSettings detector;
};

// What a shard reports, and where it belongs among the reports of all.
struct ShardReport {
  std::uint64_t step = 0;
  bool by_record = false;  // false: the watermark's move
  std::uint32_t spec = 0;
  Report report;
};

struct ShardStep {
  std::uint64_t number = 0;
  TimeNs watermark = 0;
  const Feed* feed = nullptr;
  const FeedRecord* record = nullptr;  // null: only the time moves
  // Of the record, as it may be shown and kept; null: no report will show it. Whoever makes the
  // step keeps it while the step is run: most shards have no use for it.
  const std::shared_ptr<const RecordCopy>* copy = nullptr;
  TimeNs time = 0;             // of the record; perhaps clamped
  std::uint64_t sequence = 0;  // ascending in the order of the steps, over restarts too
};

struct ShardCounters {
  std::uint64_t folded = 0;
  std::uint64_t early = 0;  // of all correlations
  std::uint64_t records_dropped = 0;
};

// What state belongs to: a correlation whose meaning has not changed.
std::string correlation_state_key(const RuleInfo& info);

class CorrelationShard {
 public:
  CorrelationShard(std::shared_ptr<const Ruleset> ruleset, ShardSettings settings);
  ~CorrelationShard();
  CorrelationShard(const CorrelationShard&) = delete;
  CorrelationShard& operator=(const CorrelationShard&) = delete;

  void run(std::span<const ShardStep> steps, std::vector<ShardReport>& out);
  // No record will come any more: all that waited is decided, as of step `number`. What an absence
  // still waits for is not reported.
  void finish(std::uint64_t number, std::vector<ShardReport>& out);

  // A correlation whose key and fingerprint are unchanged keeps its state.
  void adopt(std::shared_ptr<const Ruleset> ruleset);
  void save(std::string& out) const;
  // False: not readable; the shard is of no use then. `with_records`: see Folding::load().
  bool load(std::string_view bytes, bool with_records);
  // See Folding::take(); of correlations whose reports are alerts, and only with count_folded.
  std::vector<FoldedReports> take_folded() { return folding_.take(); }

  const std::vector<CorrelationProblem>& problems() const { return problems_; }
  // The shard that has the group of this key.
  std::uint32_t owner_of(std::uint32_t spec, std::string_view group_key) const;
  // May the detectors of this correlation keep a record for later?
  bool keeps(std::uint32_t spec) const;
  // Was its state loaded, or can it not be run at all?
  bool knows(std::uint32_t spec) const {
    return stages_[spec].known || stages_[spec].detector == nullptr;
  }
  DetectorCounters counters(std::uint32_t spec) const;
  DetectorLosses losses(std::uint32_t spec) const;  // O(1)
  ShardCounters counters() const;
  std::uint64_t records_dropped() const { return records_.dropped(); }
  // Null: it cannot be run.
  Detector* detector(std::uint32_t spec) const { return stages_[spec].detector.get(); }

 private:
  struct Consumer {  // an input of a correlation
    std::uint32_t spec;
    std::uint32_t input;
  };
  // An observation that owns what it refers to, and can wait.
  struct Event {
    std::uint64_t inputs = 0;
    TimeNs time = 0;
    std::uint64_t sequence = 0;
    Hash128 identity;
    std::shared_ptr<const RecordCopy> record;
    std::string key;
    std::vector<FieldTexts> fields;
  };
  // In an order that does not depend on arrival.
  using Waiting = std::multimap<std::pair<TimeNs, Hash128>, Event>;
  // By time, sequence and group: the inputs that an event met when it was observed.
  using Observed = std::map<std::tuple<TimeNs, std::uint64_t, std::string>, std::uint64_t>;
  struct Stage {
    std::unique_ptr<Detector> detector;
    const DetectorType* type = nullptr;
    bool waits = false;          // emit: watermark
    bool is_pending = false;     // is in pending_
    bool known = false;          // to the loaded state
    bool keeps_records = false;  // by their sequence
    bool reports_late = false;   // perhaps in a later step than that of the record that fires
    bool meets_again = false;    // an inner correlation does: it may bring what was observed before
    bool by_parent = false;      // shares what it knows with the group without its last value
    std::optional<std::uint32_t> pinned;  // the shard of a tree of correlations
    DurationNs delay_ns = 0;              // how late reports of inner correlations come at most
    DurationNs expire_every_ns = 0;
    TimeNs expire_at = 0;  // watermark at which state is looked through for what is old
    std::vector<std::vector<std::uint32_t>> group_fields;  // per input: FieldReader numbers
    std::vector<std::uint32_t> fields;
    std::vector<Consumer> consumers;  // of its reports
    std::vector<Event> met;           // of inner correlations, in this step
    Waiting waiting;
    std::uint64_t early = 0;       // of the waiting ones, decided for lack of room
    Observed observed;             // while an inner correlation may report it; only if meets_again
    std::uint64_t unobserved = 0;  // of these, forgotten for lack of room
  };
  using Out = std::vector<ShardReport>;
  // An event of ours, with what was found out while its memory was fetched.
  struct FetchedEvent {
    const Feed* feed;
    const FeedEvent* event;
    std::uint64_t hash;  // of its key
  };
  // Those of some steps.
  struct Fetched {
    std::vector<FetchedEvent> events;
    std::vector<std::size_t> ends;  // by step: where its events end
  };

  void build();
  Stage make_stage(std::uint32_t spec);
  void pin_trees();
  void move_watermark(TimeNs time);
  void attend_all();
  TimeNs told(std::uint32_t spec, TimeNs time) const;
  TimeNs attention_of(const Stage& stage) const;
  bool is_mine(const FeedEvent& event) const {
    return settings_.shards == 1 || event.shard == settings_.number;
  }
  static std::uint32_t value_hash(const Feed& feed, const FeedEvent& event, const Stage& stage);
  static void fetch_records(std::span<const ShardStep> steps);
  void fetch_events(std::span<const ShardStep> steps) const;
  void collect(std::span<const ShardStep> steps, Fetched& out) const;
  void fetch_groups(std::span<FetchedEvent> events) const;
  void run_part(std::span<const ShardStep> steps, const Fetched& fetched);
  void feed(const ShardStep& step, std::span<const FetchedEvent> mine);
  void run_pending();
  void take(std::uint32_t spec, const ShardStep* step, std::span<const FetchedEvent> events);
  Event own(const ShardStep& step, const FeedEvent& event) const;
  void merge(Event event, std::vector<Event>& events) const;
  void wait(Stage& stage, Event event);
  void release(std::uint32_t spec, TimeNs before);
  void observe(std::uint32_t spec, const ShardStep& step, const FetchedEvent& fetched);
  void observe(std::uint32_t spec, const Event& event);
  void observe(std::uint32_t spec, Observation& observation);
  bool is_new(Stage& stage, Observation& observation) const;
  bool wants(std::uint32_t spec,
             std::string_view group_key,
             TimeNs time,
             std::string_view fold_value);
  void on_report(std::uint32_t spec, Report&& report);
  std::uint32_t counted_as(std::uint32_t spec) const;
  void hand_on(const CorrelationSpec& spec, const Stage& stage, const Report& report);
  static void save_stage(const Stage& stage, std::string& out);
  static bool load_stage(Stage& stage, WireReader& reader);

  std::shared_ptr<const Ruleset> ruleset_;
  ShardSettings settings_;
  std::vector<Stage> stages_;  // by correlation
  DurationNs reach_ns_ = 0;    // how far back any report may look
  RecordKeeper records_;
  Folding folding_;
  FieldReader fields_;
  TimeNs watermark_;
  TimeNs told_;            // behind it only while stages are told of a new one
  TimeNs next_attention_;  // no stage needs to see the watermark before it is there
  // Correlations with something of inner ones, lowest first.
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> pending_;
  ReportSink sink_;  // of the correlation that is at work
  std::uint32_t at_work_ = 0;
  std::uint64_t step_ = 0;
  bool by_record_ = false;
  Out* out_ = nullptr;
  std::vector<std::string_view> texts_;  // reused, as all below
  std::vector<FieldView> views_;
  Fetched now_;
  Fetched next_;
  std::string room_;
  ShardCounters counters_;
  std::vector<CorrelationProblem> problems_;
};

}  // namespace tocsin
