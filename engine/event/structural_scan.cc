// SPDX-License-Identifier: Apache-2.0
// 64 bytes at a time become bit masks, as in Langdale and Lemire, "Parsing Gigabytes of JSON per
// Second" (2019). Each path says how bytes become masks and how set bits become positions; what is
// between is the same for all.
#include "engine/event/structural_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "engine/event/json.h"

namespace tocsin {
namespace {

using Run = StructuralScan::Run;

constexpr std::size_t block_bytes = 64;
// Room behind the last entry: a kernel writes whole vectors, and the walk looks ahead.
constexpr std::size_t room_behind = 80;

// Memory takes as long as a line's evaluation: the next line is asked for while this one is read.
constexpr std::size_t ahead_bytes = 2048;

#if defined(__GNUC__)
#define TOCSIN_INLINE __attribute__((always_inline)) inline
#else
#define TOCSIN_INLINE inline
#endif

// A bit for each of 64 bytes, the first in the lowest.
struct Masks {
  std::uint64_t backslash = 0;
  std::uint64_t quote = 0;
  std::uint64_t operators = 0;  // { } [ ] , :
  std::uint64_t space = 0;      // the character itself
  std::uint64_t control = 0;    // below it
  std::uint64_t high = 0;       // not ASCII
};

// Of the control characters, those that are white space between values; asked where there are some.
struct Whites {
  std::uint64_t newline = 0;
  std::uint64_t other = 0;  // \t \r
};

// What is known of the bytes before a block.
struct Before {
  std::uint64_t escaped = 0;    // 1: its first byte is
  std::uint64_t in_string = 0;  // all bits or none
  std::uint64_t scalar = 0;     // 1: its last byte was part of a bare word
};

// The bytes that a backslash escapes: an odd number of them stand before it.
TOCSIN_INLINE std::uint64_t escaped_bytes(std::uint64_t backslash, Before& before) {
  if (backslash == 0) {
    const std::uint64_t escaped = before.escaped;
    before.escaped = 0;
    return escaped;
  }
  constexpr std::uint64_t even_bits = 0x5555555555555555u;
  backslash &= ~before.escaped;
  const std::uint64_t follows = backslash << 1 | before.escaped;
  const std::uint64_t odd_starts = backslash & ~even_bits & ~follows;
  const std::uint64_t sum = odd_starts + backslash;
  before.escaped = sum < odd_starts ? 1 : 0;
  return (even_bits ^ (sum << 1)) & follows;
}

// The control characters that no JSON has: in a string any, outside all but white space.
TOCSIN_INLINE std::uint64_t forbidden(std::uint64_t control,
                                      std::uint64_t white,
                                      std::uint64_t in_string) {
  return control & (in_string | ~white);
}

template <bool lines,
          Masks (*classify)(const char*),
          Whites (*whites)(const char*),
          std::uint64_t (*prefix_xor)(std::uint64_t),
          void (*flatten)(Run&, const char*, std::uint64_t)>
TOCSIN_INLINE void scan_blocks(Run& run) {
  Before before;
  std::uint64_t backslashes = 0;
  std::uint64_t high = 0;
  std::uint64_t loose = 0;
  std::uint64_t broken = 0;
  const char* at = run.begin;
  for (bool more = true; more; at += block_bytes) {
    __builtin_prefetch(at + ahead_bytes);
    const Masks masks = classify(at);
    std::uint64_t valid = ~std::uint64_t{0};
    if (run.end - at < static_cast<std::ptrdiff_t>(block_bytes)) {
      valid = (std::uint64_t{1} << (run.end - at)) - 1;
      run.line_end = run.end;
      more = false;
    }
    const std::uint64_t quote = masks.quote & ~escaped_bytes(masks.backslash, before);
    const std::uint64_t began_inside = before.in_string;
    const std::uint64_t in_string = prefix_xor(quote) ^ began_inside;
    std::uint64_t white = masks.space;
    if (masks.control != 0) {
      const Whites found = whites(at);
      white |= found.newline | found.other;
      if (lines && (found.newline & valid) != 0) {
        const std::uint64_t newline = found.newline & (0 - found.newline);
        valid = newline - 1;
        run.line_end = at + std::countr_zero(newline);
        more = false;
      }
      broken |= forbidden(masks.control, white, in_string) & valid;
    }
    const std::uint64_t string_tail = in_string ^ quote;
    const std::uint64_t scalar = ~(masks.operators | white);
    const std::uint64_t bare = scalar & ~quote;
    const std::uint64_t starts = scalar & ~(bare << 1 | before.scalar);
    before.scalar = bare >> 63;
    before.in_string = 0 - (in_string >> 63);
    backslashes |= masks.backslash & valid;
    loose |= (masks.backslash | white) & ~in_string & valid;
    high |= masks.high & valid;
    if (!more) {
      // Does a string go on at the end of what is valid?
      broken |= (static_cast<unsigned>(std::popcount(quote & valid)) ^ began_inside) & 1u;
    }
    flatten(run, at, (masks.operators | starts) & ~string_tail & valid);
  }
  run.has_backslash = backslashes != 0;
  run.has_high = high != 0;
  run.compact = loose == 0;
  run.broken = broken != 0;
}

// Bit by bit.
TOCSIN_INLINE void flatten_bits(Run& run, const char* at, std::uint64_t bits) {
  const auto offset = static_cast<std::uint32_t>(at - run.begin);
  std::uint32_t* positions = run.positions + run.count;
  char* kinds = run.kinds + run.count;
  const int count = std::popcount(bits);
  // Eight at a time, some of them for nothing: no branch for each.
  for (int done = 0; done < count; done += 8) {
    for (int i = done; i < done + 8; ++i) {
      const unsigned bit = static_cast<unsigned>(std::countr_zero(bits)) & 63u;
      positions[i] = offset + bit;
      kinds[i] = at[bit];
      bits &= bits - 1;
    }
  }
  run.count += static_cast<std::uint32_t>(count);
}

std::uint64_t prefix_xor_by_shifts(std::uint64_t bits) {
  for (int shift = 1; shift < 64; shift *= 2) {
    bits ^= bits << shift;
  }
  return bits;
}

#if defined(__x86_64__)

// --- AVX-512 with VBMI2 ---
// Masks of ones are for GCC 12, which finds the unmasked forms' undefined operand uninitialized.
#define TOCSIN_AVX512 \
  __attribute__((     \
      target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi2,pclmul,bmi,bmi2,popcnt,lzcnt")))

TOCSIN_AVX512 inline Masks classify_avx512(const char* at) {
  const __m512i bytes = _mm512_loadu_si512(at);
  // The four lower bits tell the operators apart once [ ] are { }.
  const __m512i table = _mm512_maskz_broadcast_i32x4(
      0xffff, _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
  const __m512i curled = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
  Masks masks;
  masks.backslash = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\'));
  masks.quote = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"'));
  masks.space = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' '));
  masks.control = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(' '));
  masks.high = _mm512_movepi8_mask(bytes);
  masks.operators =
      _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(table, curled), curled) & ~masks.control;
  return masks;
}

TOCSIN_AVX512 inline Whites whites_avx512(const char* at) {
  const __m512i bytes = _mm512_loadu_si512(at);
  return {_mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n')),
          _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\t')) |
              _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\r'))};
}

TOCSIN_AVX512 inline std::uint64_t prefix_xor_avx512(std::uint64_t bits) {
  const __m128i all = _mm_clmulepi64_si128(
      _mm_set_epi64x(0, static_cast<long long>(bits)), _mm_set1_epi8(static_cast<char>(0xff)), 0);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(all));
}

TOCSIN_AVX512 inline void store_avx512(std::uint32_t* to, __m128i places, __m512i offset) {
  _mm512_storeu_si512(to, _mm512_add_epi32(_mm512_maskz_cvtepu8_epi32(0xffff, places), offset));
}

TOCSIN_AVX512 inline void flatten_avx512(Run& run, const char* at, std::uint64_t bits) {
  const __m512i iota = _mm512_set_epi8(63,
                                       62,
                                       61,
                                       60,
                                       59,
                                       58,
                                       57,
                                       56,
                                       55,
                                       54,
                                       53,
                                       52,
                                       51,
                                       50,
                                       49,
                                       48,
                                       47,
                                       46,
                                       45,
                                       44,
                                       43,
                                       42,
                                       41,
                                       40,
                                       39,
                                       38,
                                       37,
                                       36,
                                       35,
                                       34,
                                       33,
                                       32,
                                       31,
                                       30,
                                       29,
                                       28,
                                       27,
                                       26,
                                       25,
                                       24,
                                       23,
                                       22,
                                       21,
                                       20,
                                       19,
                                       18,
                                       17,
                                       16,
                                       15,
                                       14,
                                       13,
                                       12,
                                       11,
                                       10,
                                       9,
                                       8,
                                       7,
                                       6,
                                       5,
                                       4,
                                       3,
                                       2,
                                       1,
                                       0);
  const __m512i offset = _mm512_set1_epi32(static_cast<int>(at - run.begin));
  const __m512i places = _mm512_maskz_compress_epi8(bits, iota);
  const __m512i kinds = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(at));
  const auto count = static_cast<std::uint32_t>(_mm_popcnt_u64(bits));
  std::uint32_t* const positions = run.positions + run.count;
  _mm512_storeu_si512(run.kinds + run.count, kinds);
  store_avx512(positions, _mm512_maskz_extracti32x4_epi32(0xf, places, 0), offset);
  if (count > 16) {
    alignas(64) std::uint8_t all[block_bytes];
    _mm512_store_si512(all, places);
    for (std::uint32_t done = 16; done < count; done += 16) {
      const auto* sixteen = reinterpret_cast<const __m128i*>(all + done);
      store_avx512(positions + done, _mm_load_si128(sixteen), offset);
    }
  }
  run.count += count;
}

