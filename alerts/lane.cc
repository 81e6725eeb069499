// SPDX-License-Identifier: Apache-2.0
#include "alerts/lane.h"

#include <algorithm>
#include <utility>

#include "alerts/redacted_alert.h"
#include "alerts/sanitize.h"
#include "engine/base/hash.h"

namespace tocsin {
namespace {

// Deliveries held by a lane at a time: the store is the queue.
constexpr std::size_t lease_max = 64;
// How long a lane waits for work before it looks whether it should end.
constexpr DurationNs idle_wait_ns = 100 * second_ns / 1000;

TimeNs steady_ns(Lane::Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

DurationNs interval_of(const ReceiverConfig& config, const SinkType& type) {
  return config.min_interval_ns < 0 ? type.min_interval_ns : config.min_interval_ns;
}

// "3s", "250ms": for people, no finer than a millisecond.
std::string duration_text(DurationNs duration) {
  const DurationNs rounded = duration / 1'000'000 * 1'000'000;
  return rounded > 0 ? format_duration(rounded) : "0s";
}

std::string alert_text(const Alert& alert) {
  return "alert " + alert.id + " (" + plain_line(alert_title(alert), 80) + ")";
}

}  // namespace

Lane::Lane(const SinkType& type,
           ReceiverConfig config,
           Store& store,
           const EngineInfo& engine,
           std::shared_ptr<const Redactor> redactor,
           LaneLog log,
           LaneSettings settings)
    : config_(std::move(config)),
      store_(store),
      engine_(engine),
      redactor_(std::move(redactor)),
      log_(std::move(log)),
      settings_(std::move(settings)),
      http_("tocsin/" + engine_.version),
      backoff_(config_.retry.initial_ns,
               config_.retry.max_ns,
               seeded_hash(config_.name, settings_.jitter_seed)),
      bucket_(interval_of(config_, type), type.burst) {
  sink_ = type.make(SinkContext{config_, engine_, *redactor_, http_, settings_});
  status_.receiver = config_.name;
}

Lane::~Lane() {
  if (thread_.joinable()) {
    begin_drain(Clock::now());
    finish();
  }
}

void Lane::start() {
  thread_ = std::thread([this] { run(); });
}

void Lane::begin_drain(Clock::time_point deadline) {
  const std::lock_guard lock(mutex_);
  deadline_ = deadline;
  changed_.notify_all();
}

void Lane::finish() {
  {
    std::unique_lock lock(mutex_);
    const Clock::time_point deadline = deadline_.value_or(Clock::now());
    changed_.wait_until(lock, deadline, [&] { return finished_; });
  }
  http_.cancel();
  thread_.join();
}

LaneStatus Lane::status() const {
  LaneStatus status;
  {
    const std::lock_guard lock(mutex_);
    status = status_;
  }
  status.pending = store_.pending(config_.name);
  status.shed = store_.shed(config_.name);
  return status;
}

void Lane::run() {
  bool stopped = false;
  while (!stopped) {
    const std::vector<Delivery> deliveries = store_.lease(config_.name, lease_max);
    for (std::size_t i = 0; i < deliveries.size(); ++i) {
      stopped = stopped || deliver(deliveries[i]) == Step::stopped;
      if (stopped) {
        store_.release(config_.name, deliveries[i].number);
      }
    }
    if (deliveries.empty()) {
      stopped = wait_for_work();
    }
  }
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

// True if the lane should end.
bool Lane::wait_for_work() {
  const Clock::time_point begin = Clock::now();
  store_.wait(config_.name, idle_wait_ns);
  const bool nothing = store_.pending(config_.name) == 0;
  std::unique_lock lock(mutex_);
  if (deadline_ && (nothing || Clock::now() >= *deadline_)) {
    return true;
  }
  if (nothing && Clock::now() - begin < std::chrono::nanoseconds(idle_wait_ns)) {
    // A store that was stopped returns at once: do not spin on it.
    changed_.wait_for(lock, std::chrono::nanoseconds(idle_wait_ns));
  }
  return false;
}

Lane::Step Lane::deliver(const Delivery& delivery) {
  const Clock::time_point first_try = Clock::now();
  for (;;) {
    if (age(delivery, first_try) >= config_.retry.max_age_ns) {
      expire(delivery);
      return Step::given_up;
    }
    const DurationNs spacing = bucket_.wait(steady_ns(Clock::now()));
    if (!sleep(spacing)) {
      return Step::stopped;
    }
    bucket_.take(steady_ns(Clock::now()));
    {
      const std::lock_guard lock(mutex_);
      ++status_.attempts;
    }
    const SendResult result = sink_->deliver(*delivery.alert);
    note_shed();
    DurationNs wait_ns = 0;
    const Step step = settle(delivery, result, wait_ns);
    if (step != Step::stopped) {
      return step;
    }
    // It may grow too old before its next try.
    const DurationNs left = config_.retry.max_age_ns - age(delivery, first_try);
    if (!sleep(std::min(wait_ns, std::max<DurationNs>(left, 0)))) {
      return Step::stopped;
    }
  }
}

// `stopped` here: neither delivered nor given up; wait_ns says when to try again.
Lane::Step Lane::settle(const Delivery& delivery, const SendResult& result, DurationNs& wait_ns) {
  switch (result.kind) {
    case SendResult::Kind::delivered:
      mark(delivery, DeliveryOutcome::delivered);
      note_trouble(false);
      if (in_trouble_) {
        log_("receiver " + config_.name + ": delivers again");
        in_trouble_ = false;
        configured_wrong_ = false;
        logged_.clear();
      }
      backoff_.reset();
      return Step::done;
    case SendResult::Kind::permanent:
      note_error(result.reason);
      mark(delivery, DeliveryOutcome::failed);
      log_limited(
          LogKind::refused,
          alert_text(*delivery.alert) + " was refused and is not sent again: " + result.reason);
      backoff_.reset();
      return Step::given_up;
    case SendResult::Kind::retry:
      // Shutdown ends a request that runs: no news about the endpoint.
      if (!is_past_deadline()) {
        wait_ns = note_retry(result);
      }
      return Step::stopped;
    case SendResult::Kind::configured_wrong:
      note_error(result.reason);
      in_trouble_ = true;
      if (!configured_wrong_) {
        configured_wrong_ = true;
        log_("receiver " + config_.name +
             ": NOTHING IS DELIVERED until this is mended (tried again every " +
             duration_text(backoff_.max_ns()) + "): " + result.reason);
      }
      wait_ns = backoff_.max_ns();
      return Step::stopped;
  }
  return Step::stopped;
}

DurationNs Lane::note_retry(const SendResult& result) {
  note_error(result.reason);
  in_trouble_ = true;
  const DurationNs asked = std::min(result.retry_after_ns, settings_.retry_after_max_ns);
  const DurationNs wait_ns = std::max(backoff_.next(), asked);
  std::string line = "next try in " + duration_text(wait_ns);
  if (asked < result.retry_after_ns) {
    line += " (asked to wait " + duration_text(result.retry_after_ns) + ")";
  }
  log_limited(LogKind::retry, line + ": " + result.reason);
  return wait_ns;
}

void Lane::mark(const Delivery& delivery, DeliveryOutcome outcome) {
  // The count first: who sees that nothing is pending may rely on it.
  {
    const std::lock_guard lock(mutex_);
    ++(outcome == DeliveryOutcome::delivered ? status_.delivered : status_.failed);
  }
  store_.mark(config_.name, delivery.number, outcome);
}

void Lane::expire(const Delivery& delivery) {
  mark(delivery, DeliveryOutcome::failed);
  const std::string last = [&] {
    const std::lock_guard lock(mutex_);
    return status_.last_error;
  }();
  log_limited(LogKind::expired,
              alert_text(*delivery.alert) + " is older than " +
                  duration_text(config_.retry.max_age_ns) + " and is given up" +
                  (last.empty() ? "" : ": " + last));
}

void Lane::note_shed() {
  const std::uint64_t shed = store_.shed(config_.name);
  if (shed > shed_) {
    shed_ = shed;
    log_limited(LogKind::shed,
                "more alerts wait than can be kept: " + std::to_string(shed) +
                    " of the lowest levels are given up so far");
  }
}

bool Lane::sleep(DurationNs wait_ns) {
  const Clock::time_point until =
      Clock::now() + std::chrono::nanoseconds(std::max<DurationNs>(wait_ns, 0));
  std::unique_lock lock(mutex_);
  for (;;) {
    if (deadline_ && (until >= *deadline_ || Clock::now() >= *deadline_)) {
      return false;
    }
    if (Clock::now() >= until) {
      return true;
    }
    changed_.wait_until(lock, until);
  }
}

bool Lane::is_past_deadline() const {
  const std::lock_guard lock(mutex_);
  return deadline_ && Clock::now() >= *deadline_;
}

DurationNs Lane::age(const Delivery& delivery, Clock::time_point first_try) const {
  if (settings_.now) {
    return settings_.now() - delivery.alert->detected_at;
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - first_try).count();
}

void Lane::note_error(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  status_.last_error = reason;
  status_.in_trouble = true;
}

void Lane::note_trouble(bool in_trouble) {
  const std::lock_guard lock(mutex_);
  status_.in_trouble = in_trouble;
}

void Lane::log_limited(LogKind kind, const std::string& line) {
  LogState& state = logged_[kind];
  const Clock::time_point now = Clock::now();
  if (state.last && now - *state.last < std::chrono::nanoseconds(settings_.log_interval_ns)) {
    ++state.left_out;
    return;
  }
  std::string text = "receiver " + config_.name + ": " + line;
  if (state.left_out > 0) {
    text += " (and " + std::to_string(state.left_out) + " more such)";
  }
  state.last = now;
  state.left_out = 0;
  log_(text);
}

}  // namespace tocsin
