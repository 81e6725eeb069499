// SPDX-License-Identifier: Apache-2.0
// Rows of text, one a line: KEY TAB TEXT. What inputs and others keep as a position
// (flow/store.h). Thread rule: plain values. Cost: O(n) in all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace tocsin {

struct TextRow {
  std::string_view key;  // empty: the line is no row
  std::string_view text;
  std::string_view line;
};

class RowReader {
 public:
  explicit RowReader(std::string_view rows) : rest_(rows) {}
  // Empty lines are passed over. False: that was all.
  bool next(TextRow& row) {
    do {
      if (rest_.empty()) {
        return false;
      }
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      row.line = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
    } while (row.line.empty());
    const std::size_t tab = row.line.find('\t');
    const bool is_row = tab != std::string_view::npos && tab > 0;
    row.key = is_row ? row.line.substr(0, tab) : std::string_view();
    row.text = is_row ? row.line.substr(tab + 1) : std::string_view();
    return true;
  }

 private:
  std::string_view rest_;
};

}  // namespace tocsin
