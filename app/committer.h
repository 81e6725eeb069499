// SPDX-License-Identifier: Apache-2.0
// Committer: brings what batches leave behind to the store, in order, on a thread of its own, so
// that the reader does not wait for the disk. What has come since the last transaction is the next
// one: alerts, positions and the journal of the detectors, all as of the same batch.
//
// When: at once if there is an alert (but at most every alert_interval_ns), else interval_ns after
// the first of it came, or when it has grown to bytes_at_once. A transaction that fails (a full
// disk) is tried again until it succeeds; add() then waits, and with it the log.
//
// Thread rule: add() and flush() by one thread at a time; the rest from any. Errors: told through
// on_problem, at most once a minute for each run of failures.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/time.h"
#include "engine/flow/store.h"
#include "engine/store/state_log.h"

namespace tocsin {

// What one batch leaves behind.
struct StagedCommit {
  std::uint64_t batch = 0;
  TimeNs now = 0;  // receive time
  std::vector<Addressed> alerts;
  std::vector<RaisedCount> raised_counts;
  std::string input;           // that `position` belongs to
  std::string position;        // rows
  std::string record_numbers;  // rows of RecordNumbers
  std::string journal;
  std::optional<std::string> snapshot;  // of the state after all journals so far
  bool is_empty() const {
    return alerts.empty() && raised_counts.empty() && position.empty() && journal.empty() &&
           !snapshot;
  }
};

struct CommitterSettings {
  DurationNs interval_ns = 100'000'000;
  DurationNs alert_interval_ns = 10'000'000;
  std::size_t bytes_at_once = 4u << 20;
  std::size_t bytes_max = 16u << 20;          // then add() waits
  std::size_t alerts_max = 10'000;            // then too
  std::size_t journal_bytes_min = 64u << 20;  // before a new snapshot is wanted
  std::function<void(const std::string&)> on_problem;
  std::function<void()> on_recovered;
  // The store is damaged: it can only be opened again. Called once.
  std::function<void()> on_damaged;
};

class Committer {
 public:
  Committer(Store& store, StateLog log, CommitterSettings settings);
  ~Committer();  // what is not committed yet is dropped: flush() first
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  void add(StagedCommit staged);
  // Whether the next StagedCommit should bring a snapshot.
  bool wants_snapshot() const { return wants_snapshot_.load(std::memory_order_relaxed); }
  // Waits until everything is in the store. False if that fails for longer than `patience_ns`, or
  // for good: the store is damaged.
  bool flush(DurationNs patience_ns);
  // Wakes an add() that waits for room, for good: from here on nothing is bounded, so call it only
  // when the run ends.
  void stop_waiting();

  std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }
  // Since when there is something that is not committed, on the steady clock; 0: nothing.
  TimeNs waiting_since() const { return waiting_since_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;
  using Lock = std::unique_lock<std::mutex>;

  // Of several batches, merged.
  struct Pending {
    std::uint64_t batch = 0;
    TimeNs now = 0;
    std::vector<Addressed> alerts;
    std::map<std::string, std::uint64_t> raised_counts;  // by alert
    std::map<std::string, std::string> positions;        // by input: rows, later ones win
    std::vector<std::vector<std::string>> journals;      // pieces; cut where a snapshot was taken
    std::optional<std::string> snapshot;
    std::size_t snapshot_after = 0;  // journals it covers
    std::size_t bytes = 0;
    std::optional<Clock::time_point> first;
    bool is_empty() const { return !first; }
  };

  void run();
  Clock::time_point due() const;
  void commit_next(Lock& lock);
  void try_until_done(const Commit& commit);
  void note_failure(const std::string& message);
  bool is_over_bounds() const;

  Store& store_;
  StateLog log_;  // by the thread
  const CommitterSettings settings_;

  std::mutex mutex_;
  std::condition_variable work_;  // for the thread
  std::condition_variable done_;  // for add() and flush()
  Pending pending_;
  bool committing_ = false;
  bool writing_snapshot_ = false;
  bool failing_ = false;
  bool hopeless_ = false;  // until the store is opened again
  bool hurry_ = false;
  bool retry_at_once_ = false;  // a flush does not sit out the pause behind a failure
  bool unbounded_ = false;
  bool ended_ = false;
  Clock::time_point last_commit_;
  Clock::time_point last_alert_commit_;
  std::optional<Clock::time_point> told_;
  bool damage_told_ = false;
  std::atomic<bool> wants_snapshot_{false};
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<TimeNs> waiting_since_{0};
  std::thread thread_;
};

}  // namespace tocsin
