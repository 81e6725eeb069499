// SPDX-License-Identifier: Apache-2.0
#include "engine/base/free_memory.h"

#include <cstdlib>  // says which C library it is

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace tocsin {

void return_free_memory() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace tocsin
