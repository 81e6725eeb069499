// SPDX-License-Identifier: Apache-2.0
// The store of runs without --state: nothing outlives the process. A delivery is in one of two maps
// of its receiver, waiting or leased. When they are too many or too large, the lowest level gives
// way and is counted: memory does not grow, and a dead receiver delays neither detection nor
// another receiver.
#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
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
  bool insert(const std::string& id, std::uint64_t number) {
    const Hash128 hash = content_hash(id);
    if (!numbers_.emplace(hash, number).second) {
      return false;
    }
    order_.push_back(hash);
    if (order_.size() > limits::duplicate_ids_max) {
      numbers_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }
  // Under which the alert was inserted; 0: it was not, or that is forgotten.
  std::uint64_t number(const std::string& id) const {
    const auto found = numbers_.find(content_hash(id));
    return found == numbers_.end() ? 0 : found->second;
  }

 private:
  std::unordered_map<Hash128, std::uint64_t, Hash128Hasher> numbers_;
  std::deque<Hash128> order_;
};

// What waits for one receiver: as much as a few thousand large alerts.
constexpr std::size_t waiting_bytes_max = 64u << 20;

// About what an alert holds on to; its records may be shared with others.
std::size_t bytes_of(const Alert& alert) {
  constexpr std::size_t fixed_bytes = 512;
  std::size_t bytes = fixed_bytes + alert.summary.size() + alert.evidence_json.size();
  for (const std::shared_ptr<const RecordCopy>& record : alert.events) {
    bytes += record == nullptr ? 0 : record->json.size();
  }
  return bytes;
}

class MemoryStore final : public Store {
 public:
  Result<void> commit(const Commit& commit) override {
    const std::lock_guard lock(mutex_);
    for (const Addressed& addressed : commit.alerts) {
      if (!seen_.insert(addressed.alert->id, next_number_)) {
        continue;
      }
      const std::uint64_t number = next_number_++;
      for (const std::string& receiver : addressed.receivers) {
        Queue& queue = queues_[receiver];
        queue.add(number, {addressed.alert});
        queue.make_room();
        ready_.notify_all();
      }
    }
    for (const RaisedCount& raised : commit.raised_counts) {
      raise(seen_.number(raised.alert), raised.by);
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
      const std::uint64_t number = queue.waiting.begin()->first;
      Item item = queue.remove(number);
      leased.push_back({number, item.raised(), item.attempts});
      ++item.attempts;
      queue.leased.emplace(number, std::move(item));
    }
    return leased;
  }

  void mark(const std::string& receiver, std::uint64_t number, DeliveryOutcome) override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(receiver);
    if (found != queues_.end()) {
      found->second.leased.erase(number);
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
      found->second.add(number, std::move(node.mapped()));
      ready_.notify_all();
    }
  }

  std::uint64_t pending(const std::string& receiver) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(receiver);
    return found == queues_.end() ? 0 : found->second.size();
  }

  std::uint64_t shed(const std::string& receiver) const override {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(receiver);
    return found == queues_.end() ? 0 : found->second.shed;
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
  }

 private:
  struct Item {
    std::shared_ptr<const Alert> alert;
    std::uint32_t attempts = 0;
    std::uint64_t folded = 0;

    std::shared_ptr<const Alert> raised() const {
      if (folded == 0) {
        return alert;
      }
      auto copy = std::make_shared<Alert>(*alert);
      copy->count += folded;
      return copy;
    }
  };
  struct Queue {
    std::map<std::uint64_t, Item> waiting;  // by number: a released delivery is the next again
    std::array<std::set<std::uint64_t>, level_count> levels;  // the numbers in `waiting`
    std::map<std::uint64_t, Item> leased;
    std::size_t waiting_bytes = 0;
    std::uint64_t shed = 0;

    std::size_t size() const { return waiting.size() + leased.size(); }
    void add(std::uint64_t number, Item item) {
      waiting_bytes += bytes_of(*item.alert);
      levels[static_cast<std::size_t>(item.alert->level)].insert(number);
      waiting.emplace(number, std::move(item));
    }
    // Precondition: `number` is waiting.
    Item remove(std::uint64_t number) {
      Item item = std::move(waiting.extract(number).mapped());
      waiting_bytes -= bytes_of(*item.alert);
      levels[static_cast<std::size_t>(item.alert->level)].erase(number);
      return item;
    }
    // Of the lowest level the newest goes: what happened first explains what follows.
    void make_room() {
      while (!waiting.empty() &&
             (size() > limits::deliveries_in_memory_max || waiting_bytes > waiting_bytes_max)) {
        const auto lowest = std::find_if(
            levels.begin(), levels.end(), [](const auto& numbers) { return !numbers.empty(); });
        remove(*lowest->rbegin());
        ++shed;
      }
    }
  };

  // What is under way is not raised any more, unless it is released.
  void raise(std::uint64_t number, std::uint64_t by) {
    for (auto& [receiver, queue] : queues_) {
      for (auto* items : {&queue.waiting, &queue.leased}) {
        const auto found = items->find(number);
        if (found != items->end()) {
          found->second.folded += by;
        }
      }
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable ready_;  // something to lease
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
