// SPDX-License-Identifier: Apache-2.0
// ASCII texts by words: nearly every value is one, and one that is needs no copy to be hashed or
// compared without regard to case. Thread rule: pure functions. Cost: 8 bytes a step.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tocsin::compiled {

inline std::uint64_t load(const char* from, std::size_t bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, bytes);
  return word;
}

// Up to 8 bytes as a word that has all of them (some of them twice).
inline std::uint64_t load_short(const char* from, std::size_t size) {
  if (size >= 4) {
    return load(from, 4) | load(from + size - 4, 4) << 32;
  }
  if (size == 0) {
    return 0;
  }
  const auto byte = [from](std::size_t at) {
    return std::uint64_t{static_cast<unsigned char>(from[at])};
  };
  return byte(0) | byte(size / 2) << 8 | byte(size - 1) << 16;
}

// The bytes A to Z of a word in lower case. Only ASCII bytes are sure to stay what they are.
inline std::uint64_t lower_ascii(std::uint64_t word) {
  constexpr std::uint64_t each = 0x0101010101010101u;
  const std::uint64_t low = word & (each * 0x7f);
  const std::uint64_t from_a = low + each * (0x80 - 'A');
  const std::uint64_t past_z = low + each * (0x80 - 'Z' - 1);
  const std::uint64_t upper = from_a & ~past_z & ~word & (each * 0x80);
  return word | upper >> 2;
}

constexpr std::uint64_t not_ascii = 0x8080808080808080u;

inline bool is_ascii(std::string_view text) {
  const std::size_t size = text.size();
  if (size < 8) {
    return (load_short(text.data(), size) & not_ascii) == 0;
  }
  std::uint64_t high = load(text.data() + size - 8, 8);
  for (std::size_t at = 0; at + 8 < size; at += 8) {
    high |= load(text.data() + at, 8);
  }
  return (high & not_ascii) == 0;
}

enum class Same : std::uint8_t { no, yes, unknown };  // unknown: it is not ASCII

#if defined(__SSE2__)
// same_folded() of 16 bytes and more: names of 16 to 32 without a branch that depends on how many.
inline Same same_folded_by_16(const char* text, const char* folded, std::size_t size) {
  __m128i high = _mm_setzero_si128();
  __m128i differs = _mm_setzero_si128();
  const auto step = [&](std::size_t at) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + at));
    const __m128i wanted = _mm_loadu_si128(reinterpret_cast<const __m128i*>(folded + at));
    // Signed: what is not ASCII is less than A.
    const __m128i upper = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('A' - 1)),
                                        _mm_cmplt_epi8(bytes, _mm_set1_epi8('Z' + 1)));
    const __m128i lower = _mm_or_si128(bytes, _mm_and_si128(upper, _mm_set1_epi8('a' - 'A')));
    high = _mm_or_si128(high, bytes);
    differs = _mm_or_si128(differs, _mm_xor_si128(lower, wanted));
  };
  step(0);
  for (std::size_t at = 16; at + 16 < size; at += 16) {
    step(at);
  }
  step(size - 16);
  if (_mm_movemask_epi8(high) != 0) {
    return Same::unknown;
  }
  const __m128i equal = _mm_cmpeq_epi8(differs, _mm_setzero_si128());
  return _mm_movemask_epi8(equal) == 0xffff ? Same::yes : Same::no;
}
#endif

// Is `text` folded the same as `folded`, which is as long?
inline Same same_folded(const char* text, const char* folded, std::size_t size) {
#if defined(__SSE2__)
  if (size >= 16) {
    return same_folded_by_16(text, folded, size);
  }
#endif
  std::uint64_t high = 0;
  std::uint64_t differs = 0;
  if (size < 8) {
    high = load_short(text, size);
    differs = lower_ascii(high) ^ load_short(folded, size);
  } else {
    const auto step = [&](std::size_t at) {
      const std::uint64_t word = load(text + at, 8);
      high |= word;
      differs |= lower_ascii(word) ^ load(folded + at, 8);
    };
    for (std::size_t at = 0; at + 8 < size; at += 8) {
      step(at);
    }
    step(size - 8);
  }
  if ((high & not_ascii) != 0) {
    return Same::unknown;
  }
  return differs == 0 ? Same::yes : Same::no;
}

// Is `folded` part of `text`, an ASCII text behind which 64 bytes are readable, once it is folded?
// Cost: 16 bytes a step where there are vectors.
inline bool contains_folded(std::string_view text, std::string_view folded) {
  const std::size_t size = folded.size();
  if (size == 0) {
    return true;
  }
  if (size > text.size()) {
    return false;
  }
  const char* const begin = text.data();
  const std::size_t places = text.size() - size + 1;
  const auto is_here = [&](std::size_t at) {
    return same_folded(begin + at, folded.data(), size) == Same::yes;
  };
#if defined(__SSE2__)
  // The first and the last byte must be there, in either case: then the rest is looked at.
  const auto either_case = [](char c) {
    return _mm_set1_epi8(c >= 'a' && c <= 'z' ? '\x20' : '\0');
  };
  const __m128i first = _mm_set1_epi8(folded.front());
  const __m128i last = _mm_set1_epi8(folded.back());
  const __m128i first_case = either_case(folded.front());
  const __m128i last_case = either_case(folded.back());
  const auto equal = [begin](std::size_t at, __m128i wanted, __m128i bit) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin + at));
    return _mm_cmpeq_epi8(_mm_or_si128(bytes, bit), wanted);
  };
  for (std::size_t at = 0; at < places; at += 16) {
    const __m128i both =
        _mm_and_si128(equal(at, first, first_case), equal(at + size - 1, last, last_case));
    auto found = static_cast<std::uint32_t>(_mm_movemask_epi8(both));
    for (; found != 0; found &= found - 1) {
      const std::size_t place = at + static_cast<std::size_t>(std::countr_zero(found));
      if (place >= places) {
        return false;
      }
      if (is_here(place)) {
        return true;
      }
    }
  }
  return false;
#else
  for (std::size_t at = 0; at < places; ++at) {
    if (is_here(at)) {
      return true;
    }
  }
  return false;
#endif
}

}  // namespace tocsin::compiled
