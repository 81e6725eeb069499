// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle/oracle_text.h"

#include <cctype>
#include <string_view>

#include "engine/base/fold.h"
#include "engine/base/text.h"

namespace tocsin::testing {
namespace {

bool is_dash(char32_t unit) {
  return std::u32string_view(U"-/\u2013\u2014\u2015").find(unit) != std::u32string_view::npos;
}

bool unit_matches(char32_t pattern, char32_t unit, bool cased) {
  if (pattern == any_one) {
    return true;
  }
  if (pattern == any_dash) {
    return is_dash(unit);
  }
  return cased ? pattern == unit : fold(pattern) == fold(unit);
}

bool is_ascii_word(char32_t c) {
  return c < 128 && (std::isalnum(static_cast<int>(c)) != 0 || c == U'_');
}

std::vector<Units> spell_dashes(const std::vector<Units>& values) {
  std::vector<Units> open = values;
  std::vector<Units> out;
  while (!open.empty()) {
    Units units = open.back();
    open.pop_back();
    const std::size_t at = units.find(any_dash);
    if (at == Units::npos) {
      out.push_back(units);
      continue;
    }
    for (const char32_t dash : U"-/\u2013\u2014\u2015") {
      if (dash != 0) {
        units[at] = dash;
        open.push_back(units);
      }
    }
  }
  return out;
}

// Base64 by bits: the characters whose six bits all come from bits [begin, end) of `bytes`.
std::string base64_bits(const std::string& bytes, std::size_t begin, std::size_t end) {
  std::string out;
  for (std::size_t bit = (begin + 5) / 6 * 6; bit + 6 <= end; bit += 6) {
    unsigned index = 0;
    for (std::size_t k = bit; k < bit + 6; ++k) {
      const unsigned byte = k / 8 < bytes.size() ? static_cast<unsigned char>(bytes[k / 8]) : 0;
      index = index * 2 + (byte >> (7 - k % 8) & 1);
    }
    out += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[index];
  }
  return out;
}

std::string base64(const std::string& bytes) {
  std::string out = base64_bits(bytes, 0, (bytes.size() * 8 + 5) / 6 * 6);
  while (out.size() % 4 != 0) {
    out += '=';
  }
  return out;
}

}  // namespace

Units code_points(std::string_view text) {
  Units units;
  for (std::size_t at = 0; at < text.size();) {
    units += next_code_point(text, at);
  }
  return units;
}

std::string utf8(const Units& units) {
  std::string out;
  for (const char32_t unit : units) {
    append_utf8(unit, out);
  }
  return out;
}

bool wildcard_match(const Units& pattern, const Units& text, bool cased) {
  // reach[j]: the pattern so far matches the first j units.
  std::vector<bool> reach(text.size() + 1, false);
  reach[0] = true;
  for (const char32_t p : pattern) {
    std::vector<bool> next(text.size() + 1, false);
    for (std::size_t j = 0; j <= text.size(); ++j) {
      if (p == any_run) {
        next[j] = reach[j] || (j > 0 && next[j - 1]);
      } else {
        next[j] = j > 0 && reach[j - 1] && unit_matches(p, text[j - 1], cased);
      }
    }
    reach = next;
  }
  return reach[text.size()];
}

Units parse_units(const Units& text) {
  Units out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == U'\\' && i + 1 < text.size() &&
                        (text[i + 1] == U'*' || text[i + 1] == U'?' || text[i + 1] == U'\\');
    if (escape) {
      out += text[++i];
    } else {
      out += text[i] == U'*' ? any_run : text[i] == U'?' ? any_one : text[i];
    }
  }
  return out;
}

void expand_units(const Units& text,
                  std::size_t at,
                  const Units& prefix,
                  const Placeholders& known,
                  std::vector<Units>& out) {
  if (at == text.size()) {
    out.push_back(prefix);
    return;
  }
  const char32_t c = text[at];
  const char32_t next = at + 1 < text.size() ? text[at + 1] : 0;
  if (c == U'\\' && (next == U'%' || next == U'*' || next == U'?' || next == U'\\')) {
    expand_units(text, at + 2, prefix + next, known, out);
    return;
  }
  if (c == U'%') {
    std::size_t end = at + 1;
    while (end < text.size() && (is_ascii_word(text[end]) || text[end] == U'-' ||
                                 text[end] == U'.' || text[end] >= 128)) {
      ++end;
    }
    if (end > at + 1 && end < text.size() && text[end] == U'%') {
      for (const std::string& value : known.at(utf8(text.substr(at + 1, end - at - 1)))) {
        expand_units(text, end + 1, prefix + parse_units(code_points(value)), known, out);
      }
      return;
    }
  }
  expand_units(text, at + 1, prefix + parse_units(Units(1, c)), known, out);
}

Units mark_dashes(const Units& units) {
  const auto is_word = [](char32_t c) {
    return is_ascii_word(c) || (c >= 0xc0 && c < any_run && !(c >= 0x2000 && c <= 0x206f));
  };
  Units out = units;
  for (std::size_t i = 0; i + 1 < units.size(); ++i) {
    const bool after_word = i > 0 && is_word(units[i - 1]);
    if (is_dash(units[i]) && !after_word && is_word(units[i + 1])) {
      out[i] = any_dash;
    }
  }
  return out;
}

void apply_base64(StringValue& value, bool offsets) {
  std::vector<Units> out;
  for (const Units& units : spell_dashes(value.units)) {
    const std::string bytes = value.bytes ? std::string(units.begin(), units.end()) : utf8(units);
    if (!offsets) {
      out.push_back(code_points(base64(bytes)));
      continue;
    }
    for (std::size_t offset = 0; offset < 3; ++offset) {
      const std::string shifted = std::string(offset, 'x') + bytes;
      out.push_back(code_points(base64_bits(shifted, offset * 8, shifted.size() * 8)));
    }
  }
  value = {out, false};
}

void apply_wide(StringValue& value, bool big, bool mark) {
  std::vector<Units> out;
  for (const Units& units : spell_dashes(value.units)) {
    Units wide = mark ? Units{0xff, 0xfe} : Units{};
    const auto add = [&](char32_t unit) {
      wide += big ? unit >> 8 : unit & 255;
      wide += big ? unit & 255 : unit >> 8;
    };
    for (const char32_t unit : units) {
      if (unit == any_run) {
        wide += unit;
      } else if (unit == any_one) {
        wide += {unit, unit};
      } else if (unit < 0x10000) {
        add(unit);
      } else {
        add(0xd800 + (unit - 0x10000) / 1024);
        add(0xdc00 + (unit - 0x10000) % 1024);
      }
    }
    out.push_back(wide);
  }
  value = {out, true};
}

}  // namespace tocsin::testing
