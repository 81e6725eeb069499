// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json_grammar.h"

#include <algorithm>

#include "engine/base/limits.h"

namespace tocsin {

JsonGrammar::Next JsonGrammar::fail(const char* what, std::uint32_t at) {
  fault_ = {what, index_.positions[std::min(at, index_.last)]};
  return Next::broken;
}

JsonVerdict JsonGrammar::judge(const StructuralIndex& index, bool has_backslash) {
  index_ = index;
  has_backslash_ = has_backslash;
  open_.clear();
  strict_ = true;
  Next next = Next::value;
  at_ = index.first;
  do {
    if (at_ == index.last) {
      fail("the text ends inside a value", at_);
      return JsonVerdict::broken;
    }
    switch (next) {
      case Next::first_element:
      case Next::value:
        next = next == Next::first_element && index.text[index.positions[at_]] == ']'
                   ? separator(at_)
                   : value(at_);
        break;
      case Next::first_key:
      case Next::key:
        next = key(at_, next == Next::first_key);
        break;
      case Next::separator:
        next = separator(at_);
        break;
      case Next::broken:
        break;
    }
    if (next == Next::broken) {
      return JsonVerdict::broken;
    }
  } while (!(next == Next::separator && open_.empty()));
  if (at_ != index.last) {
    fail("more text behind the value", at_);
    return JsonVerdict::broken;
  }
  return strict_ ? JsonVerdict::valid : JsonVerdict::structural;
}

void JsonGrammar::check_string(std::uint32_t at) {
  if (has_backslash_) {
    strict_ = strict_ && is_strict_json_string(index_.string(at));
  }
}

JsonGrammar::Next JsonGrammar::value(std::uint32_t at) {
  const std::uint32_t begin = index_.positions[at];
  const char c = index_.text[begin];
  ++at_;
  if (c == '"') {
    check_string(at);
    return Next::separator;
  }
  if (is_json_open(c)) {
    strict_ = strict_ && open_.size() < limits::json_depth_max;
    open_ += c;
    return c == '{' ? Next::first_key : Next::first_element;
  }
  if (is_json_operator(c)) {
    return fail("a value is missing", at);
  }
  const std::string_view word = bare_word(index_.text, begin, index_.positions[at + 1]);
  if (word.find('"') != word.npos) {
    return fail("a quote inside a bare word", at);
  }
  strict_ = strict_ && is_strict_json_word(word);
  return Next::separator;
}

JsonGrammar::Next JsonGrammar::key(std::uint32_t at, bool may_close) {
  const std::uint32_t begin = index_.positions[at];
  if (may_close && index_.text[begin] == '}') {
    return separator(at);
  }
  if (index_.text[begin] != '"') {
    return fail("a member without a key in quotes", at);
  }
  if (at + 1 == index_.last || index_.text[index_.positions[at + 1]] != ':') {
    return fail("a key without a colon", at);
  }
  check_string(at);
  at_ += 2;
  return Next::value;
}

// A comma or the innermost container's closing bracket.
JsonGrammar::Next JsonGrammar::separator(std::uint32_t at) {
  const char c = index_.text[index_.positions[at]];
  const bool array = open_.back() == '[';
  ++at_;
  if (c == ',') {
    return array ? Next::value : Next::key;
  }
  if (c == (array ? ']' : '}')) {
    open_.pop_back();
    return Next::separator;
  }
  return fail(array ? "no comma between two elements" : "no comma between two members", at);
}

}  // namespace tocsin
