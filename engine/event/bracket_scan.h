// SPDX-License-Identifier: Apache-2.0
// BracketScan: where a JSON document that began with a bracket ends: counts brackets outside
// strings, 64 bytes at a time, and stops early where the document is visibly broken. The kinds of
// brackets are not compared; the decoder does that.
//
// A document is broken at a line that begins with { or [ inside a string (a string of JSON never
// spans lines), or where no value can stand (what precedes it is not [ , or :).
//
// Thread rule: a plain value type. Cost: one pass over the bytes; resumes where it stopped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tocsin {

class BracketScan {
 public:
  enum class Stop : std::uint8_t { more, closed, broken };
  struct Result {
    Stop stop = Stop::more;
    std::size_t at =
        0;  // closed: behind the last bracket; broken: the line that begins anew; more: all
  };
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  // `depth`: brackets that are open already (0: the text begins with the document's first).
  void start(std::int64_t depth);

  // `text`: the document from its beginning (or from rebase()) as far as it is known: the same
  // bytes as last time, with more behind them.
  Result run(std::string_view text);

  // The bytes of `text`, all of which were scanned, will not be given again.
  void rebase(std::string_view text);

  // The first line after the document's beginning that begins with a bracket; none if there is none
  // so far.
  std::size_t first_line_bracket() const { return first_line_bracket_; }

  // For positions: what is needed to go on after a restart. load() is false for a text that save()
  // did not write.
  std::string save() const;
  bool load(std::string_view text);

 private:
  bool breaks_at(std::string_view text, std::size_t at) const;
  bool step(std::string_view text, std::size_t at, Result& result);
  bool block(std::string_view text, std::size_t at, Result& result);

  std::size_t scanned_ = 0;
  std::size_t first_line_bracket_ = none;
  std::int64_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;  // the last byte was a backslash that escapes the next
  bool after_newline_ = false;
  char last_significant_ = 0;  // of the bytes before rebase()
};

}  // namespace tocsin
