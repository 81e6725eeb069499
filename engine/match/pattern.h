// SPDX-License-Identifier: Apache-2.0
// Pattern: a Sigma string with wildcards, as elements; and the comparison of a text with it. No
// regular expression is involved: `*` and `?` cross newlines, `?` is one code point, and folding is
// engine/base/fold.h's. Thread rule: plain values, pure functions. Cost: match() is O(text *
// elements) at worst, linear for patterns without several `*`; windash is one element, so that
// twenty dashes cost twenty elements and not 5^20 patterns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin {

struct PatternElement {
  enum class Kind : std::uint8_t {
    literal,  // these bytes
    any_one,  // one code point
    any_run,  // any number of code points
    dash,     // windash: one of - / U+2013 U+2014 U+2015
  };
  Kind kind = Kind::literal;
  std::string literal;
  friend bool operator==(const PatternElement&, const PatternElement&) = default;
};

struct Pattern {
  std::vector<PatternElement>
      elements;  // anchored at both ends; no two literals and no two any_runs in a row
  friend bool operator==(const Pattern&, const Pattern&) = default;
  // Appends, keeping the two invariants.
  void add_literal(std::string_view text);
  void add(PatternElement::Kind kind);
  bool is_literal() const;  // at most one element, a literal
};

// Does the whole text match? For a folded comparison fold both sides first: the elements' literals
// and the text.
bool match(const Pattern& pattern, std::string_view text);

// The pattern in Sigma's notation: `*`, `?`, escaped literals; a dash element as `-`.
std::string to_text(const Pattern& pattern);

}  // namespace tocsin
