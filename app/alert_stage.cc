// SPDX-License-Identifier: Apache-2.0
#include "app/alert_stage.h"

#include <algorithm>
#include <utility>

#include "alerts/make_alert.h"
#include "app/stage_state.h"
#include "engine/base/text.h"
#include "engine/flow/feed.h"

namespace tocsin {
namespace {

constexpr DurationNs idle_check_ns = second_ns / 2;
// Matches before a look-up at which its memory is asked for.
constexpr std::size_t matches_fetched = 8;

}  // namespace

AlertStage::AlertStage(AlertStageSettings settings, std::shared_ptr<const Ruleset> ruleset)
    : settings_(std::move(settings)),
      duplicates_(settings_.duplicate_horizon_ns, limits::duplicate_ids_max) {
  adopt(ruleset);
}

bool AlertStage::wants_evidence() const {
  return settings_.format != OutputFormat::none || delivers() || !ruleset_->correlations.empty();
}

void AlertStage::adopt(const std::shared_ptr<const Ruleset>& ruleset) {
  count_by_rule();
  ruleset_ = ruleset;
  matched_rules_.clear();
  for (std::size_t i = 0; i < ruleset->rules.size(); ++i) {
    const RuleInfo& rule = ruleset->rules[i];
    matched_rules_.push_back(
        {content_hash(rule.key), 0, ruleset->alerts_alone[i] && is_wanted(rule.level_or_medium())});
  }
  if (correlations_) {
    correlations_->adopt(ruleset);  // what is unchanged keeps its state
    snapshot_due_ = true;           // the journal after it is of other rules
  } else {
    // Receivers may come with a reload.
    settings_.correlation.count_folded = !settings_.learning && (settings_.follow || delivers());
    correlations_ = std::make_unique<CorrelationEngine>(ruleset, settings_.correlation);
  }
}

void AlertStage::consume(BatchResult& result) {
  follow_change(&result.ruleset);
  if (result.ruleset != ruleset_) {
    adopt(result.ruleset);
  }
  note_bad(result);
  if (result.counters.events > 0) {
    last_received_[result.source->input] = result.received_at;
  }
  if (settings_.learning) {
    std::vector<CorrelationReport> reports;
    correlations_->consume(result, reports);
    return;
  }
  // Neither an alert nor a correlation sees what lies outside the window.
  if (settings_.since || settings_.until) {
    std::erase_if(result.matches, [this](const Match& match) { return !is_in_window(match); });
  }
  for (std::size_t i = 0; i < result.matches.size(); ++i) {
    if (i + matches_fetched < result.matches.size()) {
      prefetch(result.matches[i + matches_fetched]);
    }
    on_match(result.matches[i], result.received_at);
  }
  std::vector<CorrelationReport> reports;
  const std::uint64_t learned_before = correlations_->learned_before();
  correlations_->consume(result, reports);
  if (learned_before == 0 && correlations_->learned_before() > 0 && settings_.on_error) {
    settings_.on_error(result.source->name +
                       ": tocsin learn went through records of this before: they feed no "
                       "correlation a second time");
  }
  on_reports(reports, result.received_at);
  tell_losses(result.received_at);
  tell_system_alerts(result.received_at);
  if (settings_.follow) {
    flush_output();  // before the position is committed: after a crash it is printed again
  }
  commit(&result, result.received_at);
}

void AlertStage::flush_output() {
  if (!output_.flush() && settings_.on_output_closed) {
    settings_.on_output_closed();
  }
}

void AlertStage::tell_system_alerts(TimeNs now) {
  if (settings_.system_alerts == nullptr) {
    return;
  }
  for (Alert& alert : settings_.system_alerts->take(now)) {
    if (is_wanted(alert.level)) {
      const std::string name = alert.system_rule;
      counters_.titles.try_emplace(name, "tocsin: " + name, alert.level);
      count_as(name, alert.level);
      raise(std::move(alert));
    }
  }
}

void AlertStage::prepare(Change change) {
  const std::lock_guard lock(change_mutex_);
  change_ = std::move(change);
}

// With `ruleset`: only the change that belongs to it.
void AlertStage::follow_change(const std::shared_ptr<const Ruleset>* ruleset) {
  const std::lock_guard lock(change_mutex_);
  if (!change_ || (ruleset != nullptr && change_->ruleset != *ruleset)) {
    return;
  }
  router_ = change_->router;
  settings_.router = router_.get();
  settings_.store = change_->store;
  settings_.redactor = change_->redactor;
  settings_.idle_after_ns = change_->idle_after_ns;
  if (change_->ruleset != ruleset_) {
    adopt(change_->ruleset);
  }
  change_.reset();
}

void AlertStage::idle(TimeNs now) {
  if (!settings_.follow || now - idle_checked_at_ < idle_check_ns) {
    return;
  }
  idle_checked_at_ = now;
  follow_change(nullptr);
  std::vector<CorrelationReport> reports;
  bool all_idle = !last_received_.empty();
  for (const auto& [input, received] : last_received_) {
    const bool quiet = now - received >= settings_.idle_after_ns;
    all_idle = all_idle && quiet;
    if (quiet) {
      correlations_->set_idle(input, true, reports);
    }
  }
  if (all_idle) {
    correlations_->advance(
        now - settings_.correlation.detector.lateness_ns - settings_.idle_after_ns, reports);
  }
  on_reports(reports, now);
  tell_system_alerts(now);
  flush_output();
  commit(nullptr, now);
}

void AlertStage::keep_state(TimeNs now) {
  snapshot_due_ = true;
  commit(nullptr, now);
}

void AlertStage::finish(TimeNs now) {
  if (settings_.learning) {
    std::vector<CorrelationReport> reports;
    correlations_->finish(reports);
    keep_state(now);
    return;
  }
  tell_system_alerts(now);
  if (settings_.committer == nullptr) {
    std::vector<CorrelationReport> reports;
    correlations_->finish(reports);
    if (!correlations_->problem().empty() && settings_.on_error) {
      settings_.on_error(correlations_->problem() + (correlations_->is_incomplete()
                                                         ? ": correlations are incomplete"
                                                         : ": more memory was used instead"));
    }
    counters_.incomplete = correlations_->is_incomplete();
    on_reports(reports, now);
    tell_losses(now);
  }
  counters_.without_time = correlations_->counters().without_time;
  keep_state(now);
  flush_output();
  if (settings_.dead_letter != nullptr) {
    settings_.dead_letter->flush();
  }
}

void AlertStage::note_bad(const BatchResult& result) {
  SourceTally& tally = sources_[result.source->name];
  tally.events += result.counters.events;
  tally.bad += result.counters.malformed + result.counters.oversized;
  tally.skipped += result.counters.skipped;
  if (tally.first_reason.empty() && !result.bad.empty()) {
    tally.first_reason = result.bad.front().reason;
  }
  tell_bad(result);
  if (result.last_of_source && (tally.events > 0 || tally.skipped > 0 || tally.bad == 0)) {
    sources_.erase(result.source->name);  // of months of files only those are kept that tell
  }
  if (settings_.dead_letter != nullptr) {
    for (const BadRecord& bad : result.bad) {
      settings_.dead_letter->write(bad, *result.source);
    }
    if (!result.bad.empty() && settings_.follow) {
      settings_.dead_letter->flush();
    }
  }
}

// A record that is not evaluated may be an attack that hides: it is worth an alert.
void AlertStage::tell_bad(const BatchResult& result) {
  if (settings_.system_alerts == nullptr || result.bad.empty()) {
    return;
  }
  for (const BadRecord& bad : result.bad) {
    const bool oversized = bad.problem == RecordProblem::oversized;
    settings_.system_alerts->raise(oversized ? "record-oversized" : "record-malformed",
                                   result.source->input,
                                   oversized ? Level::high : Level::medium,
                                   "a record was not evaluated: " + result.source->name +
                                       ", record " + std::to_string(bad.record) + ", at byte " +
                                       std::to_string(bad.offset) + ": " + bad.reason);
  }
}

bool AlertStage::is_in_window(const Match& match) const {
  if (!match.alerts) {
    return true;  // correlations look for themselves
  }
  const std::optional<TimeNs>& time = match.time;
  return !time || ((!settings_.since || *time >= *settings_.since) &&
                   (!settings_.until || *time < *settings_.until));
}

// What only feeds correlations has no alert that could be a second copy.
void AlertStage::prefetch(const Match& match) const {
  if (match.alerts) {
    duplicates_.prefetch(id_of(match));
  }
}

// One rule and one record. Precondition: match.alerts.
Hash128 AlertStage::id_of(const Match& match) const {
  const Hash128& rule = matched_rules_[index(match.rule)].key;
  const Hash128& record = match.identity;
  return {rule.high ^ record.high, rule.low ^ record.low};
}

void AlertStage::on_match(const Match& match, TimeNs now) {
  if (!matched_rules_[index(match.rule)].alerts) {
    return;
  }
  const Hash128 id = id_of(match);
  const TimeNs time = match.time.value_or(0);
  if (!duplicates_.insert(id, time)) {
    ++counters_.duplicates;
    return;
  }
  if (settings_.committer != nullptr) {
    append_added(id, time, copies_journal_);
  }
  ++matched_rules_[index(match.rule)].raised;
  if (settings_.format != OutputFormat::none || delivers()) {
    raise(make_alert(match, ruleset_, now));
  }
}

void AlertStage::on_reports(std::vector<CorrelationReport>& reports, TimeNs now) {
  for (CorrelationReport& report : reports) {
    const CorrelationSpec& spec = ruleset_->correlations[report.spec];
    const Level level = report.report.level.value_or(spec.info.level_or_medium());
    if (!spec.alerts_alone || !spec.info.extensions.alert || !is_wanted(level)) {
      continue;
    }
    count(spec.info, level);
    if (settings_.format != OutputFormat::none || delivers()) {
      raise(make_alert(report.report, spec, ruleset_, now));
    }
  }
}

// A later firing raises the count of the alert that it was folded into.
void AlertStage::count_folded() {
  for (const FoldedReports& folded : correlations_->take_folded()) {
    if (delivers()) {
      const CorrelationSpec& spec = ruleset_->correlations[folded.spec];
      raised_counts_.push_back(
          {alert_id(spec, parse_group_key(folded.group_key), folded.record), folded.count});
    }
  }
}

// A correlation that had to forget is weaker than its rule says: that is an alert of its own.
void AlertStage::tell_losses(TimeNs now) {
  for (const Loss& loss : correlation_losses(*ruleset_, *correlations_)) {
    tell_loss(loss, now);
  }
  if (const std::uint64_t forgotten = duplicates_.forgotten_early(); forgotten > 0) {
    tell_loss(
        {"duplicates-forgotten",
         "alerts",
         Level::medium,
         forgotten,
         "more alerts were raised than are remembered to know a record's copies by, and whole "
         "hours of them were forgotten: a copy from then raises its alert once more"},
        now);
  }
}

// The first time, and whenever there are ten times as many.
void AlertStage::tell_loss(const Loss& loss, TimeNs now) {
  std::uint64_t& told = told_[{loss.code, loss.subject}];
  if (told != 0 && loss.count / 10 < told) {
    return;
  }
  told = loss.count;
  Alert alert = make_system_alert(
      loss.code, loss.level, loss.text + " (" + with_thousands(loss.count) + " so far)", now);
  if (is_wanted(alert.level)) {
    counters_.titles.try_emplace(loss.code, "tocsin: " + loss.code, alert.level);
    count_as(loss.code, alert.level);
    raise(std::move(alert));
  }
}

void AlertStage::count(const RuleInfo& rule, Level level) {
  const std::string& name = rule.id.empty() ? rule.title : rule.id;
  counters_.titles.try_emplace(name, rule.title, rule.level_or_medium());
  count_as(name, level);
}

// There may be one for nearly every record: they are counted by level and name when somebody asks.
void AlertStage::count_by_rule() {
  for (std::size_t i = 0; i < matched_rules_.size(); ++i) {
    if (const std::uint64_t count = std::exchange(matched_rules_[i].raised, 0); count > 0) {
      const RuleInfo& rule = ruleset_->rules[i];
      const std::string& name = rule.id.empty() ? rule.title : rule.id;
      counters_.titles.try_emplace(name, rule.title, rule.level_or_medium());
      count_as(name, rule.level_or_medium(), count);
    }
  }
}

std::optional<Level> AlertStage::highest_level() {
  count_by_rule();
  return highest_;
}

const AlertCounters& AlertStage::counters() {
  count_by_rule();
  return counters_;
}

void AlertStage::count_as(const std::string& name, Level level, std::uint64_t count) {
  counters_.alerts += count;
  counters_.by_level[static_cast<std::size_t>(level)] += count;
  counters_.by_rule[name] += count;
  highest_ = std::max(highest_.value_or(level), level);
}

void AlertStage::raise(Alert alert) {
  bool open = true;
  switch (settings_.format) {
    case OutputFormat::text:
      open = output_.write_line(render_text(alert, *settings_.redactor, settings_.colour));
      break;
    case OutputFormat::ndjson:
      open = output_.write_line(
          render_ndjson(alert, settings_.engine, *settings_.redactor, settings_.with_event));
      break;
    case OutputFormat::none:
      break;
  }
  if (!open && settings_.on_output_closed) {
    settings_.on_output_closed();
  }
  if (delivers()) {
    std::vector<std::string> receivers;
    if (settings_.router != nullptr) {
      receivers = settings_.router->receivers_for(alert);
    }
    if (!receivers.empty() || settings_.committer != nullptr) {
      addressed_.push_back({std::make_shared<const Alert>(std::move(alert)), std::move(receivers)});
    }
  }
}

// --- what outlives the batch ---

void AlertStage::commit(const BatchResult* result, TimeNs now) {
  count_folded();
  if (settings_.committer != nullptr) {
    commit_durably(result, now);
  } else if ((!addressed_.empty() || !raised_counts_.empty()) && settings_.store != nullptr) {
    Commit commit;
    commit.batch = result != nullptr ? result->number : 0;
    commit.alerts = addressed_;
    commit.raised_counts = raised_counts_;
    commit.now = now;
    const Result<void> done = settings_.store->commit(commit);
    if (!done && settings_.on_error) {
      settings_.on_error(done.error().message);
    }
  }
  addressed_.clear();
  raised_counts_.clear();
}

void AlertStage::commit_durably(const BatchResult* result, TimeNs now) {
  StagedCommit staged;
  staged.now = now;
  staged.alerts = std::move(addressed_);
  staged.raised_counts = std::exchange(raised_counts_, {});
  if (result != nullptr) {
    staged.batch = result->number;
    staged.input = result->source->input;
    staged.position = result->position;
    if (settings_.record_numbers != nullptr && result->records_after > 0 &&
        !result->position.empty()) {
      settings_.record_numbers->note(
          result->source->stream_id, result->records_after, staged.record_numbers);
    }
  }
  staged.journal = stage_journal(copies_journal_, correlations_->take_journal());
  copies_journal_.clear();
  if (snapshot_due_ || settings_.committer->wants_snapshot()) {
    staged.snapshot =
        stage_snapshot(duplicates_, *correlations_, snapshot_bytes_ + snapshot_bytes_ / 4);
    snapshot_bytes_ = staged.snapshot->size();
    snapshot_due_ = false;
  }
  settings_.committer->add(std::move(staged));
}

bool AlertStage::restore(const SavedState& saved, TimeNs now) {
  const bool whole = restore_stage(saved, duplicates_, *correlations_);
  snapshot_due_ = !whole || !correlations_->knows_all();
  // While it was stopped nothing was heard of an input: that does not make it idle.
  for (const std::string& input : correlations_->inputs()) {
    last_received_[input] = now;
  }
  return whole;
}

}  // namespace tocsin
