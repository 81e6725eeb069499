// SPDX-License-Identifier: Apache-2.0
#include "rules/report.h"

#include <algorithm>
#include <utility>

#include "engine/base/limits.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

// Finding a column walks the line: scalars far to the right, of which a hostile line holds many,
// are not looked into.
constexpr std::uint32_t located_column_max = 1024;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// The digits behind \x, \u and \U of a double-quoted scalar; 0 for any other escape.
std::size_t hex_digits(char escape) {
  switch (escape) {
    case 'x':
      return 2;
    case 'u':
      return 4;
    case 'U':
      return 8;
    default:
      return 0;
  }
}

// The code point of hexadecimal digits, or false where they are none.
bool parse_hex(std::string_view digits, char32_t& code_point) {
  code_point = 0;
  for (const char c : digits) {
    char32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<char32_t>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = static_cast<char32_t>((c | 0x20) - 'a' + 10);
    } else {
      return false;
    }
    code_point = code_point * 16 + digit;
  }
  return true;
}

}  // namespace

SourceSpan span_of(const YamlNode& node) {
  return {node.line, node.column, node.length};
}

Diagnostic diagnostic_at(const SourceText& source,
                         const SourceSpan& span,
                         Severity severity,
                         std::string code,
                         std::string message,
                         std::string hint) {
  Diagnostic diagnostic;
  diagnostic.severity = severity;
  diagnostic.code = std::move(code);
  diagnostic.file = source.name;
  diagnostic.line = span.line;
  diagnostic.column = span.column;
  diagnostic.length = span.length;
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  const std::string_view line = source.line(span.line);
  if (line.size() <= limits::quoted_line_bytes_max) {
    diagnostic.source_line = line;
  }
  return diagnostic;
}

ScalarLocator::ScalarLocator(const SourceText& source, const YamlNode& scalar)
    : source_(source), scalar_(scalar), line_(scalar.line), column_(1) {
  if (scalar.line == 0 || scalar.line > source.line_begins.size() ||
      scalar.column > located_column_max) {
    lost_ = true;
    return;
  }
  source_at_ = source.line_begins[scalar.line - 1];
  while (column_ < scalar.column && source_at_ < source.text.size() &&
         source.text[source_at_] != '\n') {
    std::size_t bytes = 1;
    while (source_at_ + bytes < source.text.size() &&
           is_continuation(source.text[source_at_ + bytes])) {
      ++bytes;
    }
    advance_source(bytes);
  }
  if (!scalar.quoted || source_at_ >= source.text.size()) {
    return;
  }
  const auto is_quote = [](char c) { return c == '"' || c == '\''; };
  const char here = source.text[source_at_];
  const char before = source_at_ > 0 ? source.text[source_at_ - 1] : ' ';
  if (is_quote(before)) {
    quote_ = before;
  } else if (is_quote(here)) {
    quote_ = here;
    advance_source(1);
  } else if (here == '|' || here == '>') {
    while (source_at_ < source.text.size() && source.text[source_at_] != '\n') {
      advance_source(1);
    }
  }
}

void ScalarLocator::advance_source(std::size_t bytes) {
  for (std::size_t i = 0; i < bytes && source_at_ < source_.text.size(); ++i, ++source_at_) {
    const char c = source_.text[source_at_];
    if (c == '\n') {
      ++line_;
      column_ = 1;
    } else if (!is_continuation(c)) {
      ++column_;
    }
  }
}

bool ScalarLocator::skip_source_blanks() {
  const std::string& text = source_.text;
  while (source_at_ < text.size()) {
    if (is_blank(text[source_at_])) {
      advance_source(1);
    } else if (quote_ == '"' && text[source_at_] == '\\' && source_at_ + 1 < text.size() &&
               std::string_view("ntr \t\n\r").find(text[source_at_ + 1]) !=
                   std::string_view::npos) {
      advance_source(2);
    } else {
      return true;
    }
  }
  return false;
}

bool ScalarLocator::step() {
  const char wanted = scalar_.text[value_at_];
  if (is_blank(wanted)) {
    ++value_at_;
    return true;
  }
  if (!skip_source_blanks()) {
    return false;
  }
  const std::string_view rest = std::string_view(source_.text).substr(source_at_);
  if (quote_ == '"' && rest[0] == '\\' && rest.size() > 1) {
    const std::size_t digits = hex_digits(rest[1]);
    std::string unescaped(1, rest[1]);
    char32_t code_point = 0;
    if (digits > 0) {
      if (rest.size() < 2 + digits || !parse_hex(rest.substr(2, digits), code_point)) {
        return false;
      }
      unescaped.clear();
      append_utf8(code_point, unescaped);
    }
    if (scalar_.text.compare(value_at_, unescaped.size(), unescaped) != 0) {
      return false;
    }
    advance_source(2 + digits);
    value_at_ += unescaped.size();
    return true;
  }
  if (rest[0] != wanted) {
    return false;
  }
  advance_source(quote_ == '\'' && wanted == '\'' ? 2 : 1);
  ++value_at_;
  return true;
}

SourceSpan ScalarLocator::span(std::size_t offset, std::size_t length) {
  const auto walk = [this](std::size_t to) {
    while (!lost_ && value_at_ < to) {
      lost_ = !step();
    }
  };
  walk(offset);
  if (!lost_ && length > 0) {
    lost_ = !skip_source_blanks();
  }
  const SourceSpan begin{line_, column_, 1};
  walk(offset + length);
  if (lost_) {
    return span_of(scalar_);
  }
  SourceSpan found = begin;
  if (line_ == begin.line && column_ > begin.column) {
    found.length = column_ - begin.column;
  }
  return found;
}

}  // namespace tocsin
