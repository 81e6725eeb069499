// SPDX-License-Identifier: Apache-2.0
// ASCII texts by words: nearly every value is one, and one that is needs no copy to be hashed or
// compared without regard to case. Thread rule: pure functions. Cost: 8 bytes a step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

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

// Is `text` folded the same as `folded`, which is as long?
inline Same same_folded(const char* text, const char* folded, std::size_t size) {
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

}  // namespace tocsin::compiled
