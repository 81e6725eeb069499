// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>

#include "engine/base/text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tocsin {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

std::optional<std::uint32_t> hex4(std::string_view raw, std::size_t at) {
  if (raw.size() < at + 4) {
    return std::nullopt;
  }
  std::uint32_t number = 0;
  const char* begin = raw.data() + at;
  const std::from_chars_result result = std::from_chars(begin, begin + 4, number, 16);
  // from_chars takes a minus sign for signed types only; here every character was a digit or it
  // stopped early.
  if (result.ec != std::errc{} || result.ptr != begin + 4) {
    return std::nullopt;
  }
  return number;
}

// The code unit of \uXXXX at raw[at], or nullopt if there is none.
std::optional<std::uint32_t> unicode_escape(std::string_view raw, std::size_t at) {
  if (raw.size() < at + 6 || raw[at] != '\\' || raw[at + 1] != 'u') {
    return std::nullopt;
  }
  return hex4(raw, at + 2);
}

constexpr bool is_high_surrogate(std::uint32_t unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}
constexpr bool is_low_surrogate(std::uint32_t unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

char* put_utf8(std::uint32_t code_point, char* out) {
  const auto put = [&out](std::uint32_t byte) {
    *out++ = static_cast<char>(static_cast<unsigned char>(byte));
  };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3f));
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
  return out;
}

constexpr std::array<char, 256> short_escapes = [] {
  std::array<char, 256> out{};
  for (const char c : {'"', '\\', '/'}) {
    out[static_cast<unsigned char>(c)] = c;
  }
  out['b'] = '\b';
  out['f'] = '\f';
  out['n'] = '\n';
  out['r'] = '\r';
  out['t'] = '\t';
  return out;
}();

// What \c stands for, or 0 if it is no escape of one character.
constexpr char short_escape(char c) {
  return short_escapes[static_cast<unsigned char>(c)];
}

// Decodes the escape at raw[at] (a backslash) and advances behind it.
char* decode_escape(std::string_view raw, std::size_t& at, char* out) {
  if (at + 1 < raw.size()) {
    if (const char c = short_escape(raw[at + 1]); c != 0) {
      at += 2;
      *out++ = c;
      return out;
    }
    if (const std::optional<std::uint32_t> unit = unicode_escape(raw, at)) {
      at += 6;
      if (is_high_surrogate(*unit)) {
        if (const std::optional<std::uint32_t> low = unicode_escape(raw, at);
            low && is_low_surrogate(*low)) {
          at += 6;
          return put_utf8(0x10000 + ((*unit - 0xd800) << 10) + (*low - 0xdc00), out);
        }
      }
      const bool lone = is_high_surrogate(*unit) || is_low_surrogate(*unit);
      return put_utf8(lone ? 0xfffd : *unit, out);
    }
  }
  *out++ = raw[at++];
  return out;
}

template <typename Transform>
std::string transformed(std::string_view raw, Transform transform) {
  std::string text(raw.size(), '\0');
  text.resize(static_cast<std::size_t>(transform(raw, text.data()) - text.data()));
  if (!is_utf8(text)) {
    std::string repaired;
    append_repaired_utf8(text, repaired);
    return repaired;
  }
  return text;
}

// Bytes of a word that equal `c` have their high bit set in the result; those above the first such
// byte may have it too.
constexpr std::uint64_t bytes_equal(std::uint64_t word, char c) {
  constexpr std::uint64_t each = 0x0101010101010101u;
  const std::uint64_t differs = word ^ (each * static_cast<unsigned char>(c));
  return (differs - each) & ~differs & (each * 0x80);
}

// Copies bytes, and says how many of them come before a backslash.
struct EightBytes {
  static constexpr std::size_t size = 8;
  static std::size_t copy(const char* from, char* out) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, size);
    std::memcpy(out, &word, size);
    const std::uint64_t stops = bytes_equal(word, '\\');
    return stops == 0 ? size : static_cast<std::size_t>(std::countr_zero(stops)) / 8;
  }
};

#if defined(__SSE2__)
struct SixteenBytes {
  static constexpr std::size_t size = 16;
  static std::size_t copy(const char* from, char* out) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
    const int stops = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return stops == 0 ? size
                      : static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(stops)));
  }
};
#endif

// As long as there are that many. `out` is never ahead of raw[at]: they fit where they are read.
template <typename Bytes>
char* decode_by(std::string_view raw, std::size_t& at, char* out) {
  while (raw.size() - at >= Bytes::size) {
    const std::size_t run = Bytes::copy(raw.data() + at, out);
    at += run;
    out += run;
    if (run == Bytes::size) {
      continue;
    }
    if (const char c = at + 1 < raw.size() ? short_escape(raw[at + 1]) : '\0'; c != 0) {
      at += 2;
      *out++ = c;
    } else {
      out = decode_escape(raw, at, out);
    }
  }
  return out;
}

}  // namespace

// JSON in a string has an escape every few bytes.
char* decode_json_string(std::string_view raw, char* out) {
  std::size_t at = 0;
#if defined(__SSE2__)
  out = decode_by<SixteenBytes>(raw, at, out);
#endif
  out = decode_by<EightBytes>(raw, at, out);
  while (at < raw.size()) {
    if (raw[at] == '\\') {
      out = decode_escape(raw, at, out);
    } else {
      *out++ = raw[at++];
    }
  }
  return out;
}

