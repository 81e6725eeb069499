// SPDX-License-Identifier: Apache-2.0
// The yardstick of every speed figure: bare simdjson DOM parsing, line by line, with one reused
// parser. Thread rule: one per thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace tocsin::bench {

class Yardstick {
 public:
  Yardstick();
  ~Yardstick();
  // Parses each line of `bytes`, behind which 64 bytes are readable. Returns how many were valid.
  std::uint64_t parse_lines(std::string_view bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// CPU time of the calling thread, and of the process, in seconds.
double thread_cpu_seconds();

// How often this thread has allocated. Programs that link this library count every operator new.
std::uint64_t allocations();

}  // namespace tocsin::bench
