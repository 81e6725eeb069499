// SPDX-License-Identifier: Apache-2.0
#include "app/committer.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/process.h"

namespace tocsin {
namespace {

// Keeps what is committed; fails or blocks where it is told to.
class FakeStore final : public Store {
 public:
  Result<void> commit(const Commit& commit) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !blocked_; });
    if (failures_ > 0) {
      --failures_;
      return fail("the disk is full");
    }
    ++commits_;
    for (const Addressed& addressed : commit.alerts) {
      alerts_.push_back(addressed.alert->id);
    }
    for (const Position& position : commit.positions) {
      positions_[position.input] += "|" + position.state;
    }
    for (const StateRow& row : commit.detector_state) {
      if (row.bytes.empty()) {
        state_.erase(row.key);
      } else {
        state_[row.key] = row.bytes;
      }
    }
    return {};
  }
  std::vector<Position> positions() const override { return {}; }
  std::vector<StateRow> detector_state() const override {
    std::vector<StateRow> rows;
    for (const auto& [key, bytes] : state_) {
      rows.push_back({key, bytes});
    }
    return rows;
  }
  std::vector<Delivery> lease(const std::string&, std::size_t) override { return {}; }
  void mark(const std::string&, std::uint64_t, DeliveryOutcome) override {}
  void release(const std::string&, std::uint64_t) override {}
  std::uint64_t pending(const std::string&) const override { return 0; }
  std::uint64_t shed(const std::string&) const override { return 0; }
  void wait(const std::string&, DurationNs) override {}
  void stop() override {}
  bool is_damaged() const override { return damaged_; }

  void block(bool blocked) {
    const std::lock_guard lock(mutex_);
    blocked_ = blocked;
    changed_.notify_all();
  }
  void fail_next(int commits) {
    const std::lock_guard lock(mutex_);
    failures_ = commits;
  }
  int failures_left() const {
    const std::lock_guard lock(mutex_);
    return failures_;
  }
  int commits() const {
    const std::lock_guard lock(mutex_);
    return commits_;
  }
  std::string restored() const {
    std::optional<SavedState> saved;
    const Result<StateLog> log = StateLog::read(detector_state(), saved);
    if (!log || !saved) {
      return log ? "nothing" : log.error().message;
    }
    std::string text = saved->snapshot;
    for (const std::string& journal : saved->journal) {
      text += journal;
    }
    return text;
  }

  std::atomic<bool> damaged_{false};
  std::vector<std::string> alerts_;
  std::map<std::string, std::string> positions_;
  std::map<std::string, std::string> state_;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool blocked_ = false;
  int failures_ = 0;
  int commits_ = 0;
};

StagedCommit staged(const std::string& position, const std::string& journal = {}) {
  StagedCommit commit;
  commit.input = "in";
  commit.position = position;
  commit.journal = journal;
  return commit;
}

StagedCommit with_alert(const std::string& id) {
  Alert alert;
  alert.id = id;
  StagedCommit commit;
  commit.alerts.push_back({std::make_shared<const Alert>(std::move(alert)), {}});
  return commit;
}

// Nothing is committed by time: only what asks for it.
CommitterSettings patient() {
  CommitterSettings settings;
  settings.interval_ns = hour_ns;
  return settings;
}

TEST_CASE("what batches leave behind is one transaction, the last row of each key wins") {
  FakeStore store;
  Committer committer(store, {}, patient());
  committer.add(staged("a\t1\nb\t1\n", "x"));
  committer.add(staged("a\t2\n", "y"));
  CHECK(store.commits() == 0);
  CHECK(committer.waiting_since() != 0);
  REQUIRE(committer.flush(minute_ns));
  CHECK(store.commits() == 1);
  CHECK(store.positions_["in"] == "|a\t2\nb\t1\n");
  CHECK(committer.waiting_since() == 0);
  CHECK(committer.commits() == 1);
}

TEST_CASE("an alert is committed at once, with everything before it; else the interval decides") {
  FakeStore store;
  {
    Committer committer(store, {}, patient());
    committer.add(staged("a\t1\n"));
    committer.add(with_alert("first"));
    CHECK(test::eventually([&] { return store.commits() == 1; }));
  }
  CHECK(store.alerts_ == std::vector<std::string>{"first"});
  CHECK(store.positions_["in"] == "|a\t1\n");
  CommitterSettings settings;
  settings.interval_ns = 1'000'000;
  Committer committer(store, {}, settings);
  committer.add(staged("a\t2\n"));
  CHECK(test::eventually([&] { return store.commits() == 2; }));
}

