// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json_grammar.h"

#include <algorithm>

#include "engine/base/limits.h"

namespace tocsin {
namespace {

constexpr const char* text_ends = "the text ends inside a value";

bool is_strict_word(std::string_view word) {
  switch (word.empty() ? '\0' : word.front()) {
    case 't':
      return word == "true";
    case 'f':
      return word == "false";
    case 'n':
      return word == "null";
    default:
      return is_strict_json_number(word);
  }
}

}  // namespace

JsonVerdict JsonGrammar::fail(const StructuralIndex& index, const char* what, std::uint32_t at) {
  fault_ = {what, index.positions[std::min(at, index.last)]};
  return JsonVerdict::broken;
}

// Closes what ends at `at`, behind a value, up to a comma or the end. False: neither is there.
inline bool JsonGrammar::close(const StructuralIndex& index, std::uint32_t& at) {
  while (!open_.empty()) {
    const char open = open_.back();
    const char next = at < index.last ? index.kinds[at] : '\0';
    if (next == ',') {
      break;
    }
    if (next != open + 2) {
      const char* what =
          open == '[' ? "no comma between two elements" : "no comma between two members";
      fail(index, at == index.last ? text_ends : what, at);
      return false;
    }
    open_.pop_back();
    ++at;
  }
  return true;
}

JsonVerdict JsonGrammar::judge(const StructuralIndex& index, bool has_backslash) {
  std::uint32_t at = index.first;
  const JsonVerdict verdict = value(index, has_backslash, 0, at);
  if (verdict != JsonVerdict::broken && at != index.last) {
    return fail(index, "more text behind the value", at);
  }
  return verdict;
}

// What lies too deep is a text as a whole: its brackets must match, no more.
bool JsonGrammar::skip_too_deep(const StructuralIndex& index, std::uint32_t& at) {
  const std::size_t around = open_.size();
  for (; at < index.last; ++at) {
    const char c = index.kinds[at];
    if (is_json_open(c)) {
      open_ += c;
    } else if (is_json_close(c)) {
      if (c != open_.back() + 2) {
        fail(index, "a bracket of the other kind", at);
        return false;
      }
      open_.pop_back();
      if (open_.size() == around) {
        ++at;
        return true;
      }
    }
  }
  fail(index, text_ends, at);
  return false;
}

// A turn for each value, with the key before it and what closes behind it.
JsonVerdict JsonGrammar::value(const StructuralIndex& index,
                               bool has_backslash,
                               std::size_t depth,
                               std::uint32_t& from) {
  const char* const text = index.text;
  const char* const kinds = index.kinds;
  const std::uint32_t* const positions = index.positions;
  const std::uint32_t last = index.last;
  const auto is_strict_string = [&index, has_backslash](std::uint32_t structural) {
    return !has_backslash || is_strict_json_string(index.string(structural));
  };
  bool strict = true;
  bool key = false;
  open_.clear();
  for (std::uint32_t at = from;;) {
    if (key) {
      if (at == last || kinds[at] != '"') {
        return fail(index, at == last ? text_ends : "a member without a key in quotes", at);
      }
      if (at + 1 == last || kinds[at + 1] != ':') {
        return fail(index, "a key without a colon", at);
      }
      strict = strict && is_strict_string(at);
      at += 2;
    }
    if (at == last) {
      return fail(index, text_ends, at);
    }
    const char c = kinds[at];
    if (c == '"') {
      strict = strict && is_strict_string(at);
      ++at;
    } else if (is_json_open(c)) {
      if (depth + open_.size() == limits::json_depth_max) {
        strict = false;
        if (!skip_too_deep(index, at)) {
          return JsonVerdict::broken;
        }
      } else {
        open_ += c;
        ++at;
        // { and } differ by 2, as [ and ] do.
        if (at == last || kinds[at] != c + 2) {
          key = c == '{';
          continue;
        }
      }
    } else if (is_json_operator(c)) {
      return fail(index, "a value is missing", at);
    } else {
      const std::string_view word = bare_word(text, positions[at], positions[at + 1]);
      if (has_quote(word)) {
        return fail(index, "a quote inside a bare word", at);
      }
      strict = strict && is_strict_word(word);
      ++at;
    }
    if (!close(index, at)) {
      return JsonVerdict::broken;
    }
    if (open_.empty()) {
      from = at;
      return strict ? JsonVerdict::valid : JsonVerdict::structural;
    }
    key = open_.back() == '{';
    ++at;  // the comma
  }
}

}  // namespace tocsin
