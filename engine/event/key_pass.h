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

struct PassState {
  std::uint64_t in_string = 0;     // all ones: the block before ended inside a string
  std::uint64_t next_escaped = 0;  // 1: the block before ended with a backslash that escapes
  std::uint64_t odd = 0;           // not 0: KeyMarks::has_odd_escape
  std::int32_t depth = 0;
  bool has_backslash = false;
  bool has_bare_space = false;
  bool has_high = false;
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
                                        PassState& state) {
  const Vectors bytes(block);
  const std::uint64_t escaped = escaped_characters(backslashes, state.next_escaped);
  state.has_backslash = state.has_backslash || backslashes != 0;
  state.odd |= (bytes.equal('u') | bytes.equal('/')) & escaped & line;
  return escaped;
}

// Puts the anchors in a row: apart from the pass, which has no branch that depends on them.
template <class Vectors>
inline void collect_hits(KeyMarks& marks) {
  constexpr std::uint32_t at_once = 4 * KeyMarks::group;
  std::uint32_t count = 0;
  for (std::uint32_t first = 0; first < marks.blocks; first += at_once) {
    std::uint32_t blocks = 0;
    for (std::uint32_t i = 0; i < at_once; i += KeyMarks::group) {
      blocks |= Vectors::not_zero(marks.found + first + i) << i;
    }
    const std::uint32_t left = marks.blocks - first;
    blocks &= left < at_once ? (1u << left) - 1 : ~0u;
    for (; blocks != 0; blocks &= blocks - 1) {
      const std::uint32_t block = first + static_cast<std::uint32_t>(__builtin_ctz(blocks));
      const std::uint32_t offset = block * KeyMarks::block_bytes;
      // One or two are usual: no branch on that.
      constexpr std::uint64_t last_bit = std::uint64_t{1} << 63;
      std::uint64_t found = marks.found[block];
      marks.hits[count] = offset + static_cast<std::uint32_t>(__builtin_ctzll(found));
      found &= found - 1;
      marks.hits[count + 1] =
          offset + static_cast<std::uint32_t>(__builtin_ctzll(found | last_bit));
      count += found != 0 ? 2 : 1;
      for (found &= found - 1; found != 0; found &= found - 1) {
        marks.hits[count++] = offset + static_cast<std::uint32_t>(__builtin_ctzll(found));
      }
      if (count > KeyMarks::hits_max) {
        marks.given_up = true;
        marks.hit_count = 0;
        return;
      }
    }
  }
  marks.hit_count = count;
}

// The bytes in strings, from where the quotes are. False: there is white space or a backslash
// outside of them.
template <class Vectors>
inline bool find_strings(KeyMarks& marks) {
  std::uint64_t in_string = 0;
  std::uint64_t outside = 0;
  for (std::uint32_t i = 0; i < marks.blocks; ++i) {
    const std::uint64_t strings = Vectors::prefix_xor(marks.quotes[i]) ^ in_string;
    in_string = 0 - (strings >> 63);
    marks.strings[i] = strings;
    outside |= marks.spaces[i] & ~strings;
  }
  return outside == 0;
}

inline void end_blocks(std::uint32_t blocks, KeyMarks& marks) {
  marks.blocks = blocks;
  for (std::uint32_t i = blocks; i < blocks + KeyMarks::group; ++i) {
    marks.quotes[i] = 0;
    marks.spaces[i] = 0;
  }
}

// Goes over the blocks from `offset` on that have neither a newline nor anything rare. Nearly all
// that the filter costs is here: what is not needed of every block is found out later. Returns
// where it stops.
template <class Vectors>
[[gnu::noinline]] std::uint32_t pass_simple(const char* begin,
                                            std::uint32_t offset,
                                            std::uint32_t end,
                                            const KeyAnchors& anchors,
                                            typename Vectors::Union& outer,
                                            KeyMarks& marks) {
  const typename Vectors::Anchors wanted(anchors);
  typename Vectors::Union all = outer;
  const std::uint32_t first = offset / KeyMarks::block_bytes;
  std::uint64_t* __restrict quotes = marks.quotes + first;
  std::uint64_t* __restrict spaces = marks.spaces + first;
  std::uint64_t* __restrict found = marks.found + first;
  for (; offset < end; offset += KeyMarks::block_bytes) {
    const char* const block = begin + offset;
    __builtin_prefetch(block + ahead_bytes);
    const Vectors bytes(block);
    if (bytes.any_control_or('\\')) {
      break;
    }
    all.add(bytes);
    *quotes++ = bytes.equal('"');
    *spaces++ = bytes.equal(' ');
    *found++ = bytes.anchored(block, wanted);
  }
  outer = all;
  return offset;
}

// The block in which a simple line ends, or one that has a backslash. False: it is no such line.
template <class Vectors>
inline bool odd_block(const char* begin,
                      std::uint32_t offset,
                      const KeyAnchors& anchors,
                      PassState& state,
                      std::uint64_t& newlines,
                      KeyMarks& marks) {
  const char* const block = begin + offset;
  const Vectors bytes(block);
  newlines = bytes.equal('\n');
  const std::uint64_t line = newlines == 0 ? ~std::uint64_t{0} : (newlines & (0 - newlines)) - 1;
  if ((bytes.at_most('\x1f') & line) != 0) {
    return false;
  }
  const std::uint64_t backslashes = bytes.equal('\\') & line;
  std::uint64_t quotes = bytes.equal('"') & line;
  if ((backslashes | state.next_escaped) != 0) {
    quotes &= ~escapes<Vectors>(block, backslashes, line, state);
  }
  state.has_high = state.has_high || (bytes.high() & line) != 0;
  const std::uint32_t number = offset / KeyMarks::block_bytes;
  marks.quotes[number] = quotes;
  marks.spaces[number] = (bytes.equal(' ') & line) | backslashes;
  marks.found[number] = bytes.anchored(block, typename Vectors::Anchors(anchors)) & line;
  return true;
}

