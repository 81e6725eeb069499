// SPDX-License-Identifier: Apache-2.0
// prefetch(): memory begins to fetch what is about to be read. Thread rule: pure. Cost: nothing
// that is waited for; any address will do, valid or not.
#pragma once

namespace tocsin {

inline void prefetch(const void* address) {
  __builtin_prefetch(address);
  // GCC takes a function that only prefetches for one without effects, and drops calls of it.
  asm volatile("" : : "r"(address));
}

// The same of what is about to be written.
inline void prefetch_write(const void* address) {
  __builtin_prefetch(address, 1);
  asm volatile("" : : "r"(address));
}

}  // namespace tocsin
