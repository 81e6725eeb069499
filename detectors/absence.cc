// SPDX-License-Identifier: Apache-2.0
// absence: the events of rules[0] were not followed (or preceded) by one of rules[1..] within
// `timespan`, ends included. An event is reported, with its own time, once the watermark has passed
// the span in which the other could have come; what is still open at the end of a scan is not
// reported.
#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "detectors/common.h"
#include "detectors/key_table.h"
#include "detectors/options.h"
#include "detectors/record_state.h"
#include "detectors/registry.h"
#include "engine/base/wire.h"

namespace tocsin {

namespace {

constexpr std::uint64_t format_version = 1;

// An event that waits for another, with what its report needs.
struct OpenEvent {
  TimeNs time = 0;
  std::uint64_t sequence = 0;
  Hash128 identity;
  std::shared_ptr<const RecordCopy> record;
};

// Both in time order.
struct AbsenceGroup {
  std::vector<OpenEvent> open;
  std::vector<TimeNs> answers;
};

class Absence final : public Detector {
 public:
  Absence(DurationNs timespan_ns, bool before, bool eager, const DetectorSettings& settings)
      : timespan_ns_(timespan_ns),
        before_(before),
        eager_(eager),
        settings_(settings),
        values_max_(std::max<std::uint64_t>(settings.max_values_per_key, 2)),
        groups_(settings.max_keys, settings.hash_seed) {}

  void on_match(const Observation& observation, const ReportSink& sink) override {
    watermark_ = std::max(watermark_, observation.watermark);
    const std::string key(observation.group_key);
    AbsenceGroup& group = groups_.touch(key, nullptr, observation.group_hash);
    if (is_over(group)) {
      group = AbsenceGroup();
    }
    if (observation.time < subtract_saturating(watermark_, timespan_ns_)) {
      ++counters_.late;
    }
    const std::uint64_t inputs = observation.inputs & ~observation.before;
    if ((inputs & ~std::uint64_t{1}) != 0) {
      answer(key, group, observation.time);
    }
    if ((inputs & 1) != 0 && !is_answered(group, observation.time)) {
      if (!before_ || !eager_) {
        open(key, group, observation);
      } else if (sink.wants(observation.group_key, observation.time)) {
        Report report = report_of(observation);
        report.evidence_json = evidence();
        sink(std::move(report));
      }
    }
    drop_old(key, group);
  }

  void prefetch(std::uint64_t group_hash, unsigned stage) const override {
    groups_.prefetch(group_hash, stage, [](const AbsenceGroup&) {});
  }

  void on_time(TimeNs watermark, const ReportSink& sink) override {
    watermark_ = std::max(watermark_, watermark);
    while (!due_.empty() && std::get<TimeNs>(*due_.begin()) < watermark_) {
      const Due due = *due_.begin();
      due_.erase(due_.begin());
      if (AbsenceGroup* group = groups_.find(std::get<std::string>(due))) {
        close(std::get<std::string>(due), *group, std::get<std::uint64_t>(due), sink);
      }
    }
    groups_.expire([&](const AbsenceGroup& group) { return is_over(group); });
  }

  TimeNs next_due() const override {
    return due_.empty() ? std::numeric_limits<TimeNs>::max() : std::get<TimeNs>(*due_.begin());
  }

  void save(std::string& out) const override {
    WireWriter writer(out);
    writer.number(format_version);
    writer.signed_number(watermark_);
    writer.number(groups_.size());
    groups_.for_each([&](std::string_view key, const AbsenceGroup& group, std::uint8_t standing) {
      writer.text(key);
      writer.number(standing);
      writer.number(group.answers.size());
      for (const TimeNs time : group.answers) {
        writer.signed_number(time);
      }
      writer.number(group.open.size());
      for (const OpenEvent& event : group.open) {
        writer.signed_number(event.time);
        writer.number(event.sequence);
        writer.hash(event.identity);
        save_record(event.record.get(), writer);
      }
    });
  }

