// SPDX-License-Identifier: Apache-2.0
// AlertStage: from the matches of each batch, in order, to alerts: drops second copies, asks the
// detectors, makes, prints and stores alerts, and counts. The end of the data's way inside the
// program; what follows are the lanes of the receivers. With a committer, what it knows outlives
// the process: restore() goes on from what the last commit left. Thread rule: consume(), idle() and
// finish() one at a time (the run loop's promise); prepare() from any thread; counters are read by
// the same thread, or after the run.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "alerts/receivers.h"
#include "alerts/render.h"
#include "app/committer.h"
#include "app/console.h"
#include "app/dead_letter.h"
#include "app/duplicates.h"
#include "app/losses.h"
#include "app/options.h"
#include "app/record_numbers.h"
#include "app/system_alerts.h"
#include "detectors/engine.h"
#include "engine/flow/run.h"
#include "engine/flow/store.h"

namespace tocsin {

struct AlertStageSettings {
  OutputFormat format = OutputFormat::text;
  bool colour = false;
  bool with_event = true;
  bool learning = false;  // learn: detectors learn, nobody is told, no position is kept
  bool follow = false;    // tail: lines are written at the end of each batch
  std::optional<Level> min_level;
  std::optional<TimeNs> since, until;
  DurationNs duplicate_horizon_ns = 0;  // 0: only the limit counts
  DurationNs idle_after_ns = 5 * minute_ns;
  CorrelationSettings correlation;
  EngineInfo engine;
  std::shared_ptr<const Redactor> redactor;
  const Router* router = nullptr;           // may be null: no receivers
  Store* store = nullptr;                   // with router; not used if there is a committer
  Committer* committer = nullptr;           // with --state
  RecordNumbers* record_numbers = nullptr;  // with --state
  DeadLetterFile* dead_letter = nullptr;
  SystemAlerts* system_alerts = nullptr;             // may be null: nothing is said about oneself
  std::function<void()> on_output_closed;            // stdout has no reader any more
  std::function<void(const std::string&)> on_error;  // for the user
};

struct SourceTally {
  std::uint64_t events = 0;
  std::uint64_t bad = 0;
  std::uint64_t skipped = 0;
  std::string first_reason;
};

struct AlertCounters {
  std::uint64_t alerts = 0;
  std::uint64_t duplicates = 0;
  bool incomplete = false;         // not all that feeds correlations could be read back
  std::uint64_t without_time = 0;  // matches that a correlation could not place
  std::array<std::uint64_t, level_count> by_level{};
  std::map<std::string, std::uint64_t> by_rule;                 // by id, else title
  std::map<std::string, std::pair<std::string, Level>> titles;  // the same keys: title, level
};

class AlertStage final : public ResultConsumer {
 public:
  AlertStage(AlertStageSettings settings, std::shared_ptr<const Ruleset> ruleset);
  void consume(BatchResult& result) override;
  // tail: an input without a record for idle_after holds the watermark back no longer; when all are
  // idle it follows the receive time less lateness and idle_after, so that an absence is noticed in
  // silence.
  void idle(TimeNs now) override;
  // After the last batch: what detectors still hold is decided and reported; with a committer it is
  // kept for the next start instead.
  void finish(TimeNs now);
  // Before the first batch. False if it cannot be read: the stage is then as it was, or has gone on
  // from a part of it.
  bool restore(const SavedState& saved, TimeNs now);
  // Goes on with these from the batch on that brings `ruleset`, or at once when idle() is called.
  // From any thread.
  struct Change {
    std::shared_ptr<const Ruleset> ruleset;
    std::shared_ptr<const Router> router;  // may be null: no receivers
    Store* store = nullptr;                // with router
    std::shared_ptr<const Redactor> redactor;
    DurationNs idle_after_ns = 5 * minute_ns;
  };
  void prepare(Change change);

  // With a committer: keeps what the detectors know now.
  void keep_state(TimeNs now);
  CorrelationEngine& correlations() { return *correlations_; }

  const AlertCounters& counters();
  // Sources that are not read to their end, or had not one record that could be read.
  const std::map<std::string, SourceTally>& sources() const { return sources_; }
  // Why stdout takes nothing any more; 0: it does.
  int output_error() const { return output_.error(); }
  std::optional<Level> highest_level();
  // Does anything need the records' texts? (RunOptions::want_evidence)
  bool wants_evidence() const;
  CorrelationCounters correlation_counters() const { return correlations_->counters(); }

 private:
  void adopt(const std::shared_ptr<const Ruleset>& ruleset);
  void follow_change(const std::shared_ptr<const Ruleset>* ruleset);
  void tell_system_alerts(TimeNs now);
  void tell_bad(const BatchResult& result);
  bool is_in_window(const Match& match) const;
  void note_bad(const BatchResult& result);
  void prefetch(const Match& match) const;
  Hash128 id_of(const Match& match) const;
  void on_match(const Match& match, TimeNs now);
  void on_reports(std::vector<CorrelationReport>& reports, TimeNs now);
  void count_folded();
  void raise(Alert alert);
  void count(const RuleInfo& rule, Level level);
  void count_by_rule();
  void count_as(const std::string& name, Level level, std::uint64_t count = 1);
  bool is_wanted(Level level) const {
    return !settings_.min_level || level >= *settings_.min_level;
  }
  bool delivers() const { return settings_.router != nullptr || settings_.committer != nullptr; }
  void commit(const BatchResult* result, TimeNs now);
  void commit_durably(const BatchResult* result, TimeNs now);
  void flush_output();
  void tell_losses(TimeNs now);
  void tell_loss(const Loss& loss, TimeNs now);

  AlertStageSettings settings_;
  std::shared_ptr<const Ruleset> ruleset_;
  // What is asked of a rule at each match, by RuleId: in one place.
  struct MatchedRule {
    Hash128 key;               // of RuleInfo::key
    std::uint64_t raised = 0;  // not yet in counters_
    bool alerts = false;       // by itself, and at a level that is wanted
  };
  std::vector<MatchedRule> matched_rules_;
  std::unique_ptr<CorrelationEngine> correlations_;
  Duplicates duplicates_;
  Output output_;
  std::vector<Addressed> addressed_;
  std::vector<RaisedCount> raised_counts_;
  AlertCounters counters_;
  std::map<std::string, SourceTally> sources_;
  std::optional<Level> highest_;
  std::map<std::string, TimeNs> last_received_;  // by input
  TimeNs idle_checked_at_ = 0;
  std::string copies_journal_;  // what was added to duplicates_ and is not committed
  bool snapshot_due_ = false;
  std::size_t snapshot_bytes_ = 0;  // of the last one
  std::mutex change_mutex_;
  std::optional<Change> change_;
  std::shared_ptr<const Router> router_;  // after a change: what settings_.router points to
  std::map<std::pair<std::string, std::string>, std::uint64_t> told_;  // by (code, rule): counts
};

}  // namespace tocsin
