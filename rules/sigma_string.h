// SPDX-License-Identifier: Apache-2.0
// Strings of rules: Sigma's wildcards and escapes, placeholders, and the windash positions, as
// Patterns. Source: Sigma rules specification 2.1, "Escaping" and "Placeholder"; conformance WC,
// PH, WIN. Thread rule: pure functions. Cost: O(length).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/match/pattern.h"

namespace tocsin {

// `*` and `?` are wildcards; `\*`, `\?` and `\\` are escapes; any other backslash is itself.
Pattern parse_sigma_string(std::string_view text);

// A value below `expand`: patterns with placeholders between them. patterns.size() ==
// placeholders.size() + 1.
struct PlaceholderString {
  struct Placeholder {
    std::string name;
    std::size_t offset = 0;  // in the text, of the `%`
    std::size_t length = 0;  // with both `%`
  };
  std::vector<Pattern> patterns;
  std::vector<Placeholder> placeholders;
  std::vector<Placeholder> escaped;  // `\%name%`: literal, though it looks like one
};

// Escapes and placeholders in one pass: here `\%` is an escape too.
PlaceholderString parse_placeholder_string(std::string_view text);

// left followed by right.
void append(Pattern& left, const Pattern& right);

bool has_wildcards(const Pattern& pattern);

// What the pattern takes: its literals, and one for each element.
std::size_t bytes_of(const Pattern& pattern);

// Wildcards at the ends, where there is none yet.
void add_leading_run(Pattern& pattern);
void add_trailing_run(Pattern& pattern);

// Each - / U+2013 U+2014 U+2015 that follows the beginning or a non-word character and precedes a
// word character becomes a dash element (WIN-01, WIN-02); wildcards count as non-word characters.
Pattern with_dashes(const Pattern& pattern);

// The patterns that a pattern with dash elements stands for: 5^dashes. False if these are more than
// `count_max`, or would take more than `bytes_max` in all.
bool expand_dashes(const Pattern& pattern,
                   std::size_t count_max,
                   std::size_t bytes_max,
                   std::vector<Pattern>& expanded);

}  // namespace tocsin
