// SPDX-License-Identifier: Apache-2.0
// The inside of the framer: a machine of few states (Phase). Each step looks at the bytes from `at`
// on and either moves `at` forward or needs more of them. What it hands on never depends on how the
// stream was cut into pieces. Only for framer*.cc.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/limits.h"
#include "engine/event/bracket_scan.h"
#include "engine/event/framer.h"

namespace tocsin {
namespace framing {

inline constexpr std::size_t none = std::string_view::npos;
inline constexpr std::size_t document_bytes_max = limits::record_bytes_max;
inline constexpr std::size_t beginning_bytes_max = limits::dead_letter_record_bytes_max;
inline constexpr std::size_t first_document_bytes_max = 4096;
// Blanks around the first document that are kept until its mode is known.
inline constexpr std::size_t blanks_max = 4096;
// A broken document is looked through again from its first line that may begin another. Bytes
// scanned twice are paid from a credit that whole documents fill, so that no input costs more than
// a few times its length.
inline constexpr std::uint64_t rescan_credit_max = 4 * document_bytes_max;
inline constexpr std::uint64_t rescan_credit_per_byte = 4;
inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

inline constexpr bool is_open(char c) {
  return c == '{' || c == '[';
}
inline constexpr bool is_close(char c) {
  return c == '}' || c == ']';
}
inline constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

inline std::size_t find_newline(std::string_view text, std::size_t from) {
  if (from >= text.size()) {
    return none;
  }
  const void* found = std::memchr(text.data() + from, '\n', text.size() - from);
  return found == nullptr ? none
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

inline std::size_t without_trailing_blanks(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return last == none ? 0 : last + 1;
}

// The first newline at or behind `from` that a bracket follows; none if there is none.
inline std::size_t find_line_bracket(std::string_view text, std::size_t from) {
  std::size_t at = find_newline(text, from);
  while (at != none && (at + 1 >= text.size() || !is_open(text[at + 1]))) {
    at = find_newline(text, at + 1);
  }
  return at;
}

inline std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank(text[at])) {
    ++at;
  }
  return at;
}

// Where the string that begins at text[at] ends (behind its quote), or none.
inline std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return none;
}

// A document that is handed on element by element.
struct Container {
  std::size_t inside = 0;  // behind the bracket of the array
  bool object = false;     // {"Records":[ ...
};

// Precondition: `text` begins with a bracket.
std::optional<Container> container_of(std::string_view text);

}  // namespace framing

struct Framer::Impl {
  enum class Phase : std::uint8_t {
    between,        // looking for a document, or in lines mode for a line
    document,       // inside a document that is kept as a whole
    whole,          // the first document is complete; what follows decides the mode
    garbage,        // between documents stands what begins none
    elements,       // in a large container, between its elements
    element,        // in an element that is kept as a whole
    skip_document,  // in an oversized document: until it ends
    skip_element,   // in an oversized element: until it ends
    skip_rest,      // behind the array of a large container
    skip_line,      // until the line ends
    skip_broken,    // until a line begins with a bracket
  };
  // One call of feed().
  struct Feed {
    std::string_view bytes;
    std::uint64_t offset = 0;
    bool end = false;
    std::vector<Frame>& frames;
    std::size_t at = 0;
    std::size_t newline =
        0;  // cached: the first one at or behind `at`, valid if >= at; none: there is none

    std::string_view text() const { return bytes.substr(at); }
  };

  Mode mode = Mode::undecided;
  Phase phase = Phase::between;
  bool in_line = false;     // the container is one line of lines mode
  bool object = false;      // the container is {"Records":[...]}
  bool had_broken = false;  // closing brackets may stand between documents
  bool line_start = false;  // skip_broken: the first byte begins a line
  bool has_first = false;
  std::size_t scanned = 0;  // lines mode: bytes known to hold no newline
  std::size_t lead = 0;     // blanks before the first document on its line
  std::size_t size = 0;     // whole: of the document
  std::uint64_t nul_bytes = 0;
  std::uint64_t credit = framing::rescan_credit_max;
  BracketScan scan;
  std::string first;

  std::size_t feed(Feed& feed);
  bool step(Feed& feed);
  bool next_line(Feed& feed);
  bool large_line(Feed& feed);
  bool next_document(Feed& feed);
  bool document(Feed& feed);
  bool broken_document(Feed& feed, std::string_view text, std::size_t at);
  void add_broken(Feed& feed, std::string_view text);
  bool large_document(Feed& feed, std::string_view text);
  bool decide(Feed& feed);
  bool garbage(Feed& feed);
  bool next_element(Feed& feed);
  bool scalar_element(Feed& feed, std::string_view text, bool last);
  bool element(Feed& feed);
  bool skip(Feed& feed);
  bool skip_line(Feed& feed);
  bool skip_broken(Feed& feed);

  std::string_view window(Feed& feed, bool& last) const;
  bool end_of_window(Feed& feed);
  void after_container();
  bool skip_nuls(Feed& feed);
  void note_first(std::string_view text, std::size_t known_end);
  void whole_frame(Feed& feed, std::size_t begin, std::size_t length);
  static void add(Feed& feed, std::size_t begin, std::size_t length, bool oversized, bool broken);
};

}  // namespace tocsin
