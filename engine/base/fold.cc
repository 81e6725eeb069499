// SPDX-License-Identifier: Apache-2.0
#include "engine/base/fold.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "engine/base/text.h"

namespace tocsin {
namespace {

struct FoldRange {
  char32_t first;
  char32_t last;
  std::uint32_t stride;
  std::int32_t delta;
};

constexpr FoldRange fold_ranges[] = {
#include "engine/base/fold_table.inc"
};

// Two-byte UTF-8 covers Latin, Greek and Cyrillic: one look-up each.
constexpr char32_t direct_end = 0x800;

constexpr char32_t fold_by_search(char32_t code_point) {
  std::size_t low = 0;
  std::size_t high = std::size(fold_ranges);
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (fold_ranges[middle].last < code_point) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == std::size(fold_ranges) || code_point < fold_ranges[low].first ||
      (code_point - fold_ranges[low].first) % fold_ranges[low].stride != 0) {
    return code_point;
  }
  return static_cast<char32_t>(static_cast<std::int64_t>(code_point) + fold_ranges[low].delta);
}

constexpr std::array<std::uint16_t, direct_end> make_direct_table() {
  std::array<std::uint16_t, direct_end> table{};
  for (char32_t c = 0; c < direct_end; ++c) {
    const bool upper = c >= U'A' && c <= U'Z';
    // No code point below U+0800 folds to one beyond 16 bits.
    table[c] = static_cast<std::uint16_t>(c < 128 ? (upper ? c + 32 : c) : fold_by_search(c));
  }
  return table;
}
constexpr auto direct_table = make_direct_table();

constexpr std::uint64_t every_byte(std::uint8_t byte) {
  return 0x0101010101010101ull * byte;
}

// Bytes 'A'..'Z' of eight ASCII bytes as 0x20, the others as 0.
constexpr std::uint64_t upper_case_bits(std::uint64_t word) {
  const std::uint64_t above = word + every_byte(0x80 - 'A');
  const std::uint64_t beyond = word + every_byte(0x80 - 'Z' - 1);
  return ((above ^ beyond) & every_byte(0x80)) >> 2;
}

}  // namespace

char32_t fold(char32_t code_point) {
  return code_point < direct_end ? direct_table[code_point] : fold_by_search(code_point);
}

std::size_t fold_to(std::string_view text, char* out) {
  const char* const begin = out;
  std::size_t at = 0;
  while (at < text.size()) {
    while (at + 8 <= text.size()) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + at, 8);
      if ((word & every_byte(0x80)) != 0) {
        break;
      }
      word |= upper_case_bits(word);
      std::memcpy(out, &word, 8);
      out += 8;
      at += 8;
    }
    if (at == text.size()) {
      break;
    }
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) {
      *out++ = static_cast<char>(direct_table[byte]);
      ++at;
      continue;
    }
    const std::size_t start = at;
    const char32_t code_point = next_code_point(text, at);
    const char32_t folded = fold(code_point);
    if (folded == code_point) {  // also bytes that are no UTF-8: kept as they are
      std::memcpy(out, text.data() + start, at - start);
      out += at - start;
    } else {
      out += encode_utf8(folded, out);
    }
  }
  return static_cast<std::size_t>(out - begin);
}

std::string fold(std::string_view text) {
  std::string out(text.size() * 3, '\0');
  out.resize(fold_to(text, out.data()));
  return out;
}

bool is_plain_folded(std::string_view text) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    if ((word & every_byte(0x80)) != 0 || upper_case_bits(word) != 0) {
      return false;
    }
  }
  return std::none_of(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0x80) != 0 || (c >= 'A' && c <= 'Z');
  });
}

}  // namespace tocsin
