// SPDX-License-Identifier: Apache-2.0
#include "detectors/condition.h"

#include <vector>

namespace tocsin {

bool holds(std::span<const ConditionStep> condition, std::uint64_t met, std::uint64_t seen) {
  // Each operand twice: as asserted and as it stands under `not`.
  struct Operand {
    bool asserted;
    bool denied;
  };
  std::vector<Operand> stack;
  stack.reserve(condition.size());
  for (const ConditionStep& step : condition) {
    switch (step.kind) {
      case ConditionStep::Kind::input:
        stack.push_back({(met >> step.operand & 1) != 0, (seen >> step.operand & 1) != 0});
        break;
      case ConditionStep::Kind::negation:
        stack.back() = {!stack.back().denied, !stack.back().asserted};
        break;
      case ConditionStep::Kind::all_of:
      case ConditionStep::Kind::any_of: {
        const bool all = step.kind == ConditionStep::Kind::all_of;
        Operand result{all, all};
        for (std::uint32_t i = 0; i < step.operand; ++i) {
          const Operand& operand = stack.back();
          result.asserted =
              all ? result.asserted && operand.asserted : result.asserted || operand.asserted;
          result.denied = all ? result.denied && operand.denied : result.denied || operand.denied;
          stack.pop_back();
        }
        stack.push_back(result);
        break;
      }
    }
  }
  return stack.back().asserted;
}

bool is_valid(std::span<const ConditionStep> condition, std::size_t inputs) {
  std::size_t depth = 0;
  for (const ConditionStep& step : condition) {
    switch (step.kind) {
      case ConditionStep::Kind::input:
        if (step.operand >= inputs) {
          return false;
        }
        ++depth;
        break;
      case ConditionStep::Kind::negation:
        if (depth == 0) {
          return false;
        }
        break;
      case ConditionStep::Kind::all_of:
      case ConditionStep::Kind::any_of:
        if (step.operand == 0 || step.operand > depth) {
          return false;
        }
        depth -= step.operand - 1;
        break;
    }
  }
  return depth == 1;
}

}  // namespace tocsin
