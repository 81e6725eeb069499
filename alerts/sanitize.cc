// SPDX-License-Identifier: Apache-2.0
#include "alerts/sanitize.h"

#include <cctype>
#include <cstdint>

#include "engine/base/text.h"

namespace tocsin {
namespace {

bool is_line_space(char32_t c) {
  return c == U'\n' || c == U'\r' || c == U'\t' || c == 0x0b || c == 0x0c || c == 0x85 ||
         c == 0x2028 || c == 0x2029;
}

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool is_word(char c) {
  return is_alpha(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// The length of a dot at text[at]: ASCII, or one of those that IDNA takes for a dot (U+3002,
// U+FF0E, U+FF61). 0: none.
std::size_t dot_length(std::string_view text, std::size_t at) {
  if (text[at] == '.') {
    return 1;
  }
  const std::string_view three = text.substr(at, 3);
  return three == "\xE3\x80\x82" || three == "\xEF\xBC\x8E" || three == "\xEF\xBD\xA1" ? 3 : 0;
}

// Words joined by dots, beginning at text[at]: where they end, and whether the last word has two
// letters and no digit first.
struct DottedName {
  std::size_t end = 0;
  bool dotted = false;
  bool like_domain = false;
};
DottedName dotted_name(std::string_view text, std::size_t at) {
  DottedName name;
  std::size_t label = at;
  std::size_t end = at;
  while (end < text.size()) {
    const std::size_t dot = dot_length(text, end);
    if (dot == 0 && is_word(text[end])) {
      ++end;
    } else if (dot != 0 && end > label && end + dot < text.size() && is_word(text[end + dot]) &&
               dot_length(text, end + dot) == 0) {
      name.dotted = true;
      end += dot;
      label = end;
    } else {
      break;
    }
  }
  name.end = end;
  name.like_domain = name.dotted && end - label >= 2 && is_alpha(text[label]);
  return name;
}

bool ends_with_http(std::string_view text) {
  const std::size_t size = text.size();
  const auto lower = [&](std::size_t back) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(text[size - back])));
  };
  return size >= 4 && lower(4) == 'h' && lower(3) == 't' && lower(2) == 't' && lower(1) == 'p';
}

// "://" follows what is in `out`.
void break_scheme(std::string& out) {
  const bool secure = !out.empty() && (out.back() == 's' || out.back() == 'S');
  const std::string_view scheme =
      secure ? std::string_view(out).substr(0, out.size() - 1) : std::string_view(out);
  if (ends_with_http(scheme)) {
    out[scheme.size() - 3] = 'x';
    out[scheme.size() - 2] = 'x';
    out += "://";
  } else {
    out += "[://]";
  }
}

}  // namespace

bool is_deceptive(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || is_invisible(c);
}

std::string plain_line(std::string_view text, std::size_t code_points_max) {
  std::string out;
  std::size_t kept = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = at;
    char32_t c = next_code_point(text, at);
    if (is_line_space(c)) {
      c = U' ';
    } else if (is_deceptive(c)) {
      continue;
    }
    if (kept == code_points_max) {
      out += "\xE2\x80\xA6(+" + std::to_string(text.size() - begin) + ")";
      break;
    }
    append_utf8(c, out);
    ++kept;
  }
  return out;
}

std::size_t count_utf16(std::string_view text) {
  std::size_t units = 0;
  for (std::size_t at = 0; at < text.size();) {
    units += next_code_point(text, at) > 0xffff ? 2u : 1u;
  }
  return units;
}

std::string fit_utf16(std::string_view text, std::size_t units_max) {
  std::size_t units = 0;
  std::size_t kept = 0;  // bytes of what fits with the ellipsis behind it
  for (std::size_t at = 0; at < text.size();) {
    units += next_code_point(text, at) > 0xffff ? 2u : 1u;
    if (units > units_max) {
      return std::string(text.substr(0, kept)) + (units_max == 0 ? "" : "\xE2\x80\xA6");
    }
    if (units + 1 <= units_max) {
      kept = at;
    }
  }
  return std::string(text);
}

std::string defang(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  std::size_t at = 0;
  while (at < text.size()) {
    if (text.compare(at, 3, "://") == 0) {
      break_scheme(out);
      at += 3;
      continue;
    }
    if (!is_word(text[at]) || dot_length(text, at) != 0) {
      out += text[at++];
      continue;
    }
    const DottedName name = dotted_name(text, at);
    while (at < name.end) {
      const std::size_t dot = dot_length(text, at);
      if (dot != 0 && name.like_domain) {
        out += "[.]";
        at += dot;
      } else {
        out += text[at++];
      }
    }
  }
  return out;
}

}  // namespace tocsin
