// SPDX-License-Identifier: Apache-2.0
// parse_only FILE: reads the file in pieces of 1 MiB and DOM-parses each line; prints how many were
// valid.
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "bench/yardstick.h"

int main(int count, char** arguments) {
  const int file = count == 2 ? open(arguments[1], O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) {
    std::fprintf(stderr, "usage: parse_only FILE\n");
    return 2;
  }
  constexpr std::size_t piece = 1u << 20;
  constexpr std::size_t longest_line = 8u << 20;
  std::vector<char> buffer(longest_line + piece + 64);
  tocsin::bench::Yardstick yardstick;
  std::size_t kept = 0;
  unsigned long long valid = 0;
  while (true) {
    const ssize_t got = read(file, buffer.data() + kept, piece);
    if (got < 0) {
      std::perror(arguments[1]);
      return 1;
    }
    const std::size_t size = kept + static_cast<std::size_t>(got);
    const std::string_view bytes(buffer.data(), size);
    const std::size_t newline = bytes.rfind('\n');
    const std::size_t whole = got == 0 ? size : newline == std::string_view::npos ? 0 : newline + 1;
    valid += yardstick.parse_lines(bytes.substr(0, whole));
    kept = size - whole;
    if (got == 0) {
      break;
    }
    if (kept > longest_line) {
      std::fprintf(stderr, "%s: a line is longer than %zu bytes\n", arguments[1], longest_line);
      return 1;
    }
    std::memmove(buffer.data(), buffer.data() + whole, kept);
  }
  std::printf("%llu\n", valid);
  return 0;
}
