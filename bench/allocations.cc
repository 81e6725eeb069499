// SPDX-License-Identifier: Apache-2.0
// Counts allocations by the global operator new.
#include <cstdlib>
#include <new>

#include "bench/yardstick.h"

namespace {
thread_local std::uint64_t count = 0;
}  // namespace

namespace tocsin::bench {

std::uint64_t allocations() {
  return count;
}

}  // namespace tocsin::bench

void* operator new(std::size_t size) {
  ++count;
  if (void* bytes = std::malloc(size)) {
    return bytes;
  }
  throw std::bad_alloc();
}
void operator delete(void* bytes) noexcept {
  std::free(bytes);
}
void operator delete(void* bytes, std::size_t) noexcept {
  std::free(bytes);
}
