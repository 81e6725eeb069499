// SPDX-License-Identifier: Apache-2.0
#include "engine/event/bracket_scan.h"

#include <array>
#include <bit>
#include <charconv>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tocsin {

namespace {

constexpr std::size_t block_bytes = 64;

constexpr bool is_open(char c) {
  return c == '{' || c == '[';
}
constexpr bool is_close(char c) {
  return c == '}' || c == ']';
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// One bit per byte of a block.
struct Masks {
  std::uint64_t quote = 0;
  std::uint64_t backslash = 0;
  std::uint64_t open = 0;
  std::uint64_t close = 0;
  std::uint64_t newline = 0;
};

#if defined(__SSE2__)
std::uint64_t bits(__m128i equal) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(equal)));
}

Masks masks_of(const char* data) {
  Masks masks;
  for (std::size_t part = 0; part < block_bytes; part += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + part));
    // { and [, } and ] differ in one bit only.
    const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    masks.quote |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'))) << part;
    masks.backslash |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))) << part;
    masks.open |= bits(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{'))) << part;
    masks.close |= bits(_mm_cmpeq_epi8(folded, _mm_set1_epi8('}'))) << part;
    masks.newline |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'))) << part;
  }
  return masks;
}
#else
Masks masks_of(const char* data) {
  Masks masks;
  for (std::size_t i = 0; i < block_bytes; ++i) {
    const char c = data[i];
    masks.quote |= std::uint64_t{c == '"'} << i;
    masks.backslash |= std::uint64_t{c == '\\'} << i;
    masks.open |= std::uint64_t{is_open(c)} << i;
    masks.close |= std::uint64_t{is_close(c)} << i;
    masks.newline |= std::uint64_t{c == '\n'} << i;
  }
  return masks;
}
#endif

// Which bytes an odd run of backslashes escapes (the add-with-carry method of Langdale and Lemire,
// "Parsing Gigabytes of JSON per Second", section 3.1.1).
std::uint64_t escaped_by(std::uint64_t backslash, bool& carry) {
  const std::uint64_t from_before = carry ? 1 : 0;
  if (backslash == 0) {
    carry = false;
    return from_before;
  }
  constexpr std::uint64_t even = 0x5555555555555555ull;
  backslash &= ~from_before;
  const std::uint64_t follows = (backslash << 1) | from_before;
  const std::uint64_t odd_starts = backslash & ~even & ~follows;
  const std::uint64_t even_runs = odd_starts + backslash;
  carry = even_runs < backslash;  // the run reaches beyond the block
  return (even ^ (even_runs << 1)) & follows;
}

std::uint64_t prefix_xor(std::uint64_t mask) {
  mask ^= mask << 1;
  mask ^= mask << 2;
  mask ^= mask << 4;
  mask ^= mask << 8;
  mask ^= mask << 16;
  mask ^= mask << 32;
  return mask;
}

}  // namespace

void BracketScan::start(std::int64_t depth) {
  *this = BracketScan();
  depth_ = depth;
}

bool BracketScan::breaks_at(std::string_view text, std::size_t at) const {
  while (at > 0) {
    const char before = text[--at];
    if (!is_blank(before)) {
      return before != '[' && before != ',' && before != ':';
    }
  }
  const char before = last_significant_;
  return before != '[' && before != ',' && before != ':';
}

// One byte; true: stop with `result`. The same as block(), and its oracle in the tests.
bool BracketScan::step(std::string_view text, std::size_t at, Result& result) {
  const char c = text[at];
  if (after_newline_ && is_open(c)) {
    if (first_line_bracket_ == none) {
      first_line_bracket_ = at;
    }
    if (in_string_ || breaks_at(text, at)) {
      result = {Stop::broken, at};
      return true;
    }
  }
  after_newline_ = c == '\n';
  const bool escaped = escaped_;
  escaped_ = c == '\\' && !escaped;
  if (c == '"' && !escaped) {
    in_string_ = !in_string_;
  } else if (!in_string_ && is_open(c)) {
    ++depth_;
  } else if (!in_string_ && is_close(c) && --depth_ <= 0) {
    result = {Stop::closed, at + 1};
    return true;
  }
  return false;
}

bool BracketScan::block(std::string_view text, std::size_t at, Result& result) {
  const Masks masks = masks_of(text.data() + at);
  const std::uint64_t quotes = masks.quote & ~escaped_by(masks.backslash, escaped_);
  const std::uint64_t in_string = prefix_xor(quotes) ^ (in_string_ ? ~std::uint64_t{0} : 0);
  in_string_ = (in_string >> 63) != 0;
  const std::uint64_t line_brackets =
      masks.open & ((masks.newline << 1) | (after_newline_ ? 1u : 0u));
  after_newline_ = (masks.newline >> 63) != 0;
  const std::uint64_t open = masks.open & ~in_string;
  std::uint64_t left = open | (masks.close & ~in_string) | line_brackets;
  while (left != 0) {
    const std::uint64_t bit = left & (~left + 1);
    const std::size_t here = at + static_cast<std::size_t>(std::countr_zero(left));
    left ^= bit;
    if ((line_brackets & bit) != 0) {
      if (first_line_bracket_ == none) {
        first_line_bracket_ = here;
      }
      if ((in_string & bit) != 0 || breaks_at(text, here)) {
        result = {Stop::broken, here};
        return true;
      }
    }
    if ((open & bit) != 0) {
      ++depth_;
    } else if (--depth_ <= 0) {
      result = {Stop::closed, here + 1};
      return true;
    }
  }
  return false;
}

BracketScan::Result BracketScan::run(std::string_view text) {
  Result result{Stop::more, text.size()};
  std::size_t at = scanned_;
  for (; at + block_bytes <= text.size(); at += block_bytes) {
    if (block(text, at, result)) {
      return result;
    }
  }
  for (; at < text.size(); ++at) {
    if (step(text, at, result)) {
      return result;
    }
  }
  scanned_ = at;
  return result;
}

void BracketScan::rebase(std::string_view text) {
  const std::size_t found = text.find_last_not_of(" \t\r\n");
  if (found != std::string_view::npos) {
    last_significant_ = text[found];
  }
  scanned_ = 0;
  first_line_bracket_ = none;
}

std::string BracketScan::save() const {
  return std::to_string(depth_) + "," + std::to_string(int{in_string_}) + "," +
         std::to_string(int{escaped_}) + "," + std::to_string(int{after_newline_}) + "," +
         std::to_string(int{last_significant_});
}

bool BracketScan::load(std::string_view text) {
  std::array<std::int64_t, 5> numbers{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::from_chars_result parsed = std::from_chars(at, end, numbers[i]);
    const bool last = i + 1 == numbers.size();
    if (parsed.ec != std::errc() ||
        (last ? parsed.ptr != end : parsed.ptr == end || *parsed.ptr != ',')) {
      return false;
    }
    at = parsed.ptr + 1;
  }
  start(numbers[0]);
  in_string_ = numbers[1] != 0;
  escaped_ = numbers[2] != 0;
  after_newline_ = numbers[3] != 0;
  last_significant_ = static_cast<char>(numbers[4]);
  return true;
}

}  // namespace tocsin
