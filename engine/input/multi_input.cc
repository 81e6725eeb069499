// SPDX-License-Identifier: Apache-2.0
#include "engine/input/multi_input.h"

#include <algorithm>
#include <cassert>

namespace tocsin {
namespace {

// An input that waits does not hear of another one's news: none waits longer than this at a time.
constexpr DurationNs shared_wait_ns_max = 50'000'000;

class MultiInput final : public Input {
 public:
  explicit MultiInput(std::vector<NamedInput> inputs)
      : inputs_(std::move(inputs)), finished_(inputs_.size(), false) {}

  ClaimStatus claim(Batch& batch) override {
    bool idle = false;
    for (std::size_t tried = 0; tried < inputs_.size(); ++tried) {
      const std::size_t at = next_;
      next_ = (next_ + 1) % inputs_.size();
      if (finished_[at]) {
        continue;
      }
      const ClaimStatus status = inputs_[at].input->claim(batch);
      if (status == ClaimStatus::batch) {
        return status;
      }
      finished_[at] = status == ClaimStatus::finished;
      idle = idle || status == ClaimStatus::idle;
    }
    return idle ? ClaimStatus::idle : ClaimStatus::finished;
  }

  void load(Batch& batch) override { owner(batch).load(batch); }

  void wait(DurationNs timeout_ns) override {
    for (std::size_t tried = 0; tried < inputs_.size(); ++tried) {
      waiting_ = (waiting_ + 1) % inputs_.size();
      if (!finished_[waiting_]) {
        inputs_[waiting_].input->wait(std::min(timeout_ns, shared_wait_ns_max));
        return;
      }
    }
  }

  void wake() override {
    for (NamedInput& input : inputs_) {
      input.input->wake();
    }
  }

  std::uint64_t bytes_total() const override {
    std::uint64_t total = 0;
    for (const NamedInput& input : inputs_) {
      const std::uint64_t own = input.input->bytes_total();
      if (own == 0) {
        return 0;  // one unknown makes the sum unknown
      }
      total += own;
    }
    return total;
  }

  std::uint64_t bytes_done() const override {
    std::uint64_t total = 0;
    for (const NamedInput& input : inputs_) {
      total += input.input->bytes_done();
    }
    return total;
  }

 private:
  Input& owner(const Batch& batch) {
    const auto found = std::find_if(inputs_.begin(), inputs_.end(), [&](const NamedInput& input) {
      return input.id == batch.source->input;
    });
    assert(found != inputs_.end());
    return *found->input;
  }

  std::vector<NamedInput> inputs_;
  std::vector<bool> finished_;
  std::size_t next_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace

std::unique_ptr<Input> combine_inputs(std::vector<NamedInput> inputs) {
  if (inputs.size() == 1) {
    return std::move(inputs.front().input);
  }
  return std::make_unique<MultiInput>(std::move(inputs));
}

}  // namespace tocsin
