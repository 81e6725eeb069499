// SPDX-License-Identifier: Apache-2.0
// Sliding windows per group: the frame of all detectors that ask "does a condition hold of the
// events within `timespan`?".
//
// A window ends at an event x of the group and holds the events in [x.time - timespan, x.time]:
// closed, so that events exactly `timespan` apart are together (conformance COR-02). An event that
// arrives is in the window that ends at it and, if it is late, in those of later events up to
// `timespan` after it; a report is raised if the condition holds in any of them (COR-03, COR-21),
// and names the event that arrived. Equal times keep the order of arrival and share their windows.
//
// What is counted is a Policy's business:
//   struct Payload;               of an entry
//   struct State;                 of one window
//   bool payload(observation, Payload&)        false: the event does not enter
//   State start()
//   void add(State&, time, payload)            in time order where `ordered`
//   void remove(State&, payload)               the oldest entry leaves; does nothing where
//   `ordered` bool holds(state, window_begin)            of the window that begins then and ends at
//   the last added void evidence(state, window_begin, EvidenceWriter&) void save(payload,
//   WireWriter&), bool load(WireReader&, Payload&) static constexpr bool ordered              State
//   is a forward pass: a late entry needs a new one std::uint64_t entries_needed()             a
//   limit below this could never fire
//   std::uint64_t most(state), least()         optional, if a part of a window never holds more
//   than the whole: how many it has, and how many the condition needs at least
//   void merge(Payload&, payload)              optional, where it matters which of the rules an
//   event met: what it met later is added to it
//
// Cost: in order amortised O(1) policy calls per event; late O(k), k the entries within a timespan
// of it on either side, bounded by max_values_per_key. Thread rule: one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detectors/common.h"
#include "detectors/key_table.h"
#include "engine/base/limits.h"
#include "engine/base/prefetch.h"
#include "engine/base/text.h"
#include "engine/base/wire.h"
#include "engine/flow/detector.h"

namespace tocsin {

template <typename Policy>
concept merges = requires(const Policy& policy, typename Policy::Payload& payload) {
  policy.merge(payload, payload);
};

template <typename Policy>
class WindowDetector final : public Detector {
 public:
  WindowDetector(Policy policy, DurationNs timespan_ns, const DetectorSettings& settings)
      : policy_(std::move(policy)),
        timespan_ns_(timespan_ns),
        settings_(settings),
        entries_max_(
            std::max({settings.max_values_per_key, policy_.entries_needed(), std::uint64_t{2}})),
        groups_(settings.max_keys, settings.hash_seed) {}

  void on_match(const Observation& observation, const ReportSink& sink) override {
    Payload payload{};
    if (!policy_.payload(observation, payload)) {
      return;
    }
    watermark_ = std::max(watermark_, observation.watermark);
    if constexpr (merges<Policy>) {
      if (observation.before != 0 && extend(observation, payload, sink)) {
        return;
      }
    }
    if (observation.time < subtract_saturating(watermark_, timespan_ns_)) {
      ++counters_.late;
    }
    bool created = false;
    Group& group = groups_.touch(observation.group_key, &created, observation.group_hash);
    if (created || is_over(group)) {
      counted_entries_ -= group.entries.size() - group.head;
      group = Group();
      group.state = policy_.start();
    }
    const Entry entry{observation.time, observation.sequence, std::move(payload)};
    if (group.entries.empty() || entry.time >= group.entries.back().time) {
      append(group, entry);
      if (policy_.holds(group.state, begin_of(entry.time))) {
        report(observation, group, group.low, group.entries.size(), group.state, sink);
      }
    } else {
      insert_late(observation, group, entry, sink);
    }
    drop_old(group);
  }

  void prefetch(std::uint64_t group_hash, unsigned stage) const override {
    groups_.prefetch(group_hash, stage, [](const Group& group) {
      if (!group.entries.empty()) {
        tocsin::prefetch(&group.entries.back());
        tocsin::prefetch(group.entries.data() + group.low);
      }
    });
  }

