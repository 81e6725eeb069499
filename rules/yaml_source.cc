// SPDX-License-Identifier: Apache-2.0
#include "rules/yaml_source.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/base/text.h"

namespace tocsin {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view without_sign(std::string_view text) {
  return !text.empty() && (text[0] == '-' || text[0] == '+') ? text.substr(1) : text;
}

bool all_of_class(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

// Digits with a leading zero are strings (DOC-09), against YAML 1.2 core: rules write event ids and
// layouts like that.
bool has_leading_zero(std::string_view digits) {
  return digits.size() > 1 && digits[0] == '0' && is_digit(digits[1]);
}

bool is_integer(std::string_view text) {
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'o' || text[1] == 'x')) {
    return all_of_class(text.substr(2), text[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF");
  }
  const std::string_view digits = without_sign(text);
  return all_of_class(digits, "0123456789") && !has_leading_zero(digits);
}

bool is_special_real(std::string_view text) {
  const std::string_view word = without_sign(text);
  return word == ".inf" || word == ".Inf" || word == ".INF" || text == ".nan" || text == ".NaN" ||
         text == ".NAN";
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_real(std::string_view text) {
  if (is_special_real(text)) {
    return true;
  }
  std::string_view rest = without_sign(text);
  if (has_leading_zero(rest)) {
    return false;
  }
  const auto skip_digits = [&rest] {
    const std::size_t end = std::min(rest.find_first_not_of("0123456789"), rest.size());
    rest.remove_prefix(end);
    return end;
  };
  const std::size_t before = skip_digits();
  std::size_t after = 0;
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    after = skip_digits();
  }
  if (before + after == 0) {
    return false;
  }
  if (rest.empty()) {
    return true;
  }
  if (rest[0] != 'e' && rest[0] != 'E') {
    return false;
  }
  return all_of_class(without_sign(rest.substr(1)), "0123456789");
}

void append_real(std::string_view text, std::string& out) {
  double value = 0;
  const std::string_view digits = !text.empty() && text[0] == '+' ? text.substr(1) : text;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value)) {
    append_json_string(text, out);
    return;
  }
  char buffer[32];
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, written.ptr);
}

void append_integer(std::string_view text, std::string& out) {
  if (text.size() > 2 && (text[1] == 'x' || text[1] == 'o')) {
    std::uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(text.data() + 2, text.data() + text.size(), value, text[1] == 'x' ? 16 : 8);
    if (error != std::errc() || end != text.data() + text.size()) {
      append_json_string(text, out);
      return;
    }
    out += std::to_string(value);
    return;
  }
  out += text[0] == '+' ? text.substr(1) : text;
}

void append_json(const YamlNode& node, std::string& out) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      out += "null";
      return;
    case YamlNode::Kind::boolean:
      out += node.text[0] == 't' || node.text[0] == 'T' ? "true" : "false";
      return;
    case YamlNode::Kind::integer:
      append_integer(node.text, out);
      return;
    case YamlNode::Kind::real:
      append_real(node.text, out);
      return;
    case YamlNode::Kind::string:
      append_json_string(node.text, out);
      return;
    case YamlNode::Kind::sequence:
      out += '[';
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        out += i > 0 ? "," : "";
        append_json(node.items[i], out);
      }
      out += ']';
      return;
    case YamlNode::Kind::map:
      out += '{';
      for (std::size_t i = 0; i < node.members.size(); ++i) {
        out += i > 0 ? "," : "";
        append_json_string(node.members[i].first.text, out);
        out += ':';
        append_json(node.members[i].second, out);
      }
      out += '}';
      return;
  }
}

bool is_marker(std::string_view line, std::string_view marker) {
  return line.substr(0, 3) == marker &&
         (line.size() == 3 || std::string_view(" \t\r\n").find(line[3]) != std::string_view::npos);
}

// Nothing but white space, comments and directives.
bool is_blank(std::string_view text, bool& directives) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || line[first] == '#') {
      continue;
    }
    if (line[0] != '%') {
      return false;
    }
    directives = true;
  }
  return true;
}

}  // namespace

YamlNode::Kind plain_scalar_kind(std::string_view text) {
  if (text.empty()) {
    return YamlNode::Kind::null;
  }
  const char first = text[0];
  if (is_digit(first) || first == '-' || first == '+' || first == '.') {
    if (is_integer(text)) {
      return YamlNode::Kind::integer;
    }
    return is_real(text) ? YamlNode::Kind::real : YamlNode::Kind::string;
  }
  if (text.size() > 5) {
    return YamlNode::Kind::string;
  }
  if (text == "true" || text == "false" || text == "True" || text == "False" || text == "TRUE" ||
      text == "FALSE") {
    return YamlNode::Kind::boolean;
  }
  if (text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return YamlNode::Kind::null;
  }
  return YamlNode::Kind::string;
}

