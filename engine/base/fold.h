// SPDX-License-Identifier: Apache-2.0
// The one case fold of tocsin: Unicode simple case folding (statuses C and S of CaseFolding.txt),
// one code point to one. U+212A KELVIN SIGN folds to k, U+017F to s, final sigma to sigma; sharp s
// does not become ss, I with dot stays. Equality, contains, wildcards, keywords and the filter
// before the parse all use it and nothing else. Thread rule: pure functions over constant tables.
// Cost: O(n), ASCII runs 16 bytes and more at a time.
#pragma once

#include <string>
#include <string_view>

namespace tocsin {

char32_t fold(char32_t code_point);

// The folded text of UTF-8 `text`; bytes that are no UTF-8 are kept as they are. The result may be
// shorter or longer.
std::string fold(std::string_view text);

// True if fold(text) would return `text` unchanged (no upper-case ASCII, nothing outside ASCII).
bool is_plain_folded(std::string_view text);

// Writes fold(text) to `out`, which has room for 3 * text.size() bytes; returns the bytes written.
// `out` must not overlap.
std::size_t fold_to(std::string_view text, char* out);

}  // namespace tocsin
