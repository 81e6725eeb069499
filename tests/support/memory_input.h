// SPDX-License-Identifier: Apache-2.0
// MemoryInput: an Input over lines in memory, cut into batches of a given number of lines.
// Thread rule: as flow/input.h.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/flow/input.h"

namespace tocsin::testing {

struct MemorySource {
  std::string name = "-";
  std::string text;  // lines
  DecodeOptions decode;
};

struct MemoryInputOptions {
  std::size_t batch_lines = 1024;
  // Go on with `idle` at the end instead of `finished`.
  bool endless = false;
  // Called inside claim(), before batch `number` is handed out. May be empty.
  std::function<void(std::uint64_t number)> on_claim;
};

class MemoryInput final : public Input {
 public:
  MemoryInput(std::vector<MemorySource> sources, MemoryInputOptions options);

  ClaimStatus claim(Batch& batch) override;
  void load(Batch& batch) override;
  void wait(DurationNs timeout_ns) override;
  void wake() override;
  std::uint64_t bytes_total() const override;
  std::uint64_t bytes_done() const override { return done_.load(); }

  // From any thread.
  std::uint64_t claimed() const { return next_number_.load(); }

 private:
  std::vector<MemorySource> sources_;
  MemoryInputOptions options_;
  std::vector<std::shared_ptr<const SourceInfo>> infos_;
  std::size_t source_ = 0;
  std::size_t at_ = 0;
  std::atomic<std::uint64_t> next_number_{0};
  std::atomic<std::uint64_t> done_{0};
  std::mutex mutex_;
  std::condition_variable woken_;
  bool wake_ = false;
};

}  // namespace tocsin::testing
