// SPDX-License-Identifier: Apache-2.0
// The pass over a line for machines with AVX-512. Compiled with the flags for them
// (CMakeLists.txt): nothing but the intrinsics may be included here.
#if defined(__x86_64__)

#include <immintrin.h>

#include "engine/event/key_pass.h"
#include "engine/event/key_pass_bits.h"

namespace tocsin {
namespace {

class Avx512 : public BitCounts {
 public:
  explicit Avx512(const char* from) : bytes_(_mm512_loadu_si512(from)) {}
  std::uint64_t equal(char c) const { return _mm512_cmpeq_epi8_mask(bytes_, _mm512_set1_epi8(c)); }
  bool any_control_or(char c) const {
    return _kortestz_mask64_u8(_mm512_cmplt_epu8_mask(bytes_, _mm512_set1_epi8(' ')),
                               _mm512_cmpeq_epi8_mask(bytes_, _mm512_set1_epi8(c))) == 0;
  }
  std::uint64_t at_most(char c) const {
    return _mm512_cmple_epu8_mask(bytes_, _mm512_set1_epi8(c));
  }
  std::uint64_t high() const { return _mm512_movepi8_mask(bytes_); }
  class Union {
   public:
    void add(const Avx512& more) { all_ = _mm512_or_si512(all_, more.bytes_); }
    bool has_high() const { return _mm512_movepi8_mask(all_) != 0; }

   private:
    __m512i all_ = _mm512_setzero_si512();
  };
  // Of letters either case; '{' finds '[' too, and '}' ']'.
  std::uint64_t equal_lower(char c) const {
    return _mm512_cmpeq_epi8_mask(_mm512_or_si512(bytes_, _mm512_set1_epi8(0x20)),
                                  _mm512_set1_epi8(c));
  }
  class Anchors {
   public:
    explicit Anchors(const KeyAnchors& anchors)
        : first_(_mm512_load_si512(anchors.classes[0])),
          second_(_mm512_load_si512(anchors.classes[1])),
          third_(_mm512_load_si512(anchors.classes[2])) {}

   private:
    friend class Avx512;
    __m512i first_;
    __m512i second_;
    __m512i third_;
  };
  std::uint64_t anchored(const char* from, const Anchors& anchors) const {
    const auto classes = [](__m512i table, __m512i bytes) {
      // With a mask of all: GCC 12 warns of the plain one's own header.
      return _mm512_maskz_permutexvar_epi8(~__mmask64{0}, bytes, table);
    };
    const __m512i first = classes(anchors.first_, bytes_);
    const __m512i second = classes(anchors.second_, _mm512_loadu_si512(from + 1));
    const __m512i third = classes(anchors.third_, _mm512_loadu_si512(from + 2));
    return _mm512_test_epi8_mask(_mm512_and_si512(first, second), third);
  }
  // Of eight words a bit each.
  static std::uint32_t not_zero(const std::uint64_t* words) {
    const __m512i eight = _mm512_loadu_si512(words);
    return _mm512_test_epi64_mask(eight, eight);
  }
  // As find_strings(), eight blocks at a time.
  static bool strings_of(KeyMarks& marks) {
    const __m512i ones = _mm512_set1_epi64(-1);
    __m512i outside = _mm512_setzero_si512();
    std::uint32_t before = 0;  // 0xff: the blocks before end inside a string
    for (std::uint32_t i = 0; i < marks.blocks; i += KeyMarks::group) {
      __m512i strings = _mm512_loadu_si512(marks.quotes + i);
      strings = _mm512_xor_si512(strings, _mm512_maskz_slli_epi64(0xff, strings, 1));
      strings = _mm512_xor_si512(strings, _mm512_maskz_slli_epi64(0xff, strings, 2));
      strings = _mm512_xor_si512(strings, _mm512_maskz_slli_epi64(0xff, strings, 4));
      strings = _mm512_xor_si512(strings, _mm512_maskz_slli_epi64(0xff, strings, 8));
      strings = _mm512_xor_si512(strings, _mm512_maskz_slli_epi64(0xff, strings, 16));
      strings = _mm512_xor_si512(strings, _mm512_maskz_slli_epi64(0xff, strings, 32));
      // Which blocks turn from outside to inside or back, and so where each begins.
      std::uint32_t turns = _mm512_cmplt_epi64_mask(strings, _mm512_setzero_si512());
      turns ^= turns << 1;
      turns ^= turns << 2;
      turns ^= turns << 4;
      const std::uint32_t inside = turns << 1 ^ before;
      strings = _mm512_mask_xor_epi64(strings, static_cast<__mmask8>(inside), strings, ones);
      before = (inside & 0x100) != 0 ? 0xffffffffu : 0;
      _mm512_storeu_si512(marks.strings + i, strings);
      const __m512i spaces = _mm512_loadu_si512(marks.spaces + i);
      outside = _mm512_or_si512(outside, _mm512_maskz_andnot_epi64(0xff, strings, spaces));
    }
    return _mm512_test_epi64_mask(outside, outside) == 0;
  }

 private:
  __m512i bytes_;
};

}  // namespace

const char* key_pass_avx512(const char* begin,
                            const char* end,
                            const KeyAnchors& anchors,
                            KeyMarks& marks) {
  return key_pass<Avx512>(begin, end, anchors, marks);
}

void depth_pass_avx512(const char* begin, std::uint32_t blocks, KeyMarks& marks) {
  depth_pass<Avx512>(begin, blocks, marks);
}

}  // namespace tocsin

#endif
