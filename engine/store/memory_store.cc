// SPDX-License-Identifier: Apache-2.0
// The store of runs without --state: nothing outlives the process. A delivery is in one of two maps
// of its receiver, waiting or leased; when both together reach limits::deliveries_in_memory_max,
// commit() waits for the lane, so that memory does not grow: the log waits instead.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/flow/store.h"

namespace tocsin {

namespace {

// Alert ids of the last limits::duplicate_ids_max alerts; the oldest are forgotten first.
class SeenIds {
 public:
  // False if it was there already.
  bool insert(const std::string& id) {
    const Hash128 hash = content_hash(id);
    if (!set_.insert(hash).second) {
      return false;
    }
    order_.push_back(hash);
    if (order_.size() > limits::duplicate_ids_max) {
      set_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

 private:
  std::unordered_set<Hash128, Hash128Hasher> set_;
  std::deque<Hash128> order_;
};

class MemoryStore final : public Store {
 public:
  Result<void> commit(const Commit& commit) override {
    std::unique_lock lock(mutex_);
    for (const Addressed& addressed : commit.alerts) {
      if (!seen_.insert(addressed.alert->id)) {
        continue;
      }
      const std::uint64_t number = next_number_++;
      for (const std::string& receiver : addressed.receivers) {
        Queue& queue = queues_[receiver];
        room_.wait(lock,
                   [&] { return stopped_ || queue.size() < limits::deliveries_in_memory_max; });
        if (stopped_) {
          return fail("the store was stopped while a batch was being committed");
        }
        queue.waiting.emplace(number, Item{addressed.alert, 0});
        ready_.notify_all();
      }
    }
    for (const Position& position : commit.positions) {
      positions_[position.input] = position.state;
    }
    return {};
  }

  std::vector<Position> positions() const override {
    const std::lock_guard lock(mutex_);
    std::vector<Position> list;
    for (const auto& [input, state] : positions_) {
      list.push_back({input, state});
    }
    return list;
  }

  std::vector<Delivery> lease(const std::string& receiver, std::size_t count_max) override {
    const std::lock_guard lock(mutex_);
    std::vector<Delivery> leased;
    const auto found = queues_.find(receiver);
    if (found == queues_.end()) {
      return leased;
    }
    Queue& queue = found->second;
    while (leased.size() < count_max && !queue.waiting.empty()) {
      auto node = queue.waiting.extract(queue.waiting.begin());
      Item& item = node.mapped();
      leased.push_back({node.key(), item.alert, item.attempts});
      ++item.attempts;
      queue.leased.insert(std::move(node));
    }
    return leased;
  }

  void mark(const std::string& receiver, std::uint64_t number, DeliveryOutcome) override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(receiver);
    if (found != queues_.end() && found->second.leased.erase(number) > 0) {
      room_.notify_all();
    }
  }

  void release(const std::string& receiver, std::uint64_t number) override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(receiver);
    if (found == queues_.end()) {
      return;
    }
    auto node = found->second.leased.extract(number);
    if (!node.empty()) {
      found->second.waiting.insert(std::move(node));
      ready_.notify_all();
    }
  }

  std::uint64_t pending(const std::string& receiver) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(receiver);
    return found == queues_.end() ? 0 : found->second.size();
  }

  void wait(const std::string& receiver, DurationNs timeout_ns) override {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), [&] {
      const auto found = queues_.find(receiver);
      return stopped_ || (found != queues_.end() && !found->second.waiting.empty());
    });
  }

  void stop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    ready_.notify_all();
    room_.notify_all();
  }

 private:
  struct Item {
    std::shared_ptr<const Alert> alert;
    std::uint32_t attempts = 0;
  };
  struct Queue {
    std::map<std::uint64_t, Item> waiting;  // by number: a released delivery is the next again
    std::map<std::uint64_t, Item> leased;
    std::size_t size() const { return waiting.size() + leased.size(); }
  };

  mutable std::mutex mutex_;
  std::condition_variable ready_;  // something to lease
  std::condition_variable room_;   // something was done
  SeenIds seen_;
  std::map<std::string, Queue> queues_;
  std::map<std::string, std::string> positions_;
  std::uint64_t next_number_ = 1;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<Store> make_memory_store() {
  return std::make_unique<MemoryStore>();
}

}  // namespace tocsin
