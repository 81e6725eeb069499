// SPDX-License-Identifier: Apache-2.0
// What the kernels of StructuralScan have in common: only for structural_scan.cc. 64 bytes at a
// time become bit masks, as in Langdale and Lemire, "Parsing Gigabytes of JSON per Second" (2019).
// A kernel says how bytes become masks and how set bits become positions; what is between is here.
// Everything has internal linkage and is inlined, so that it is compiled for the kernel's machine.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "engine/event/structural_scan.h"

namespace tocsin {
namespace {

using Run = StructuralScan::Run;

constexpr std::size_t block_bytes = 64;
// Memory takes as long as a line's evaluation: the next line is asked for while this one is read.
constexpr std::size_t ahead_bytes = 2048;

#if defined(__GNUC__)
#define TOCSIN_INLINE __attribute__((always_inline)) inline
#define TOCSIN_NOINLINE __attribute__((noinline))
#else
#define TOCSIN_NOINLINE
#define TOCSIN_INLINE inline
#endif

// A bit for each of 64 bytes, the first in the lowest.
struct Masks {
  std::uint64_t backslash = 0;
  std::uint64_t quote = 0;
  std::uint64_t operators = 0;  // { } [ ] , :
  std::uint64_t space = 0;      // the character itself
  std::uint64_t control = 0;    // below it
  std::uint64_t high = 0;       // not ASCII
};

// Of the control characters, those that are white space between values; asked where there are some.
struct Whites {
  std::uint64_t newline = 0;
  std::uint64_t other = 0;  // \t \r
};

// What most blocks are asked for.
struct PlainMasks {
  std::uint64_t quote = 0;
  std::uint64_t operators = 0;
  std::uint64_t space = 0;
};

// What is known of the bytes before a block.
struct Before {
  std::uint64_t escaped = 0;    // 1: its first byte is
  std::uint64_t in_string = 0;  // all bits or none
  std::uint64_t scalar = 0;     // 1: its last byte was part of a bare word
};

// What is known of a text so far: there is such a thing in it, if it is not 0.
struct State {
  Before before;
  std::uint64_t backslashes = 0;
  std::uint64_t high = 0;
  std::uint64_t loose = 0;
  std::uint64_t broken = 0;
};

// The bytes that a backslash escapes: an odd number of them stand before it.
TOCSIN_INLINE std::uint64_t escaped_bytes(std::uint64_t backslash, Before& before) {
  if (backslash == 0) {
    const std::uint64_t escaped = before.escaped;
    before.escaped = 0;
    return escaped;
  }
  constexpr std::uint64_t even_bits = 0x5555555555555555u;
  backslash &= ~before.escaped;
  const std::uint64_t follows = backslash << 1 | before.escaped;
  const std::uint64_t odd_starts = backslash & ~even_bits & ~follows;
  const std::uint64_t sum = odd_starts + backslash;
  before.escaped = sum < odd_starts ? 1 : 0;
  return (even_bits ^ (sum << 1)) & follows;
}

// The control characters that no JSON has: in a string any, outside all but white space.
TOCSIN_INLINE std::uint64_t forbidden(std::uint64_t control,
                                      std::uint64_t white,
                                      std::uint64_t in_string) {
  return control & (in_string | ~white);
}

// The first bytes of what is neither an operator nor white space, in strings too.
TOCSIN_INLINE std::uint64_t starts_of(std::uint64_t operators,
                                      std::uint64_t white,
                                      std::uint64_t quote,
                                      Before& before) {
  const std::uint64_t scalar = ~(operators | white);
  const std::uint64_t bare = scalar & ~quote;
  const std::uint64_t starts = scalar & ~(bare << 1 | before.scalar);
  before.scalar = bare >> 63;
  return starts;
}

// Any block. False: it is the last one.
template <bool lines, class Kernel>
TOCSIN_INLINE bool scan_any_block(Run& run, const char* at, State& state) {
  Before& before = state.before;
  const Masks masks = Kernel::classify(at);
  std::uint64_t valid = ~std::uint64_t{0};
  bool more = true;
  if (run.end - at < static_cast<std::ptrdiff_t>(block_bytes)) {
    valid = (std::uint64_t{1} << (run.end - at)) - 1;
    run.line_end = run.end;
    more = false;
  }
  const std::uint64_t quote = masks.quote & ~escaped_bytes(masks.backslash, before);
  const std::uint64_t began_inside = before.in_string;
  const std::uint64_t in_string = Kernel::prefix_xor(quote) ^ began_inside;
  std::uint64_t white = masks.space;
  if (masks.control != 0) {
    const Whites found = Kernel::whites(at);
    white |= found.newline | found.other;
    if (lines && (found.newline & valid) != 0) {
      const std::uint64_t newline = found.newline & (0 - found.newline);
      valid = newline - 1;
      run.line_end = at + std::countr_zero(newline);
      more = false;
    }
    state.broken |= forbidden(masks.control, white, in_string) & valid;
  }
  const std::uint64_t starts = starts_of(masks.operators, white, quote, before);
  before.in_string = 0 - (in_string >> 63);
  state.backslashes |= masks.backslash & valid;
  state.loose |= (masks.backslash | white) & ~in_string & valid;
  state.high |= masks.high & valid;
  if (!more) {
    // Does a string go on at the end of what is valid?
    state.broken |= (static_cast<unsigned>(std::popcount(quote & valid)) ^ began_inside) & 1u;
  }
  Kernel::flatten(run, at, (masks.operators | starts) & ~(in_string ^ quote) & valid);
  return more;
}

// Goes over the blocks from `at` on that have neither a control character nor a backslash, as
// nearly all have, up to the last whole one. Returns where it stops.
template <class Kernel>
TOCSIN_INLINE const char* scan_plain_blocks(Run& outer, const char* at, State& state) {
  Before before = state.before;
  std::uint64_t loose = 0;
  typename Kernel::Union all;
  typename Kernel::Flattener found(outer, at);
  const char* const last = outer.end - block_bytes;
  for (; at <= last; at += block_bytes) {
    __builtin_prefetch(at + ahead_bytes);
    if (Kernel::is_rare(at)) {
      break;
    }
    const PlainMasks masks = Kernel::masks(at);
    all.add(at);
    const std::uint64_t in_string = Kernel::prefix_xor(masks.quote) ^ before.in_string;
    before.in_string = 0 - (in_string >> 63);
    loose |= masks.space & ~in_string;
    // starts_of(), turned round so that it takes the fewest steps: what is none.
    const std::uint64_t bare = ~(masks.operators | masks.space | masks.quote);
    const std::uint64_t behind_bare = bare + bare + before.scalar;
    before.scalar = bare >> 63;
    found.put(at, ~((behind_bare & ~masks.operators) | masks.space | (in_string ^ masks.quote)));
  }
  state.before = before;
  state.loose |= loose;
  state.high |= all.has_high() ? 1u : 0u;
  outer.count = found.count(outer);
  return at;
}

// The block that stopped scan_plain_blocks(), if it is as plain up to the newline in it: what
// nearly every line ends with. False: it is not, or there is no newline.
template <class Kernel>
TOCSIN_INLINE bool scan_plain_end(Run& run, const char* at, State& state) {
  if (run.end - at < static_cast<std::ptrdiff_t>(block_bytes)) {
    return false;
  }
  const std::uint64_t rare = Kernel::rare(at);
  const std::uint64_t first = rare & (0 - rare);
  if (at[std::countr_zero(rare)] != '\n') {
    return false;
  }
  const std::uint64_t valid = first - 1;
  const PlainMasks masks = Kernel::masks(at);
  const std::uint64_t quote = masks.quote & valid;
  const std::uint64_t in_string = Kernel::prefix_xor(quote) ^ state.before.in_string;
  const std::uint64_t starts = starts_of(masks.operators, masks.space, masks.quote, state.before);
  state.broken |= in_string >> 63;  // a string goes on
  state.loose |= masks.space & ~in_string & valid;
  state.high |= Kernel::high(at) & valid;
  Kernel::flatten(run, at, (masks.operators | starts) & ~(in_string ^ quote) & valid);
  run.line_end = at + std::countr_zero(rare);
  return true;
}

template <bool lines, class Kernel, bool (*any_block)(Run&, const char*, State&)>
TOCSIN_INLINE void scan_blocks(Run& run) {
  State state;
  const char* at = run.begin;
  for (;; at += block_bytes) {
    if (state.before.escaped == 0) {
      at = scan_plain_blocks<Kernel>(run, at, state);
      if (lines && scan_plain_end<Kernel>(run, at, state)) {
        break;
      }
    }
    if (!any_block(run, at, state)) {
      break;
    }
  }
  run.has_backslash = state.backslashes != 0;
  run.has_high = state.high != 0;
  run.compact = state.loose == 0;
  run.broken = state.broken != 0;
}

// A kernel's Flattener is its flatten() for blocks that follow one another.
template <class Kernel>
class PlainFlattener {
 public:
  TOCSIN_INLINE PlainFlattener(const Run& run, const char*) : run_(run) {}
  TOCSIN_INLINE void put(const char* at, std::uint64_t bits) { Kernel::flatten(run_, at, bits); }
  TOCSIN_INLINE std::uint32_t count(const Run&) const { return run_.count; }

 private:
  Run run_;  // a copy: what is written through pointers is not taken for a change of it
};

// Bit by bit.
TOCSIN_INLINE void flatten_bits(Run& run, const char* at, std::uint64_t bits) {
  const auto offset = static_cast<std::uint32_t>(at - run.begin);
  std::uint32_t* positions = run.positions + run.count;
  char* kinds = run.kinds + run.count;
  const int count = std::popcount(bits);
  // Eight at a time, some of them for nothing: no branch for each.
  for (int done = 0; done < count; done += 8) {
    for (int i = done; i < done + 8; ++i) {
      const unsigned bit = static_cast<unsigned>(std::countr_zero(bits)) & 63u;
      positions[i] = offset + bit;
      kinds[i] = at[bit];
      bits &= bits - 1;
    }
  }
  run.count += static_cast<std::uint32_t>(count);
}

inline std::uint64_t prefix_xor_by_shifts(std::uint64_t bits) {
  for (int shift = 1; shift < 64; shift *= 2) {
    bits ^= bits << shift;
  }
  return bits;
}

}  // namespace
}  // namespace tocsin
