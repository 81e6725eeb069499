// SPDX-License-Identifier: Apache-2.0
// The inputs of a run as the configuration has them. Thread rule: one thread; the inputs' notices
// come from any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/options.h"
#include "app/watch.h"
#include "engine/input/multi_input.h"

namespace tocsin {

enum class RunMode : std::uint8_t { scan, tail };

DecodeOptions decode_options(const InputConfig& input, const Options& options);

// One input. `positions`: what it goes on from (tail); empty: a first start, as `config` says.
Result<std::unique_ptr<Input>> open_input(const InputConfig& config,
                                          const Options& options,
                                          RunMode mode,
                                          Notices& notices,
                                          std::string positions = {});

// From the inputs of `before` to those of `after`: what is equal stays.
std::vector<InputPlan> plan_inputs(const std::vector<InputConfig>& before,
                                   const std::vector<InputConfig>& after,
                                   const Options& options,
                                   Notices& notices);

}  // namespace tocsin
