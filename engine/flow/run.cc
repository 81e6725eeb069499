// SPDX-License-Identifier: Apache-2.0
// The run loop. Three stations: Claims (one worker at a time takes the next batch), Worker
// (worker.h, in parallel), and Collector (brings outcomes back into the order of the claims, makes
// their numbers final and hands them on, one at a time).
#include "engine/flow/run.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "engine/flow/worker.h"

namespace tocsin {

namespace {

// How often a waiting input is left to look whether stop() was called, should its wake() be missed.
constexpr DurationNs idle_wait_ns = 200'000'000;
// Outcomes that may wait for an earlier one, per thread: more would only hide a slow consumer and
// cost memory.
constexpr std::uint64_t outcomes_ahead_per_thread = 2;

// Makes the numbers of outcomes final. One thread at a time, in order.
class Numbering {
 public:
  explicit Numbering(const RunOptions& options) : options_(options) {}
  void apply(Outcome& outcome) {
    BatchResult& result = outcome.result;
    std::uint64_t& next_record = records_[result.source];
    if (result.first_of_source) {
      const bool resumed = result.stream_offset > 0 && options_.records_before;
      next_record = resumed ? options_.records_before(*result.source) : 0;
    }
    for (const std::shared_ptr<RecordCopy>& copy : outcome.copies) {
      copy->record += next_record;
    }
    for (BadRecord& bad : result.bad) {
      bad.record += next_record;
    }
    for (Match& match : result.matches) {
      match.sequence += next_sequence_;
    }
    if (result.feed != nullptr) {
      for (FeedRecord& record : result.feed->records) {
        record.sequence += next_sequence_;
      }
    }
    next_record += outcome.records;
    next_sequence_ += outcome.records;
    result.records_after = next_record;
    if (result.last_of_source) {
      records_.erase(result.source);
    }
    totals_.add(result.counters);
  }
  const RunCounters& totals() const { return totals_; }

 private:
  const RunOptions& options_;
  std::unordered_map<std::shared_ptr<const SourceInfo>, std::uint64_t> records_;
  std::uint64_t next_sequence_ = 0;
  RunCounters totals_;
};

class Claims {
 public:
  Claims(Input& input,
         const RulesetSlot& rules,
         const RunOptions& options,
         const std::atomic<bool>& stopping)
      : input_(input), rules_(rules), options_(options), stopping_(stopping) {}

  // Called with the number of claims so far whenever the input has nothing.
  void on_idle(std::function<void(std::uint64_t tickets)> callback) { idle_ = std::move(callback); }

  // While every worker is busy, or blocked.
  void keep_up() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock.owns_lock() && !finished_) {
      input_.keep_up();
    }
  }

  // The next batch and its place in the order of claims; nullopt when there is no more.
  std::optional<std::uint64_t> next(Batch& batch) {
    // Held while waiting too: who comes next would only wait for the same thing.
    const std::lock_guard lock(mutex_);
    while (!finished_ && !stopping_.load()) {
      batch.clear();
      switch (input_.claim(batch)) {
        case ClaimStatus::batch:
          prepare(batch);
          return tickets_++;
        case ClaimStatus::idle:
          if (idle_ && options_.now) {
            idle_(tickets_);
          }
          input_.wait(idle_wait_ns);
          break;
        case ClaimStatus::finished:
          finished_ = true;
          break;
      }
    }
    return std::nullopt;
  }

 private:
  void prepare(Batch& batch) {
    batch.ruleset = rules_.get();
    if (options_.geo) {
      batch.geo = options_.geo();
    }
    if (batch.received_at == 0 && options_.now) {
      batch.received_at = options_.now();
    }
    if (options_.on_ruleset && batch.ruleset != seen_) {
      options_.on_ruleset(*batch.ruleset);
    }
    seen_ = batch.ruleset;
  }

  Input& input_;
  const RulesetSlot& rules_;
  const RunOptions& options_;
  const std::atomic<bool>& stopping_;
  std::mutex mutex_;
  bool finished_ = false;
  std::uint64_t tickets_ = 0;
  std::shared_ptr<const Ruleset> seen_;
  std::function<void(std::uint64_t)> idle_;
};

class Collector {
 public:
  Collector(ResultConsumer& consumer, const RunOptions& options)
      : consumer_(consumer),
        numbering_(options),
        slots_(options.threads * outcomes_ahead_per_thread) {}

  // Blocks while `ticket` is too far ahead. Never for ever: whoever holds the lowest outstanding
  // ticket does not wait.
  void put(std::uint64_t ticket, Outcome outcome) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return ticket - next_ < slots_.size(); });
    slot(ticket) = std::move(outcome);
    if (draining_ || ticket != next_) {
      return;  // whoever drains, or brings the lowest ticket, takes it along
    }
    draining_ = true;
    while (slot(next_)) {
      Outcome current = std::move(*slot(next_));
      slot(next_).reset();
      lock.unlock();
      numbering_.apply(current);
      consumer_.consume(current.result);
      lock.lock();
      ++next_;
      room_.notify_all();
    }
    draining_ = false;
  }

  // Tells the consumer that there is nothing to do, if all `tickets` claims were consumed.
  // Precondition: no claim is made meanwhile.
  void idle(std::uint64_t tickets, TimeNs now) {
    std::unique_lock lock(mutex_);
    if (draining_ || next_ != tickets) {
      return;
    }
    draining_ = true;
    lock.unlock();
    consumer_.idle(now);
    lock.lock();
    draining_ = false;
  }

  // After all workers ended.
  const RunCounters& totals() const { return numbering_.totals(); }

 private:
  std::optional<Outcome>& slot(std::uint64_t ticket) {
    return slots_[static_cast<std::size_t>(ticket % slots_.size())];
  }

  ResultConsumer& consumer_;
  Numbering numbering_;  // by the draining thread only
  std::mutex mutex_;
  std::condition_variable room_;
  std::vector<std::optional<Outcome>> slots_;
  std::uint64_t next_ = 0;
  bool draining_ = false;
};