  void on_time(TimeNs watermark, const ReportSink&) override {
    watermark_ = std::max(watermark_, watermark);
    groups_.expire([&](const Group& group) {
      if (!is_over(group)) {
        return false;
      }
      counted_entries_ -= group.entries.size() - group.head;
      return true;
    });
  }

  void save(std::string& out) const override {
    WireWriter writer(out);
    writer.number(format_version);
    policy_.save_settings(writer);
    writer.signed_number(watermark_);
    writer.number(groups_.size());
    groups_.for_each([&](std::string_view key, const Group& group, std::uint8_t standing) {
      writer.text(key);
      writer.number(standing);
      writer.number(group.entries.size() - group.head);
      TimeNs time = 0;
      for (std::size_t i = group.head; i < group.entries.size(); ++i) {
        const Entry& entry = group.entries[i];
        // A difference that wraps reads back by wrapping.
        writer.signed_number(static_cast<std::int64_t>(static_cast<std::uint64_t>(entry.time) -
                                                       static_cast<std::uint64_t>(time)));
        writer.number(entry.sequence);
        policy_.save(entry.payload, writer);
        time = entry.time;
      }
    });
  }

  bool load(std::string_view bytes) override {
    WireReader reader(bytes);
    Policy policy = policy_;
    if (reader.number() != format_version || !policy.load_settings(reader)) {
      return false;
    }
    const TimeNs watermark = reader.signed_number();
    KeyTable<Group> groups(settings_.max_keys, settings_.hash_seed);
    std::uint64_t entries = 0;
    for (std::size_t keys = reader.count(); keys > 0 && reader.ok(); --keys) {
      const std::string_view key = reader.text();
      const std::uint64_t standing = reader.number();
      Group& group = groups.restore(key, standing);
      group.state = policy.start();
      TimeNs time = 0;
      for (std::size_t count = reader.count(2); count > 0 && reader.ok(); --count) {
        time = static_cast<TimeNs>(static_cast<std::uint64_t>(time) +
                                   static_cast<std::uint64_t>(reader.signed_number()));
        Entry entry{time, reader.number(), {}};
        if (!policy.load(reader, entry.payload) ||
            (!group.entries.empty() && time < group.entries.back().time)) {
          return false;
        }
        group.entries.push_back(std::move(entry));
        ++entries;
      }
      rebuild(policy, group);
    }
    if (!reader.ok() || !reader.at_end()) {
      return false;
    }
    policy_ = std::move(policy);
    groups_ = std::move(groups);
    watermark_ = watermark;
    counted_entries_ = entries;
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
    counters.bytes = groups_.bytes() + counted_entries_ * sizeof(Entry);
    return counters;
  }

  void for_each_group(TimeNs, const GroupVisit& visit) const override {
    groups_.for_each([&](std::string_view key, const Group& group, std::uint8_t) {
      visit(view_of(key, group));
    });
  }

  std::optional<std::string> show(std::string_view group_key) const override {
    const Group* group = groups_.find(group_key);
    return group == nullptr ? std::nullopt
                            : std::optional<std::string>(group_json(view_of(group_key, *group)));
  }

  bool forget(std::string_view group_key) override {
    const Group* group = groups_.find(group_key);
    if (group == nullptr) {
      return false;
    }
    counted_entries_ -= group->entries.size() - group->head;
    return groups_.erase(group_key);
  }

 private:
  using Payload = typename Policy::Payload;
  using State = typename Policy::State;
  static constexpr std::uint64_t format_version = 2;

  struct Entry {
    TimeNs time = 0;
    std::uint64_t sequence = 0;
    [[no_unique_address]] Payload payload{};
  };
  // Entries before `head` are forgotten; those from `low` on are in the window that ends at the
  // last one, and in `state`.
  struct Group {
    std::vector<Entry> entries;
    std::size_t head = 0;
    std::size_t low = 0;
    State state{};
  };

  static GroupView view_of(std::string_view key, const Group& group) {
    GroupView view;
    view.key = key;
    view.events = group.entries.size() - group.head;
    if (view.events > 0) {
      view.first_seen = group.entries[group.head].time;
      view.last_seen = group.entries.back().time;
    }
    return view;
  }

