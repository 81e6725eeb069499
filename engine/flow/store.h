// SPDX-License-Identifier: Apache-2.0
// Store: the contract of the one durable place: alerts with their deliveries, the detectors' state
// and input positions, committed as of the same batch. Thread rule: all functions may be called
// from any thread; implementations lock. Errors: Result.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/flow/alert.h"

namespace tocsin {

// How far an input has been evaluated; `state` is the input's own text (it writes and reads it).
struct Position {
  std::string input;
  std::string state;
};

// An alert and the receivers whose lanes must deliver it.
struct Addressed {
  std::shared_ptr<const Alert> alert;
  std::vector<std::string> receivers;
};

// A piece of the detectors' state under a key of their choice. It replaces the earlier one of the
// same key; empty bytes remove it.
struct StateRow {
  std::string key;
  std::string bytes;
};

// Later firings that were folded into an alert: its count is so much higher.
struct RaisedCount {
  std::string alert;  // its id
  std::uint64_t by = 0;
};

struct Commit {
  std::uint64_t batch = 0;
  std::span<const Addressed> alerts;
  std::span<const Position> positions;
  std::span<const StateRow> detector_state = {};
  TimeNs now = 0;  // receive time: what is kept by age is as old as this says; 0: unknown
  // Of alerts that are there, those of this commit included; others are past counting.
  std::span<const RaisedCount> raised_counts = {};
};

// Alerts of one rule that were counted instead of stored, past its quota.
struct CountedAlerts {
  std::string rule;   // its key; a system alert's code
  std::string group;  // "name=value, ..." or "*": other groups
  TimeNs minute = 0;  // its start
  std::uint64_t count = 0;
};

struct Delivery {
  std::uint64_t number = 0;  // ascending in the order of commits
  // Its count as raised until it was leased.
  std::shared_ptr<const Alert> alert;
  std::uint32_t attempts = 0;
};

enum class DeliveryOutcome : std::uint8_t { delivered, failed };

class Store {
 public:
  virtual ~Store() = default;

  // One transaction: after an error nothing of it is there, and the same may be tried again. An
  // alert whose id is known already is not stored again.
  virtual Result<void> commit(const Commit& commit) = 0;
  virtual std::vector<Position> positions() const = 0;
  // There were positions once, and they are lost: what exists is to be read from its beginning.
  virtual bool lost_positions() const { return false; }
  // It is damaged or was removed: it cannot be written until it is opened again.
  virtual bool is_damaged() const { return false; }
  // What a restart goes on with, by key; nothing where nothing outlives the process.
  virtual std::vector<StateRow> detector_state() const { return {}; }
  virtual std::vector<CountedAlerts> counted() const { return {}; }
  // All alerts that outlive the process, oldest first, with their counts as raised. One that cannot
  // be read is left out.
  virtual Result<void> for_each_alert(const std::function<void(const Alert&)>& visit) const {
    static_cast<void>(visit);
    return {};
  }

  // The next deliveries of a receiver that are neither leased nor done, oldest first; leased until
  // mark() or release().
  virtual std::vector<Delivery> lease(const std::string& receiver, std::size_t count_max) = 0;
  virtual void mark(const std::string& receiver, std::uint64_t number, DeliveryOutcome outcome) = 0;
  virtual void release(const std::string& receiver, std::uint64_t number) = 0;
  // Deliveries that are neither delivered nor failed.
  virtual std::uint64_t pending(const std::string& receiver) const = 0;
  // Deliveries that were given up because there was no room for them.
  virtual std::uint64_t shed(const std::string& receiver) const = 0;
  // Blocks until a lease for `receiver` may return something, stop() was called, or `timeout_ns` of
  // real time passed.
  virtual void wait(const std::string& receiver, DurationNs timeout_ns) = 0;
  virtual void stop() = 0;
};

// In memory, for runs without --state. Bounded per receiver, by limits::deliveries_in_memory_max
// and in bytes: commit() never waits, it sheds the lowest level.
std::unique_ptr<Store> make_memory_store();

}  // namespace tocsin
