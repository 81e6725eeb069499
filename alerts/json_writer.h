// SPDX-License-Identifier: Apache-2.0
// JsonWriter: builds JSON text piece by piece, so that a payload is valid JSON whatever the values
// hold. Thread rule: one thread. Precondition: calls nest as JSON does (a key before each member's
// value). Cost: O(bytes written).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/text.h"

namespace tocsin {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out), start_(out.size()) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name) {
    string(name);
    out_ += ':';
    return *this;
  }
  // Invalid UTF-8 becomes U+FFFD.
  JsonWriter& string(std::string_view text) {
    separate();
    append_json_string(text, out_);
    return *this;
  }
  JsonWriter& string_or_null(std::string_view text) { return text.empty() ? null() : string(text); }
  JsonWriter& number(std::uint64_t value) { return raw(std::to_string(value)); }
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  // Text that is one JSON value already.
  JsonWriter& raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
  }
  template <typename List>
  JsonWriter& strings(const List& list) {
    begin_array();
    for (const auto& text : list) {
      string(text);
    }
    return end_array();
  }

 private:
  // A value never ends in one of these characters, so the last byte tells whether a comma is due.
  void separate() {
    if (out_.size() == start_) {
      return;
    }
    const char last = out_.back();
    if (last != '{' && last != '[' && last != ':') {
      out_ += ',';
    }
  }
  JsonWriter& open(char bracket) {
    separate();
    out_ += bracket;
    return *this;
  }
  JsonWriter& close(char bracket) {
    out_ += bracket;
    return *this;
  }

  std::string& out_;
  std::size_t start_;
};

}  // namespace tocsin