// Returns the size of the line with its newline, or 0: it is not a simple one, or not all of it is
// readable in blocks.
template <class Vectors>
inline std::uint32_t simple_line(const char* begin,
                                 std::uint32_t whole_end,
                                 const KeyAnchors& anchors,
                                 KeyMarks& marks) {
  typename Vectors::Union all;
  PassState state;
  std::uint32_t offset = 0;
  std::uint64_t newlines = 0;
  for (;; offset += KeyMarks::block_bytes) {
    if (state.next_escaped == 0) {
      offset = pass_simple<Vectors>(begin, offset, whole_end, anchors, all, marks);
    }
    if (offset >= whole_end ||
        !odd_block<Vectors>(begin, offset, anchors, state, newlines, marks)) {
      return 0;
    }
    if (newlines != 0) {
      break;
    }
  }
  end_blocks(offset / KeyMarks::block_bytes + 1, marks);
  if (!Vectors::strings_of(marks)) {
    return 0;
  }
  marks.simple = true;
  marks.has_backslash = state.has_backslash;
  marks.has_odd_escape = state.odd != 0;
  marks.has_bare_space = false;
  marks.has_non_ascii = state.has_high || all.has_high();
  collect_hits<Vectors>(marks);
  return offset + static_cast<std::uint32_t>(__builtin_ctzll(newlines)) + 1;
}

template <class Vectors>
[[gnu::always_inline]] inline void note_brackets(const Vectors& bytes,
                                                 std::uint32_t block,
                                                 std::uint64_t strings,
                                                 std::int32_t& depth,
                                                 KeyMarks& marks) {
  const std::uint64_t opens = bytes.equal_lower('{') & ~strings;
  const std::uint64_t closes = bytes.equal_lower('}') & ~strings;
  marks.opens[block] = opens;
  marks.closes[block] = closes;
  marks.depth[block] = depth;
  depth += Vectors::count(opens) - Vectors::count(closes);
}

template <class Vectors>
inline void depth_pass(const char* begin, std::uint32_t blocks, KeyMarks& marks) {
  std::int32_t depth = 0;
  for (std::uint32_t i = 0; i < blocks; ++i) {
    note_brackets(Vectors(begin + i * KeyMarks::block_bytes), i, marks.strings[i], depth, marks);
  }
}

// Any block, of which 66 bytes are readable. Returns the size of the line if it ends here, else 0.
template <class Vectors>
inline std::uint32_t pass_block(const char* block,
                                std::uint32_t offset,
                                const KeyAnchors& anchors,
                                PassState& state,
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
  state.in_string = 0 - (strings >> 63);
  // Readers do not agree on what a backslash outside of strings escapes.
  state.odd |= backslashes & ~strings;
  const std::uint64_t outside = bytes.at_most(' ') & ~strings & line;
  if (outside != 0) {
    const char before = offset == 0 ? '{' : block[-1];
    state.has_bare_space = state.has_bare_space || ends_bare_word<Vectors>(block, before, outside);
  }
  state.has_high = state.has_high || (bytes.high() & line) != 0;
  const std::uint32_t number = offset / KeyMarks::block_bytes;
  marks.quotes[number] = quotes & line;
  marks.found[number] = bytes.anchored(block, typename Vectors::Anchors(anchors)) & line;
  note_brackets(bytes, number, strings, state.depth, marks);
  return newlines == 0 ? 0 : offset + static_cast<std::uint32_t>(__builtin_ctzll(newlines)) + 1;
}

template <class Vectors>
inline void finish(std::uint32_t offset, const PassState& state, KeyMarks& marks) {
  marks.simple = false;
  marks.has_backslash = state.has_backslash;
  marks.has_odd_escape = state.odd != 0;
  marks.has_bare_space = state.has_bare_space;
  marks.has_non_ascii = state.has_high;
  end_blocks(offset / KeyMarks::block_bytes + 1, marks);
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
  marks.given_up = false;
  // The blocks from which on too little is readable, or too much was read.
  const std::ptrdiff_t readable = end - begin - readable_min;
  constexpr std::uint32_t offset_max = KeyMarks::blocks_max * block_bytes;
  const std::uint32_t whole_end =
      readable < 0
          ? 0
          : static_cast<std::uint32_t>(
                readable >= static_cast<std::ptrdiff_t>(offset_max) ? offset_max : readable + 1);
  if (const std::uint32_t size = simple_line<Vectors>(begin, whole_end, anchors, marks)) {
    return begin + (size - 1);
  }
  PassState state;
  std::uint32_t offset = 0;
  for (; offset < whole_end; offset += block_bytes) {
    if (const std::uint32_t size =
            pass_block<Vectors>(begin + offset, offset, anchors, state, marks)) {
      finish<Vectors>(offset, state, marks);
      return begin + (size - 1);
    }
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
    if (const std::uint32_t line = pass_block<Vectors>(block, offset, anchors, state, marks)) {
      finish<Vectors>(offset, state, marks);
      return begin + (line - 1);
    }
  }
}

}  // namespace
}  // namespace tocsin
