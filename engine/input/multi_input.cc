// SPDX-License-Identifier: Apache-2.0
#include "engine/input/multi_input.h"

#include <algorithm>
#include <utility>

namespace tocsin {
namespace {

// An input that waits does not hear of another one's news: none waits longer than this at a time.
constexpr DurationNs shared_wait_ns_max = 50'000'000;

}  // namespace

MultiInput::MultiInput(std::vector<NamedInput> inputs) {
  for (NamedInput& input : inputs) {
    parts_.push_back({std::move(input.id), std::move(input.input), false});
  }
}

std::vector<MultiInput::Part> MultiInput::parts() const {
  const std::lock_guard lock(mutex_);
  return parts_;
}

void MultiInput::replace(std::vector<InputPlan> plan,
                         std::function<void(const std::string&)> failed) {
  {
    const std::lock_guard lock(mutex_);
    plan_ = std::move(plan);
    failed_ = std::move(failed);
    planned_ = true;
  }
  wake();
}

void MultiInput::follow_plan() {
  std::vector<InputPlan> plan;
  std::function<void(const std::string&)> failed;
  std::vector<Part> old;
  {
    const std::lock_guard lock(mutex_);
    if (!planned_) {
      return;
    }
    planned_ = false;
    plan = std::move(plan_);
    failed = std::move(failed_);
    old = parts_;
  }
  std::vector<Part> now;
  for (const InputPlan& wanted : plan) {
    const auto before = std::find_if(
        old.begin(), old.end(), [&](const Part& part) { return part.id == wanted.id; });
    if (!wanted.make) {
      if (before != old.end()) {
        now.push_back(*before);
      }
      continue;
    }
    Result<std::unique_ptr<Input>> made =
        wanted.make(before == old.end() ? std::string() : before->input->positions());
    if (made) {
      now.push_back({wanted.id, std::move(*made), false});
    } else {
      failed(wanted.id + ": " + made.error().message);
      if (before != old.end()) {
        now.push_back(*before);
      }
    }
  }
  const std::lock_guard lock(mutex_);
  parts_ = std::move(now);
}

ClaimStatus MultiInput::claim(Batch& batch) {
  follow_plan();
  std::vector<Part> all = parts();
  bool idle = all.empty();
  for (std::size_t tried = 0; tried < all.size(); ++tried) {
    const std::size_t at = next_++ % all.size();
    if (all[at].finished) {
      continue;
    }
    const ClaimStatus status = all[at].input->claim(batch);
    if (status == ClaimStatus::batch) {
      return status;
    }
    if (status == ClaimStatus::finished) {
      const std::lock_guard lock(mutex_);
      parts_[at].finished = true;
    }
    idle = idle || status == ClaimStatus::idle;
  }
  return idle ? ClaimStatus::idle : ClaimStatus::finished;
}

void MultiInput::load(Batch& batch) {
  // One that was replaced meanwhile has read its batch in claim(), as all inputs of tail do.
  for (const Part& part : parts()) {
    if (part.id == batch.source->input) {
      part.input->load(batch);
    }
  }
}

void MultiInput::wait(DurationNs timeout_ns) {
  const std::vector<Part> all = parts();
  for (std::size_t tried = 0; tried < all.size(); ++tried) {
    waiting_ = (waiting_ + 1) % all.size();
    if (!all[waiting_].finished) {
      all[waiting_].input->wait(all.size() == 1 ? timeout_ns
                                                : std::min(timeout_ns, shared_wait_ns_max));
      return;
    }
  }
}

void MultiInput::keep_up() {
  for (const Part& part : parts()) {
    part.input->keep_up();
  }
}

void MultiInput::wake() {
  for (const Part& part : parts()) {
    part.input->wake();
  }
}

std::uint64_t MultiInput::bytes_total() const {
  std::uint64_t total = 0;
  for (const Part& part : parts()) {
    const std::uint64_t own = part.input->bytes_total();
    if (own == 0) {
      return 0;  // one unknown makes the sum unknown
    }
    total += own;
  }
  return total;
}

std::uint64_t MultiInput::bytes_done() const {
  std::uint64_t total = 0;
  for (const Part& part : parts()) {
    total += part.input->bytes_done();
  }
  return total;
}

void MultiInput::status(std::vector<InputStatus>& out) const {
  for (const Part& part : parts()) {
    part.input->status(out);
  }
}

}  // namespace tocsin
