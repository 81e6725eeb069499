// SPDX-License-Identifier: Apache-2.0
// Lane: brings one receiver its deliveries, in the order they were committed, one at a time. It
// owns a thread, an HTTP client and a sink, and shares nothing with other lanes but the store: an
// endpoint that hangs costs its own lane only.
//
// A delivery that fails for now is tried again with growing waits, never before the endpoint's
// Retry-After, until it is older than max_age; one that is refused for good is marked failed and
// named in the log. While the endpoint is configured wrong, it is probed at the longest wait and
// said so once. Delivery is at least once: an answer that got lost repeats a message.
//
// Thread rule: start, drain and status may be called from any thread; drain once. Errors: LaneLog
// and LaneStatus.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "alerts/backoff.h"
#include "alerts/http.h"
#include "alerts/receivers.h"
#include "alerts/registry.h"

namespace tocsin {

class Lane {
 public:
  using Clock = std::chrono::steady_clock;

  Lane(const SinkType& type,
       ReceiverConfig config,
       Store& store,
       const EngineInfo& engine,
       std::shared_ptr<const Redactor> redactor,
       LaneLog log,
       LaneSettings settings);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void start();
  // From now on nothing may take longer than until `deadline`; the thread ends as soon as nothing
  // is pending, or nothing that is pending can be tried before then.
  void begin_drain(Clock::time_point deadline);
  // Waits for the thread; at the deadline a request that still runs is ended.
  void finish();
  LaneStatus status() const;

 private:
  enum class Step : std::uint8_t { done, given_up, stopped };
  enum class LogKind : std::uint8_t { retry, refused, expired, shed };

  void run();
  bool wait_for_work();
  Step deliver(const Delivery& delivery);
  Step settle(const Delivery& delivery, const SendResult& result, DurationNs& wait_ns);
  DurationNs note_retry(const SendResult& result);
  void mark(const Delivery& delivery, DeliveryOutcome outcome);
  // False if the drain's deadline comes first: then it does not wait at all.
  bool sleep(DurationNs wait_ns);
  bool is_past_deadline() const;
  DurationNs age(const Delivery& delivery, Clock::time_point first_try) const;
  void expire(const Delivery& delivery);
  void note_shed();
  void note_error(const std::string& reason);
  void note_trouble(bool in_trouble);
  void log_limited(LogKind kind, const std::string& line);

  const ReceiverConfig config_;
  Store& store_;
  const EngineInfo engine_;
  const std::shared_ptr<const Redactor> redactor_;
  const LaneLog log_;
  const LaneSettings settings_;
  HttpClient http_;
  std::unique_ptr<Sink> sink_;
  Backoff backoff_;
  TokenBucket bucket_;
  std::uint64_t shed_ = 0;         // of which it was told
  bool in_trouble_ = false;        // the last attempt failed
  bool configured_wrong_ = false;  // and was said so

  struct LogState {
    std::optional<Clock::time_point> last;
    std::uint64_t left_out = 0;
  };
  std::map<LogKind, LogState> logged_;

  mutable std::mutex mutex_;  // status_, deadline_, finished_
  std::condition_variable changed_;
  LaneStatus status_;
  std::optional<Clock::time_point> deadline_;
  bool finished_ = false;
  std::thread thread_;
};

}  // namespace tocsin