void Locator::place(std::size_t offset, YamlNode& node) {
  offset = std::min(offset, source_.text.size());
  const std::vector<std::size_t>& begins = source_.line_begins;
  if (offset < begins[line_] || (line_ + 1 < begins.size() && offset >= begins[line_ + 1])) {
    if (line_ + 2 < begins.size() && offset >= begins[line_ + 1] && offset < begins[line_ + 2]) {
      ++line_;
    } else {
      const auto after = std::upper_bound(begins.begin(), begins.end(), offset);
      line_ = after == begins.begin() ? 0 : static_cast<std::size_t>(after - begins.begin()) - 1;
    }
    at_ = begins[line_];
    column_ = 1;
  }
  if (offset < at_) {
    at_ = begins[line_];
    column_ = 1;
  }
  for (; at_ < offset; ++at_) {
    column_ += (static_cast<unsigned char>(source_.text[at_]) & 0xC0u) != 0x80u ? 1u : 0u;
  }
  node.line = static_cast<std::uint32_t>(line_ + 1);
  node.column = column_;
}

Diagnostic diagnostic_at_offset(const SourceText& source,
                                std::size_t offset,
                                std::string code,
                                std::string message,
                                std::string hint) {
  YamlNode place;
  Locator locator(source);
  locator.place(offset, place);
  return diagnostic_at(
      source, place, Severity::error, std::move(code), std::move(message), std::move(hint));
}

std::vector<DocumentRange> split_documents(const SourceText& source) {
  std::vector<DocumentRange> ranges;
  DocumentRange open;
  open.begin = source.line_begins.front();
  const std::string_view text(source.text);
  const auto close = [&](std::size_t end) {
    bool directives = false;
    const bool blank = is_blank(text.substr(open.begin, end - open.begin), directives);
    if (blank && !open.marked) {
      return directives;  // directives belong to the document that follows
    }
    open.end = end;
    ranges.push_back(open);
    return false;
  };
  for (const std::size_t begin : source.line_begins) {
    if (begin >= text.size() || (text[begin] != '-' && text[begin] != '.')) {
      continue;
    }
    const std::string_view line = text.substr(begin, 4);
    if (is_marker(line, "---")) {
      const std::size_t directives_begin = open.begin;
      const bool directives = close(begin);
      open = DocumentRange{directives ? directives_begin : begin, 0, true};
    } else if (is_marker(line, "...")) {
      close(begin);
      open = DocumentRange{std::min(text.find('\n', begin), text.size() - 1) + 1, 0, false};
    }
  }
  close(text.size());
  return ranges;
}

bool nests_absurdly(std::string_view text) {
  constexpr std::size_t open_brackets_max = 10'000;
  if (text.size() <= open_brackets_max) {
    return false;
  }
  std::size_t open = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') {
      if (++open > open_brackets_max) {
        return true;
      }
    } else if ((c == ']' || c == '}') && open > 0) {
      --open;
    }
  }
  return false;
}

std::size_t first_bad_byte(std::string_view text) {
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r';
  };
  const auto control = std::find_if(text.begin(), text.end(), is_control);
  const auto bad = static_cast<std::size_t>(control - text.begin());
  if (is_utf8(text)) {
    return bad;
  }
  for (std::size_t at = 0; at < bad;) {
    const std::size_t begin = at;
    next_code_point(text, at);
    if (at - begin == 1 && static_cast<unsigned char>(text[begin]) >= 0x80) {
      return begin;
    }
  }
  return bad;
}

const YamlNode* YamlNode::get(std::string_view wanted) const {
  for (const auto& member : members) {
    if (member.first.text == wanted) {
      return &member.second;
    }
  }
  return nullptr;
}

const YamlNode* YamlNode::key(std::string_view wanted) const {
  for (const auto& member : members) {
    if (member.first.text == wanted) {
      return &member.first;
    }
  }
  return nullptr;
}

SourceText SourceText::make(std::string name, std::string text) {
  SourceText source;
  source.name = std::move(name);
  source.text = std::move(text);
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  const std::string_view view(source.text);
  source.line_begins.push_back(
      view.substr(0, byte_order_mark.size()) == byte_order_mark ? byte_order_mark.size() : 0);
  for (std::size_t at = view.find('\n'); at != std::string_view::npos;
       at = view.find('\n', at + 1)) {
    source.line_begins.push_back(at + 1);
  }
  return source;
}

std::string_view SourceText::line(std::uint32_t number) const {
  if (number == 0 || number > line_begins.size()) {
    return {};
  }
  const std::size_t begin = line_begins[number - 1];
  const std::size_t end = number < line_begins.size() ? line_begins[number] : text.size();
  std::string_view line = std::string_view(text).substr(begin, end - begin);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
    line.remove_suffix(1);
  }
  return line;
}

Diagnostic diagnostic_at(const SourceText& source,
                         const YamlNode& node,
                         Severity severity,
                         std::string code,
                         std::string message,
                         std::string hint) {
  Diagnostic diagnostic;
  diagnostic.severity = severity;
  diagnostic.code = std::move(code);
  diagnostic.file = source.name;
  diagnostic.line = node.line;
  diagnostic.column = node.column;
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  const std::string_view line = source.line(node.line);
  diagnostic.source_line = line;
  const std::uint32_t columns = static_cast<std::uint32_t>(count_code_points(line));
  const std::uint32_t rest = node.column <= columns ? columns - node.column + 1 : 1;
  diagnostic.length = std::max(1u, std::min(node.length, rest));
  return diagnostic;
}

std::string to_json(const YamlNode& node) {
  std::string out;
  append_json(node, out);
  return out;
}

}  // namespace tocsin
