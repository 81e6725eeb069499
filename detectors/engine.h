// SPDX-License-Identifier: Apache-2.0
// CorrelationEngine: from the matches of batches, in order, to the reports of stateful detectors.
//
// One step per record. It goes through the correlations in their order, inner ones first: what the
// record met, and what inner correlations have just reported, becomes one Observation per group;
// its detector reports; reports are handed on to the outer ones and out. Before each step the
// watermark moves, and with it what waits for time: absences, and the events of correlations with
// `emit: watermark`, which are kept until no earlier one can come and then fed in the order of
// time.
//
// by_time (scan): matches are kept and sorted by (time, sequence) at the end. Otherwise (tail,
// --order arrival) they are taken as they come, and the watermark is the greatest event time less
// the lateness, the least over inputs.
//
// Thread rule: one thread. Determinism: the outcome depends on the sequence of records only, not on
// how they are cut into batches. Errors: specifications that cannot be run are in problems() and
// report nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detectors/fields.h"
#include "detectors/folding.h"
#include "detectors/record_keeper.h"
#include "detectors/registry.h"
#include "detectors/seen_records.h"
#include "engine/base/limits.h"
#include "engine/flow/detector.h"
#include "engine/flow/run.h"

namespace tocsin {

struct CorrelationSettings {
  bool by_time = false;
  bool fold = true;
  // tail: an event time ahead of the receive time is taken as the receive time, and counted.
  bool clamp_future = false;
  DurationNs duplicate_horizon_ns = 0;  // 0: only the limit counts
  std::size_t duplicate_ids_max = limits::duplicate_ids_max;
  std::size_t records_bytes_max = limits::detector_records_bytes_max;
  std::size_t waiting_max = limits::detector_waiting_max;
  // Keep a journal for take_journal(). Not for by_time.
  bool journal = false;
  // Takes the secrets out of a record's JSON before it is kept for later; empty: it is kept as it
  // is.
  std::function<std::string(const std::string& json)> redact;
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
  std::uint64_t future = 0;           // ... whose time was ahead of their receive time
  std::uint64_t folded = 0;           // reports that repeat a shown one
  std::uint64_t early = 0;            // events decided before the watermark, for lack of room
  std::uint64_t hours_forgotten = 0;  // the horizon of duplicates is shorter than promised
  DetectorCounters detectors;         // of all
};

struct CorrelationProblem {
  std::uint32_t spec = 0;
  SpecError error;
};

class CorrelationEngine {
 public:
  CorrelationEngine(std::shared_ptr<const Ruleset> ruleset, CorrelationSettings settings);
  ~CorrelationEngine();

  // Appends what the batch's matches make detectors report. Precondition: of the engine's ruleset.
  void consume(const BatchResult& result, std::vector<CorrelationReport>& out);
  // No record will come any more: all that waited is decided. What an absence still waits for is
  // not reported.
  void finish(std::vector<CorrelationReport>& out);

  // tail: an idle input holds the watermark back no longer; its next record makes it count again.
  void set_idle(const std::string& input, bool idle, std::vector<CorrelationReport>& out);
  // tail, all inputs idle: moves the watermark to `time` (never back).
  void advance(TimeNs time, std::vector<CorrelationReport>& out);

  // Goes on with a new ruleset: a correlation whose key and fingerprint are unchanged keeps its
  // state.
  void adopt(std::shared_ptr<const Ruleset> ruleset);

  // State for a restart. load(): false if the bytes are not readable (then nothing has changed);
  // specifications that they do not know start empty. Not for by_time.
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

  const std::vector<CorrelationProblem>& problems() const { return problems_; }
  CorrelationCounters counters() const;
  DetectorCounters counters(std::uint32_t spec) const;
  TimeNs watermark() const { return watermark_; }