namespace {

// Copies a string with its escapes decoded, from behind its opening quote to behind its closing
// one, and moves `at` there. `out` is never ahead of raw[at]: a whole word fits where one is read.
char* minify_string(std::string_view raw, std::size_t& at, char* out) {
  while (at < raw.size()) {
    if (raw.size() - at >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, raw.data() + at, 8);
      std::memcpy(out, &word, 8);
      const std::uint64_t stops = bytes_equal(word, '"') | bytes_equal(word, '\\');
      const std::size_t run =
          stops == 0 ? 8 : static_cast<std::size_t>(std::countr_zero(stops)) / 8;
      at += run;
      out += run;
      if (run == 8) {
        continue;
      }
    }
    const char c = raw[at];
    if (c == '\\') {
      out = decode_escape(raw, at, out);
      continue;
    }
    *out++ = c;
    ++at;
    if (c == '"') {
      break;
    }
  }
  return out;
}

}  // namespace

char* minify_json(std::string_view raw, char* out) {
  std::size_t at = 0;
  while (at < raw.size()) {
    const char c = raw[at++];
    if (is_json_space(c)) {
      continue;
    }
    *out++ = c;
    if (c == '"') {
      out = minify_string(raw, at, out);
    }
  }
  return out;
}

std::string decoded_json_string(std::string_view raw) {
  return transformed(raw, decode_json_string);
}

std::string minified_json(std::string_view raw) {
  return transformed(raw, minify_json);
}

void append_repaired_utf8(std::string_view text, std::string& out) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = at;
    const char32_t code_point = next_code_point(text, at);
    // One byte that stands for U+FFFD is no U+FFFD of the text itself, which has three.
    if (code_point == 0xfffd && at == begin + 1) {
      out += replacement;
    } else {
      out += text.substr(begin, at - begin);
    }
  }
}

std::size_t find_json_quote(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (text[at] == '"') {
      return at;
    }
    at += text[at] == '\\' ? 2u : 1u;
  }
  return text.npos;
}

bool is_strict_json_string(std::string_view raw) {
  for (std::size_t at = raw.find('\\'); at < raw.size(); at = raw.find('\\', at)) {
    if (at + 1 < raw.size() && short_escape(raw[at + 1]) != 0) {
      at += 2;
      continue;
    }
    const std::optional<std::uint32_t> unit = unicode_escape(raw, at);
    if (!unit || is_low_surrogate(*unit)) {
      return false;
    }
    at += 6;
    if (is_high_surrogate(*unit)) {
      const std::optional<std::uint32_t> low = unicode_escape(raw, at);
      if (!low || !is_low_surrogate(*low)) {
        return false;
      }
      at += 6;
    }
  }
  return true;
}

namespace {

std::size_t count_digits(std::string_view raw, std::size_t at) {
  std::size_t end = at;
  while (end < raw.size() && raw[end] >= '0' && raw[end] <= '9') {
    ++end;
  }
  return end - at;
}

bool fits_64_bits(std::string_view digits, bool negative) {
  if (digits.size() < 19) {
    return true;
  }
  std::uint64_t magnitude = 0;
  const char* end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, magnitude).ec != std::errc{}) {
    return false;
  }
  return !negative || magnitude <= 1ull << 63;
}

// Is the magnitude of a real number within a double's range? Too small is no error: it rounds to
// zero.
bool fits_double(std::string_view raw) {
  double number = 0;
  const std::from_chars_result result =
      std::from_chars(raw.data(), raw.data() + raw.size(), number);
  if (result.ec == std::errc{}) {
    return true;
  }
  // Out of range: overflow if the first digit that counts, scaled by the exponent, stands left of
  // the point.
  const std::size_t mark = std::min(raw.find_first_of("eE"), raw.size());
  const std::string_view mantissa = raw.substr(0, mark);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == mantissa.npos) {
    return true;
  }
  const std::int64_t magnitude =
      static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  std::int64_t exponent = 0;
  if (mark < raw.size()) {
    std::string_view digits = raw.substr(mark + 1);
    const bool negative = digits.front() == '-';
    digits.remove_prefix(digits.front() == '-' || digits.front() == '+' ? 1 : 0);
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
    // Nobody writes a mantissa of 10^12 digits that would make up for it.
    std::from_chars(
        digits.data(), digits.data() + std::min<std::size_t>(digits.size(), 12), exponent);
    exponent = negative ? -exponent : exponent;
  }
  return magnitude + exponent < 0;
}

// The parts of a number as RFC 8259 writes it.
struct Number {
  std::string_view digits;  // before the point; empty: it is no number
  bool negative = false;
  bool real = false;
};

Number number_parts(std::string_view raw) {
  Number number;
  number.negative = !raw.empty() && raw.front() == '-';
  std::size_t at = number.negative ? 1 : 0;
  const std::size_t whole = count_digits(raw, at);
  if (whole == 0 || (whole > 1 && raw[at] == '0')) {
    return {};
  }
  number.digits = raw.substr(at, whole);
  at += whole;
  if (at < raw.size() && raw[at] == '.') {
    const std::size_t fraction = count_digits(raw, at + 1);
    if (fraction == 0) {
      return {};
    }
    at += 1 + fraction;
    number.real = true;
  }
  if (at < raw.size() && (raw[at] == 'e' || raw[at] == 'E')) {
    ++at;
    at += at < raw.size() && (raw[at] == '+' || raw[at] == '-') ? 1u : 0u;
    const std::size_t exponent = count_digits(raw, at);
    if (exponent == 0) {
      return {};
    }
    at += exponent;
    number.real = true;
  }
  return at == raw.size() ? number : Number{};
}

}  // namespace

bool is_json_number(std::string_view raw) {
  return !number_parts(raw).digits.empty();
}

bool is_strict_json_number(std::string_view raw) {
  const Number number = number_parts(raw);
  return !number.digits.empty() &&
         (number.real ? fits_double(raw) : fits_64_bits(number.digits, number.negative));
}

}  // namespace tocsin
