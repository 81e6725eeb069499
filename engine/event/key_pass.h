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

// Memory takes longer than the pass: what comes is asked for while this is looked at.
constexpr std::ptrdiff_t ahead_bytes = 2048;

template <class Vectors>
struct PassState {
  std::uint64_t in_string = 0;     // all ones: the block before ended inside a string
  std::uint64_t next_escaped = 0;  // 1: the block before ended with a backslash that escapes
  std::uint64_t odd = 0;           // not 0: KeyMarks::has_odd_escape
  std::int32_t depth = 0;
  bool has_backslash = false;
  bool has_bare_space = false;
  bool has_high = false;
  typename Vectors::Union all;  // of the bytes of plain blocks
};

// Does white space outside strings follow a bare word? In a broken record another word may follow,
// and the text of what it lies in has both as one. `before`: what stands before the block.
template <class Vectors>
[[gnu::noinline]] bool ends_bare_word(const char* block, char before, std::uint64_t outside) {
  constexpr std::string_view others = "\",:{}[] \t\r";
  const Vectors bytes(block);
  std::uint64_t spaces = (bytes.equal(' ') | bytes.equal('\t') | bytes.equal('\r')) & outside;
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

// The escaped characters of a block that has such, or that begins with one.
template <class Vectors>
[[gnu::noinline]] std::uint64_t escapes(const char* block,
                                        std::uint64_t backslashes,
                                        std::uint64_t line,
                                        PassState<Vectors>& state) {
  const Vectors bytes(block);
  const std::uint64_t escaped = escaped_characters(backslashes, state.next_escaped);
  state.has_backslash = state.has_backslash || backslashes != 0;
  state.odd |= (bytes.equal('u') | bytes.equal('/')) & escaped & line;
  return escaped;
}

// The hits of the blocks that were noted: apart from the pass, which has no branch that depends on
// them.
inline void collect_hits(KeyMarks& marks) {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < marks.block_count; ++i) {
    const KeyMarks::Block& block = marks.blocks[i];
    if (count > KeyMarks::hits_max) {
      marks.given_up = true;
      break;
    }
    for (std::uint64_t found = block.found; found != 0; found &= found - 1) {
      marks.hits[count++] = {block.offset + static_cast<std::uint32_t>(__builtin_ctzll(found)), i};
    }
  }
  marks.hit_count = count;
}

// Notes what a block has, of which `strings` are the bytes in strings and `line` those of the line.
template <class Vectors>
[[gnu::always_inline]] inline void note_block(const char* block,
                                              const Vectors& bytes,
                                              std::uint64_t quotes,
                                              std::uint64_t strings,
                                              std::uint64_t line,
                                              std::uint32_t offset,
                                              const KeyAnchors& anchors,
                                              PassState<Vectors>& state,
                                              KeyMarks& marks) {
  state.in_string = 0 - (strings >> 63);
  const std::uint64_t opens = bytes.equal_lower('{') & ~strings;
  const std::uint64_t closes = bytes.equal_lower('}') & ~strings;
  const std::uint64_t found = bytes.anchored(block, anchors) & line;
  marks.quotes[offset / KeyMarks::block_bytes] = quotes & line;
  marks.blocks[marks.block_count] = {found, opens, closes, offset, state.depth};
  marks.block_count += found != 0 ? 1 : 0;
  state.depth += Vectors::count(opens) - Vectors::count(closes);
}

// Goes over the blocks from `offset` on that have nothing rare in them: no newline, no backslash,
// no white space outside strings. Nearly all that the filter costs is here, and there is no call,
// so that what is compared with stays in registers. Returns where it stops.
template <class Vectors>
[[gnu::noinline]] std::uint32_t pass_plain(const char* begin,
                                           std::uint32_t offset,
                                           std::uint32_t end,
                                           const KeyAnchors& anchors,
                                           PassState<Vectors>& outer,
                                           KeyMarks& marks) {
  constexpr std::uint64_t line = ~std::uint64_t{0};
  if (outer.next_escaped != 0) {
    return offset;
  }
  PassState<Vectors> state = outer;
  for (; offset < end; offset += KeyMarks::block_bytes) {
    const char* const block = begin + offset;
    __builtin_prefetch(block + ahead_bytes);
    const Vectors bytes(block);
    const std::uint64_t quotes = bytes.equal('"');
    const std::uint64_t strings = Vectors::prefix_xor(quotes) ^ state.in_string;
    if ((bytes.either('\n', '\\') | (bytes.at_most(' ') & ~strings)) != 0) {
      break;
    }
    state.all.add(bytes);
    note_block(block, bytes, quotes, strings, line, offset, anchors, state, marks);
  }
  outer = state;
  return offset;
}

