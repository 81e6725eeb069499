// SPDX-License-Identifier: Apache-2.0
#include "engine/event/shape_kernels.h"

#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "engine/event/json_text.h"
#include "engine/event/structural_scan.h"

namespace tocsin {
namespace {

using Key = ShapeKernels::Key;
using Pattern = ShapeKernels::Pattern;
using Record = ShapeKernels::Record;

constexpr std::size_t block_kinds = ShapeKernels::block_kinds;
constexpr char word = 'w';

// Odd, and with nothing in common.
constexpr std::uint64_t factor = 0x9e3779b97f4a7c15ull;
constexpr std::uint64_t second_factor = 0xc4ceb9fe1a85ec53ull;
constexpr std::uint64_t third_factor = 0xd6e8feb86659fd93ull;

// Where the strings are tells records apart, nearly always. A sum of products, since a record waits
// for its hash: none waits for the one before.
constexpr std::uint64_t block_factor(std::size_t at) {
  return factor + (at / block_kinds) * 0x61c8864680b583eaull;
}
inline std::uint64_t mix(std::uint64_t sum, std::size_t count) {
  const std::uint64_t hash = sum + count * third_factor;
  return (hash ^ hash >> 32) * second_factor;
}

#if defined(__x86_64__)

#define TOCSIN_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi,bmi2")))

// As the structural scan tells operators: by their four lower bits, once [ ] are { }; quotes too.
// Masks of ones are for GCC 12, which finds the unmasked forms' undefined operand uninitialized.
TOCSIN_AVX512 std::uint64_t normalize_avx512(const char* kinds, std::size_t count, char* out) {
  const __m512i table = _mm512_maskz_broadcast_i32x4(
      0xffff, _mm_setr_epi8(0, 0, '"', 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < count; at += block_kinds) {
    const std::size_t left = count - at;
    const __mmask64 valid = left >= block_kinds ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
    const __m512i bytes = _mm512_maskz_loadu_epi8(valid, kinds + at);
    const __m512i curled = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
    const __mmask64 known = _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(table, curled), curled);
    const __m512i normal = _mm512_mask_mov_epi8(_mm512_set1_epi8(word), known, bytes);
    _mm512_storeu_si512(out + at, normal);
    sum += _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"')) * block_factor(at);
  }
  return mix(sum, count);
}

TOCSIN_AVX512 bool same_kinds_avx512(const char* a, const char* b, std::size_t count) {
  __mmask64 differs = 0;
  for (std::size_t at = 0; at < count; at += block_kinds) {
    differs |= _mm512_cmpneq_epi8_mask(_mm512_loadu_si512(a + at), _mm512_loadu_si512(b + at));
  }
  return differs == 0;
}

// Where the two latter differ, or the first has a bit: for vpternlog.
constexpr int or_of_xor = 0xf6;

TOCSIN_AVX512 bool has_keys_avx512(std::span<const Key> keys,
                                   const Pattern* patterns,
                                   const Record& record) {
  __m256i differs = _mm256_setzero_si256();
  for (const Key key : keys) {
    const __m256i wanted =
        _mm256_load_si256(reinterpret_cast<const __m256i*>(patterns[key.pattern].text));
    const __m256i bytes = _mm256_maskz_loadu_epi8(
        _mm256_test_epi8_mask(wanted, wanted), record.text + record.positions[key.structural] + 1);
    differs = _mm256_ternarylogic_epi32(differs, bytes, wanted, or_of_xor);
  }
  return _mm256_testz_si256(differs, differs) != 0;
}

#define TOCSIN_AVX2 __attribute__((target("avx2,bmi,bmi2")))

TOCSIN_AVX2 std::uint64_t normalize_avx2(const char* kinds, std::size_t count, char* out) {
  const __m256i table = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 0, '"', 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
  const __m256i quote = _mm256_set1_epi8('"');
  std::uint64_t sum = 0;
  char rest[block_kinds] = {};
  for (std::size_t at = 0; at < count; at += block_kinds) {
    const char* from = kinds + at;
    if (count - at < block_kinds) {
      std::memcpy(rest, from, count - at);
      from = rest;
    }
    std::uint64_t quotes = 0;
    for (std::size_t half = 0; half < block_kinds; half += 32) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + half));
      const __m256i curled = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
      const __m256i known = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, curled), curled);
      const __m256i normal = _mm256_blendv_epi8(_mm256_set1_epi8(word), bytes, known);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + at + half), normal);
      const int here = _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, quote));
      quotes |= std::uint64_t{static_cast<std::uint32_t>(here)} << half;
    }
    sum += quotes * block_factor(at);
  }
  return mix(sum, count);
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
                               const Pattern* patterns,
                               const Record& record) {
  const __m256i nothing = _mm256_setzero_si256();
  __m256i differs = nothing;
  for (const Key key : keys) {
    const __m256i bytes = _mm256_loadu_si256(
        reinterpret_cast<const __m256i*>(record.text + record.positions[key.structural] + 1));
    const __m256i wanted =
        _mm256_load_si256(reinterpret_cast<const __m256i*>(patterns[key.pattern].text));
    const __m256i behind = _mm256_cmpeq_epi8(wanted, nothing);
    differs =
        _mm256_or_si256(differs, _mm256_andnot_si256(behind, _mm256_xor_si256(bytes, wanted)));
  }
  return _mm256_testz_si256(differs, differs) != 0;
}

#endif

std::uint64_t normalize_baseline(const char* kinds, std::size_t count, char* out) {
  const std::size_t end = (count + block_kinds - 1) / block_kinds * block_kinds;
  for (std::size_t at = 0; at < end; ++at) {
    const char c = at < count ? kinds[at] : word;
    out[at] = c == '"' || is_json_operator(c) ? c : word;
  }
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < end; at += sizeof sum) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, out + at, sizeof eight);
    sum += eight * block_factor(at * block_kinds / sizeof sum);
  }
  return mix(sum, count);
}

// Ones where the pattern's bytes are; its zeros are the last.
std::uint64_t before_zeros(std::uint64_t eight) {
  static_assert(std::endian::native == std::endian::little);
  return ~std::uint64_t{0} >> (std::countl_zero(eight) & ~7);
}

bool same_kinds_baseline(const char* a, const char* b, std::size_t count) {
  return std::memcmp(a, b, count) == 0;
}

bool has_keys_baseline(std::span<const Key> keys, const Pattern* patterns, const Record& record) {
  std::uint64_t differs = 0;
  for (const Key key : keys) {
    const char* at = record.text + record.positions[key.structural] + 1;
    const char* wanted = patterns[key.pattern].text;
    const char* const end = wanted + sizeof(Pattern);
    for (; wanted != end && *wanted != '\0'; at += sizeof differs, wanted += sizeof differs) {
      std::uint64_t bytes = 0;
      std::uint64_t eight = 0;
      std::memcpy(&bytes, at, sizeof bytes);
      std::memcpy(&eight, wanted, sizeof eight);
      differs |= (bytes ^ eight) & before_zeros(eight);
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
