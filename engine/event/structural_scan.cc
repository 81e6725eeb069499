// SPDX-License-Identifier: Apache-2.0
#include "engine/event/structural_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "engine/event/json.h"
#include "engine/event/structural_blocks.h"

namespace tocsin {
namespace {

// Room behind the last entry: a kernel writes whole vectors, and the walk looks ahead.
constexpr std::size_t room_behind = 80;

#if defined(__x86_64__)

// --- AVX-512 with VBMI2 ---
// Masks of ones are for GCC 12, which finds the unmasked forms' undefined operand uninitialized.
#define TOCSIN_AVX512 \
  __attribute__((     \
      target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi2,pclmul,bmi,bmi2,popcnt,lzcnt")))

// The four lower bits tell the operators apart once [ ] are { }.
TOCSIN_AVX512 inline __m512i operators_avx512() {
  return _mm512_maskz_broadcast_i32x4(
      0xffff, _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
}

TOCSIN_AVX512 inline Masks classify_avx512(const char* at) {
  const __m512i bytes = _mm512_loadu_si512(at);
  const __m512i curled = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
  Masks masks;
  masks.backslash = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\'));
  masks.quote = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"'));
  masks.space = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' '));
  masks.control = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(' '));
  masks.high = _mm512_movepi8_mask(bytes);
  masks.operators =
      _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(operators_avx512(), curled), curled) &
      ~masks.control;
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

struct Places {
  alignas(block_bytes) std::uint8_t bytes[block_bytes];
};
constexpr Places places_of_block = [] {
  Places places{};
  for (unsigned i = 0; i < block_bytes; ++i) {
    places.bytes[i] = static_cast<std::uint8_t>(i);
  }
  return places;
}();

class FlattenerAvx512 {
 public:
  TOCSIN_AVX512 FlattenerAvx512(const Run& run, const char* at)
      : positions_(run.positions + run.count),
        kinds_(run.kinds + run.count),
        offset_(_mm512_set1_epi32(static_cast<int>(at - run.begin))) {}
  // Of the block behind the one before.
  TOCSIN_AVX512 void put(const char* at, std::uint64_t bits) {
    const __m512i iota = _mm512_load_si512(places_of_block.bytes);
    const __m512i places = _mm512_maskz_compress_epi8(bits, iota);
    const __m512i kinds = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(at));
    const auto count = static_cast<std::uint64_t>(_mm_popcnt_u64(bits));
    _mm512_storeu_si512(kinds_, kinds);
    store_avx512(positions_, _mm512_maskz_extracti32x4_epi32(0xf, places, 0), offset_);
    if (count > 16) {
      alignas(64) std::uint8_t all[block_bytes];
      _mm512_store_si512(all, places);
      for (std::uint64_t done = 16; done < count; done += 16) {
        const auto* sixteen = reinterpret_cast<const __m128i*>(all + done);
        store_avx512(positions_ + done, _mm_load_si128(sixteen), offset_);
      }
    }
    positions_ += count;
    kinds_ += count;
    offset_ = _mm512_add_epi32(offset_, _mm512_set1_epi32(block_bytes));
  }
  std::uint32_t count(const Run& run) const {
    return static_cast<std::uint32_t>(positions_ - run.positions);
  }

 private:
  std::uint32_t* positions_;
  char* kinds_;
  __m512i offset_;
};

struct KernelAvx512 {
  // Of many blocks: is there a byte beyond ASCII?
  class Union {
   public:
    TOCSIN_AVX512 Union() : all_(_mm512_setzero_si512()) {}
    TOCSIN_AVX512 void add(const char* at) { all_ = _mm512_or_si512(all_, _mm512_loadu_si512(at)); }
    TOCSIN_AVX512 bool has_high() const { return _mm512_movepi8_mask(all_) != 0; }

