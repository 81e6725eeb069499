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
  std::uint64_t either(char c, char d) const {
    return _mm512_cmpeq_epi8_mask(bytes_, _mm512_set1_epi8(c)) |
           _mm512_cmpeq_epi8_mask(bytes_, _mm512_set1_epi8(d));
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
  std::uint64_t anchored(const char* from, const KeyAnchors& anchors) const {
    const auto classes = [&anchors](int i, __m512i bytes) {
      // With a mask of all: GCC 12 warns of the plain one's own header.
      return _mm512_maskz_permutexvar_epi8(
          ~__mmask64{0}, bytes, _mm512_load_si512(anchors.classes[i]));
    };
    const __m512i first = classes(0, bytes_);
    const __m512i second = classes(1, _mm512_loadu_si512(from + 1));
    const __m512i third = classes(2, _mm512_loadu_si512(from + 2));
    return _mm512_test_epi8_mask(_mm512_and_si512(first, second), third);
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

}  // namespace tocsin

#endif