  bool load(std::string_view bytes) override {
    WireReader reader(bytes);
    if (reader.number() != format_version) {
      return false;
    }
    const TimeNs watermark = reader.signed_number();
    KeyTable<AbsenceGroup> groups(settings_.max_keys, settings_.hash_seed);
    std::set<Due> due;
    for (std::size_t keys = reader.count(); keys > 0 && reader.ok(); --keys) {
      const std::string_view key = reader.text();
      const std::uint64_t standing = reader.number();
      AbsenceGroup& group = groups.restore(key, standing);
      for (std::size_t count = reader.count(); count > 0 && reader.ok(); --count) {
        group.answers.push_back(reader.signed_number());
      }
      for (std::size_t count = reader.count(18); count > 0 && reader.ok(); --count) {
        OpenEvent event;
        event.time = reader.signed_number();
        event.sequence = reader.number();
        event.identity = reader.hash();
        event.record = load_record(reader);
        due.insert(due_of(event, key));
        group.open.push_back(std::move(event));
      }
    }
    if (!reader.ok() || !reader.at_end()) {
      return false;
    }
    groups_ = std::move(groups);
    due_ = std::move(due);
    watermark_ = watermark;
    return true;
  }

  DetectorLosses losses() const override {
    return {groups_.evicted_protected(), counters_.dropped_values, counters_.late};
  }

  DetectorCounters counters() const override {
    DetectorCounters counters = counters_;
    counters.keys = groups_.size();
    counters.evicted_keys = groups_.evicted();
    counters.evicted_protected = groups_.evicted_protected();
    counters.bytes = groups_.bytes() + due_.size() * (sizeof(OpenEvent) + sizeof(Due) + 64);
    counters.open = due_.size();
    return counters;
  }

  void for_each_group(TimeNs, const GroupVisit& visit) const override {
    groups_.for_each([&](std::string_view key, const AbsenceGroup& group, std::uint8_t) {
      visit(view_of(key, group));
    });
  }

  std::optional<std::string> show(std::string_view group_key) const override {
    const AbsenceGroup* group = groups_.find(group_key);
    return group == nullptr ? std::nullopt
                            : std::optional<std::string>(group_json(view_of(group_key, *group)));
  }

  bool forget(std::string_view group_key) override {
    const AbsenceGroup* group = groups_.find(group_key);
    if (group == nullptr) {
      return false;
    }
    for (const OpenEvent& event : group->open) {
      due_.erase(due_of(event, group_key));
    }
    return groups_.erase(group_key);
  }

 private:
  static GroupView view_of(std::string_view key, const AbsenceGroup& group) {
    GroupView view;
    view.key = key;
    view.events = group.open.size();
    if (view.events > 0) {
      view.first_seen = group.open.front().time;
      view.last_seen = group.open.back().time;
    }
    return view;
  }

  // When the report is due, the event's sequence, and its group: one record may wait in several.
  using Due = std::tuple<TimeNs, std::uint64_t, std::string>;

  Due due_of(const OpenEvent& event, std::string_view key) const {
    return {before_ ? event.time : add_saturating(event.time, timespan_ns_),
            event.sequence,
            std::string(key)};
  }

  bool is_answered(const AbsenceGroup& group, TimeNs time) const {
    const TimeNs begin = before_ ? subtract_saturating(time, timespan_ns_) : time;
    const TimeNs end = before_ ? time : add_saturating(time, timespan_ns_);
    const auto first = std::lower_bound(group.answers.begin(), group.answers.end(), begin);
    return first != group.answers.end() && *first <= end;
  }

  // Notes the answer and closes what it answers.
  void answer(const std::string& key, AbsenceGroup& group, TimeNs time) {
    const auto at = std::upper_bound(group.answers.begin(), group.answers.end(), time);
    if (at == group.answers.begin() || *std::prev(at) != time) {
      group.answers.insert(at, time);
    }
    const TimeNs begin = before_ ? time : subtract_saturating(time, timespan_ns_);
    const TimeNs end = before_ ? add_saturating(time, timespan_ns_) : time;
    const auto earlier = [](const OpenEvent& event, TimeNs t) { return event.time < t; };
    const auto first = std::lower_bound(group.open.begin(), group.open.end(), begin, earlier);
    auto last = first;
    for (; last != group.open.end() && last->time <= end; ++last) {
      due_.erase(due_of(*last, key));
    }
    group.open.erase(first, last);
  }

