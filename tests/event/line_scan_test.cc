// SPDX-License-Identifier: Apache-2.0
#include "engine/event/line_scan.h"

#include <cstddef>
#include <string>

#include <doctest/doctest.h>

using namespace tocsin;

namespace {

struct Found {
  std::size_t size = 0;
  bool has_backslash = false;
};

// Byte by byte.
Found expected(const std::string& bytes) {
  Found found;
  for (const char c : bytes) {
    if (c == '\n') {
      break;
    }
    ++found.size;
    found.has_backslash = found.has_backslash || c == '\\';
  }
  return found;
}

void check(const LineScan& scan, const std::string& bytes) {
  const LineScan::Line line = scan.next(bytes.data(), bytes.data() + bytes.size());
  const Found found = expected(bytes);
  REQUIRE(static_cast<std::size_t>(line.end - bytes.data()) == found.size);
  REQUIRE(line.has_backslash == found.has_backslash);
}

}  // namespace

TEST_CASE("every path finds the end of a line and a backslash wherever they stand") {
  for (const LineScan::Path path :
       {LineScan::Path::avx512, LineScan::Path::avx2, LineScan::Path::baseline}) {
    if (!LineScan::supported(path)) {
      MESSAGE("skipped: this machine has no such instructions");
      continue;
    }
    CAPTURE(static_cast<int>(path));
    const LineScan scan(path);
    for (std::size_t size = 0; size < 200; ++size) {
      CAPTURE(size);
      const std::string plain(size, 'x');
      check(scan, plain);
      for (std::size_t newline = 0; newline < size; newline += 1 + newline / 16) {
        std::string bytes = plain;
        bytes[newline] = '\n';
        check(scan, bytes);
        for (std::size_t backslash = 0; backslash < size; backslash += 1 + backslash / 16) {
          bytes = plain;
          bytes[newline] = '\n';
          bytes[backslash] = '\\';
          check(scan, bytes);
        }
      }
    }
  }
}

TEST_CASE("the path that is chosen is one that the machine has") {
  const std::string bytes = "{\"a\":\"\\n\"}\n{}";
  check(LineScan(), bytes);
  CHECK(LineScan::supported(LineScan::Path::baseline));
}
