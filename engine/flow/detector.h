// SPDX-License-Identifier: Apache-2.0
// Detector: the contract of stateful detectors. One instance per (specification, shard); it owns
// the state of the groups whose key hashes to the shard, gets observations strictly in batch order,
// and never reads a clock: time is an argument. Thread rule: one thread per instance. Errors: none;
// limits are counted (DetectorCounters).
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/base/cidr.h"
#include "engine/base/hash.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/event/geo.h"
#include "engine/flow/alert.h"
#include "engine/flow/correlation_spec.h"

namespace tocsin {

// The values of one field in one record, as text (JSON numbers in their shortest form). More than
// one: an array or a repeated key.
struct FieldTexts {
  std::vector<std::string> values;  // empty: absent (missing or null)
  // As DETECTION.md, choice 13: one value as it is, several as the JSON text of all of them, none:
  // nullopt.
  std::optional<std::string> single() const;
};

// The same where somebody else owns the texts.
struct FieldView {
  std::span<const std::string_view> values;
  std::optional<std::string> single() const;
};

// A match as a detector sees it: one event and all inputs of the specification that it met.
struct Observation {
  std::uint64_t inputs = 0;  // bit i: met CorrelationSpec::inputs[i] (at most 64 inputs)
  // Of these, those that it had met when it was observed before; 0: it is observed the first time.
  // An inner correlation may report a record later than the record came: it is one event still.
  std::uint64_t before = 0;
  TimeNs time = 0;               // event time
  std::uint64_t sequence = 0;    // arrival order; ties in time keep it
  Hash128 identity;              // of the record: equal ones feed once
  std::string_view group_key;    // one value per group-by name: see feed.h
  std::uint64_t group_hash = 0;  // seeded_hash() of it by DetectorSettings::hash_seed; 0: not known
  std::span<const FieldView> fields;  // one per CorrelationSpec::fields
  std::uint32_t value_hash = 0;       // text_hash() of the first field's one value; 0: not known
  // How far time was for the detector when this was observed: what is older is forgotten as of
  // then, whether or not on_time() was called since. Never less than before.
  TimeNs watermark = std::numeric_limits<TimeNs>::min();
  // Null: no report will show it. Never the address of a null pointer.
  const std::shared_ptr<const RecordCopy>* record = nullptr;
};

// What a detector reports; the rest of the alert is made from the specification.
struct Report {
  TimeNs time = 0;  // of the event that fired
  std::uint64_t sequence = 0;
  Hash128 identity;  // of the record that fired
  std::vector<std::optional<std::string>> group;
  std::uint64_t count = 1;
  TimeNs first_seen = 0, last_seen = 0;
  bool learning = false;
  std::optional<Level> level;  // instead of the rule's
  std::string evidence_json = "{}";
  std::vector<std::shared_ptr<const RecordCopy>>
      events;              // at most 3 + 7, in time order, ends with the one that fired
  std::string fold_value;  // new_value, rare_value: folds by (group, this)
};

// Where reports go. A report that would only be folded into one that was shown before need not be
// made: whoever has one asks wants() first, and goes on only after true; what is not wanted is
// counted there.
class ReportSink {
 public:
  using Wants =
      std::function<bool(std::string_view group_key, TimeNs time, std::string_view fold_value)>;

  // Any callable that takes a Report&&. Without `wants` all are wanted.
  template <typename Take>
  requires(!std::is_same_v<std::decay_t<Take>, ReportSink>)
      ReportSink(Take&& take, Wants wants = {})
      : take_(std::forward<Take>(take)), wants_(std::move(wants)) {}

  bool wants(std::string_view group_key, TimeNs time, std::string_view fold_value = {}) const {
    return !wants_ || wants_(group_key, time, fold_value);
  }
  void operator()(Report&& report) const { take_(std::move(report)); }

 private:
  std::function<void(Report&&)> take_;
  Wants wants_;
};

struct DetectorCounters {
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;  // estimate
  std::uint64_t evicted_keys = 0;
  std::uint64_t dropped_values = 0;
  std::uint64_t late = 0;  // behind everything that is held
  std::uint64_t duplicates = 0;
  std::uint64_t open = 0;     // events whose time is not over yet (absence)
  std::uint64_t skipped = 0;  // had nothing to go by: no address, no location, too young a group
  std::uint64_t evicted_protected = 0;  // of evicted_keys: had been seen more than once

