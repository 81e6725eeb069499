// SPDX-License-Identifier: Apache-2.0
#include "engine/event/shape_kernels.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "engine/event/json_text.h"
#include "engine/event/structural_scan.h"

namespace tocsin {
namespace {

using Key = ShapeKernels::Key;
using Patterns = ShapeKernels::Patterns;
using Record = ShapeKernels::Record;

constexpr std::size_t block_kinds = ShapeKernels::block_kinds;
constexpr char word = 'w';

// Odd, and with nothing in common.
constexpr std::uint64_t factor = 0x9e3779b97f4a7c15ull;
constexpr std::uint64_t second_factor = 0xc4ceb9fe1a85ec53ull;

// Of what the lanes of a kernel came to.
template <std::size_t lanes>
std::uint64_t mix(const std::array<std::uint64_t, lanes>& sums, std::size_t count) {
  std::uint64_t hash = count * factor;
  for (const std::uint64_t sum : sums) {
    hash = (hash ^ sum) * second_factor;
    hash ^= hash >> 32;
  }
  return hash;
}

#if defined(__x86_64__)

#define TOCSIN_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi,bmi2")))

// As the structural scan tells operators: by their four lower bits, once [ ] are { }; quotes too.
// Masks of ones are for GCC 12, which finds the unmasked forms' undefined operand uninitialized.
TOCSIN_AVX512 std::uint64_t normalize_avx512(const char* kinds, std::size_t count, char* out) {
  const __m512i table = _mm512_maskz_broadcast_i32x4(
      0xffff, _mm_setr_epi8(0, 0, '"', 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
  const __m512i factors = _mm512_set1_epi32(static_cast<int>(0x9e3779b1u));
  __m512i sums = _mm512_setzero_si512();
  for (std::size_t at = 0; at < count; at += block_kinds) {
    const std::size_t left = count - at;
    const __mmask64 valid = left >= block_kinds ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
    const __m512i bytes = _mm512_maskz_loadu_epi8(valid, kinds + at);
    const __m512i curled = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
    const __mmask64 known = _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(table, curled), curled);
    const __m512i normal = _mm512_mask_mov_epi8(_mm512_set1_epi8(word), known, bytes);
    _mm512_storeu_si512(out + at, normal);
    sums = _mm512_mullo_epi32(_mm512_add_epi32(_mm512_maskz_slli_epi32(0xffff, sums, 7), normal),
                              factors);
    sums = _mm512_xor_si512(sums, _mm512_maskz_srli_epi32(0xffff, sums, 15));
  }
  std::array<std::uint64_t, 8> lanes;
  _mm512_storeu_si512(lanes.data(), sums);
  return mix(lanes, count);
}

TOCSIN_AVX512 bool same_kinds_avx512(const char* a, const char* b, std::size_t count) {
  __mmask64 differs = 0;
  for (std::size_t at = 0; at < count; at += block_kinds) {
    differs |= _mm512_cmpneq_epi8_mask(_mm512_loadu_si512(a + at), _mm512_loadu_si512(b + at));
  }
  return differs == 0;
}

TOCSIN_AVX512 bool has_keys_avx512(std::span<const Key> keys,
                                   const Patterns& patterns,
                                   const Record& record) {
  __mmask32 differs = 0;
  for (const Key key : keys) {
    const __m256i bytes = _mm256_loadu_si256(
        reinterpret_cast<const __m256i*>(record.text + record.positions[key.structural] + 1));
    const __m256i wanted =
        _mm256_load_si256(reinterpret_cast<const __m256i*>(patterns.text[key.pattern].text));
    differs |= _mm256_mask_cmpneq_epi8_mask(patterns.needed[key.pattern], bytes, wanted);
  }
  return differs == 0;
}

#define TOCSIN_AVX2 __attribute__((target("avx2,bmi,bmi2")))

TOCSIN_AVX2 std::uint64_t normalize_avx2(const char* kinds, std::size_t count, char* out) {
  const __m256i table = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 0, '"', 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
  const __m256i factors = _mm256_set1_epi32(static_cast<int>(0x9e3779b1u));
  __m256i sums = _mm256_setzero_si256();
  char rest[block_kinds] = {};
  for (std::size_t at = 0; at < count; at += block_kinds) {
    const char* from = kinds + at;
    if (count - at < block_kinds) {
      std::memcpy(rest, from, count - at);
      from = rest;
    }
    for (std::size_t half = 0; half < block_kinds; half += 32) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + half));
      const __m256i curled = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
      const __m256i known = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, curled), curled);
      const __m256i normal = _mm256_blendv_epi8(_mm256_set1_epi8(word), bytes, known);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + at + half), normal);
      sums = _mm256_mullo_epi32(_mm256_add_epi32(_mm256_slli_epi32(sums, 7), normal), factors);
      sums = _mm256_xor_si256(sums, _mm256_srli_epi32(sums, 15));
    }
  }
  std::array<std::uint64_t, 4> lanes;
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes.data()), sums);
  return mix(lanes, count);
}

