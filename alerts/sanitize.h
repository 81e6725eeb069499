// SPDX-License-Identifier: Apache-2.0
// What every value from a record goes through before a person sees it in a chat or a message: one
// line, no character that hides or reorders text, no link. The sink's own escaping comes after.
// Every value is untrusted, titles of rules too. Thread rule: pure functions. Cost: O(length).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tocsin {

// One line of plain text: line ends and tabs become a space; other control characters,
// bidirectional controls, zero-width and tag characters are dropped; invalid UTF-8 becomes U+FFFD.
// At most `code_points_max` code points are kept; what was left out is told as U+2026 and "(+N)"
// behind them, N in bytes.
std::string plain_line(std::string_view text, std::size_t code_points_max);

// Breaks what a chat client would make a link of: http:// becomes hxxp://, other schemes
// scheme[://], and the dots of anything like a domain become [.]. Addresses keep their dots, they
// are not made links.
std::string defang(std::string_view text);

// `text` cut to at most `units_max` UTF-16 units, which is how vendors count, ending in U+2026
// where something was cut.
std::string fit_utf16(std::string_view text, std::size_t units_max);
std::size_t count_utf16(std::string_view text);

// True for code points that plain_line() drops or replaces.
bool is_deceptive(char32_t code_point);

}  // namespace tocsin