TOCSIN_AVX512 void lines_avx512(Run& run) {
  scan_blocks<true, classify_avx512, whites_avx512, prefix_xor_avx512, flatten_avx512>(run);
}
TOCSIN_AVX512 void document_avx512(Run& run) {
  scan_blocks<false, classify_avx512, whites_avx512, prefix_xor_avx512, flatten_avx512>(run);
}

// --- AVX2 ---
#define TOCSIN_AVX2 __attribute__((target("avx2,pclmul,bmi,bmi2,popcnt,lzcnt")))

TOCSIN_AVX2 inline __m256i half_avx2(const char* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}
TOCSIN_AVX2 inline std::uint64_t bits_avx2(__m256i low, __m256i high) {
  const auto low_bits = static_cast<std::uint32_t>(_mm256_movemask_epi8(low));
  const auto high_bits = static_cast<std::uint32_t>(_mm256_movemask_epi8(high));
  return low_bits | static_cast<std::uint64_t>(high_bits) << 32;
}
TOCSIN_AVX2 inline std::uint64_t equal_avx2(__m256i low, __m256i high, char c) {
  const __m256i wanted = _mm256_set1_epi8(c);
  return bits_avx2(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
}

TOCSIN_AVX2 inline Masks classify_avx2(const char* at) {
  const __m256i low = half_avx2(at);
  const __m256i high = half_avx2(at + 32);
  const __m256i table = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
  const __m256i curl = _mm256_set1_epi8(0x20);
  const __m256i last_control = _mm256_set1_epi8(0x1f);
  const __m256i low_curled = _mm256_or_si256(low, curl);
  const __m256i high_curled = _mm256_or_si256(high, curl);
  Masks masks;
  masks.backslash = equal_avx2(low, high, '\\');
  masks.quote = equal_avx2(low, high, '"');
  masks.space = equal_avx2(low, high, ' ');
  masks.control = bits_avx2(_mm256_cmpeq_epi8(_mm256_min_epu8(low, last_control), low),
                            _mm256_cmpeq_epi8(_mm256_min_epu8(high, last_control), high));
  masks.high = bits_avx2(low, high);
  masks.operators =
      bits_avx2(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, low_curled), low_curled),
                _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, high_curled), high_curled)) &
      ~masks.control;
  return masks;
}