TEST_CASE("a snapshot covers the journal before it and none after it") {
  FakeStore store;
  Committer committer(store, {}, patient());
  CHECK(committer.wants_snapshot());
  StagedCommit first = staged("", "1");
  first.snapshot = "S1";
  committer.add(std::move(first));
  CHECK_FALSE(committer.wants_snapshot());
  committer.add(staged("", "2"));
  StagedCommit second = staged("", "3");
  second.snapshot = "S123";
  committer.add(std::move(second));
  committer.add(staged("", "4"));
  committer.add(staged("", "5"));
  REQUIRE(committer.flush(minute_ns));
  CHECK(store.restored() == "S12345");
  StagedCommit large;
  large.snapshot = std::string(3 * StateLog::piece_bytes, 'L');
  committer.add(std::move(large));
  committer.add(staged("", "6"));
  REQUIRE(committer.flush(minute_ns));
  CHECK(store.restored() == std::string(3 * StateLog::piece_bytes, 'L') + "6");
}

TEST_CASE("a commit that fails is tried again, told once, and nothing is lost or doubled") {
  FakeStore store;
  store.fail_next(2);
  std::vector<std::string> told;
  int recovered = 0;
  CommitterSettings settings = patient();
  settings.on_problem = [&](const std::string& message) { told.push_back(message); };
  settings.on_recovered = [&] { ++recovered; };
  Committer committer(store, {}, settings);
  committer.add(with_alert("a"));
  committer.add(staged("k\t1\n"));
  REQUIRE(committer.flush(minute_ns));
  CHECK(store.alerts_ == std::vector<std::string>{"a"});
  CHECK(store.positions_["in"] == "|k\t1\n");
  CHECK(told == std::vector<std::string>{"the disk is full"});
  CHECK(recovered == 1);
}

TEST_CASE("a flush tries at once what failed, and does not sit out the pause before the next try") {
  FakeStore store;
  constexpr int many = 1000;
  store.fail_next(many);
  Committer committer(store, {}, patient());
  committer.add(with_alert("a"));
  // The next try is 800 ms away.
  REQUIRE(test::eventually([&] { return store.failures_left() <= many - 4; }));
  store.fail_next(0);
  CHECK(committer.flush(400'000'000));
  CHECK(store.commits() == 1);
}

TEST_CASE("a store that is damaged is told of once, and no flush waits for it") {
  FakeStore store;
  store.fail_next(1000);
  store.damaged_ = true;
  int damaged = 0;
  CommitterSettings settings = patient();
  settings.on_damaged = [&] { ++damaged; };
  Committer committer(store, {}, settings);
  committer.add(with_alert("a"));
  CHECK_FALSE(committer.flush(minute_ns));
  CHECK_FALSE(committer.flush(minute_ns));
  CHECK(damaged == 1);
}

TEST_CASE("add waits while too much is not committed, until there is room or the run ends") {
  FakeStore store;
  store.block(true);
  CommitterSettings settings = patient();
  settings.bytes_max = 10;
  settings.bytes_at_once = 1;
  Committer committer(store, {}, settings);
  committer.add(staged("a\t1\n"));  // is being committed
  CHECK_FALSE(committer.flush(1'000'000));
  committer.add(staged("b\tmore than ten bytes\n"));
  std::atomic<int> added{0};
  std::thread adder([&] {
    committer.add(staged("c\tmore than ten bytes\n"));
    ++added;
    committer.add(staged("d\tmore than ten bytes\n"));
    ++added;
  });
  CHECK(added == 0);
  store.block(false);
  adder.join();
  store.block(true);
  committer.stop_waiting();
  for (int i = 0; i < 5; ++i) {
    committer.add(staged("e\tmore than ten bytes\n"));
  }
  CHECK_FALSE(committer.flush(1'000'000));
  store.block(false);
  REQUIRE(committer.flush(minute_ns));
}

}  // namespace
}  // namespace tocsin
