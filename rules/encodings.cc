// SPDX-License-Identifier: Apache-2.0
#include "rules/encodings.h"

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void append_unit(std::uint32_t unit, ByteOrder order, std::string& out) {
  const char low = static_cast<char>(unit & 0xff);
  const char high = static_cast<char>(unit >> 8);
  out += order == ByteOrder::little ? low : high;
  out += order == ByteOrder::little ? high : low;
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? alphabet[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::array<std::string, 3> base64_offset_fragments(std::string_view bytes) {
  assert(bytes.size() >= 2);
  // Characters that also hold bits of the bytes before (by offset) and behind (by length modulo 3).
  constexpr std::size_t cut_before[] = {0, 2, 3};
  constexpr std::size_t cut_behind[] = {0, 3, 2};
  std::array<std::string, 3> fragments;
  for (std::size_t offset = 0; offset < 3; ++offset) {
    std::string shifted(offset, '\0');
    shifted += bytes;
    const std::string encoded = encode_base64(shifted);
    const std::size_t cut = cut_before[offset] + cut_behind[shifted.size() % 3];
    fragments[offset] = encoded.substr(cut_before[offset], encoded.size() - cut);
  }
  return fragments;
}

std::string encode_utf16(std::string_view text, ByteOrder order) {
  std::string out;
  out.reserve(text.size() * 2);
  for (std::size_t at = 0; at < text.size();) {
    const std::uint32_t code_point = next_code_point(text, at);
    if (code_point < 0x10000) {
      append_unit(code_point, order, out);
    } else {
      append_unit(0xd800 + ((code_point - 0x10000) >> 10), order, out);
      append_unit(0xdc00 + ((code_point - 0x10000) & 0x3ff), order, out);
    }
  }
  return out;
}

std::string bytes_as_text(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    append_utf8(static_cast<unsigned char>(c), out);
  }
  return out;
}

}  // namespace tocsin
