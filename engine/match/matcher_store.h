// SPDX-License-Identifier: Apache-2.0
// MatcherStore: where a matcher that takes long to compile is kept from one start to the next. Who
// asks checks what comes back. Thread rule: one call at a time, on any thread. Errors: what cannot
// be kept is compiled anew.
#pragma once

#include <string>
#include <string_view>

namespace tocsin {

class MatcherStore {
 public:
  virtual ~MatcherStore() = default;
  // What write() was given last, in this start or an earlier one; empty: nothing is kept.
  virtual std::string read() = 0;
  virtual void write(std::string_view bytes) = 0;
};

}  // namespace tocsin