// Any block, of which 66 bytes are readable. Returns the size of the line if it ends here, else 0.
template <class Vectors>
inline std::uint32_t pass_block(const char* block,
                                std::uint32_t offset,
                                const KeyAnchors& anchors,
                                PassState<Vectors>& state,
                                KeyMarks& marks) {
  const Vectors bytes(block);
  const std::uint64_t newlines = bytes.equal('\n');
  const std::uint64_t line = newlines == 0 ? ~std::uint64_t{0} : (newlines & (0 - newlines)) - 1;
  const std::uint64_t backslashes = bytes.equal('\\') & line;
  std::uint64_t quotes = bytes.equal('"');
  if ((backslashes | state.next_escaped) != 0) {
    quotes &= ~escapes<Vectors>(block, backslashes, line, state);
  }
  const std::uint64_t strings = Vectors::prefix_xor(quotes) ^ state.in_string;
  // Readers do not agree on what a backslash outside of strings escapes.
  state.odd |= backslashes & ~strings;
  const std::uint64_t outside = bytes.at_most(' ') & ~strings & line;
  if (outside != 0) {
    const char before = offset == 0 ? '{' : block[-1];
    state.has_bare_space = state.has_bare_space || ends_bare_word<Vectors>(block, before, outside);
  }
  state.has_high = state.has_high || (bytes.high() & line) != 0;
  note_block(block, bytes, quotes, strings, line, offset, anchors, state, marks);
  return newlines == 0 ? 0 : offset + static_cast<std::uint32_t>(__builtin_ctzll(newlines)) + 1;
}

template <class Vectors>
inline void finish(std::uint32_t offset, const PassState<Vectors>& state, KeyMarks& marks) {
  marks.has_backslash = state.has_backslash;
  marks.has_odd_escape = state.odd != 0;
  marks.has_bare_space = state.has_bare_space;
  marks.has_non_ascii = state.has_high || state.all.has_high();
  marks.quotes[offset / KeyMarks::block_bytes + 1] = 0;
  collect_hits(marks);
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
  marks.given_up = false;
  PassState<Vectors> state;
  // The blocks from which on too little is readable, or too much was read.
  const std::ptrdiff_t readable = end - begin - readable_min;
  constexpr std::uint32_t offset_max = KeyMarks::blocks_max * block_bytes;
  const std::uint32_t whole_end =
      readable < 0
          ? 0
          : static_cast<std::uint32_t>(
                readable >= static_cast<std::ptrdiff_t>(offset_max) ? offset_max : readable + 1);
  std::uint32_t offset = 0;
  while ((offset = pass_plain(begin, offset, whole_end, anchors, state, marks)) < whole_end) {
    const std::uint32_t size = pass_block(begin + offset, offset, anchors, state, marks);
    if (size != 0) {
      finish(offset, state, marks);
      return begin + (size - 1);
    }
    offset += block_bytes;
  }
  if (offset >= offset_max) {
    return give_up(begin, end, marks);
  }
  // What is left, with a newline of our own behind it, and with what stands before it.
  char rest[block_bytes + 3 * block_bytes] = {};
  char* const first = rest + block_bytes;
  const auto size = static_cast<std::size_t>(end - begin) - offset;
  first[-1] = offset == 0 ? '{' : begin[offset - 1];
  std::memcpy(first, begin + offset, size);
  first[size] = '\n';
  for (const char* block = first;; block += block_bytes, offset += block_bytes) {
    if (const std::uint32_t line = pass_block(block, offset, anchors, state, marks); line != 0) {
      finish(offset, state, marks);
      return begin + (line - 1);
    }
  }
}

}  // namespace
}  // namespace tocsin
