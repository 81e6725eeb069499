// SPDX-License-Identifier: Apache-2.0
#include "engine/base/text.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace std::string_literals;

TEST_CASE("is_utf8 refuses what is no shortest form, surrogates and cut sequences") {
  const std::vector<std::pair<std::string, bool>> table = {
      {"", true},
      {"plain", true},
      {"\xC3\xA9", true},
      {"\xF0\x9F\x98\x80", true},
      {"\xC0\x80", false},
      {"\xE0\x80\x80", false},
      {"\xED\xA0\x80", false},
      {"\xF4\x90\x80\x80", false},
      {"\xF0\x8F\xBF\xBF", false},
      {"\xE0\x9F\xBF", false},
      {"\xC1\xBF", false},
      {"\xC3", false},
      {"\x80", false},
      {"12345678\xFF", false},
      {"\xF5\x80\x80\x80", false},
  };
  for (const auto& row : table) {
    const auto& text = row.first;
    const auto& valid = row.second;
    CAPTURE(text);
    CHECK(tocsin::is_utf8(text) == valid);
  }
}

TEST_CASE("every code point survives encoding and decoding") {
  for (char32_t c = 0; c < 0x110000; c += 7) {
    std::string text;
    tocsin::append_utf8(c, text);
    std::size_t at = 0;
    const char32_t back = tocsin::next_code_point(text, at);
    const bool surrogate = c >= 0xd800 && c < 0xe000;
    CHECK(back == (surrogate ? 0xfffd : c));
    CHECK(at == text.size());
  }
}

TEST_CASE("append_json_string escapes what JSON, terminals and scripts trip over") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"a\"b\\c", R"("a\"b\\c")"},
      {"\n\r\t\b\f", R"("\n\r\t\b\f")"},
      {"\x01\x7f"s, "\"\\u0001\\u007f\""},
      {"\xC2\x9B"
       "31m",
       "\"\\u009b31m\""},
      {"nul\0end"s, "\"nul\\u0000end\""},
      {"\xE2\x80\xA8", "\"\\u2028\""},
      {"\xFF", "\"\xEF\xBF\xBD\""},
      {"\xC3\xA9", "\"\xC3\xA9\""},
  };
  for (const auto& row : table) {
    const auto& text = row.first;
    const auto& json = row.second;
    CAPTURE(text);
    std::string out;
    tocsin::append_json_string(text, out);
    CHECK(out == json);
  }
}

TEST_CASE("printable leaves nothing a terminal would obey") {
  CHECK(tocsin::printable("\x1b[31mred\x07") == "\\x1b[31mred\\x07");
  CHECK(tocsin::printable("a\nb\tc\r") == "a\\nb\\tc\\r");
  CHECK(tocsin::printable("\xE2\x80\xAE"
                          "evil") == "\\u{202e}evil");
  CHECK(tocsin::printable("\xC2\x9B") == "\\x9b");
  CHECK(tocsin::printable("\xD8\x9C") == "\\u{061c}");
  CHECK(tocsin::printable("\xE2\x81\xA0") == "\\u{2060}");
  CHECK(tocsin::printable("\xF3\xA0\x81\xA1") == "\\u{e0061}");
  CHECK(tocsin::printable("caf\xC3\xA9") == "caf\xC3\xA9");
}

TEST_CASE("shorten cuts at a code point and says so") {
  CHECK(tocsin::shorten("abc", 3) == "abc");
  CHECK(tocsin::shorten("abcd", 3) == "ab\xE2\x80\xA6");
  CHECK(tocsin::shorten("\xC3\xA9\xC3\xA9\xC3\xA9", 2) == "\xC3\xA9\xE2\x80\xA6");
  CHECK(tocsin::shorten("", 0) == "");
}

TEST_CASE("did_you_mean finds near words only") {
  constexpr std::array<std::string_view, 4> words = {"contains", "startswith", "endswith", "cased"};
  CHECK(tocsin::did_you_mean("contain", words) == "contains");
  CHECK(tocsin::did_you_mean("Contains", words) == "contains");
  CHECK(tocsin::did_you_mean("statrswith", words) == "startswith");
  CHECK_FALSE(tocsin::did_you_mean("regex", words).has_value());
  CHECK(tocsin::did_you_mean("casd", words) == "cased");
  CHECK_FALSE(tocsin::did_you_mean("cxsxd", words).has_value());
  CHECK_FALSE(tocsin::did_you_mean("", words).has_value());
  CHECK_FALSE(tocsin::did_you_mean(std::string(100'000, 'x'), words).has_value());
}

TEST_CASE("with_thousands groups digits by three") {
  CHECK(tocsin::with_thousands(0) == "0");
  CHECK(tocsin::with_thousands(999) == "999");
  CHECK(tocsin::with_thousands(1000) == "1,000");
  CHECK(tocsin::with_thousands(1234567) == "1,234,567");
}
