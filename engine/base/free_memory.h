// SPDX-License-Identifier: Apache-2.0
// return_free_memory(): what was freed goes back to the system. Behind work that took much and
// keeps little (reading thousands of rules, compiling a matcher): the allocator would keep it for
// months. Thread rule: any. Cost: about a millisecond; what it is needed for next faults in anew.
#pragma once

#include <cstdlib>  // says which library it is

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace tocsin {

inline void return_free_memory() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace tocsin
