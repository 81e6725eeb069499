// SPDX-License-Identifier: Apache-2.0
#include "rules/yaml_syntax.h"

#include <algorithm>

namespace tocsin {
namespace {

constexpr std::string_view blanks = " \t\r\n";

bool says(std::string_view message, std::string_view words) {
  return message.find(words) != std::string_view::npos;
}

// The last `quote` at which a quoted text may begin, npos if there is none: quotes behind it belong
// to the text.
std::size_t opening_quote(std::string_view text, char quote) {
  std::size_t at = text.find_last_of(quote);
  while (at != std::string_view::npos && at > 0 &&
         std::string_view(" \t\n,[{(-:").find(text[at - 1]) == std::string_view::npos) {
    at = text.find_last_of(quote, at - 1);
  }
  return at;
}

// The last bracket before `end` that nothing closes, or npos. Brackets in texts count too: the
// answer is a good guess.
std::size_t open_bracket(std::string_view text, std::size_t end, char open, char close) {
  std::size_t depth = 0;
  for (std::size_t at = std::min(end, text.size()); at-- > 0;) {
    if (text[at] == close) {
      ++depth;
    } else if (text[at] == open && depth-- == 0) {
      return at;
    }
  }
  return std::string_view::npos;
}

std::string_view line_around(std::string_view text, std::size_t offset) {
  const std::size_t end = std::min(text.find('\n', offset), text.size());
  const std::size_t before = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
  return begin <= end ? text.substr(begin, end - begin) : std::string_view();
}

bool indented_by_tab(std::string_view line) {
  const std::size_t content = std::min(line.find_first_not_of(" \t"), line.size());
  return line.substr(0, content).find('\t') != std::string_view::npos;
}

SyntaxProblem unclosed_quote(std::string_view text, std::size_t offset) {
  const std::size_t double_quote = opening_quote(text, '"');
  const std::size_t single_quote = opening_quote(text, '\'');
  const std::size_t opening = std::min(double_quote, single_quote);
  return {opening == std::string_view::npos ? offset : opening,
          "the text in quotes that begins here is never closed",
          "write the missing quote; inside single quotes write '' for a quote of the text"};
}

SyntaxProblem unclosed_bracket(std::string_view text, std::size_t offset, bool map) {
  const std::size_t opening = open_bracket(text, offset, map ? '{' : '[', map ? '}' : ']');
  const std::string closing(1, map ? '}' : ']');
  return {opening == std::string_view::npos ? offset : opening,
          std::string(map ? "the map in `{ }`" : "the list in `[ ]`") +
              " that begins here does not end",
          "write the missing `" + closing + "`, and quote values that hold any of [ ] { } , : #"};
}

}  // namespace

SyntaxProblem syntax_problem(std::string_view text, std::size_t offset, std::string_view message) {
  // What is missing at the end is shown at the last thing that is there, not in the next document.
  if (offset >= text.size()) {
    const std::size_t last = text.find_last_not_of(blanks);
    offset = last == std::string_view::npos ? 0 : last;
  }
  if (says(message, "in scalar")) {
    return unclosed_quote(text, offset);
  }
  const bool sequence = says(message, "end of sequence flow");
  if (sequence || says(message, "end of map flow")) {
    return unclosed_bracket(text, offset, !sequence);
  }
  if (indented_by_tab(line_around(text, offset))) {
    return {offset, std::string(message), "indent with spaces: YAML allows no tabs there"};
  }
  if (says(message, "unknown escape")) {
    return {offset,
            "no escape begins so; in double quotes a backslash begins an escape",
            "write the text in single quotes, where a backslash is a backslash"};
  }
  if (says(message, "illegal map value")) {
    return {offset,
            "a `:` with a blank behind it, where no value can begin",
            "quote the value if the colon belongs to it, else check the indentation"};
  }
  if (says(message, "anchor is not defined")) {
    return {offset,
            "`*` begins an alias, and no anchor of this name stands before it",
            "quote a value that begins with `*`"};
  }
  if (says(message, "end of map not found") || says(message, "end of sequence not found")) {
    return {offset,
            "this does not belong to the list or map before it",
            "check the indentation and the quotes; inside single quotes write '' for a quote"};
  }
  return {offset,
          std::string(message),
          "check the indentation, and quote values that begin with a special character"};
}

std::string shown_tag(std::string_view tag) {
  constexpr std::string_view prefix = "tag:yaml.org,2002:";
  return tag.starts_with(prefix) ? "!!" + std::string(tag.substr(prefix.size())) : std::string(tag);
}

}  // namespace tocsin
