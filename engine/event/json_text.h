// SPDX-License-Identifier: Apache-2.0
// The lexical side of JSON, shared by the reader, the tree and the hashes: characters, escapes,
// minified text, numbers. Thread rule: pure functions. Cost: O(n).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tocsin {

constexpr bool is_json_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// { [ and } ]: the two of a pair differ only in bit 5.
constexpr bool is_json_open(char c) {
  return (static_cast<unsigned char>(c) & 0xdfu) == 0x5b;
}
constexpr bool is_json_close(char c) {
  return (static_cast<unsigned char>(c) & 0xdfu) == 0x5d;
}
constexpr bool is_json_operator(char c) {
  return is_json_open(c) || is_json_close(c) || c == ',' || c == ':';
}

inline std::string_view trim_json_space(std::string_view text) {
  while (!text.empty() && is_json_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_json_space(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

// What stands between the quotes, its escapes decoded: writes at most raw.size() bytes and returns
// the end. A surrogate without its partner becomes U+FFFD; an escape that is none in JSON is kept
// as written. `out` must not overlap.
char* decode_json_string(std::string_view raw, char* out);

// A value's text as DETECTION.md, choice 4, has it: white space outside strings removed, escapes
// inside strings decoded. Writes at most raw.size() bytes and returns the end. `raw` may be broken.
char* minify_json(std::string_view raw, char* out);

// The same, into a string of valid UTF-8: bytes that are no UTF-8 become U+FFFD.
std::string decoded_json_string(std::string_view raw);
std::string minified_json(std::string_view raw);
// U+FFFD for every byte that is no UTF-8.
void append_repaired_utf8(std::string_view text, std::string& out);

// The end of the string that starts behind `at` (just behind its opening quote): the offset of its
// closing quote, or npos.
std::size_t find_json_quote(std::string_view text, std::size_t at);

// Is it a number as RFC 8259 writes them, of any size?
bool is_json_number(std::string_view raw);

// Is there a quote in a bare word? Words are a few bytes: no call for them.
inline bool has_quote(std::string_view word) {
  bool found = false;
  for (const char c : word) {
    found = found || c == '"';
  }
  return found;
}

// Would a strict parser take what stands between the quotes, the escapes that it has; a number; a
// bare word?
bool is_strict_json_string(std::string_view raw);
bool is_strict_json_number(std::string_view raw);
inline bool is_strict_json_word(std::string_view raw) {
  return raw == "true" || raw == "false" || raw == "null" || is_strict_json_number(raw);
}

}  // namespace tocsin
