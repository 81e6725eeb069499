// SPDX-License-Identifier: Apache-2.0
// Detector: the contract of stateful detectors. One instance per (specification, shard); it owns
// the state of the groups whose key hashes to the shard, gets observations strictly in batch order,
// and never reads a clock: time is an argument. Thread rule: one thread per instance. Errors: none;
// limits are counted (DetectorCounters).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/cidr.h"
#include "engine/base/hash.h"
#include "engine/base/time.h"
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

// A match as a detector sees it: one event and all inputs of the specification that it met.
struct Observation {
  std::uint64_t inputs = 0;    // bit i: met CorrelationSpec::inputs[i] (at most 64 inputs)
  TimeNs time = 0;             // event time
  std::uint64_t sequence = 0;  // arrival order; ties in time keep it
  Hash128 identity;            // of the record: equal ones feed once
  std::span<const std::optional<std::string>> group;  // one per group-by name
  std::span<const FieldTexts> fields;                 // one per CorrelationSpec::fields
  std::shared_ptr<const RecordCopy> record;           // may be null in benchmarks
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
using ReportSink = std::function<void(Report&&)>;

struct DetectorCounters {
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;  // estimate
  std::uint64_t evicted_keys = 0;
  std::uint64_t dropped_values = 0;
  std::uint64_t late = 0;  // behind everything that is held
  std::uint64_t duplicates = 0;
  std::uint64_t open = 0;     // events whose time is not over yet (absence)
  std::uint64_t skipped = 0;  // had nothing to go by: no address, no location, too young a group
};

class Detector {
 public:
  virtual ~Detector() = default;
  virtual void on_match(const Observation& observation, const ReportSink& sink) = 0;
  // No observation earlier than `watermark` will come any more (but late ones): windows may be
  // closed and forgotten.
  virtual void on_time(TimeNs watermark, const ReportSink& sink) = 0;
  // All state as bytes that load() of the same specification reads back; rows() for stores that
  // keep single keys.
  virtual void save(std::string& out) const = 0;
  virtual bool load(std::string_view bytes) = 0;  // false: not readable, state unchanged
  virtual DetectorCounters counters() const = 0;
};

// Where an address is, as far as a database knows.
struct GeoPlace {
  std::optional<double> latitude, longitude;  // degrees
  double accuracy_km = 0;
  std::optional<std::uint32_t> asn;
  std::string country;  // ISO 3166-1 alpha-2; empty: unknown
};
// nullopt: the address has no entry. Same answer for the same address while a detector lives.
using GeoLookup = std::function<std::optional<GeoPlace>(const IpAddress&)>;

// The record that an observation of this sequence brought, or nullptr if it is no longer kept.
using RecordLookup = std::function<std::shared_ptr<const RecordCopy>(std::uint64_t sequence)>;

// Bounds and time rules that a detector is made with.
struct DetectorSettings {
  DurationNs lateness_ns = 15 * minute_ns;
  std::uint64_t max_keys = 1'000'000;
  std::uint64_t max_values_per_key = 10'000;
  std::uint64_t hash_seed = 0;
  RecordLookup records;  // may be empty: a report's only event is then the one that fired
  GeoLookup geo;         // empty: no database; detectors that need one cannot be made
};

}  // namespace tocsin