  // No window of an event that may still come holds any of it.
  bool is_over(const Group& group) const {
    return group.entries.empty() || group.entries.back().time < begin_of(watermark_);
  }

  TimeNs begin_of(TimeNs end) const { return subtract_saturating(end, timespan_ns_); }

  void append(Group& group, const Entry& entry) {
    if constexpr (requires { policy_.prefetch(group.state, entry.payload); }) {
      // What leaves and what comes are waited for together.
      if (group.low < group.entries.size()) {
        policy_.prefetch(group.state, group.entries[group.low].payload);
      }
      policy_.prefetch(group.state, entry.payload);
    }
    policy_.add(group.state, entry.time, entry.payload);
    group.entries.push_back(entry);
    ++counted_entries_;
    const TimeNs begin = begin_of(entry.time);
    while (group.entries[group.low].time < begin) {
      policy_.remove(group.state, group.entries[group.low].payload);
      ++group.low;
    }
  }

  void insert_late(const Observation& observation,
                   Group& group,
                   const Entry& entry,
                   const ReportSink& sink) {
    const auto later = [](TimeNs time, const Entry& e) { return time < e.time; };
    const auto position =
        std::upper_bound(group.entries.begin() + static_cast<std::ptrdiff_t>(group.head),
                         group.entries.end(),
                         entry.time,
                         later);
    const auto at = static_cast<std::size_t>(position - group.entries.begin());
    group.entries.insert(position, entry);
    ++counted_entries_;
    if (entry.time < begin_of(group.entries.back().time)) {
      ++group.low;
    } else if constexpr (Policy::ordered) {
      rebuild(policy_, group);
    } else {
      policy_.add(group.state, entry.time, entry.payload);
    }
    check_windows_of(observation, group, at, sink);
  }

  // The event is an entry already, and has met more rules now: reports it if a window that holds it
  // meets the condition and did not before. False: its entry is gone.
  bool extend(const Observation& observation, const Payload& payload, const ReportSink& sink) {
    Group* const group = groups_.find(observation.group_key, observation.group_hash);
    if (group == nullptr) {
      return false;
    }
    std::size_t at = first_not_before(*group, observation.time);
    while (at < group->entries.size() && group->entries[at].time == observation.time &&
           group->entries[at].sequence != observation.sequence) {
      ++at;
    }
    if (at == group->entries.size() || group->entries[at].time != observation.time) {
      return false;
    }
    std::vector<TimeNs> held;  // ends of windows that met it before, ascending
    for_windows_of(*group, at, [&](TimeNs end, std::size_t, std::size_t, const State&) {
      held.push_back(end);
      return false;
    });
    policy_.merge(group->entries[at].payload, payload);
    rebuild(policy_, *group);
    for_windows_of(
        *group, at, [&](TimeNs end, std::size_t low, std::size_t next, const State& state) {
          if (std::binary_search(held.begin(), held.end(), end)) {
            return false;
          }
          report(observation, *group, low, next, state, sink);
          return true;
        });
    return true;
  }

  // Reports the first window that holds entry `at` and meets the condition.
  void check_windows_of(const Observation& observation,
                        const Group& group,
                        std::size_t at,
                        const ReportSink& sink) {
    for_windows_of(group, at, [&](TimeNs, std::size_t low, std::size_t next, const State& state) {
      report(observation, group, low, next, state, sink);
      return true;
    });
  }

