// SPDX-License-Identifier: Apache-2.0
// MultiInput: several inputs as one: they take turns, so that a busy one does not starve another.
// Thread rule: as flow/input.h. replace() may be called from any thread: the new inputs take over
// at the next claim(), between two batches. Cost: one lock per claim.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/flow/input.h"

namespace tocsin {

struct NamedInput {
  std::string id;
  std::shared_ptr<Input> input;
};

// What is to be read from now on. An input with `make` is made anew, from the positions of the one
// that had its id (empty: there was none); without, the one that has the id stays.
struct InputPlan {
  std::string id;
  std::function<Result<std::unique_ptr<Input>>(std::string positions)> make;
};

class MultiInput final : public Input {
 public:
  explicit MultiInput(std::vector<NamedInput> inputs);

  // The inputs that are gone are told of no more. `failed` is called, from the thread of claim(),
  // for each that cannot be made; the old one of that id stays then.
  void replace(std::vector<InputPlan> plan, std::function<void(const std::string&)> failed);

  ClaimStatus claim(Batch& batch) override;
  void load(Batch& batch) override;
  void wait(DurationNs timeout_ns) override;
  void wake() override;
  void keep_up() override;
  std::uint64_t bytes_total() const override;
  std::uint64_t bytes_done() const override;
  void status(std::vector<InputStatus>& out) const override;

 private:
  struct Part {
    std::string id;
    std::shared_ptr<Input> input;
    bool finished = false;
  };
  void follow_plan();
  std::vector<Part> parts() const;

  mutable std::mutex mutex_;  // parts_, plan_
  std::vector<Part> parts_;
  bool planned_ = false;
  std::vector<InputPlan> plan_;
  std::function<void(const std::string&)> failed_;
  std::size_t next_ = 0;     // by claim() only
  std::size_t waiting_ = 0;  // by wait() only
};

}  // namespace tocsin
