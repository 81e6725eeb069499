// SPDX-License-Identifier: Apache-2.0
// UTF-8 and JSON text: validation, code points, escaping for JSON and for terminals, edit distance
// for did-you-mean. Thread rule: pure functions. Cost: O(n) unless said otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin {

bool is_utf8(std::string_view text);

// Decodes the code point at text[at] and advances `at` past it. A byte that starts no valid
// sequence gives U+FFFD and advances by one. Precondition: at < text.size().
char32_t next_code_point(std::string_view text, std::size_t& at);
void append_utf8(char32_t code_point, std::string& out);
// Writes at most 4 bytes; returns how many. Surrogates and what lies beyond U+10FFFF give U+FFFD.
std::size_t encode_utf8(char32_t code_point, char* out);
std::size_t count_code_points(std::string_view text);

// Appends `text` as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD; C0 and C1
// controls, DEL and U+2028/9 are escaped.
void append_json_string(std::string_view text, std::string& out);

// Characters that show nothing but hide or reorder what stands around them: bidirectional controls,
// zero-width, soft hyphens, tags, line and paragraph separators.
bool is_invisible(char32_t code_point);

// For terminals: C0 and C1 controls, DEL and what is_invisible() as \n, \t, \xNN or \u{NNNN};
// invalid UTF-8 as U+FFFD.
std::string printable(std::string_view text);

// A-Z and a-z only: for words of formats and protocols. What users compare goes through fold().
std::string ascii_lower(std::string_view text);
std::string ascii_upper(std::string_view text);

// At most `columns_max` code points, ending in U+2026 where something was cut.
std::string shorten(std::string_view text, std::size_t columns_max);

// The candidate nearest to `word` (Damerau-Levenshtein, at most a third of its length, case
// ignored), or nullopt.
std::optional<std::string> did_you_mean(std::string_view word,
                                        std::span<const std::string_view> candidates);

// A number in its shortest text: integral without fraction, others in their shortest form.
std::string number_text(double value);
// Reads a JSON number or a numeric string; nullopt for anything else, infinities included.
std::optional<double> parse_real(std::string_view text);

// "1,234,567"
std::string with_thousands(std::uint64_t number);

}  // namespace tocsin
