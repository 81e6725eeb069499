// SPDX-License-Identifier: Apache-2.0
// LineScan: cuts a batch into lines and says of each whether it has a backslash, in one pass: the
// reader of a record without one may skip all that has to do with escapes. Thread rule: plain
// value. Cost: one load and two comparisons for 64, 32 or 16 bytes; reads nothing behind `end`.
#pragma once

#include <cstddef>
#include <string_view>

namespace tocsin {

// Is there a backslash in a record's bytes? `unknown`: the reader looks for itself.
enum class Backslash : unsigned char { unknown, none, some };

class LineScan {
 public:
  struct Line {
    const char* end = nullptr;  // at the newline, or where the bytes end
    bool has_backslash = false;
  };
  enum class Path : unsigned char { avx512, avx2, baseline };

  // The path that fits the kernel that simdjson has chosen for this machine (or was told to take).
  LineScan();
  // One of those that supported() allows.
  explicit LineScan(Path path);
  static bool supported(Path path);

  Line next(const char* begin, const char* end) const { return scan_(begin, end); }

 private:
  Line (*scan_)(const char* begin, const char* end);
};

}  // namespace tocsin
