// SPDX-License-Identifier: Apache-2.0
// The encodings of Sigma's modifiers: Base64 (RFC 4648, standard alphabet, padded) and UTF-16.
// Thread rule: pure functions. Cost: O(length).
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace tocsin {

std::string encode_base64(std::string_view bytes);

// What of the encoding of `bytes` stays the same whatever surrounds them, when 0, 1 or 2 bytes
// (modulo 3) stand before them. Precondition: at least two bytes; of fewer some fragment is empty.
std::array<std::string, 3> base64_offset_fragments(std::string_view bytes);

enum class ByteOrder { little, big };

// The UTF-16 bytes of UTF-8 text, without a byte order mark; what is no UTF-8 becomes U+FFFD.
std::string encode_utf16(std::string_view text, ByteOrder order);

// The bytes FF FE.
inline constexpr std::string_view utf16_little_mark = "\xff\xfe";

// Bytes as UTF-8 text, a code point U+0000..U+00FF for each: how a log shows bytes that it took for
// characters.
std::string bytes_as_text(std::string_view bytes);

}  // namespace tocsin
