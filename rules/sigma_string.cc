// SPDX-License-Identifier: Apache-2.0
#include "rules/sigma_string.h"

#include <algorithm>
#include <array>

#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr std::array<std::string_view, 5> dashes = {
    "-", "/", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95"};

bool is_ascii_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool is_name_byte(char c) {
  return is_ascii_word(c) || c == '-' || c == '.' || static_cast<unsigned char>(c) >= 0x80;
}

// The bytes of `%name%` at text[at], or 0.
std::size_t placeholder_length(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && is_name_byte(text[end])) {
    ++end;
  }
  return end > at + 1 && end < text.size() && text[end] == '%' ? end + 1 - at : 0;
}

// Word characters as in the regular expressions that define windash: letters, digits and `_`.
// Outside ASCII everything is taken as a letter but the blocks that hold only punctuation, symbols
// and spaces.
bool is_word(char32_t c) {
  if (c < 0x80) {
    return is_ascii_word(static_cast<char>(c));
  }
  if (c <= 0xbf) {
    return c == 0xaa || c == 0xb2 || c == 0xb3 || c == 0xb5 || (c >= 0xb9 && c <= 0xba) ||
           (c >= 0xbc && c <= 0xbe);
  }
  const bool punctuation = c == 0xd7 || c == 0xf7 || (c >= 0x2000 && c <= 0x206f) ||
                           (c >= 0x20a0 && c <= 0x20cf) || (c >= 0x2190 && c <= 0x245f) ||
                           (c >= 0x2500 && c <= 0x2bff) || (c >= 0x3000 && c <= 0x3004) ||
                           (c >= 0x3008 && c <= 0x3020) || (c >= 0xff01 && c <= 0xff0f) ||
                           c == 0xfeff || c == 0xfffd;
  return !punctuation;
}

bool is_dash(char32_t c) {
  return c == '-' || c == '/' || c == 0x2013 || c == 0x2014 || c == 0x2015;
}

}  // namespace

Pattern parse_sigma_string(std::string_view text) {
  Pattern pattern;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) {
      pattern.add_literal(literal);
      literal.clear();
    }
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (c == '\\' && (next == '*' || next == '?' || next == '\\')) {
      literal += next;
      ++i;
    } else if (c == '*' || c == '?') {
      flush();
      pattern.add(c == '*' ? PatternElement::Kind::any_run : PatternElement::Kind::any_one);
    } else {
      literal += c;
    }
  }
  flush();
  return pattern;
}

PlaceholderString parse_placeholder_string(std::string_view text) {
  PlaceholderString result;
  std::string pending;  // text without placeholders, `\%` already replaced
  const auto flush = [&] {
    result.patterns.push_back(parse_sigma_string(pending));
    pending.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char next = text[i + 1];
      if (next == '%') {
        if (const std::size_t length = placeholder_length(text, i + 1)) {
          result.escaped.push_back({std::string(text.substr(i + 2, length - 2)), i, length + 1});
        }
        pending += '%';
        ++i;
      } else {
        pending += '\\';
        if (next == '*' || next == '?' || next == '\\') {
          pending += next;
          ++i;
        }
      }
    } else if (const std::size_t length = text[i] == '%' ? placeholder_length(text, i) : 0) {
      flush();
      result.placeholders.push_back({std::string(text.substr(i + 1, length - 2)), i, length});
      i += length - 1;
    } else {
      pending += text[i];
    }
  }
  flush();
  return result;
}

void append(Pattern& left, const Pattern& right) {
  for (const PatternElement& element : right.elements) {
    if (element.kind == PatternElement::Kind::literal) {
      left.add_literal(element.literal);
    } else {
      left.add(element.kind);
    }
  }
}

bool has_wildcards(const Pattern& pattern) {
  for (const PatternElement& element : pattern.elements) {
    if (element.kind == PatternElement::Kind::any_one ||
        element.kind == PatternElement::Kind::any_run) {
      return true;
    }
  }
  return false;
}

std::size_t bytes_of(const Pattern& pattern) {
  std::size_t bytes = pattern.elements.size();
  for (const PatternElement& element : pattern.elements) {
    bytes += element.literal.size();
  }
  return bytes;
}

void add_leading_run(Pattern& pattern) {
  Pattern with_run;
  with_run.add(PatternElement::Kind::any_run);
  append(with_run, pattern);
  pattern = std::move(with_run);
}

void add_trailing_run(Pattern& pattern) {
  pattern.add(PatternElement::Kind::any_run);
}

Pattern with_dashes(const Pattern& pattern) {
  Pattern result;
  bool after_word = false;
  for (const PatternElement& element : pattern.elements) {
    if (element.kind != PatternElement::Kind::literal) {
      result.add(element.kind);
      after_word = false;
      continue;
    }
    const std::string_view text = element.literal;
    std::size_t copied = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      const char32_t c = next_code_point(text, at);
      std::size_t ahead = at;
      const bool before_word = at < text.size() && is_word(next_code_point(text, ahead));
      if (is_dash(c) && !after_word && before_word) {
        if (begin > copied) {
          result.add_literal(text.substr(copied, begin - copied));
        }
        result.add(PatternElement::Kind::dash);
        copied = at;
      }
      after_word = is_word(c);
    }
    if (copied < text.size()) {
      result.add_literal(text.substr(copied));
    }
  }
  return result;
}

bool expand_dashes(const Pattern& pattern,
                   std::size_t count_max,
                   std::size_t bytes_max,
                   std::vector<Pattern>& expanded) {
  count_max = std::min(count_max, bytes_max / std::max<std::size_t>(bytes_of(pattern), 1));
  expanded.assign(1, Pattern{});
  for (const PatternElement& element : pattern.elements) {
    if (element.kind == PatternElement::Kind::dash) {
      if (expanded.size() > count_max / dashes.size()) {
        return false;
      }
      std::vector<Pattern> longer;
      longer.reserve(expanded.size() * dashes.size());
      for (const Pattern& prefix : expanded) {
        for (const std::string_view dash : dashes) {
          longer.push_back(prefix);
          longer.back().add_literal(dash);
        }
      }
      expanded = std::move(longer);
      continue;
    }
    for (Pattern& prefix : expanded) {
      if (element.kind == PatternElement::Kind::literal) {
        prefix.add_literal(element.literal);
      } else {
        prefix.add(element.kind);
      }
    }
  }
  return true;
}

}  // namespace tocsin
