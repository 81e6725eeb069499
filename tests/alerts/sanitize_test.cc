// SPDX-License-Identifier: Apache-2.0
#include "alerts/sanitize.h"

#include <doctest/doctest.h>

#include "engine/base/text.h"
#include "tests/alerts/alert_fixture.h"

using namespace tocsin;

TEST_CASE("plain_line leaves one line without anything that hides or reorders text") {
  struct Case {
    std::string text;
    std::string line;
  };
  const std::vector<Case> cases = {
      {"plain", "plain"},
      {"a\nb\tc\r\nd", "a b c  d"},
      {std::string("a\0b", 3), "ab"},
      {"\x1b[31mred\x1b[0m", "[31mred[0m"},
      {"\xE2\x80\xAEgpj.exe", "gpj.exe"},
      {"pay\xE2\x80\x8Bpal\xEF\xBB\xBF", "paypal"},
      {"\xE2\x81\xA6x\xE2\x81\xA9", "x"},
      {"a\xC2\x85"
       "b\xE2\x80\xA8"
       "c",
       "a b c"},
      {"a\xC2\x9B"
       "b",
       "ab"},
      {"\xff\xfe", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xF3\xA0\x81\xA1tag", "tag"},
      {"soft\xC2\xAD"
       "hyphen",
       "softhyphen"},
      {"mark\xD8\x9C"
       "er",
       "marker"},
      {"vowel\xE1\xA0\x8E"
       "mark",
       "vowelmark"},
      {"note\xEF\xBF\xB9"
       "s",
       "notes"},
      {"gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(plain_line(c.text, 100) == c.line);
  }
}

TEST_CASE("plain_line says how much it left out") {
  CHECK(plain_line("abcdef", 6) == "abcdef");
  CHECK(plain_line("abcdef", 4) == "abcd\xE2\x80\xA6(+2)");
  CHECK(plain_line(std::string(1'000'000, 'x'), 3) == "xxx\xE2\x80\xA6(+999997)");
}

TEST_CASE("defang leaves nothing that a chat would make a link of") {
  struct Case {
    std::string text;
    std::string safe;
  };
  const std::vector<Case> cases = {
      {"https://evil.example/x?a=b.cd", "hxxps://evil[.]example/x?a=b[.]cd"},
      {"HTTP://EVIL.EXAMPLE", "HxxP://EVIL[.]EXAMPLE"},
      {"ftp://host/x", "ftp[://]host/x"},
      {"iam.amazonaws.com", "iam[.]amazonaws[.]com"},
      {"203.0.113.9", "203.0.113.9"},
      {"http://203.0.113.9/", "hxxp://203.0.113.9/"},
      {"version 1.2.3, and so on.", "version 1.2.3, and so on."},
      {"user@evil.com.", "user@evil[.]com."},
      {"evil\xEF\xBC\x8E"
       "com",
       "evil[.]com"},
      {"evil\xE3\x80\x82"
       "com",
       "evil[.]com"},
      {"xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd[.]xn--p1ai"},
      {"\xD0\xB5vil.\xD1\x80\xD1\x84", "\xD0\xB5vil[.]\xD1\x80\xD1\x84"},
      {"a..b", "a..b"},
      {"", ""},
      {"://", "[://]"},
      {"s://", "s[://]"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(defang(c.text) == c.safe);
  }
}

TEST_CASE("fit_utf16 counts as vendors do and cuts between code points") {
  const std::string smile = "\xF0\x9F\x98\x80";
  CHECK(count_utf16("abc" + smile) == 5);
  CHECK(fit_utf16("abc" + smile, 5) == "abc" + smile);
  CHECK(fit_utf16("abc" + smile, 4) == "abc\xE2\x80\xA6");
  CHECK(fit_utf16("abcdef", 4) == "abc\xE2\x80\xA6");
  CHECK(fit_utf16("abcdef", 0).empty());
  std::uint64_t state = 7;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = plain_line(test::random_text(state, 60), 60);
    for (const std::size_t units : {0u, 1u, 2u, 7u, 31u}) {
      CAPTURE(text);
      CAPTURE(units);
      const std::string fitted = fit_utf16(text, units);
      CHECK(count_utf16(fitted) <= units);
      CHECK(is_utf8(fitted));
      CHECK((fitted == text) == (count_utf16(text) <= units));
    }
  }
}