 private:
  struct Consumer {  // an input of a correlation
    std::uint32_t spec;
    std::uint32_t input;
  };
  // What feeds correlations: a record, or a report of an inner one, whose group values overlay the
  // record's fields.
  struct Source {
    TimeNs time = 0;
    std::uint64_t sequence = 0;
    Hash128 identity;
    std::shared_ptr<const RecordCopy> record;
    std::vector<std::pair<std::string, std::optional<std::string>>> overlay;
  };
  struct Met {
    std::uint32_t input;
    std::shared_ptr<const Source> source;
  };
  // An observation that owns what it refers to, and can wait.
  struct Event {
    std::uint64_t inputs = 0;
    std::shared_ptr<const Source> source;
    std::vector<std::optional<std::string>> group;
    std::vector<FieldTexts> fields;
  };
  // In an order that does not depend on arrival.
  using Waiting = std::multimap<std::pair<TimeNs, Hash128>, Event>;
  struct Stage {
    std::unique_ptr<Detector> detector;
    const DetectorType* type = nullptr;
    bool waits = false;       // emit: watermark
    bool known = false;       // to the loaded state
    DurationNs delay_ns = 0;  // how late reports of inner correlations come at most
    std::vector<std::vector<std::uint32_t>> group_fields;  // per input: FieldReader numbers
    std::vector<std::uint32_t> fields;
    std::vector<Consumer> consumers;  // of its reports
    std::vector<Met> met;             // in this step
    Waiting waiting;
  };
  struct Held {  // by_time
    TimeNs time;
    std::uint64_t sequence;
    std::shared_ptr<const RecordCopy> record;
    std::vector<std::uint32_t> rules;
  };
  struct Reach {                        // of a rule, through all correlations behind it
    std::vector<std::uint32_t> fields;  // that they read: FieldReader numbers
    bool looks_back = false;            // some may name the record by its sequence
    bool is_kept = false;               // some may keep it
  };
  struct InputClock {
    TimeNs latest = 0;
    bool idle = false;
  };
  using Out = std::vector<CorrelationReport>;

  void build();
  Stage make_stage(std::uint32_t spec);
  void take(const std::string& input, const Held& held, Out& out);
  bool feed(const Held& held, Out& out);
  void find_reach();
  std::shared_ptr<const RecordCopy> kept(const Held& held) const;
  bool reaches(const Held& held, bool Reach::*what) const;
  void note_taken(const std::string& input, const Held& held, bool fed);
  void note_idle(const std::string& input, bool idle);
  void note_advance();
  void replay_taken(WireReader& reader);
  void move_watermark(TimeNs time, Out& out);
  void follow_inputs(Out& out);
  void run_stages(Out& out);
  void deliver(std::uint32_t spec, Out& out);
  static void wait(Stage& stage, Event event);
  std::vector<Event> events_of(std::uint32_t spec);
  FieldTexts field_of(const Source& source, std::uint32_t field, const std::string& name);
  void observe(std::uint32_t spec, const Event& event, Out& out);
  void release(std::uint32_t spec, TimeNs before, Out& out);
  void on_report(std::uint32_t spec, Report&& report, Out& out);
  static void save_stage(const Stage& stage, WireWriter& writer);
  static bool load_stage(Stage& stage, WireReader& reader);

  std::shared_ptr<const Ruleset> ruleset_;
  CorrelationSettings settings_;
  std::vector<std::vector<Consumer>> rule_consumers_;  // by detection rule
  std::vector<Reach> reach_;                           // by detection rule
  std::vector<Stage> stages_;                          // by correlation
  DurationNs reach_ns_ = 0;                            // how far back any report may look
  std::unique_ptr<RecordKeeper> records_;              // at a fixed place: detectors ask it
  SeenRecords seen_;
  Folding folding_;
  FieldReader fields_;
  // The record that is fed now, as it came; a source of its sequence may be without its secrets.
  std::shared_ptr<const RecordCopy> current_;
  std::shared_ptr<const RecordCopy> kept_;  // the same as it may be kept
  std::uint64_t current_sequence_ = 0;
  std::vector<Held> held_;
  std::map<std::string, InputClock> clocks_;
  TimeNs watermark_;
  TimeNs latest_;
  std::string journal_;
  std::optional<TimeNs> advanced_;  // not yet in the journal
  std::map<std::string, std::uint32_t> rules_by_key_;
  bool replaying_ = false;
  CorrelationCounters counters_;
  std::vector<CorrelationProblem> problems_;
};

}  // namespace tocsin
