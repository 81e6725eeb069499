// SPDX-License-Identifier: Apache-2.0
// What one pass over a line leaves for whoever looks for a few keys in it without parsing it. Plain
// structures and nothing else: the passes are compiled for other machines than the rest of the
// program (key_scan_avx512.cc ...), so that nothing of the standard library may be compiled there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tocsin {

// Two or three bytes in a row that stand in a key that is looked for, and hardly elsewhere.
struct KeyAnchor {
  char text[3] = {};
  char ignored[3] = {};  // bits that do not count: 0x20 finds a letter in lower case in either case
};

struct KeyAnchors {
  static constexpr std::size_t count_max = 24;
  KeyAnchor anchors[count_max];
  std::uint32_t pairs = 0;  // those of two bytes come first
  std::uint32_t count = 0;
  // The same by byte: [i][b % 64] has a bit of each anchor whose text may have b at i. Of two bytes
  // all may be the third; anchors may share a bit.
  alignas(64) std::uint8_t classes[3][64] = {};
};

struct KeyMarks {
  static constexpr std::size_t block_bytes = 64;
  // A longer line, or one with more hits, is not worth it.
  static constexpr std::size_t blocks_max = 512;
  static constexpr std::size_t hits_max = 512;
  struct Hit {
    std::uint32_t at = 0;     // of an anchor's first byte, in the line
    std::uint32_t block = 0;  // into blocks
  };
  std::uint64_t quotes[blocks_max + 2];  // by block: the quotes that begin and end strings
  Hit hits[hits_max + block_bytes];
  std::uint32_t hit_count = 0;
  // Blocks with hits, and the brackets outside strings in them.
  struct Block {
    std::uint64_t found, opens, closes;
    std::uint32_t offset;
    std::int32_t depth;  // brackets that are open at its beginning

    // How many are open at `at`, a place in the line.
    std::int32_t depth_at(std::uint32_t at) const {
      const std::uint64_t below = (std::uint64_t{1} << (at - offset)) - 1;
      // Few: and not every machine counts bits.
      std::int32_t open = depth;
      for (std::uint64_t bits = opens & below; bits != 0; bits &= bits - 1) {
        ++open;
      }
      for (std::uint64_t bits = closes & below; bits != 0; bits &= bits - 1) {
        --open;
      }
      return open;
    }
  };
  Block blocks[blocks_max + 2];
  std::uint32_t block_count = 0;
  bool has_backslash = false;
  // \u or \/: text may be spelled so that it is not seen. Or a backslash outside of strings.
  bool has_odd_escape = false;
  bool has_bare_space = false;  // white space stands behind a number or another bare word
  bool has_non_ascii = false;
  bool given_up = false;  // too long, too many hits: nothing above is complete
};

// Looks at begin..end or up to the first newline, which it returns (or `end`). Reads nothing behind
// `end`.
using KeyPass = const char* (*)(const char* begin,
                                const char* end,
                                const KeyAnchors& anchors,
                                KeyMarks& marks);

const char* key_pass_baseline(const char* begin,
                              const char* end,
                              const KeyAnchors& anchors,
                              KeyMarks& marks);
#if defined(__x86_64__)
const char* key_pass_avx2(const char* begin,
                          const char* end,
                          const KeyAnchors& anchors,
                          KeyMarks& marks);
const char* key_pass_avx512(const char* begin,
                            const char* end,
                            const KeyAnchors& anchors,
                            KeyMarks& marks);
#endif

}  // namespace tocsin
