// SPDX-License-Identifier: Apache-2.0
// The oracle's own strings: code points, with what is special above Unicode's range; wildcards by
// dynamic programming; placeholders, dashes and encodings spelled out. Thread rule: pure functions.
// Cost: whatever it takes; for tests.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin::testing {

using Units = std::u32string;
using Placeholders = std::map<std::string, std::vector<std::string>>;

inline constexpr char32_t any_run = 0x110000;
inline constexpr char32_t any_one = 0x110001;
inline constexpr char32_t any_dash = 0x110002;

// What a value has become by the modifiers so far: any of these.
struct StringValue {
  std::vector<Units> units;
  bool bytes = false;  // units are bytes
};

Units code_points(std::string_view text);
std::string utf8(const Units& units);

bool wildcard_match(const Units& pattern, const Units& text, bool cased);

// A Sigma string: wildcards and escapes.
Units parse_units(const Units& text);

// All texts that a value with placeholders stands for, appended to `out`, from `at` on behind
// `prefix`.
void expand_units(const Units& text,
                  std::size_t at,
                  const Units& prefix,
                  const Placeholders& known,
                  std::vector<Units>& out);

Units mark_dashes(const Units& units);
void apply_base64(StringValue& value, bool offsets);
void apply_wide(StringValue& value, bool big, bool mark);

}  // namespace tocsin::testing