  void open(const std::string& key, AbsenceGroup& group, const Observation& observation) {
    OpenEvent event{observation.time,
                    observation.sequence,
                    observation.identity,
                    observation.record == nullptr ? nullptr : *observation.record};
    due_.insert(due_of(event, key));
    const auto later = [](TimeNs t, const OpenEvent& other) { return t < other.time; };
    group.open.insert(std::upper_bound(group.open.begin(), group.open.end(), event.time, later),
                      std::move(event));
  }

  void close(const std::string& key,
             AbsenceGroup& group,
             std::uint64_t sequence,
             const ReportSink& sink) {
    const auto found =
        std::find_if(group.open.begin(), group.open.end(), [&](const OpenEvent& event) {
          return event.sequence == sequence;
        });
    if (found == group.open.end()) {
      return;
    }
    if (!sink.wants(key, found->time)) {
      group.open.erase(found);
      return;
    }
    Report report;
    report.time = found->time;
    report.sequence = found->sequence;
    report.identity = found->identity;
    report.group = parse_group_key(key);
    report.first_seen = found->time;
    report.last_seen = found->time;
    report.evidence_json = evidence();
    if (found->record != nullptr) {
      report.events.push_back(found->record);
    }
    group.open.erase(found);
    sink(std::move(report));
  }

  std::string evidence() const {
    EvidenceWriter writer;
    writer.text("direction", before_ ? "before" : "after");
    writer.text("timespan", format_duration(timespan_ns_));
    return std::move(writer).finish();
  }

  bool is_over(const AbsenceGroup& group) const {
    return group.open.empty() &&
           (group.answers.empty() ||
            group.answers.back() < subtract_saturating(watermark_, timespan_ns_));
  }

  void drop_old(const std::string& key, AbsenceGroup& group) {
    const TimeNs horizon = subtract_saturating(watermark_, timespan_ns_);
    const auto kept = std::lower_bound(group.answers.begin(), group.answers.end(), horizon);
    group.answers.erase(group.answers.begin(), kept);
    if (group.answers.size() > values_max_) {
      group.answers.erase(group.answers.begin());
      ++counters_.dropped_values;
    }
    if (group.open.size() > values_max_) {
      due_.erase(due_of(group.open.front(), key));
      group.open.erase(group.open.begin());
      ++counters_.dropped_values;
    }
  }

  DurationNs timespan_ns_;
  bool before_;
  bool eager_;
  DetectorSettings settings_;
  std::uint64_t values_max_;
  KeyTable<AbsenceGroup> groups_;
  std::set<Due> due_;  // keys that were evicted since are skipped
  TimeNs watermark_ = std::numeric_limits<TimeNs>::min();
  DetectorCounters counters_;
};

}  // namespace

DetectorResult make_absence(const CorrelationSpec& spec, const DetectorSettings& settings) {
  constexpr std::array<std::string_view, 2> directions = {"after", "before"};
  OptionReader options(spec, find_detector_type(spec.type)->options);
  const bool before = options.choice("direction", directions, 0) == 1;
  if (options.error()) {
    return Unexpected<SpecError>{*options.error()};
  }
  if (spec.inputs.size() < 2) {
    return spec_error("absence needs at least two rules",
                      "rules: [what happens, what must go with it]");
  }
  // Nobody can say at once that something will not follow.
  const bool eager = spec.info.extensions.emit_given && !spec.info.extensions.emit_watermark;
  return std::unique_ptr<Detector>(
      std::make_unique<Absence>(spec.timespan_ns, before, eager, settings));
}

}  // namespace tocsin
