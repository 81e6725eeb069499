// SPDX-License-Identifier: Apache-2.0
#include "bench/yardstick.h"

#include <cstring>
#include <ctime>

#include <simdjson.h>

namespace tocsin::bench {

struct Yardstick::Impl {
  simdjson::dom::parser parser;
};

Yardstick::Yardstick() : impl_(std::make_unique<Impl>()) {}
Yardstick::~Yardstick() = default;

std::uint64_t Yardstick::parse_lines(std::string_view bytes) {
  std::uint64_t valid = 0;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at < end) {
    const void* const newline = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
    const char* const stop = newline == nullptr ? end : static_cast<const char*>(newline);
    if (stop > at) {
      simdjson::dom::element element;
      const auto error =
          impl_->parser.parse(at, static_cast<std::size_t>(stop - at), false).get(element);
      valid += error == simdjson::SUCCESS ? 1 : 0;
    }
    at = stop + 1;
  }
  return valid;
}

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace tocsin::bench
