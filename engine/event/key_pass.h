// SPDX-License-Identifier: Apache-2.0
// The pass over a line, once for each kind of machine: only for key_scan_*.cc. Everything here has
// internal linkage, so that code for one machine never stands in for another's. `Vectors` is 64
// bytes of the line.
#pragma once

#include <cstring>
#include <string_view>

#include "engine/event/key_marks.h"

namespace tocsin {
namespace {

struct PassState {
  std::uint64_t in_string = 0;     // all ones: the block before ended inside a string
  std::uint64_t next_escaped = 0;  // 1: the block before ended with a backslash that escapes
  std::int32_t depth = 0;
  std::uint64_t high = 0;  // bytes beyond ASCII
  char before = '{';       // the last byte of the block before
};

// Does white space outside strings follow a bare word? In a broken record another word may follow,
// and the text of what it lies in has both as one. `block` is preceded by `before`.
inline bool ends_bare_word(const char* block, char before, std::uint64_t spaces) {
  constexpr std::string_view others = "\",:{}[] \t\r";
  for (; spaces != 0; spaces &= spaces - 1) {
    const int at = __builtin_ctzll(spaces);
    if (others.find(at == 0 ? before : block[at - 1]) == others.npos) {
      return true;
    }
  }
  return false;
}

// Which characters are escaped, from where the backslashes are: those behind an odd number of them.
inline std::uint64_t escaped_characters(std::uint64_t backslashes, std::uint64_t& next_escaped) {
  constexpr std::uint64_t even_bits = 0x5555555555555555u;
  backslashes &= ~next_escaped;
  const std::uint64_t follows = backslashes << 1 | next_escaped;
  const std::uint64_t odd_starts = backslashes & ~even_bits & ~follows;
  const std::uint64_t even_sequences = odd_starts + backslashes;
  next_escaped = even_sequences < odd_starts ? 1 : 0;
  return (even_bits ^ (even_sequences << 1)) & follows;
}

// The hits of the blocks that were noted: apart from the pass, which has no branch that depends on
// them.
template <class Vectors>
inline void collect_hits(KeyMarks& marks) {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < marks.block_count; ++i) {
    const KeyMarks::Block& block = marks.blocks[i];
    if (count > KeyMarks::hits_max) {
      marks.given_up = true;
      break;
    }
    for (std::uint64_t found = block.found; found != 0; found &= found - 1) {
      const std::uint64_t below = (found & (0 - found)) - 1;
      const auto at = static_cast<std::uint32_t>(__builtin_ctzll(found));
      const int inside = Vectors::count(block.opens & below) - Vectors::count(block.closes & below);
      marks.hits[count++] = {block.offset + at, block.depth + inside};
    }
  }
  marks.hit_count = count;
}

// Returns where the line ends in the block, or 64. At least 66 bytes are readable.
template <class Vectors>
inline std::uint32_t pass_block(const char* block,
                                std::uint32_t offset,
                                const KeyAnchors& anchors,
                                PassState& state,
                                KeyMarks& marks) {
  const Vectors bytes(block);
  const std::uint64_t newlines = bytes.equal('\n');
  const std::uint64_t backslashes = bytes.equal('\\');
  const std::uint64_t line = newlines == 0 ? ~std::uint64_t{0} : (newlines & (0 - newlines)) - 1;
  std::uint64_t quotes = bytes.equal('"');
  if ((backslashes | state.next_escaped) != 0) {
    const std::uint64_t escaped = escaped_characters(backslashes & line, state.next_escaped);
    marks.has_backslash = marks.has_backslash || (backslashes & line) != 0;
    marks.has_odd_escape =
        marks.has_odd_escape || ((bytes.equal('u') | bytes.equal('/')) & escaped & line) != 0;
    quotes &= ~escaped;
  }
  const std::uint64_t strings = Vectors::prefix_xor(quotes) ^ state.in_string;
  // Readers do not agree on what a backslash outside of strings escapes.
  marks.has_odd_escape = marks.has_odd_escape || (backslashes & ~strings & line) != 0;
  const std::uint64_t spaces =
      (bytes.equal(' ') | bytes.equal('\t') | bytes.equal('\r')) & ~strings & line;
  if (spaces != 0 && !marks.has_bare_space) {
    marks.has_bare_space = ends_bare_word(block, state.before, spaces);
  }
  state.before = block[KeyMarks::block_bytes - 1];
  const std::uint64_t opens = bytes.equal_lower('{') & ~strings;
  const std::uint64_t closes = bytes.equal_lower('}') & ~strings;
  marks.quotes[offset / KeyMarks::block_bytes] = quotes & line;
  state.high |= bytes.high() & line;
  const std::uint64_t found = bytes.anchored(block, anchors) & line;
  marks.blocks[marks.block_count] = {found, opens, closes, offset, state.depth};
  marks.block_count += found != 0 ? 1 : 0;
  state.in_string = 0 - (strings >> 63);
  state.depth += Vectors::count(opens) - Vectors::count(closes);
  return newlines == 0 ? static_cast<std::uint32_t>(KeyMarks::block_bytes)
                       : static_cast<std::uint32_t>(__builtin_ctzll(newlines));
}

template <class Vectors>
inline void finish(std::uint32_t size, const PassState& state, KeyMarks& marks) {
  marks.has_non_ascii = state.high != 0;
  marks.quotes[size / KeyMarks::block_bytes + 1] = 0;
  collect_hits<Vectors>(marks);
}

inline const char* give_up(const char* begin, const char* end, KeyMarks& marks) {
  const void* newline = std::memchr(begin, '\n', static_cast<std::size_t>(end - begin));
  const char* stop = newline == nullptr ? end : static_cast<const char*>(newline);
  marks.given_up = true;
  marks.has_backslash = std::memchr(begin, '\\', static_cast<std::size_t>(stop - begin)) != nullptr;
  return stop;
}

template <class Vectors>
const char* key_pass(const char* begin,
                     const char* end,
                     const KeyAnchors& anchors,
                     KeyMarks& marks) {
  constexpr std::uint32_t block_bytes = KeyMarks::block_bytes;
  // Anchors are looked for by what stands up to two bytes farther on.
  constexpr std::ptrdiff_t readable_min = block_bytes + 2;
  marks.block_count = 0;
  marks.has_backslash = false;
  marks.has_odd_escape = false;
  marks.has_bare_space = false;
  marks.given_up = false;
  PassState state;
  std::uint32_t offset = 0;
  while (end - begin >= static_cast<std::ptrdiff_t>(offset) + readable_min) {
    if (offset == KeyMarks::blocks_max * block_bytes) {
      return give_up(begin, end, marks);
    }
    const std::uint32_t size = pass_block<Vectors>(begin + offset, offset, anchors, state, marks);
    offset += size;
    if (size < block_bytes) {
      finish<Vectors>(offset, state, marks);
      return begin + offset;
    }
  }
  if (offset == KeyMarks::blocks_max * block_bytes) {
    return give_up(begin, end, marks);
  }
  // What is left, with a newline of our own behind it.
  char rest[3 * block_bytes] = {};
  const auto size = static_cast<std::size_t>(end - begin) - offset;
  std::memcpy(rest, begin + offset, size);
  rest[size] = '\n';
  for (std::uint32_t at = 0; at < 2 * block_bytes; at += block_bytes) {
    const std::uint32_t length = pass_block<Vectors>(rest + at, offset, anchors, state, marks);
    offset += length;
    if (length < block_bytes) {
      break;
    }
  }
  finish<Vectors>(offset, state, marks);
  return begin + offset;
}

}  // namespace
}  // namespace tocsin
