// SPDX-License-Identifier: Apache-2.0
// ShardThreads: runs one function for each shard, on the caller's thread and on helpers that live
// as long as this. Thread rule: run() by one thread at a time. Cost: one wake-up per helper.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tocsin {

class ShardThreads {
 public:
  // `threads`: the caller's included. Fewer are used where no more can be had.
  explicit ShardThreads(std::uint32_t threads);
  ~ShardThreads();
  ShardThreads(const ShardThreads&) = delete;
  ShardThreads& operator=(const ShardThreads&) = delete;

  // Calls work(0) ... work(shards - 1), each once, and returns when all are done.
  void run(std::uint32_t shards, const std::function<void(std::uint32_t)>& work);

 private:
  void help();
  void work_off(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  const std::function<void(std::uint32_t)>* work_ = nullptr;
  std::uint32_t next_ = 0;
  std::uint32_t shards_ = 0;
  std::uint32_t unfinished_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace tocsin
