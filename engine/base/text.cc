// SPDX-License-Identifier: Apache-2.0
#include "engine/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "engine/base/fold.h"

namespace tocsin {
namespace {

constexpr char32_t replacement = 0xfffd;

// The number of bytes a lead byte announces; 0 if it cannot lead.
constexpr std::size_t sequence_size(unsigned char lead) {
  if (lead < 0x80) {
    return 1;
  }
  if (lead >= 0xc2 && lead <= 0xdf) {
    return 2;
  }
  if (lead >= 0xe0 && lead <= 0xef) {
    return 3;
  }
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

// The code point at `at` and its size in bytes; size 0 if there is no valid sequence.
struct Decoded {
  char32_t code_point;
  std::size_t size;
};
Decoded decode(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t size = sequence_size(lead);
  if (size == 1) {
    return {lead, 1};
  }
  if (size == 0 || at + size > text.size()) {
    return {replacement, 0};
  }
  char32_t code_point = lead & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if ((byte & 0xc0) != 0x80) {
      return {replacement, 0};
    }
    code_point = (code_point << 6) | (byte & 0x3f);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (code_point < smallest[size] || surrogate || code_point > 0x10ffff) {
    return {replacement, 0};
  }
  return {code_point, size};
}

void append_hex(char32_t value, int digits, std::string& out) {
  constexpr char hex[] = "0123456789abcdef";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
    out += hex[(value >> shift) & 0xf];
  }
}

}  // namespace

bool is_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t word = 0;
    if (at + 8 <= text.size()) {
      std::memcpy(&word, text.data() + at, 8);
      if ((word & 0x8080808080808080ull) == 0) {
        at += 8;
        continue;
      }
    }
    const std::size_t size = decode(text, at).size;
    if (size == 0) {
      return false;
    }
    at += size;
  }
  return true;
}

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const Decoded decoded = decode(text, at);
  at += std::max<std::size_t>(decoded.size, 1);
  return decoded.code_point;
}

bool is_invisible(char32_t c) {
  return c == 0xad || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
         (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

std::size_t encode_utf8(char32_t code_point, char* out) {
  if ((code_point >= 0xd800 && code_point <= 0xdfff) || code_point > 0x10ffff) {
    code_point = replacement;
  }
  const auto tail = [&](int shift) {
    return static_cast<char>(0x80 | ((code_point >> shift) & 0x3f));
  };
  if (code_point < 0x80) {
    out[0] = static_cast<char>(code_point);
    return 1;
  }
  if (code_point < 0x800) {
    out[0] = static_cast<char>(0xc0 | (code_point >> 6));
    out[1] = tail(0);
    return 2;
  }
  if (code_point < 0x10000) {
    out[0] = static_cast<char>(0xe0 | (code_point >> 12));
    out[1] = tail(6);
    out[2] = tail(0);
    return 3;
  }
  out[0] = static_cast<char>(0xf0 | (code_point >> 18));
  out[1] = tail(12);
  out[2] = tail(6);
  out[3] = tail(0);
  return 4;
}

void append_utf8(char32_t code_point, std::string& out) {
  std::array<char, 4> bytes{};
  out.append(bytes.data(), encode_utf8(code_point, bytes.data()));
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    next_code_point(text, at);
  }
  return count;
}

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
      ++at;
      while (at < text.size()) {
        const auto next = static_cast<unsigned char>(text[at]);
        if (next < 0x20 || next >= 0x7f || next == '"' || next == '\\') {
          break;
        }
        ++at;
      }
      out.append(text, start, at - start);
      continue;
    }
    const char32_t c = next_code_point(text, at);
    switch (c) {
      case U'"':
        out += "\\\"";
        break;
      case U'\\':
        out += "\\\\";
        break;
      case U'\n':
        out += "\\n";
        break;
      case U'\r':
        out += "\\r";
        break;
      case U'\t':
        out += "\\t";
        break;
      case U'\b':
        out += "\\b";
        break;
      case U'\f':
        out += "\\f";
        break;
      default:
        if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029) {
          out += "\\u";
          append_hex(c, 4, out);
        } else {
          append_utf8(c, out);
        }
    }
  }
  out += '"';
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (c == U'\n') {
      out += "\\n";
    } else if (c == U'\t') {
      out += "\\t";
    } else if (c == U'\r') {
      out += "\\r";
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
      out += "\\x";
      append_hex(c, 2, out);
    } else if (is_invisible(c)) {
      out += "\\u{";
      append_hex(c, c > 0xffff ? 5 : 4, out);
      out += '}';
    } else {
      append_utf8(c, out);
    }
  }
  return out;
}

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::string ascii_upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

std::string shorten(std::string_view text, std::size_t columns_max) {
  std::size_t columns = 0;
  std::size_t cut = 0;  // where the text ends if one column is needed for the ellipsis
  for (std::size_t at = 0; at < text.size(); ++columns) {
    if (columns + 1 == columns_max) {
      cut = at;
    }
    if (columns == columns_max) {
      std::string out(text.substr(0, cut));
      append_utf8(0x2026, out);
      return out;
    }
    next_code_point(text, at);
  }
  return std::string(text);
}

namespace {

// Optimal string alignment distance, rows kept for two steps back.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    above[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({change, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::optional<std::string> did_you_mean(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  constexpr std::size_t word_bytes_max =
      64;  // longer words are no typing mistakes, and the distance is quadratic
  if (word.empty() || word.size() > word_bytes_max) {
    return std::nullopt;
  }
  const std::string wanted = fold(word);
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(wanted.size() / 3, 1) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > word_bytes_max) {
      continue;
    }
    const std::size_t distance = edit_distance(wanted, fold(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = std::string(candidate);
    }
  }
  return best;
}

std::string with_thousands(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string number_text(double value) {
  std::array<char, 64> buffer{};
  // An integral double below 2^63 prints as the integer it is.
  const bool integral = std::floor(value) == value && std::fabs(value) < 9.2e18;
  const std::to_chars_result result =
      integral ? std::to_chars(
                     buffer.data(), buffer.data() + buffer.size(), static_cast<std::int64_t>(value))
               : std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), result.ptr);
}

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  const std::from_chars_result result =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() ||
      !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace tocsin
