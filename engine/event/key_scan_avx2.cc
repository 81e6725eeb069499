// SPDX-License-Identifier: Apache-2.0
// The pass over a line for machines with AVX2. Compiled with the flags for them (CMakeLists.txt):
// nothing but the intrinsics may be included here.
#if defined(__x86_64__)

#include <immintrin.h>

#include "engine/event/key_pass.h"
#include "engine/event/key_pass_bits.h"

namespace tocsin {
namespace {

inline __m256i load_half(const char* from) {
  __m256i half;
  std::memcpy(&half, from, sizeof half);
  return half;
}

inline std::uint64_t bits_of(__m256i low, __m256i high) {
  const std::uint64_t low_bits = static_cast<std::uint32_t>(_mm256_movemask_epi8(low));
  const std::uint64_t high_bits = static_cast<std::uint32_t>(_mm256_movemask_epi8(high));
  return high_bits << 32 | low_bits;
}

class Avx2 : public BitCounts {
 public:
  explicit Avx2(const char* from) : low_(load_half(from)), high_(load_half(from + 32)) {}
  std::uint64_t equal(char c) const {
    const __m256i all = _mm256_set1_epi8(c);
    return bits_of(_mm256_cmpeq_epi8(low_, all), _mm256_cmpeq_epi8(high_, all));
  }
  bool any_control_or(char c) const {
    const __m256i all = _mm256_set1_epi8(c);
    const __m256i last = _mm256_set1_epi8(0x1f);
    const auto rare = [&](__m256i half) {
      return _mm256_or_si256(_mm256_cmpeq_epi8(_mm256_min_epu8(half, last), half),
                             _mm256_cmpeq_epi8(half, all));
    };
    return _mm256_movemask_epi8(_mm256_or_si256(rare(low_), rare(high_))) != 0;
  }
  std::uint64_t at_most(char c) const {
    const __m256i all = _mm256_set1_epi8(c);
    return bits_of(_mm256_cmpeq_epi8(_mm256_min_epu8(low_, all), low_),
                   _mm256_cmpeq_epi8(_mm256_min_epu8(high_, all), high_));
  }
  std::uint64_t high() const { return bits_of(low_, high_); }
  class Union {
   public:
    void add(const Avx2& more) {
      all_ = _mm256_or_si256(all_, _mm256_or_si256(more.low_, more.high_));
    }
    bool has_high() const { return _mm256_movemask_epi8(all_) != 0; }

   private:
    __m256i all_ = _mm256_setzero_si256();
  };
  // Of letters either case; '{' finds '[' too, and '}' ']'.
  std::uint64_t equal_lower(char c) const {
    const __m256i all = _mm256_set1_epi8(c);
    const __m256i lower = _mm256_set1_epi8(0x20);
    return bits_of(_mm256_cmpeq_epi8(_mm256_or_si256(low_, lower), all),
                   _mm256_cmpeq_epi8(_mm256_or_si256(high_, lower), all));
  }
  using Anchors = const KeyAnchors&;
  std::uint64_t anchored(const char* from, const KeyAnchors& anchors) const {
    return bits_of(half(low_, from, anchors), half(high_, from + 32, anchors));
  }
  static std::uint32_t not_zero(const std::uint64_t* words) {
    std::uint32_t bits = 0;
    for (std::uint32_t i = 0; i < KeyMarks::group; ++i) {
      bits |= (words[i] != 0 ? 1u : 0u) << i;
    }
    return bits;
  }
  static bool strings_of(KeyMarks& marks) { return find_strings<Avx2>(marks); }

 private:
  static __m256i half(__m256i first, const char* from, const KeyAnchors& anchors) {
    const __m256i second = load_half(from + 1);
    const __m256i third = load_half(from + 2);
    __m256i found = _mm256_setzero_si256();
    const auto equal = [](__m256i bytes, const KeyAnchor& anchor, int i) {
      return _mm256_cmpeq_epi8(_mm256_or_si256(bytes, _mm256_set1_epi8(anchor.ignored[i])),
                               _mm256_set1_epi8(anchor.text[i]));
    };
    // The first of three is left to whoever looks there.
    for (std::uint32_t i = 0; i < anchors.exact; ++i) {
      const KeyAnchor& anchor = anchors.anchors[i];
      const __m256i two = _mm256_cmpeq_epi8(second, _mm256_set1_epi8(anchor.text[1]));
      const __m256i three = _mm256_cmpeq_epi8(third, _mm256_set1_epi8(anchor.text[2]));
      found = _mm256_or_si256(found, _mm256_and_si256(two, three));
    }
    for (std::uint32_t i = anchors.exact; i < anchors.count; ++i) {
      const KeyAnchor& anchor = anchors.anchors[i];
      const __m256i pair = _mm256_and_si256(equal(first, anchor, 0), equal(second, anchor, 1));
      found = _mm256_or_si256(found, _mm256_and_si256(pair, equal(third, anchor, 2)));
    }
    return found;
  }

  __m256i low_;
  __m256i high_;
};

}  // namespace

const char* key_pass_avx2(const char* begin,
                          const char* end,
                          const KeyAnchors& anchors,
                          KeyMarks& marks) {
  return key_pass<Avx2>(begin, end, anchors, marks);
}

void depth_pass_avx2(const char* begin, std::uint32_t blocks, KeyMarks& marks) {
  depth_pass<Avx2>(begin, blocks, marks);
}

}  // namespace tocsin

#endif
