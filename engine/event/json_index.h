// SPDX-License-Identifier: Apache-2.0
// StructuralIndex: where the structural characters of a JSON text stand: { } [ ] : , and the first
// byte of every string, number and bare word outside strings. What simdjson's stage 1 yields, and
// our own tolerant scan. Thread rule: plain values; views into the text and the index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/event/json_text.h"

namespace tocsin {

// What is wrong with a record, and at which byte of the text that was read.
struct JsonFault {
  const char* what = "";
  std::uint32_t at = 0;
};

// The structural characters first..last-1 are one value. positions[last] exists and is where the
// next one stands, or where the text ends. kinds[i] is text[positions[i]]; behind the whole index
// are kinds_behind zeros.
struct StructuralIndex {
  const char* text = nullptr;
  const std::uint32_t* positions = nullptr;
  const char* kinds = nullptr;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  static constexpr std::size_t kinds_behind = 16;

  // The string that begins at a structural character, as written, without its quotes.
  std::string_view string(std::uint32_t structural) const;
};

// The end of the string whose opening quote is a structural character: behind it only white space
// comes before `next`, the following structural character.
inline std::uint32_t closing_quote(const char* text, std::uint32_t next) {
  std::uint32_t at = next - 1;
  while (text[at] != '"') {
    --at;
  }
  return at;
}

inline std::string_view StructuralIndex::string(std::uint32_t structural) const {
  const std::uint32_t begin = positions[structural] + 1;
  return {text + begin, closing_quote(text, positions[structural + 1]) - begin};
}

// The bare word (a number, true ...) at `begin`: it ends at white space or at the following
// structural character.
inline std::string_view bare_word(const char* text, std::uint32_t begin, std::uint32_t next) {
  while (next > begin && is_json_space(text[next - 1])) {
    --next;
  }
  return {text + begin, next - begin};
}

}  // namespace tocsin
