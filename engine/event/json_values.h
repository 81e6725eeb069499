// SPDX-License-Identifier: Apache-2.0
// How a scalar stands in a record's text, by what is known of that text: for whoever fills an Event
// from a structural index. Thread rule: pure functions. Cost: a few instructions; with escapes, one
// pass over the value.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "engine/event/json_index.h"
#include "engine/event/value.h"

namespace tocsin {

// Each form has a walk of its own.
enum class JsonForm : std::uint8_t {
  compact,  // neither backslashes nor white space between strings
  loose,    // no backslashes
  escaped,
};

// Where a string's closing quote is; `next`: where the structural character behind it stands.
template <JsonForm form>
inline std::uint32_t string_end(const char* text, std::uint32_t next) {
  return form == JsonForm::compact ? next - 1 : closing_quote(text, next);
}

// The string whose opening quote is at `quote`. `ascii`: all of the text is.
template <JsonForm form>
inline Value string_value(const char* text, std::uint32_t quote, std::uint32_t next, bool ascii) {
  const std::uint32_t begin = quote + 1;
  const std::uint32_t size = string_end<form>(text, next) - begin;
  const bool escaped =
      form == JsonForm::escaped && std::memchr(text + begin, '\\', size) != nullptr;
  return {text + begin, size, ValueKind::string, escaped, false, ascii && !escaped};
}

// Compared in place, by a word or two.
template <std::size_t size>
inline bool is_json_word(std::string_view word, const char (&literal)[size]) {
  return word.size() == size - 1 && std::memcmp(word.data(), literal, size - 1) == 0;
}

inline ValueKind kind_of_word(std::string_view word) {
  if (is_json_word(word, "true") || is_json_word(word, "false")) {
    return ValueKind::boolean;
  }
  return is_json_word(word, "null") ? ValueKind::null : ValueKind::number;
}

inline Value word_value(std::string_view word, bool ascii) {
  const ValueKind kind = kind_of_word(word);
  const bool plain = ascii && kind != ValueKind::null;
  return {word.data(), static_cast<std::uint32_t>(word.size()), kind, false, false, plain};
}

}  // namespace tocsin
