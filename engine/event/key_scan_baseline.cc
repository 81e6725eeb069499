// SPDX-License-Identifier: Apache-2.0
// The pass over a line for every machine: SSE2, which each x86-64 has, else plain code.
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include "engine/event/key_pass.h"

namespace tocsin {
namespace {

inline std::uint64_t xor_of_all_below(std::uint64_t bits) {
  for (unsigned shift = 1; shift < 64; shift *= 2) {
    bits ^= bits << shift;
  }
  return bits;
}

// Few bits are set: brackets.
inline int count_bits(std::uint64_t bits) {
  int count = 0;
  for (; bits != 0; bits &= bits - 1) {
    ++count;
  }
  return count;
}

inline std::uint32_t which_are_not_zero(const std::uint64_t* words) {
  std::uint32_t bits = 0;
  for (std::uint32_t i = 0; i < KeyMarks::group; ++i) {
    bits |= (words[i] != 0 ? 1u : 0u) << i;
  }
  return bits;
}

// Of many blocks: is there a byte beyond ASCII?
class HighBits {
 public:
  template <class Vectors>
  void add(const Vectors& more) {
    all_ |= more.high();
  }
  bool has_high() const { return all_ != 0; }

 private:
  std::uint64_t all_ = 0;
};

#if defined(__x86_64__)

class Baseline {
 public:
  explicit Baseline(const char* from) {
    for (int i = 0; i < 4; ++i) {
      quarters_[i] = load(from + 16 * i);
    }
  }
  std::uint64_t equal(char c) const {
    const __m128i all = _mm_set1_epi8(c);
    return gather([&](int i) { return _mm_cmpeq_epi8(quarters_[i], all); });
  }
  bool any_control_or(char c) const { return (at_most('\x1f') | equal(c)) != 0; }
  std::uint64_t at_most(char c) const {
    const __m128i all = _mm_set1_epi8(c);
    return gather(
        [&](int i) { return _mm_cmpeq_epi8(_mm_min_epu8(quarters_[i], all), quarters_[i]); });
  }
  std::uint64_t high() const {
    return gather([&](int i) { return quarters_[i]; });
  }
  using Union = HighBits;
  // Of letters either case; '{' finds '[' too, and '}' ']'.
  std::uint64_t equal_lower(char c) const {
    const __m128i all = _mm_set1_epi8(c);
    const __m128i lower = _mm_set1_epi8(0x20);
    return gather([&](int i) { return _mm_cmpeq_epi8(_mm_or_si128(quarters_[i], lower), all); });
  }
  using Anchors = const KeyAnchors&;
  std::uint64_t anchored(const char* from, const KeyAnchors& anchors) const {
    return gather([&](int i) { return quarter(quarters_[i], from + 16 * i, anchors); });
  }
  static std::uint64_t prefix_xor(std::uint64_t bits) { return xor_of_all_below(bits); }
  static int count(std::uint64_t bits) { return count_bits(bits); }
  static std::uint32_t not_zero(const std::uint64_t* words) { return which_are_not_zero(words); }
  static bool strings_of(KeyMarks& marks) { return find_strings<Baseline>(marks); }

 private:
  static __m128i load(const char* from) {
    __m128i quarter;
    std::memcpy(&quarter, from, sizeof quarter);
    return quarter;
  }
  template <class Compare>
  static std::uint64_t gather(Compare compare) {
    std::uint64_t bits = 0;
    for (int i = 0; i < 4; ++i) {
      bits |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(compare(i))))
              << (16 * i);
    }
    return bits;
  }
  static __m128i quarter(__m128i first, const char* from, const KeyAnchors& anchors) {
    const __m128i second = load(from + 1);
    const __m128i third = load(from + 2);
    __m128i found = _mm_setzero_si128();
    const auto equal = [](__m128i bytes, const KeyAnchor& anchor, int i) {
      return _mm_cmpeq_epi8(_mm_or_si128(bytes, _mm_set1_epi8(anchor.ignored[i])),
                            _mm_set1_epi8(anchor.text[i]));
    };
    for (std::uint32_t i = 0; i < anchors.count; ++i) {
      const KeyAnchor& anchor = anchors.anchors[i];
      const __m128i pair = _mm_and_si128(equal(first, anchor, 0), equal(second, anchor, 1));
      found = _mm_or_si128(found, _mm_and_si128(pair, equal(third, anchor, 2)));
    }
    return found;
  }

  __m128i quarters_[4];
};

#else

class Baseline {
 public:
  explicit Baseline(const char* from) : bytes_(from) {}
  std::uint64_t equal(char c) const {
    return gather([&](std::size_t i) { return bytes_[i] == c; });
  }
  bool any_control_or(char c) const { return (at_most('\x1f') | equal(c)) != 0; }
  std::uint64_t at_most(char c) const {
    return gather([&](std::size_t i) {
      return static_cast<unsigned char>(bytes_[i]) <= static_cast<unsigned char>(c);
    });
  }
  std::uint64_t high() const {
    return gather([&](std::size_t i) { return (bytes_[i] & 0x80) != 0; });
  }
  using Union = HighBits;
  // Of letters either case; '{' finds '[' too, and '}' ']'.
  std::uint64_t equal_lower(char c) const {
    return gather([&](std::size_t i) { return (bytes_[i] | 0x20) == c; });
  }
  using Anchors = const KeyAnchors&;
  std::uint64_t anchored(const char* from, const KeyAnchors& anchors) const {
    std::uint64_t found = 0;
    for (std::uint32_t i = 0; i < anchors.count; ++i) {
      const KeyAnchor& anchor = anchors.anchors[i];
      found |= gather([&](std::size_t at) {
        const auto equal = [&](std::size_t k) {
          return (from[at + k] | anchor.ignored[k]) == anchor.text[k];
        };
        return equal(0) && equal(1) && equal(2);
      });
    }
    return found;
  }
  static std::uint64_t prefix_xor(std::uint64_t bits) { return xor_of_all_below(bits); }
  static int count(std::uint64_t bits) { return count_bits(bits); }
  static std::uint32_t not_zero(const std::uint64_t* words) { return which_are_not_zero(words); }
  static bool strings_of(KeyMarks& marks) { return find_strings<Baseline>(marks); }

 private:
  template <class Holds>
  static std::uint64_t gather(Holds holds) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < KeyMarks::block_bytes; ++i) {
      bits |= static_cast<std::uint64_t>(holds(i) ? 1 : 0) << i;
    }
    return bits;
  }
  const char* bytes_;
};

#endif

}  // namespace

const char* key_pass_baseline(const char* begin,
                              const char* end,
                              const KeyAnchors& anchors,
                              KeyMarks& marks) {
  return key_pass<Baseline>(begin, end, anchors, marks);
}

void depth_pass_baseline(const char* begin, std::uint32_t blocks, KeyMarks& marks) {
  depth_pass<Baseline>(begin, blocks, marks);
}

}  // namespace tocsin
