// SPDX-License-Identifier: Apache-2.0
#include "engine/base/hash.h"

#include "engine/base/hash_wide.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tocsin {

HashHalves content_hash_baseline(const char* bytes, std::size_t size) {
  const XXH128_hash_t hash = XXH3_128bits(bytes, size);
  return {hash.high64, hash.low64};
}

Hash128 content_hash(std::string_view bytes) {
  HashHalves (*kernel)(const char*, std::size_t) = content_hash_baseline;
#if defined(__x86_64__)
  if (bytes.size() >= wide_hash_bytes_min) {
    kernel = __builtin_cpu_supports("avx512f") != 0 ? content_hash_avx512
             : __builtin_cpu_supports("avx2") != 0  ? content_hash_avx2
                                                    : content_hash_baseline;
  }
#endif
  const HashHalves hash = kernel(bytes.data(), bytes.size());
  return {hash.high, hash.low};
}

std::uint64_t seeded_hash(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint32_t text_hash(std::string_view bytes) {
  const std::uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
  const auto half = static_cast<std::uint32_t>(hash ^ (hash >> 32));
  return half == 0 ? 1 : half;
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
