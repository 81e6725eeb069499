// SPDX-License-Identifier: Apache-2.0
// content_hash for machines with AVX2.
#if defined(__x86_64__)

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/base/hash_wide.h"

namespace tocsin {

HashHalves content_hash_avx2(const char* bytes, std::size_t size) {
  const XXH128_hash_t hash = XXH3_128bits(bytes, size);
  return {hash.high64, hash.low64};
}

}  // namespace tocsin

#endif
