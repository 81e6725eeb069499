// SPDX-License-Identifier: Apache-2.0
#include "engine/base/fold.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/text.h"

using tocsin::fold;

TEST_CASE("fold maps one code point to one, by simple case folding") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", ""},
      {"CreateHsm", "createhsm"},
      {"ABCDEFGHIJKLMNOPQRSTUVWXYZ[]@`{", "abcdefghijklmnopqrstuvwxyz[]@`{"},
      {"\xE2\x84\xAA", "k"},                     // Kelvin sign
      {"\xC5\xBF", "s"},                         // long s
      {"\xC3\x89", "\xC3\xA9"},                  // E acute
      {"\xCE\xA3\xCF\x82", "\xCF\x83\xCF\x83"},  // capital and final sigma
      {"\xC3\x9F", "\xC3\x9F"},                  // sharp s is not ss
      {"\xE1\xBA\x9E", "\xC3\x9F"},              // capital sharp s is sharp s
      {"\xC4\xB0", "\xC4\xB0"},                  // I with dot above stays
      {"\xD0\x96", "\xD0\xB6"},                  // Cyrillic
      {"\xC8\xBA", "\xE2\xB1\xA5"},              // grows by a byte
      {"\xFF\x41\xC3", "\xFF\x61\xC3"},          // bytes that are no UTF-8 are kept
      {"12345678\xC3\x89"
       "ABCDEFGHI",
       "12345678\xC3\xA9"
       "abcdefghi"},
  };
  for (const auto& row : table) {
    const auto& text = row.first;
    const auto& folded = row.second;
    CAPTURE(text);
    CHECK(fold(std::string_view(text)) == folded);
    CHECK(tocsin::is_plain_folded(text) == (text == folded && tocsin::is_utf8(text) &&
                                            text.find_first_of("\xC3\xC4") == std::string::npos));
  }
}

TEST_CASE("fold is idempotent and never maps to a surrogate, for every code point") {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) {
      continue;
    }
    const char32_t once = fold(c);
    if (fold(once) != once || (once >= 0xd800 && once < 0xe000)) {
      CAPTURE(static_cast<unsigned>(c));
      FAIL_CHECK("not idempotent");
    }
  }
}

TEST_CASE("fold_to gives the same bytes for every alignment of an upper-case letter") {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      std::string wanted(size, 'x');
      text[at] = 'Q';
      wanted[at] = 'q';
      CHECK(fold(std::string_view(text)) == wanted);
      CHECK_FALSE(tocsin::is_plain_folded(text));
      CHECK(tocsin::is_plain_folded(wanted));
    }
  }
}
