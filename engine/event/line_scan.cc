// SPDX-License-Identifier: Apache-2.0
#include "engine/event/line_scan.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "engine/event/json.h"

namespace tocsin {
namespace {

using Line = LineScan::Line;

// What is left behind the last whole block, and everything on a machine without vectors.
Line scan_bytes(const char* at, const char* end, bool has_backslash) {
  if (at != end) {
    const auto size = static_cast<std::size_t>(end - at);
    const void* newline = std::memchr(at, '\n', size);
    const char* stop = newline == nullptr ? end : static_cast<const char*>(newline);
    has_backslash =
        has_backslash || std::memchr(at, '\\', static_cast<std::size_t>(stop - at)) != nullptr;
    at = stop;
  }
  return {at, has_backslash};
}

#if defined(__x86_64__)

// The lowest bit of `newlines` ends the line: only the backslashes below it count.
inline std::uint64_t below_lowest(std::uint64_t newlines) {
  return (newlines & (0 - newlines)) - 1;
}

__attribute__((target("avx512f,avx512bw"))) Line scan_avx512(const char* at, const char* end) {
  const __m512i newline = _mm512_set1_epi8('\n');
  const __m512i backslash = _mm512_set1_epi8('\\');
  std::uint64_t seen = 0;
  for (; end - at >= 64; at += 64) {
    const __m512i block = _mm512_loadu_si512(at);
    const std::uint64_t newlines = _mm512_cmpeq_epi8_mask(block, newline);
    const std::uint64_t backslashes = _mm512_cmpeq_epi8_mask(block, backslash);
    if (newlines != 0) {
      seen |= backslashes & below_lowest(newlines);
      return {at + __builtin_ctzll(newlines), seen != 0};
    }
    seen |= backslashes;
  }
  return scan_bytes(at, end, seen != 0);
}

__attribute__((target("avx2"))) inline std::uint64_t bits_of(__m256i equal) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(equal));
}

__attribute__((target("avx2"))) Line scan_avx2(const char* at, const char* end) {
  const __m256i newline = _mm256_set1_epi8('\n');
  const __m256i backslash = _mm256_set1_epi8('\\');
  std::uint64_t seen = 0;
  for (; end - at >= 32; at += 32) {
    __m256i block;
    std::memcpy(&block, at, sizeof block);
    const std::uint64_t newlines = bits_of(_mm256_cmpeq_epi8(block, newline));
    const std::uint64_t backslashes = bits_of(_mm256_cmpeq_epi8(block, backslash));
    if (newlines != 0) {
      seen |= backslashes & below_lowest(newlines);
      return {at + __builtin_ctzll(newlines), seen != 0};
    }
    seen |= backslashes;
  }
  return scan_bytes(at, end, seen != 0);
}

// SSE2, which every x86-64 has.
Line scan_baseline(const char* at, const char* end) {
  const __m128i newline = _mm_set1_epi8('\n');
  const __m128i backslash = _mm_set1_epi8('\\');
  const auto mask = [](__m128i equal) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(equal)));
  };
  std::uint64_t seen = 0;
  for (; end - at >= 16; at += 16) {
    __m128i block;
    std::memcpy(&block, at, sizeof block);
    const std::uint64_t newlines = mask(_mm_cmpeq_epi8(block, newline));
    const std::uint64_t backslashes = mask(_mm_cmpeq_epi8(block, backslash));
    if (newlines != 0) {
      seen |= backslashes & below_lowest(newlines);
      return {at + __builtin_ctzll(newlines), seen != 0};
    }
    seen |= backslashes;
  }
  return scan_bytes(at, end, seen != 0);
}

#else

Line scan_baseline(const char* at, const char* end) {
  return scan_bytes(at, end, false);
}

#endif

LineScan::Path chosen_path() {
  const std::string kernel = json_kernel();
  if (kernel == "icelake" && LineScan::supported(LineScan::Path::avx512)) {
    return LineScan::Path::avx512;
  }
  if ((kernel == "icelake" || kernel == "haswell") && LineScan::supported(LineScan::Path::avx2)) {
    return LineScan::Path::avx2;
  }
  return LineScan::Path::baseline;
}

}  // namespace

bool LineScan::supported(Path path) {
#if defined(__x86_64__)
  switch (path) {
    case Path::avx512:
      return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
    case Path::avx2:
      return __builtin_cpu_supports("avx2") != 0;
    case Path::baseline:
      break;
  }
#endif
  return path == Path::baseline;
}

LineScan::LineScan() : LineScan(chosen_path()) {}

LineScan::LineScan(Path path) : scan_(scan_baseline) {
#if defined(__x86_64__)
  if (path == Path::avx512) {
    scan_ = scan_avx512;
  } else if (path == Path::avx2) {
    scan_ = scan_avx2;
  }
#else
  static_cast<void>(path);
#endif
}

}  // namespace tocsin