  // All windows that hold entry `at` and meet the condition, in order of their ends, until
  // `visit(end, first, past the last entry, state)` says that it is enough.
  template <typename Visit>
  void for_windows_of(const Group& group, std::size_t at, Visit visit) const {
    const TimeNs time = group.entries[at].time;
    const TimeNs last_end = add_saturating(time, timespan_ns_);
    State state = policy_.start();
    std::size_t low = first_not_before(group, begin_of(time));
    if constexpr (requires { policy_.most(state); }) {
      // Nothing that these windows hold lies outside the last one and what comes before it.
      const std::size_t before = group.low > low ? group.low - low : 0;
      if (policy_.most(group.state) + before < policy_.least()) {
        return;
      }
    }
    std::size_t next = low;
    while (next < group.entries.size() && group.entries[next].time <= last_end) {
      const TimeNs end = group.entries[next].time;
      while (next < group.entries.size() && group.entries[next].time == end) {
        policy_.add(state, end, group.entries[next].payload);
        ++next;
      }
      if (end < time) {
        continue;  // ends before the late event
      }
      for (; group.entries[low].time < begin_of(end); ++low) {
        policy_.remove(state, group.entries[low].payload);
      }
      if (policy_.holds(state, begin_of(end)) && visit(end, low, next, state)) {
        return;
      }
    }
  }

  std::size_t first_not_before(const Group& group, TimeNs time) const {
    const auto earlier = [](const Entry& e, TimeNs t) { return e.time < t; };
    return static_cast<std::size_t>(
        std::lower_bound(group.entries.begin() + static_cast<std::ptrdiff_t>(group.head),
                         group.entries.end(),
                         time,
                         earlier) -
        group.entries.begin());
  }

  // The state of the last window, from its entries.
  void rebuild(const Policy& policy, Group& group) const {
    group.state = policy.start();
    if (group.entries.empty()) {
      return;
    }
    group.low = first_not_before(group, begin_of(group.entries.back().time));
    for (std::size_t i = group.low; i < group.entries.size(); ++i) {
      policy.add(group.state, group.entries[i].time, group.entries[i].payload);
    }
  }

  // Drops entries that no window can hold any more, and the oldest past the limit.
  void drop_old(Group& group) {
    const TimeNs horizon = subtract_saturating(watermark_, timespan_ns_);
    while (group.head < group.low && group.entries[group.head].time < horizon) {
      ++group.head;
      --counted_entries_;
    }
    if (group.entries.size() - group.head > entries_max_) {
      if (group.head == group.low) {
        policy_.remove(group.state, group.entries[group.low].payload);
        ++group.low;
      }
      ++group.head;
      --counted_entries_;
      ++counters_.dropped_values;
    }
    if (group.head > 16 && group.head * 2 > group.entries.size()) {
      group.entries.erase(group.entries.begin(),
                          group.entries.begin() + static_cast<std::ptrdiff_t>(group.head));
      group.low -= group.head;
      group.head = 0;
    }
  }

  void report(const Observation& observation,
              const Group& group,
              std::size_t begin,
              std::size_t end,
              const State& state,
              const ReportSink& sink) {
    if (!sink.wants(observation.group_key, observation.time)) {
      return;
    }
    Report report = report_of(observation);
    report.events.clear();
    report.count = end - begin;
    report.first_seen = group.entries[begin].time;
    report.last_seen = group.entries[end - 1].time;
    // A few more than are shown, since the one that fired may be among them.
    constexpr std::size_t first = limits::alert_events_first + 1;
    constexpr std::size_t last = limits::alert_events_last + 1;
    std::vector<std::uint64_t> sequences;
    for (std::size_t i = begin; i < end; ++i) {
      if (i - begin == first && end - i > last) {
        i = end - last;
      }
      sequences.push_back(group.entries[i].sequence);
    }
    append_events(sequences, observation, settings_.records, report.events);
    EvidenceWriter evidence;
    policy_.evidence(state, group.entries[begin].time, evidence);
    evidence.integer("events", report.count);
    evidence.text("timespan", format_duration(timespan_ns_));
    report.evidence_json = std::move(evidence).finish();
    sink(std::move(report));
  }

  Policy policy_;
  DurationNs timespan_ns_;
  DetectorSettings settings_;
  std::uint64_t entries_max_;
  KeyTable<Group> groups_;
  TimeNs watermark_ = std::numeric_limits<TimeNs>::min();
  std::uint64_t counted_entries_ = 0;
  DetectorCounters counters_;
};

// Policies without settings of their own to persist.
struct StatelessPolicy {
  void save_settings(WireWriter&) const {}
  bool load_settings(WireReader&) { return true; }
};

}  // namespace tocsin
