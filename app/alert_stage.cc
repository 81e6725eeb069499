// SPDX-License-Identifier: Apache-2.0
#include "app/alert_stage.h"

#include <algorithm>

#include "alerts/make_alert.h"

namespace tocsin {
namespace {

constexpr DurationNs idle_check_ns = second_ns / 2;

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
  ruleset_ = ruleset;
  rule_keys_.clear();
  for (const RuleInfo& rule : ruleset->rules) {
    rule_keys_.push_back(content_hash(rule.key));
  }
  if (correlations_) {
    correlations_->adopt(ruleset);  // what is unchanged keeps its state
  } else {
    correlations_ = std::make_unique<CorrelationEngine>(ruleset, settings_.correlation);
  }
}

void AlertStage::consume(BatchResult& result) {
  if (result.ruleset != ruleset_) {
    adopt(result.ruleset);
  }
  note_bad(result);
  if (result.counters.events > 0) {
    last_received_[result.source->input] = result.received_at;
  }
  // Neither an alert nor a correlation sees what lies outside the window.
  std::erase_if(result.matches, [this](const Match& match) { return !is_in_window(match); });
  for (const Match& match : result.matches) {
    on_match(match, result.received_at);
  }
  std::vector<CorrelationReport> reports;
  correlations_->consume(result, reports);
  on_reports(reports, result.received_at);
  commit(&result);
  if (settings_.follow && !output_.flush() && settings_.on_output_closed) {
    settings_.on_output_closed();
  }
}

void AlertStage::idle(TimeNs now) {
  if (!settings_.follow || ruleset_->correlations.empty() ||
      now - idle_checked_at_ < idle_check_ns) {
    return;
  }
  idle_checked_at_ = now;
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
  if (!reports.empty()) {
    on_reports(reports, now);
    commit(nullptr);
    if (settings_.follow && !output_.flush() && settings_.on_output_closed) {
      settings_.on_output_closed();
    }
  }
}

void AlertStage::finish(TimeNs now) {
  std::vector<CorrelationReport> reports;
  correlations_->finish(reports);
  on_reports(reports, now);
  counters_.without_time = correlations_->counters().without_time;
  commit(nullptr);
  if (!output_.flush() && settings_.on_output_closed) {
    settings_.on_output_closed();
  }
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

bool AlertStage::is_in_window(const Match& match) const {
  const std::optional<TimeNs> time = match.record->time;
  return !time || ((!settings_.since || *time >= *settings_.since) &&
                   (!settings_.until || *time < *settings_.until));
}

void AlertStage::on_match(const Match& match, TimeNs now) {
  const RuleInfo& rule = ruleset_->rules[index(match.rule)];
  const Level level = rule.level_or_medium();
  if (!ruleset_->alerts_alone[index(match.rule)] || !is_wanted(level)) {
    return;
  }
  const Hash128& key = rule_keys_[index(match.rule)];
  const Hash128& record = match.record->identity;
  if (!duplicates_.insert({key.high ^ record.high, key.low ^ record.low},
                          match.record->time.value_or(0))) {
    ++counters_.duplicates;
    return;
  }
  count(rule, level);
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

void AlertStage::count(const RuleInfo& rule, Level level) {
  const std::string& name = rule.id.empty() ? rule.title : rule.id;
  ++counters_.alerts;
  ++counters_.by_level[static_cast<std::size_t>(level)];
  ++counters_.by_rule[name];
  counters_.titles.try_emplace(name, rule.title, rule.level_or_medium());
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
    std::vector<std::string> receivers = settings_.router->receivers_for(alert);
    if (!receivers.empty()) {
      addressed_.push_back({std::make_shared<const Alert>(std::move(alert)), std::move(receivers)});
    }
  }
}

void AlertStage::commit(const BatchResult* result) {
  if (!delivers() || (addressed_.empty() && (result == nullptr || result->position.empty()))) {
    return;
  }
  std::vector<Position> positions;
  Commit commit;
  if (result != nullptr) {
    commit.batch = result->number;
    if (!result->position.empty()) {
      positions.push_back({result->source->input, result->position});
    }
  }
  commit.alerts = addressed_;
  commit.positions = positions;
  const Result<void> done = settings_.store->commit(commit);
  if (!done && settings_.on_error) {
    settings_.on_error(done.error().message);
  }
  addressed_.clear();
}

}  // namespace tocsin