TOCSIN_AVX2 inline Whites whites_avx2(const char* at) {
  const __m256i low = half_avx2(at);
  const __m256i high = half_avx2(at + 32);
  return {equal_avx2(low, high, '\n'), equal_avx2(low, high, '\t') | equal_avx2(low, high, '\r')};
}

TOCSIN_AVX2 inline std::uint64_t prefix_xor_avx2(std::uint64_t bits) {
  const __m128i all = _mm_clmulepi64_si128(
      _mm_set_epi64x(0, static_cast<long long>(bits)), _mm_set1_epi8(static_cast<char>(0xff)), 0);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(all));
}

TOCSIN_AVX2 void lines_avx2(Run& run) {
  scan_blocks<true, classify_avx2, whites_avx2, prefix_xor_avx2, flatten_bits>(run);
}
TOCSIN_AVX2 void document_avx2(Run& run) {
  scan_blocks<false, classify_avx2, whites_avx2, prefix_xor_avx2, flatten_bits>(run);
}

// --- SSE2, which every x86-64 has ---
template <typename Test>
TOCSIN_INLINE std::uint64_t bits_sse2(const char* at, Test test) {
  std::uint64_t bits = 0;
  for (int quarter = 0; quarter < 4; ++quarter) {
    const __m128i bytes =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + std::ptrdiff_t{16} * quarter));
    bits |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(test(bytes))))
            << (16 * quarter);
  }
  return bits;
}
TOCSIN_INLINE std::uint64_t equal_sse2(const char* at, char c) {
  const __m128i wanted = _mm_set1_epi8(c);
  return bits_sse2(at, [wanted](__m128i bytes) { return _mm_cmpeq_epi8(bytes, wanted); });
}

