// SPDX-License-Identifier: Apache-2.0
#include "alerts/make_alert.h"

#include <array>
#include <cstddef>
#include <utility>

#include "alerts/sanitize.h"
#include "alerts/summary.h"
#include "engine/base/hash.h"
#include "engine/event/json_tree.h"

namespace tocsin {
namespace {

constexpr std::size_t group_code_points_max = 60;

RecordSummary summarize(const RecordCopy& record) {
  // Runs that want no evidence keep no text.
  if (!record.json.empty()) {
    if (const auto tree = parse_json(record.json)) {
      return summarize(*tree, record.cloudtrail);
    }
  }
  RecordSummary summary;
  summary.line =
      "record " + std::to_string(record.record) + " of " + plain_line(record.source, 200);
  return summary;
}

// "3m12s", "2d5h": the two largest units, more is noise in a summary.
std::string span_text(DurationNs span) {
  constexpr std::array<std::pair<DurationNs, char>, 4> units = {
      {{day_ns, 'd'}, {hour_ns, 'h'}, {minute_ns, 'm'}, {second_ns, 's'}}};
  std::string text;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (span >= units[i].first) {
      text = std::to_string(span / units[i].first) + units[i].second;
      const DurationNs rest = span % units[i].first;
      if (i + 1 < units.size() && rest >= units[i + 1].first) {
        text += std::to_string(rest / units[i + 1].first) + units[i + 1].second;
      }
      return text;
    }
  }
  return "less than 1s";
}

// "5 times in 3m12s for recipientAccountId 111122223333; last: "
std::string correlation_prefix(const Report& report, const CorrelationSpec& spec) {
  std::string line = std::to_string(report.count) + (report.count == 1 ? " time" : " times");
  if (report.last_seen > report.first_seen) {
    line += " in " + span_text(report.last_seen - report.first_seen);
  }
  std::string separator = " for ";
  for (std::size_t i = 0; i < report.group.size() && i < spec.group_by.size(); ++i) {
    line += separator + group_text(spec.group_by[i], report.group[i].value_or("(absent)"));
    separator = ", ";
  }
  if (!report.fold_value.empty()) {
    line += separator + "value " + plain_line(report.fold_value, group_code_points_max);
  }
  return line;
}

using NamedGroup = std::vector<std::pair<std::string, std::optional<std::string>>>;

NamedGroup named(const std::vector<std::optional<std::string>>& group,
                 const CorrelationSpec& spec) {
  NamedGroup list;
  for (std::size_t i = 0; i < group.size() && i < spec.group_by.size(); ++i) {
    list.emplace_back(spec.group_by[i], group[i]);
  }
  return list;
}

}  // namespace

std::string alert_id(const CorrelationSpec& spec,
                     const std::vector<std::optional<std::string>>& group,
                     const Hash128& record) {
  return alert_id(spec.info.key, named(group, spec), record);
}

Alert make_alert(const Match& match,
                 const std::shared_ptr<const Ruleset>& ruleset,
                 TimeNs detected_at) {
  const RuleInfo& rule = ruleset->rules[static_cast<std::size_t>(match.rule)];
  Alert alert;
  alert.kind = AlertKind::detection;
  alert.ruleset = ruleset;
  alert.rule = &rule;
  alert.id = alert_id(rule.key, {}, match.record->identity);
  alert.time = match.record->time;
  alert.detected_at = detected_at;
  alert.level = rule.level_or_medium();
  alert.first_seen = match.record->time;
  alert.last_seen = match.record->time;
  alert.matched = match.evidence;
  alert.events = {match.record};
  RecordSummary summary = summarize(*match.record);
  alert.summary = std::move(summary.line);
  alert.entities = std::move(summary.entities);
  return alert;
}

Alert make_alert(const Report& report,
                 const CorrelationSpec& spec,
                 const std::shared_ptr<const Ruleset>& ruleset,
                 TimeNs detected_at) {
  Alert alert;
  alert.kind = AlertKind::correlation;
  alert.ruleset = ruleset;
  alert.rule = &spec.info;
  alert.group = named(report.group, spec);
  alert.id = alert_id(spec.info.key, alert.group, report.identity);
  alert.time = report.time;
  alert.detected_at = detected_at;
  alert.level = report.level.value_or(spec.info.level_or_medium());
  alert.count = report.count;
  const bool seen = report.first_seen != 0 || report.last_seen != 0;
  alert.first_seen = seen ? report.first_seen : report.time;
  alert.last_seen = seen ? report.last_seen : report.time;
  alert.learning = report.learning;
  alert.evidence_json = report.evidence_json;
  alert.events = report.events;
  alert.summary = correlation_prefix(report, spec);
  if (!report.events.empty() && report.events.back() != nullptr) {
    RecordSummary summary = summarize(*report.events.back());
    // One event says more than "1 time".
    alert.summary = report.count > 1 ? alert.summary + "; last: " + summary.line : summary.line;
    alert.entities = std::move(summary.entities);
  }
  return alert;
}

std::string group_text(std::string_view name, std::string_view value) {
  return plain_line(name, group_code_points_max) + " " + plain_line(value, group_code_points_max);
}

Alert make_system_alert(std::string code, Level level, std::string summary, TimeNs now) {
  Alert alert;
  alert.kind = AlertKind::system;
  alert.level = level;
  alert.time = now;
  alert.detected_at = now;
  alert.first_seen = now;
  alert.last_seen = now;
  alert.id = alert_id("tocsin:" + code, {}, content_hash(summary + "\n" + std::to_string(now)));
  alert.system_rule = std::move(code);
  alert.summary = plain_line(summary, 400);
  return alert;
}

}  // namespace tocsin