  void add(const DetectorCounters& more);
};

// What a detector holds of one group, in numbers.
struct GroupView {
  std::string_view key;  // see feed.h
  std::uint64_t events = 0;
  std::uint64_t values = 0;  // different ones, where it counts them
  std::optional<TimeNs> first_seen, last_seen;
  bool learning = false;  // a baseline that is not mature yet
};
using GroupVisit = std::function<void(const GroupView&)>;

// What weakened a detector so far: it may report less than its rule says.
struct DetectorLosses {
  std::uint64_t groups = 0;  // seen more than once, and forgotten for lack of room
  std::uint64_t values = 0;  // values or events of a group, the same
  std::uint64_t late = 0;    // events that came after all their windows were gone
  std::uint64_t early = 0;   // events decided before the watermark, for lack of room
  friend bool operator==(const DetectorLosses&, const DetectorLosses&) = default;
};

class Detector {
 public:
  virtual ~Detector() = default;
  virtual void on_match(const Observation& observation, const ReportSink& sink) = 0;
  // An observation of a group with this hash is about to come: memory may begin to fetch what it
  // will need. In the stages 0, 1 and 2, with other groups' between them.
  virtual void prefetch(std::uint64_t group_hash, unsigned stage) const {
    static_cast<void>(group_hash);
    static_cast<void>(stage);
  }
  // The same, of an observation whose first field has this one value, with its text_hash() or 0;
  // after stage 2.
  virtual void prefetch_value(std::uint64_t group_hash,
                              std::string_view value,
                              std::uint32_t value_hash) const {
    static_cast<void>(group_hash);
    static_cast<void>(value);
    static_cast<void>(value_hash);
  }
  // No observation earlier than `watermark` will come any more (but late ones): windows may be
  // closed and forgotten. When it is called depends on what else the shard holds: beside what it
  // reports it must change nothing that an observation could tell.
  virtual void on_time(TimeNs watermark, const ReportSink& sink) = 0;
  // on_time() reports nothing while the watermark is not past this.
  virtual TimeNs next_due() const { return std::numeric_limits<TimeNs>::max(); }
  // All state as bytes that load() of the same specification reads back; rows() for stores that
  // keep single keys.
  virtual void save(std::string& out) const = 0;
  virtual bool load(std::string_view bytes) = 0;  // false: not readable, state unchanged
  virtual DetectorCounters counters() const = 0;  // O(groups)
  virtual DetectorLosses losses() const = 0;      // O(1)

  // --- for people and their tools, between records ---
  virtual bool has_baseline() const { return false; }
  // All groups; `now` is the time that `learning` is as of. O(groups).
  virtual void for_each_group(TimeNs now, const GroupVisit& visit) const = 0;
  // One group as a JSON object; nullopt: it is not held.
  virtual std::optional<std::string> show(std::string_view group_key) const = 0;
  // False: it is not held.
  virtual bool forget(std::string_view group_key) = 0;
  // Takes a group over from what show() of another detector said, in place of what it holds. An
  // Error where it is no such object, or this type has no baseline.
  virtual Result<void> import_group(std::string_view group_key, std::string_view json);
};

// The record that an observation of this sequence brought, or nullptr if it is no longer kept.
using RecordLookup = std::function<std::shared_ptr<const RecordCopy>(std::uint64_t sequence)>;

// Bounds and time rules that a detector is made with.
struct DetectorSettings {
  DurationNs lateness_ns = 15 * minute_ns;
  std::uint64_t max_keys = 1'000'000;
  std::uint64_t max_values_per_key = 10'000;
  std::uint64_t hash_seed = 0;
  RecordLookup records;  // may be empty: a report's only event is then the one that fired
  GeoLookup geo;         // empty: no database
  GeoFields geo_fields;  // what it knows at all; detectors that need more cannot be made
};

}  // namespace tocsin
