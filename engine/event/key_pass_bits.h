// SPDX-License-Identifier: Apache-2.0
// What the passes for machines with AVX2 and with AVX-512 do with bits in the same way: both have
// carry-less multiplication and count bits. Only for key_scan_*.cc, compiled with their flags.
#pragma once

#include <cstdint>

#include <immintrin.h>

namespace tocsin {
namespace {

class BitCounts {
 public:
  static std::uint64_t prefix_xor(std::uint64_t bits) {
    const __m128i product =
        _mm_clmulepi64_si128(_mm_set_epi64x(0, static_cast<long long>(bits)), _mm_set1_epi8(-1), 0);
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(product));
  }
  static int count(std::uint64_t bits) { return __builtin_popcountll(bits); }
};

}  // namespace
}  // namespace tocsin
