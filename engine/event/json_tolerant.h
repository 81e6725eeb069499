// SPDX-License-Identifier: Apache-2.0
// The tolerant scan: a structural index of a record that simdjson's stage 1 refuses, over a
// repaired copy of it. Bytes that are no UTF-8 become U+FFFD; control characters inside strings
// stay what they are. Thread rule: one thread each. Cost: O(n), byte by byte; the buffers are
// reused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/json_index.h"

namespace tocsin {

class TolerantScan {
 public:
  // False: a string does not end. `record` is below 1 GiB.
  bool scan(std::string_view record);

  // The repaired copy, padded, valid until the next scan.
  std::string_view text() const { return {text_.data(), size_}; }
  StructuralIndex index() const {
    const std::size_t count = kinds_.size() - StructuralIndex::kinds_behind;
    return {text_.data(), positions_.data(), kinds_.data(), 0, static_cast<std::uint32_t>(count)};
  }
  // Did the last scan find what a strict parser refuses: a byte that is no UTF-8, a control
  // character in a string?
  bool repaired() const { return repaired_; }
  // After false: where the string begins that does not end, in text().
  std::uint32_t open_quote() const { return open_quote_; }
  // The offset in `record`, as last scanned, of a byte of text().
  std::uint32_t original_offset(std::string_view record, std::uint32_t at) const;

 private:
  std::string text_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> positions_;
  std::string kinds_;
  std::uint32_t open_quote_ = 0;
  bool repaired_ = false;
};

}  // namespace tocsin
