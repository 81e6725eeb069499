// SPDX-License-Identifier: Apache-2.0
#include "engine/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tocsin {

Hash128 content_hash(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

std::uint64_t seeded_hash(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string to_hex(const Hash128& hash) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(32);
  for (const std::uint64_t half : {hash.high, hash.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      out += digits[(half >> shift) & 0xf];
    }
  }
  return out;
}

}  // namespace tocsin
