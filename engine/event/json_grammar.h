// SPDX-License-Identifier: Apache-2.0
// The whole grammar of JSON over a structural index: what strict mode adds to the walk. Three
// answers, because a record that only a strict parser refuses is still evaluated. Thread rule: one
// thread each. Cost: O(n); no recursion; the stack is reused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/event/json_index.h"

namespace tocsin {

enum class JsonVerdict : std::uint8_t {
  valid,       // RFC 8259, numbers within 64 bits or a double, no lone surrogate, depth within
               // limits::json_depth_max
  structural,  // brackets and quotes balance, members are key, colon, value: but a strict parser
               // refuses it
  broken,
};

class JsonGrammar {
 public:
  // Judges the one value of `index`. Bytes outside it are not looked at.
  // `has_backslash`: there is one in the value's bytes.
  JsonVerdict judge(const StructuralIndex& index, bool has_backslash);
  // Judges the value that begins at the structural character `at`, inside `depth` others, and moves
  // `at` behind it.
  JsonVerdict value(const StructuralIndex& index,
                    bool has_backslash,
                    std::size_t depth,
                    std::uint32_t& at);
  // Valid after `broken`.
  const JsonFault& fault() const { return fault_; }

 private:
  JsonVerdict fail(const StructuralIndex& index, const char* what, std::uint32_t at);

  bool close(const StructuralIndex& index, std::uint32_t& at);
  bool skip_too_deep(const StructuralIndex& index, std::uint32_t& at);

  std::string open_;  // the open brackets
  JsonFault fault_;
};

}  // namespace tocsin