   private:
    __m512i all_;
  };
  // Has the block a control character or a backslash?
  TOCSIN_AVX512 static bool is_rare(const char* at) {
    const __m512i bytes = _mm512_loadu_si512(at);
    return _kortestz_mask64_u8(_mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(' ')),
                               _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\'))) == 0;
  }
  // Where they are.
  TOCSIN_AVX512 static std::uint64_t rare(const char* at) {
    const __m512i bytes = _mm512_loadu_si512(at);
    return _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(' ')) |
           _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\'));
  }
  TOCSIN_AVX512 static std::uint64_t high(const char* at) {
    return _mm512_movepi8_mask(_mm512_loadu_si512(at));
  }
  // Of a block that is not rare: control characters may be taken for operators.
  TOCSIN_AVX512 static PlainMasks masks(const char* at) {
    const __m512i bytes = _mm512_loadu_si512(at);
    const __m512i curled = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
    PlainMasks masks;
    masks.quote = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"'));
    masks.operators =
        _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(operators_avx512(), curled), curled);
    masks.space = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' '));
    return masks;
  }
  TOCSIN_AVX512 static Masks classify(const char* at) { return classify_avx512(at); }
  TOCSIN_AVX512 static Whites whites(const char* at) { return whites_avx512(at); }
  TOCSIN_AVX512 static std::uint64_t prefix_xor(std::uint64_t bits) {
    return prefix_xor_avx512(bits);
  }
  using Flattener = FlattenerAvx512;
  TOCSIN_AVX512 static void flatten(Run& run, const char* at, std::uint64_t bits) {
    Flattener one(run, at);
    one.put(at, bits);
    run.count = one.count(run);
  }
};

TOCSIN_AVX512 TOCSIN_NOINLINE bool line_block_avx512(Run& run, const char* at, State& state) {
  return scan_any_block<true, KernelAvx512>(run, at, state);
}
TOCSIN_AVX512 TOCSIN_NOINLINE bool document_block_avx512(Run& run, const char* at, State& state) {
  return scan_any_block<false, KernelAvx512>(run, at, state);
}
TOCSIN_AVX512 void lines_avx512(Run& run) {
  scan_blocks<true, KernelAvx512, line_block_avx512>(run);
}
TOCSIN_AVX512 void document_avx512(Run& run) {
  scan_blocks<false, KernelAvx512, document_block_avx512>(run);
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

// Some control characters are taken for operators.
TOCSIN_AVX2 inline std::uint64_t operators_avx2(__m256i low, __m256i high) {
  const __m256i table = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
  const __m256i curl = _mm256_set1_epi8(0x20);
  const __m256i low_curled = _mm256_or_si256(low, curl);
  const __m256i high_curled = _mm256_or_si256(high, curl);
  return bits_avx2(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, low_curled), low_curled),
                   _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, high_curled), high_curled));
}

