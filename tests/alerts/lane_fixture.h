// SPDX-License-Identifier: Apache-2.0
// What tests of lanes share: a store that tells when deliveries are done, a log, and receivers with
// scaled-down times.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "alerts/receivers.h"
#include "tests/alerts/alert_fixture.h"
#include "tests/alerts/fault_server.h"

namespace tocsin::test {

inline constexpr DurationNs ms = second_ns / 1000;

// A memory store that tells when deliveries are done.
class WatchedStore final : public Store {
 public:
  Result<void> commit(const Commit& commit) override { return inner_->commit(commit); }
  std::vector<Position> positions() const override { return inner_->positions(); }
  std::vector<Delivery> lease(const std::string& receiver, std::size_t count_max) override {
    return inner_->lease(receiver, count_max);
  }
  void mark(const std::string& receiver, std::uint64_t number, DeliveryOutcome outcome) override {
    inner_->mark(receiver, number, outcome);
    const std::lock_guard lock(mutex_);
    done_.push_back({receiver, number, outcome});
    changed_.notify_all();
  }
  void release(const std::string& receiver, std::uint64_t number) override {
    inner_->release(receiver, number);
  }
  std::uint64_t pending(const std::string& receiver) const override {
    return inner_->pending(receiver);
  }
  std::uint64_t shed(const std::string& receiver) const override { return inner_->shed(receiver); }
  void wait(const std::string& receiver, DurationNs timeout_ns) override {
    inner_->wait(receiver, timeout_ns);
  }
  void stop() override { inner_->stop(); }

  struct Done {
    std::string receiver;
    std::uint64_t number;
    DeliveryOutcome outcome;
  };
  std::vector<Done> done() const {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  // False after 10 s without it.
  bool wait_done(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return done_.size() >= count; });
  }

 private:
  std::unique_ptr<Store> inner_ = make_memory_store();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Done> done_;
};

class Log {
 public:
  LaneLog sink() {
    return [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(line);
    };
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::size_t count(const std::string& part) const {
    std::size_t count = 0;
    for (const std::string& line : lines()) {
      count += line.find(part) != std::string::npos ? 1u : 0u;
    }
    return count;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

inline ReceiverConfig receiver(const std::string& name,
                               const std::string& type,
                               const std::string& url) {
  ReceiverConfig config;
  config.name = name;
  config.type = type;
  config.url = Secret(url);
  config.timeout_ns = 250 * ms;
  config.connect_timeout_ns = 250 * ms;
  config.min_interval_ns = 0;
  config.retry.initial_ns = 2 * ms;
  config.retry.max_ns = 20 * ms;
  config.retry.max_age_ns = 20 * second_ns;
  return config;
}

inline std::shared_ptr<const Alert> numbered_alert(int number) {
  return std::make_shared<const Alert>(alert_of(
      R"({"eventName":"E)" + std::to_string(number) + R"(","userIdentity":{"type":"Root"}})",
      make_rule("T")));
}

struct Fixture {
  WatchedStore store;
  Log log;
  LaneSettings settings;
  std::unique_ptr<Lanes> lanes;

  void commit(const std::vector<std::string>& receivers, int count) {
    std::vector<Addressed> alerts;
    for (int i = 0; i < count; ++i) {
      alerts.push_back({numbered_alert(i), receivers});
    }
    Commit commit;
    commit.alerts = alerts;
    REQUIRE(store.commit(commit).has_value());
  }
  void start(const std::vector<ReceiverConfig>& receivers) {
    auto started = Lanes::start(
        receivers, store, {"0", "h"}, std::make_shared<const Redactor>(), log.sink(), settings);
    REQUIRE(started.has_value());
    lanes = std::move(*started);
  }
  LaneStatus status(std::size_t lane = 0) const { return lanes->status().at(lane); }
};

inline DurationNs between(const Received& a, const Received& b) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(b.at - a.at).count();
}

}  // namespace tocsin::test