inline Masks classify_baseline(const char* at) {
  Masks masks;
  masks.backslash = equal_sse2(at, '\\');
  masks.quote = equal_sse2(at, '"');
  masks.space = equal_sse2(at, ' ');
  masks.control = bits_sse2(at, [](__m128i bytes) {
    return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  });
  masks.high = bits_sse2(at, [](__m128i bytes) { return bytes; });
  masks.operators = bits_sse2(at, [](__m128i bytes) {
    const __m128i curled = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const __m128i brackets = _mm_or_si128(_mm_cmpeq_epi8(curled, _mm_set1_epi8('{')),
                                          _mm_cmpeq_epi8(curled, _mm_set1_epi8('}')));
    const __m128i separators = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(',')),
                                            _mm_cmpeq_epi8(bytes, _mm_set1_epi8(':')));
    return _mm_or_si128(brackets, separators);
  });
  return masks;
}

inline Whites whites_baseline(const char* at) {
  return {equal_sse2(at, '\n'), equal_sse2(at, '\t') | equal_sse2(at, '\r')};
}

#else

template <typename Test>
std::uint64_t bits_of(const char* at, Test test) {
  std::uint64_t bits = 0;
  for (unsigned i = 0; i < block_bytes; ++i) {
    bits |= static_cast<std::uint64_t>(test(static_cast<unsigned char>(at[i])) ? 1 : 0) << i;
  }
  return bits;
}