TOCSIN_AVX2 bool same_kinds_avx2(const char* a, const char* b, std::size_t count) {
  __m256i differs = _mm256_setzero_si256();
  for (std::size_t at = 0; at < count; at += 32) {
    const __m256i left = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + at));
    const __m256i right = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + at));
    differs = _mm256_or_si256(differs, _mm256_xor_si256(left, right));
  }
  return _mm256_testz_si256(differs, differs) != 0;
}

TOCSIN_AVX2 bool has_keys_avx2(std::span<const Key> keys,
                               const Patterns& patterns,
                               const Record& record) {
  std::uint32_t differs = 0;
  for (const Key key : keys) {
    const __m256i bytes = _mm256_loadu_si256(
        reinterpret_cast<const __m256i*>(record.text + record.positions[key.structural] + 1));
    const __m256i wanted =
        _mm256_load_si256(reinterpret_cast<const __m256i*>(patterns.text[key.pattern].text));
    const auto equal =
        static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, wanted)));
    differs |= ~equal & patterns.needed[key.pattern];
  }
  return differs == 0;
}

#endif

std::uint64_t normalize_baseline(const char* kinds, std::size_t count, char* out) {
  const std::size_t end = (count + block_kinds - 1) / block_kinds * block_kinds;
  for (std::size_t at = 0; at < end; ++at) {
    const char c = at < count ? kinds[at] : word;
    out[at] = c == '"' || is_json_operator(c) ? c : word;
  }
  std::array<std::uint64_t, 4> sums{};
  for (std::size_t at = 0; at < end; at += sizeof sums) {
    std::array<std::uint64_t, 4> words;
    std::memcpy(words.data(), out + at, sizeof words);
    for (std::size_t lane = 0; lane < words.size(); ++lane) {
      sums[lane] = (sums[lane] << 7 ^ sums[lane] >> 32 ^ words[lane]) * factor;
    }
  }
  return mix(sums, count);
}

bool same_kinds_baseline(const char* a, const char* b, std::size_t count) {
  return std::memcmp(a, b, count) == 0;
}

bool has_keys_baseline(std::span<const Key> keys, const Patterns& patterns, const Record& record) {
  constexpr std::size_t words = ShapeKernels::key_bytes / sizeof(std::uint64_t);
  std::uint64_t differs = 0;
  for (const Key key : keys) {
    const char* const at = record.text + record.positions[key.structural] + 1;
    std::uint32_t needed = patterns.needed[key.pattern];
    for (std::size_t i = 0; i < words && needed != 0; ++i, needed >>= 8) {
      std::uint64_t bytes = 0;
      std::uint64_t wanted = 0;
      std::memcpy(&bytes, at + i * sizeof bytes, sizeof bytes);
      std::memcpy(&wanted, patterns.text[key.pattern].text + i * sizeof wanted, sizeof wanted);
      // Those that count are the first ones: the lower bytes.
      const unsigned count = needed >= 0xff ? 8 : static_cast<unsigned>(__builtin_popcount(needed));
      const std::uint64_t mask =
          count == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * count) - 1;
      differs |= (bytes ^ wanted) & mask;
    }
  }
  return differs == 0;
}

}  // namespace

ShapeKernels ShapeKernels::chosen() {
#if defined(__x86_64__)
  switch (StructuralScan::chosen()) {
    case StructuralScan::Path::avx512:
      return {normalize_avx512, same_kinds_avx512, has_keys_avx512};
    case StructuralScan::Path::avx2:
      return {normalize_avx2, same_kinds_avx2, has_keys_avx2};
    case StructuralScan::Path::baseline:
      break;
  }
#endif
  return {normalize_baseline, same_kinds_baseline, has_keys_baseline};
}

}  // namespace tocsin
