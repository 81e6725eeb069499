// SPDX-License-Identifier: Apache-2.0
// Matching restarts at the last `*` only: every element between two `*` takes a fixed number of
// code points, so the leftmost place where they fit is as good as any later one. That bounds the
// work by text * elements.
#include "engine/match/pattern.h"

#include <array>
#include <cstring>

namespace tocsin {
namespace {

using Kind = PatternElement::Kind;

// Bytes of the code point at text[at]; a byte that starts none counts alone.
std::size_t code_point_size(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  std::size_t size = 1;
  if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4;
  } else if (lead >= 0xe0) {
    size = lead < 0xf0 ? 3 : 1;
  } else if (lead >= 0xc2) {
    size = 2;
  }
  return at + size <= text.size() ? size : 1;
}

constexpr std::array<std::string_view, 5> dashes = {
    "-", "/", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95"};

constexpr std::size_t no_match = static_cast<std::size_t>(-1);

// The bytes that one element that is no any_run takes at text[at], or no_match.
std::size_t take(const PatternElement& element, std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  switch (element.kind) {
    case Kind::literal:
      return rest.starts_with(element.literal) ? element.literal.size() : no_match;
    case Kind::any_one:
      return rest.empty() ? no_match : code_point_size(text, at);
    case Kind::dash:
      for (const std::string_view dash : dashes) {
        if (rest.starts_with(dash)) {
          return dash.size();
        }
      }
      return no_match;
    case Kind::any_run:
      break;
  }
  return no_match;
}

// The next place at or after `at` where an element could begin to match, or no_match. `at` may be
// the text's end.
std::size_t seek(const PatternElement& element, std::string_view text, std::size_t at) {
  if (element.kind == Kind::literal) {
    const std::size_t found = text.find(element.literal, at);
    return found == std::string_view::npos ? no_match : found;
  }
  return at;
}

// `before_wildcard`: a `*` or `?` follows, which a last backslash would escape.
void append_escaped(std::string_view literal, bool before_wildcard, std::string& out) {
  for (std::size_t i = 0; i < literal.size(); ++i) {
    const char c = literal[i];
    if (c == '*' || c == '?') {
      out += '\\';
    } else if (c == '\\') {
      // A lone backslash before an ordinary character is itself; elsewhere it is written twice.
      const char after = before_wildcard ? '*' : ' ';
      const char next = i + 1 == literal.size() ? after : literal[i + 1];
      if (next == '*' || next == '?' || next == '\\') {
        out += '\\';
      }
    }
    out += c;
  }
}

}  // namespace

void Pattern::add_literal(std::string_view text) {
  if (text.empty()) {
    return;
  }
  if (!elements.empty() && elements.back().kind == Kind::literal) {
    elements.back().literal += text;
    return;
  }
  elements.push_back({Kind::literal, std::string(text)});
}

void Pattern::add(PatternElement::Kind kind) {
  if (kind == Kind::any_run && !elements.empty() && elements.back().kind == Kind::any_run) {
    return;
  }
  elements.push_back({kind, {}});
}

bool Pattern::is_literal() const {
  return elements.empty() || (elements.size() == 1 && elements[0].kind == Kind::literal);
}

bool match(const Pattern& pattern, std::string_view text) {
  const std::vector<PatternElement>& elements = pattern.elements;
  std::size_t at = 0;
  std::size_t element = 0;
  std::size_t after_run = 0;  // the element behind the last `*`, 0: none yet
  std::size_t run_end = 0;    // where that element was tried last
  for (;;) {
    if (element == elements.size()) {
      if (at == text.size()) {
        return true;
      }
    } else if (elements[element].kind == Kind::any_run) {
      after_run = ++element;
      if (element == elements.size()) {
        return true;
      }
      run_end = seek(elements[element], text, at);
      if (run_end == no_match) {
        return false;
      }
      at = run_end;
      continue;
    } else if (const std::size_t taken = take(elements[element], text, at); taken != no_match) {
      at += taken;
      ++element;
      continue;
    }
    if (after_run == 0 || run_end >= text.size()) {
      return false;
    }
    run_end = seek(elements[after_run], text, run_end + code_point_size(text, run_end));
    if (run_end == no_match) {
      return false;
    }
    at = run_end;
    element = after_run;
  }
}

std::string to_text(const Pattern& pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.elements.size(); ++i) {
    const PatternElement& element = pattern.elements[i];
    switch (element.kind) {
      case Kind::literal: {
        const bool last = i + 1 == pattern.elements.size();
        append_escaped(element.literal, !last && pattern.elements[i + 1].kind != Kind::dash, out);
        break;
      }
      case Kind::any_one:
        out += '?';
        break;
      case Kind::any_run:
        out += '*';
        break;
      case Kind::dash:
        out += '-';
        break;
    }
  }
  return out;
}

}  // namespace tocsin