// Calls Claims::keep_up() now and then, on a thread of its own.
class Keeper {
 public:
  Keeper(Claims& claims, DurationNs interval_ns) {
    if (interval_ns > 0) {
      thread_ = std::thread([this, &claims, interval_ns] {
        std::unique_lock lock(mutex_);
        while (!changed_.wait_for(
            lock, std::chrono::nanoseconds(interval_ns), [this] { return ending_; })) {
          claims.keep_up();
        }
      });
    }
  }
  ~Keeper() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;
};

// Adds up what the rules took on each thread, as it ends. A thread that has not seen the last rule
// set has nothing to say of it.
class Profiles {
 public:
  explicit Profiles(const RulesetSlot& rules) : rules_(rules) {}
  void add(const Worker& worker) {
    if (worker.ruleset() != rules_.get()) {
      return;
    }
    const std::span<const RuleProfile> profile = worker.profile();
    const std::lock_guard lock(mutex_);
    total_.resize(std::max(total_.size(), profile.size()));
    for (std::size_t i = 0; i < profile.size(); ++i) {
      total_[i].ticks += profile[i].ticks;
      total_[i].candidates += profile[i].candidates;
      total_[i].matches += profile[i].matches;
    }
  }
  std::vector<RuleProfile> take() { return std::move(total_); }

 private:
  const RulesetSlot& rules_;
  std::mutex mutex_;
  std::vector<RuleProfile> total_;
};

void work(Claims& claims,
          Input& input,
          const RunOptions& options,
          Collector& collector,
          Profiles& profiles) {
  Worker worker(options.want_evidence, options.filter, options.wants_time, options.profile_clock);
  Batch batch;
  while (const std::optional<std::uint64_t> ticket = claims.next(batch)) {
    input.load(batch);
    collector.put(*ticket, worker.process(batch));
  }
  profiles.add(worker);
}

RunCounters run_inline(Claims& claims,
                       Input& input,
                       const RunOptions& options,
                       ResultConsumer& consumer,
                       Profiles& profiles) {
  Worker worker(options.want_evidence, options.filter, options.wants_time, options.profile_clock);
  Numbering numbering(options);
  Batch batch;
  while (claims.next(batch)) {
    input.load(batch);
    Outcome outcome = worker.process(batch);
    numbering.apply(outcome);
    consumer.consume(outcome.result);
  }
  profiles.add(worker);
  return numbering.totals();
}

}  // namespace

void RunCounters::add(const RunCounters& other) {
  events += other.events;
  malformed += other.malformed;
  oversized += other.oversized;
  repaired += other.repaired;
  unvalidated += other.unvalidated;
  skipped += other.skipped;
  bytes += other.bytes;
  candidates += other.candidates;
  unclassified += other.unclassified;
  read_in_part += other.read_in_part;
  fields_seen.resize(std::max(fields_seen.size(), other.fields_seen.size()));
  for (std::size_t i = 0; i < other.fields_seen.size(); ++i) {
    fields_seen[i] = fields_seen[i] || other.fields_seen[i];
  }
}

Run::Run(Input& input, const RulesetSlot& rules, RunOptions options)
    : input_(input), rules_(rules), options_(std::move(options)) {}

RunCounters Run::run(ResultConsumer& consumer) {
  Claims claims(input_, rules_, options_, stopping_);
  const Keeper keeper(claims, options_.keep_up_ns);
  Profiles profiles(rules_);
  if (options_.threads <= 1) {
    claims.on_idle([&](std::uint64_t) { consumer.idle(options_.now()); });
    const RunCounters totals = run_inline(claims, input_, options_, consumer, profiles);
    profile_ = profiles.take();
    return totals;
  }
  Collector collector(consumer, options_);
  claims.on_idle([&](std::uint64_t tickets) { collector.idle(tickets, options_.now()); });
  std::vector<std::thread> helpers;
  for (std::uint32_t i = 1; i < options_.threads; ++i) {
    try {
      helpers.emplace_back([&] { work(claims, input_, options_, collector, profiles); });
    } catch (const std::system_error&) {
      break;  // no more threads to be had: the ones there are do all the work
    }
  }
  work(claims, input_, options_, collector, profiles);
  for (std::thread& helper : helpers) {
    helper.join();
  }
  profile_ = profiles.take();
  return collector.totals();
}

void Run::stop() {
  stopping_.store(true);
  input_.wake();
}

}  // namespace tocsin
