// SPDX-License-Identifier: Apache-2.0
#include "detectors/shard_threads.h"

#include <system_error>

namespace tocsin {

ShardThreads::ShardThreads(std::uint32_t threads) {
  for (std::uint32_t i = 1; i < threads; ++i) {
    try {
      helpers_.emplace_back([this] { help(); });
    } catch (const std::system_error&) {
      break;
    }
  }
}

ShardThreads::~ShardThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& helper : helpers_) {
    helper.join();
  }
}

void ShardThreads::run(std::uint32_t shards, const std::function<void(std::uint32_t)>& work) {
  if (helpers_.empty() || shards == 1) {
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
      work(shard);
    }
    return;
  }
  std::unique_lock lock(mutex_);
  work_ = &work;
  next_ = 0;
  shards_ = shards;
  unfinished_ = shards;
  wake_.notify_all();
  work_off(lock);
  done_.wait(lock, [this] { return unfinished_ == 0; });
  work_ = nullptr;
}

void ShardThreads::work_off(std::unique_lock<std::mutex>& lock) {
  while (work_ != nullptr && next_ < shards_) {
    const std::function<void(std::uint32_t)>& work = *work_;
    const std::uint32_t shard = next_++;
    lock.unlock();
    work(shard);
    lock.lock();
    if (--unfinished_ == 0) {
      done_.notify_all();
    }
  }
}

void ShardThreads::help() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || (work_ != nullptr && next_ < shards_); });
    if (stopping_) {
      return;
    }
    work_off(lock);
  }
}

}  // namespace tocsin
