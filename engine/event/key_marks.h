// SPDX-License-Identifier: Apache-2.0
// What one pass over a line leaves for whoever looks for a few keys in it without parsing it. Plain
// structures and nothing else: the passes are compiled for other machines than the rest of the
// program (key_scan_avx512.cc ...), so that nothing of the standard library may be compiled there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tocsin {

// Three bytes in a row that stand in a key that is looked for, and hardly elsewhere.
struct KeyAnchor {
  char text[3] = {};
  // Bits that do not count, and are set in `text`: 0x20 finds a letter in lower case in either
  // case, 0xff any byte.
  char ignored[3] = {};
};

struct KeyAnchors {
  static constexpr std::size_t count_max = 24;
  KeyAnchor anchors[count_max];
  std::uint32_t exact = 0;  // those that ignore nothing come first
  std::uint32_t count = 0;
  // The same by byte: [i][b % 64] has a bit of each anchor whose text may have b at i. Anchors may
  // share a bit.
  alignas(64) std::uint8_t classes[3][64] = {};
};

struct KeyMarks {
  static constexpr std::uint32_t block_bytes = 64;
  // A longer line, or one with more hits, is not worth it.
  static constexpr std::uint32_t blocks_max = 512;
  static constexpr std::uint32_t hits_max = 512;
  // Blocks are looked at eight at a time, and up to four groups together, from one behind the most
  // on where a line does not end; behind the line's neither quotes nor spaces are noted.
  static constexpr std::uint32_t group = 8;
  static constexpr std::uint32_t blocks_size = blocks_max + 5 * group;

  // By block, a bit for each byte.
  std::uint64_t quotes[blocks_size] = {};   // that begin and end strings
  std::uint64_t found[blocks_size] = {};    // where an anchor begins, or what looks like one
  std::uint64_t spaces[blocks_size] = {};   // of a simple line: spaces and backslashes
  std::uint64_t strings[blocks_size] = {};  // in strings
  // Brackets outside strings, and how many are open where the block begins: of those blocks only
  // that were asked for (DepthPass), if the line is a simple one.
  std::uint64_t opens[blocks_size] = {};
  std::uint64_t closes[blocks_size] = {};
  std::int32_t depth[blocks_size] = {};
  std::uint32_t blocks = 0;

  std::uint32_t hits[hits_max + 2 * block_bytes] = {};  // where anchors begin, ascending
  std::uint32_t hit_count = 0;
  // No control characters; neither white space nor backslashes outside strings.
  bool simple = false;
  bool has_backslash = false;
  // \u or \/: text may be spelled so that it is not seen. Or a backslash outside of strings.
  bool has_odd_escape = false;
  bool has_bare_space = false;  // white space stands behind a number or another bare word
  bool has_non_ascii = false;
  bool given_up = false;  // too long, too many hits: nothing above is complete

  // How many brackets are open at `at`, a place in the line.
  std::int32_t depth_at(std::uint32_t at) const {
    const std::uint32_t block = at / block_bytes;
    const std::uint64_t below = (std::uint64_t{1} << (at % block_bytes)) - 1;
    // Few: and not every machine counts bits.
    std::int32_t open = depth[block];
    for (std::uint64_t bits = opens[block] & below; bits != 0; bits &= bits - 1) {
      ++open;
    }
    for (std::uint64_t bits = closes[block] & below; bits != 0; bits &= bits - 1) {
      --open;
    }
    return open;
  }
};

// Looks at begin..end or up to the first newline, which it returns (or `end`). Reads nothing behind
// `end`.
using KeyPass = const char* (*)(const char* begin,
                                const char* end,
                                const KeyAnchors& anchors,
                                KeyMarks& marks);
// Fills in the brackets of the first `blocks` blocks of a simple line that was looked at.
using DepthPass = void (*)(const char* begin, std::uint32_t blocks, KeyMarks& marks);

const char* key_pass_baseline(const char* begin,
                              const char* end,
                              const KeyAnchors& anchors,
                              KeyMarks& marks);
void depth_pass_baseline(const char* begin, std::uint32_t blocks, KeyMarks& marks);
#if defined(__x86_64__)
const char* key_pass_avx2(const char* begin,
                          const char* end,
                          const KeyAnchors& anchors,
                          KeyMarks& marks);
void depth_pass_avx2(const char* begin, std::uint32_t blocks, KeyMarks& marks);
const char* key_pass_avx512(const char* begin,
                            const char* end,
                            const KeyAnchors& anchors,
                            KeyMarks& marks);
void depth_pass_avx512(const char* begin, std::uint32_t blocks, KeyMarks& marks);
#endif

}  // namespace tocsin