TOCSIN_AVX2 inline Masks classify_avx2(const char* at) {
  const __m256i low = half_avx2(at);
  const __m256i high = half_avx2(at + 32);
  const __m256i last_control = _mm256_set1_epi8(0x1f);
  Masks masks;
  masks.backslash = equal_avx2(low, high, '\\');
  masks.quote = equal_avx2(low, high, '"');
  masks.space = equal_avx2(low, high, ' ');
  masks.control = bits_avx2(_mm256_cmpeq_epi8(_mm256_min_epu8(low, last_control), low),
                            _mm256_cmpeq_epi8(_mm256_min_epu8(high, last_control), high));
  masks.high = bits_avx2(low, high);
  masks.operators = operators_avx2(low, high) & ~masks.control;
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

struct KernelAvx2 {
  class Union {
   public:
    TOCSIN_AVX2 Union() : all_(_mm256_setzero_si256()) {}
    TOCSIN_AVX2 void add(const char* at) {
      all_ = _mm256_or_si256(all_, _mm256_or_si256(half_avx2(at), half_avx2(at + 32)));
    }
    TOCSIN_AVX2 bool has_high() const { return _mm256_movemask_epi8(all_) != 0; }

   private:
    __m256i all_;
  };
  TOCSIN_AVX2 static bool is_rare(const char* at) {
    const __m256i low = half_avx2(at);
    const __m256i high = half_avx2(at + 32);
    const __m256i last_control = _mm256_set1_epi8(0x1f);
    const __m256i backslash = _mm256_set1_epi8('\\');
    const __m256i controls =
        _mm256_or_si256(_mm256_cmpeq_epi8(_mm256_min_epu8(low, last_control), low),
                        _mm256_cmpeq_epi8(_mm256_min_epu8(high, last_control), high));
    const __m256i backslashes =
        _mm256_or_si256(_mm256_cmpeq_epi8(low, backslash), _mm256_cmpeq_epi8(high, backslash));
    return _mm256_movemask_epi8(_mm256_or_si256(controls, backslashes)) != 0;
  }
  TOCSIN_AVX2 static std::uint64_t rare(const char* at) {
    const __m256i low = half_avx2(at);
    const __m256i high = half_avx2(at + 32);
    const __m256i last_control = _mm256_set1_epi8(0x1f);
    return equal_avx2(low, high, '\\') |
           bits_avx2(_mm256_cmpeq_epi8(_mm256_min_epu8(low, last_control), low),
                     _mm256_cmpeq_epi8(_mm256_min_epu8(high, last_control), high));
  }
  TOCSIN_AVX2 static std::uint64_t high(const char* at) {
    return bits_avx2(half_avx2(at), half_avx2(at + 32));
  }
  TOCSIN_AVX2 static PlainMasks masks(const char* at) {
    const __m256i low = half_avx2(at);
    const __m256i high = half_avx2(at + 32);
    PlainMasks masks;
    masks.quote = equal_avx2(low, high, '"');
    masks.operators = operators_avx2(low, high);
    masks.space = equal_avx2(low, high, ' ');
    return masks;
  }
  TOCSIN_AVX2 static Masks classify(const char* at) { return classify_avx2(at); }
  TOCSIN_AVX2 static Whites whites(const char* at) { return whites_avx2(at); }
  TOCSIN_AVX2 static std::uint64_t prefix_xor(std::uint64_t bits) { return prefix_xor_avx2(bits); }
  using Flattener = PlainFlattener<KernelAvx2>;
  TOCSIN_AVX2 static void flatten(Run& run, const char* at, std::uint64_t bits) {
    flatten_bits(run, at, bits);
  }
};

TOCSIN_AVX2 TOCSIN_NOINLINE bool line_block_avx2(Run& run, const char* at, State& state) {
  return scan_any_block<true, KernelAvx2>(run, at, state);
}
TOCSIN_AVX2 TOCSIN_NOINLINE bool document_block_avx2(Run& run, const char* at, State& state) {
  return scan_any_block<false, KernelAvx2>(run, at, state);
}
TOCSIN_AVX2 void lines_avx2(Run& run) {
  scan_blocks<true, KernelAvx2, line_block_avx2>(run);
}
TOCSIN_AVX2 void document_avx2(Run& run) {
  scan_blocks<false, KernelAvx2, document_block_avx2>(run);
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

// There are no masks to be saved: every block is any block.
struct KernelBaseline {
  struct Union {
    void add(const char*) {}
    bool has_high() const { return false; }
  };
  static bool is_rare(const char*) { return true; }
  static std::uint64_t rare(const char*) { return 1; }
  static std::uint64_t high(const char*) { return 0; }
  static PlainMasks masks(const char*) { return {}; }
  static Masks classify(const char* at) { return classify_baseline(at); }
  static Whites whites(const char* at) { return whites_baseline(at); }
  static std::uint64_t prefix_xor(std::uint64_t bits) { return prefix_xor_by_shifts(bits); }
  using Flattener = PlainFlattener<KernelBaseline>;
  static void flatten(Run& run, const char* at, std::uint64_t bits) { flatten_bits(run, at, bits); }
};

TOCSIN_NOINLINE bool line_block_baseline(Run& run, const char* at, State& state) {
  return scan_any_block<true, KernelBaseline>(run, at, state);
}
TOCSIN_NOINLINE bool document_block_baseline(Run& run, const char* at, State& state) {
  return scan_any_block<false, KernelBaseline>(run, at, state);
}
void lines_baseline(Run& run) {
  scan_blocks<true, KernelBaseline, line_block_baseline>(run);
}
void document_baseline(Run& run) {
  scan_blocks<false, KernelBaseline, document_block_baseline>(run);
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

StructuralScan::Path StructuralScan::chosen() {
  const std::string kernel = json_kernel();
  if (kernel == "icelake" && supported(Path::avx512)) {
    return Path::avx512;
  }
  if ((kernel == "icelake" || kernel == "haswell") && supported(Path::avx2)) {
    return Path::avx2;
  }
  return Path::baseline;
}

StructuralScan::StructuralScan() : StructuralScan(chosen()) {}

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