inline Masks classify_baseline(const char* at) {
  Masks masks;
  masks.backslash = bits_of(at, [](unsigned char c) { return c == '\\'; });
  masks.quote = bits_of(at, [](unsigned char c) { return c == '"'; });
  masks.space = bits_of(at, [](unsigned char c) { return c == ' '; });
  masks.control = bits_of(at, [](unsigned char c) { return c < ' '; });
  masks.high = bits_of(at, [](unsigned char c) { return c >= 0x80; });
  masks.operators =
      bits_of(at, [](unsigned char c) { return is_json_operator(static_cast<char>(c)); });
  return masks;
}

inline Whites whites_baseline(const char* at) {
  return {bits_of(at, [](unsigned char c) { return c == '\n'; }),
          bits_of(at, [](unsigned char c) { return c == '\t' || c == '\r'; })};
}

#endif

void lines_baseline(Run& run) {
  scan_blocks<true, classify_baseline, whites_baseline, prefix_xor_by_shifts, flatten_bits>(run);
}
void document_baseline(Run& run) {
  scan_blocks<false, classify_baseline, whites_baseline, prefix_xor_by_shifts, flatten_bits>(run);
}

StructuralScan::Path chosen_path() {
  using Path = StructuralScan::Path;
  const std::string kernel = json_kernel();
  if (kernel == "icelake" && StructuralScan::supported(Path::avx512)) {
    return Path::avx512;
  }
  if ((kernel == "icelake" || kernel == "haswell") && StructuralScan::supported(Path::avx2)) {
    return Path::avx2;
  }
  return Path::baseline;
}

}  // namespace

bool StructuralScan::supported(Path path) {
#if defined(__x86_64__)
  switch (path) {
    case Path::avx512:
      return __builtin_cpu_supports("avx512vbmi2") != 0 &&
             __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
             __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("pclmul") != 0 &&
             __builtin_cpu_supports("bmi2") != 0;
    case Path::avx2:
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("pclmul") != 0 &&
             __builtin_cpu_supports("bmi2") != 0;
    case Path::baseline:
      break;
  }
#endif
  return path == Path::baseline;
}

StructuralScan::StructuralScan() : StructuralScan(chosen_path()) {}

StructuralScan::StructuralScan(Path path) : line_(lines_baseline), document_(document_baseline) {
#if defined(__x86_64__)
  if (path == Path::avx512) {
    line_ = lines_avx512;
    document_ = document_avx512;
  } else if (path == Path::avx2) {
    line_ = lines_avx2;
    document_ = document_avx2;
  }
#else
  static_cast<void>(path);
#endif
}

void StructuralScan::reserve(std::size_t bytes) {
  capacity_ = std::bit_ceil(std::max<std::size_t>(bytes, 64u << 10));
  positions_.reset(new std::uint32_t[capacity_ + room_behind]);
  kinds_.reset(new char[capacity_ + room_behind]);
}

StructuralScan::Found StructuralScan::scan(Kernel kernel, const char* begin, const char* end) {
  if (static_cast<std::size_t>(end - begin) >= capacity_) {
    reserve(static_cast<std::size_t>(end - begin) + 1);
  }
  Run run;
  run.begin = begin;
  run.end = end;
  run.positions = positions_.get();
  run.kinds = kinds_.get();
  kernel(run);
  text_ = begin;
  count_ = run.count;
  Found found;
  found.end = run.line_end;
  found.has_backslash = run.has_backslash;
  found.ascii = !run.has_high;
  found.compact = run.compact;
  const auto size = static_cast<std::size_t>(run.line_end - begin);
  found.sound = !run.broken && run.count != 0 && (!run.has_high || is_valid_utf8({begin, size}));
  // The walk looks ahead.
  std::fill_n(positions_.get() + count_, 4, static_cast<std::uint32_t>(size));
  std::memset(kinds_.get() + count_, 0, StructuralIndex::kinds_behind);
  return found;
}

StructuralScan::Found StructuralScan::line(const char* begin, const char* end) {
  return scan(line_, begin, end);
}

StructuralScan::Found StructuralScan::document(std::string_view text) {
  return scan(document_, text.data(), text.data() + text.size());
}

}  // namespace tocsin
