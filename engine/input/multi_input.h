// SPDX-License-Identifier: Apache-2.0
// Several inputs as one: claims from each in turn, so that a busy one starves no other.
// Thread rule: as flow/input.h. Precondition: the inputs' ids (SourceInfo::input) are distinct and
// given.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/flow/input.h"

namespace tocsin {

struct NamedInput {
  std::string id;
  std::unique_ptr<Input> input;
};

// One input alone is returned as it is.
std::unique_ptr<Input> combine_inputs(std::vector<NamedInput> inputs);

}  // namespace tocsin
