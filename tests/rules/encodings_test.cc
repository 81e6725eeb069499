// SPDX-License-Identifier: Apache-2.0
#include "rules/encodings.h"

#include <random>

#include <doctest/doctest.h>

#include "rules/sigma_string.h"

namespace tocsin {
namespace {

using Kind = PatternElement::Kind;

// Elements as text: literals as they are, wildcards and dashes in angle brackets.
std::string shape(const Pattern& pattern) {
  std::string out;
  for (const PatternElement& element : pattern.elements) {
    out += element.kind == Kind::literal   ? element.literal
           : element.kind == Kind::any_one ? "<one>"
           : element.kind == Kind::any_run ? "<run>"
                                           : "<dash>";
  }
  return out;
}

TEST_CASE("Base64 gives the vectors of RFC 4648 and pads") {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\xff\xfe\xfd", "//79"},
      {std::string("\0\0\0", 3), "AAAA"},
  };
  for (const auto& c : cases) {
    const std::string& bytes = c.first;
    const std::string& encoded = c.second;
    CAPTURE(bytes);
    CHECK(encode_base64(bytes) == encoded);
  }
}

TEST_CASE("base64offset fragments stand in the encoding whatever surrounds the value") {
  std::mt19937 random(7);
  const auto bytes = [&](std::size_t size) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i) {
      out += static_cast<char>(random() % 256);
    }
    return out;
  };
  for (std::size_t size = 2; size < 40; ++size) {
    const std::string value = bytes(size);
    const auto fragments = base64_offset_fragments(value);
    for (std::size_t offset = 0; offset < 3; ++offset) {
      CAPTURE(size);
      CAPTURE(offset);
      CHECK_FALSE(fragments[offset].empty());
      // All characters whose bits belong to the value: no more could be kept.
      CHECK(fragments[offset].size() == (offset * 8 + size * 8) / 6 - (offset * 8 + 5) / 6);
      for (int round = 0; round < 20; ++round) {
        const std::string whole = bytes(offset + 3 * (random() % 3)) + value + bytes(random() % 5);
        const std::size_t at = (whole.find(value) * 8 + 5) / 6;
        CHECK(encode_base64(whole).substr(at, fragments[offset].size()) == fragments[offset]);
      }
    }
  }
}

TEST_CASE("base64offset fragments of a known value are the known ones") {
  const auto fragments = base64_offset_fragments("foobar");
  CHECK(fragments[0] == "Zm9vYmFy");
  CHECK(fragments[1] == "Zvb2Jhc");
  CHECK(fragments[2] == "mb29iYX");
}

TEST_CASE(
    "UTF-16 has two bytes for a unit in the order asked for and surrogates beyond the plane") {
  using namespace std::string_literals;
  CHECK(encode_utf16("ab", ByteOrder::little) == "a\0b\0"s);
  CHECK(encode_utf16("ab", ByteOrder::big) == "\0a\0b"s);
  CHECK(encode_utf16("\xc3\xa9", ByteOrder::little) == "\xe9\0"s);
  CHECK(encode_utf16("\xd0\x96", ByteOrder::little) == "\x16\x04"s);
  CHECK(encode_utf16("\xf0\x9f\x98\x80", ByteOrder::little) == "\x3d\xd8\x00\xde"s);
  CHECK(encode_utf16("\xf0\x9f\x98\x80", ByteOrder::big) == "\xd8\x3d\xde\x00"s);
  CHECK(encode_utf16("\xff", ByteOrder::little) == "\xfd\xff"s);
  CHECK(encode_utf16("", ByteOrder::big).empty());
  CHECK(bytes_as_text("a\xe9\x80"s) == "a\xc3\xa9\xc2\x80");
}

TEST_CASE("Sigma strings have wildcards, three escapes and otherwise plain backslashes") {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"abc", "abc"},
      {"a*b?c", "a<run>b<one>c"},
      {R"(\*\?\\)", R"(*?\)"},
      {R"(C:\Windows)", R"(C:\Windows)"},
      {R"(C:\\Windows)", R"(C:\Windows)"},
      {R"(C:\\*)", R"(C:\<run>)"},
      {R"(C:\\\*)", R"(C:\*)"},
      {R"(a\\\b)", R"(a\\b)"},
      {R"(a\\\\b)", R"(a\\b)"},
      {R"(a\\\\*)", R"(a\\<run>)"},
      {R"(a\\\\\*)", R"(a\\*)"},
      {R"(\)", R"(\)"},
      {R"(\%x)", R"(\%x)"},
      {"**?", "<run><one>"},
  };
  for (const auto& c : cases) {
    const std::string& text = c.first;
    const std::string& expected = c.second;
    CAPTURE(text);
    CHECK(shape(parse_sigma_string(text)) == expected);
  }
}

TEST_CASE("Placeholders and escapes are read in one pass") {
  struct Case {
    std::string text;
    std::string patterns;  // joined with {}
    std::string names;
    std::string escaped;
  };
  const Case cases[] = {
      {"plain", "plain", "", ""},
      {"%a%", "{}", "a,", ""},
      {"x%a%y%b-c.d%z", "x{}y{}z", "a,b-c.d,", ""},
      {R"(\%a%)", "%a%", "", "a,"},
      {R"(\\%a%)", R"(\{})", "a,", ""},
      {R"(\%plain%name%)", "%plain{}", "name,", "plain,"},
      {"100%", "100%", "", ""},
      {"%%a%", "%{}", "a,", ""},
      {"%a b%", "%a b%", "", ""},
      {R"(\*%a%*)", "*{}<run>", "a,", ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const PlaceholderString parsed = parse_placeholder_string(c.text);
    std::string patterns;
    for (std::size_t i = 0; i < parsed.patterns.size(); ++i) {
      patterns += (i > 0 ? "{}" : "") + shape(parsed.patterns[i]);
    }
    std::string names;
    for (const auto& placeholder : parsed.placeholders) {
      names += placeholder.name + ",";
    }
    std::string escaped;
    for (const auto& placeholder : parsed.escaped) {
      escaped += placeholder.name + ",";
    }
    CHECK(patterns == c.patterns);
    CHECK(names == c.names);
    CHECK(escaped == c.escaped);
  }
}

TEST_CASE("windash takes dashes that stand before a word and behind none") {
  const std::pair<std::string, std::string> cases[] = {
      {"-a", "<dash>a"},
      {" -enc /x", " <dash>enc <dash>x"},
      {"a-b", "a-b"},
      {"-foo-bar", "<dash>foo-bar"},
      {"--foo", "-<dash>foo"},
      {"- a", "- a"},
      {"-", "-"},
      {"a/b", "a/b"},
      {"*-e*", "<run><dash>e<run>"},
      {"?-e", "<one><dash>e"},
      {"-*", "-<run>"},
      {"_-a", "_-a"},
      {"\xe2\x80\x93x", "<dash>x"},
      {" \xe2\x80\x94x \xe2\x80\x95y", " <dash>x <dash>y"},
      {"\xc3\xa9-a", "\xc3\xa9-a"},
      {"-\xc3\xa9", "<dash>\xc3\xa9"},
      {"abc", "abc"},
      {"", ""},
  };
  for (const auto& c : cases) {
    const std::string& text = c.first;
    const std::string& expected = c.second;
    CAPTURE(text);
    CHECK(shape(with_dashes(parse_sigma_string(text))) == expected);
  }
}

TEST_CASE("Dashes are spelled out only up to the limit") {
  std::vector<Pattern> expanded;
  CHECK(expand_dashes(with_dashes(parse_sigma_string("-a -b")), 25, 1000, expanded));
  CHECK(expanded.size() == 25);
  CHECK_FALSE(expand_dashes(with_dashes(parse_sigma_string("-a -b")), 24, 1000, expanded));
  std::string many;
  for (int i = 0; i < 50; ++i) {
    many += " -x";
  }
  const Pattern pattern = with_dashes(parse_sigma_string(many));
  CHECK(pattern.elements.size() == 101);
  CHECK_FALSE(expand_dashes(pattern, 200'000, 1u << 30, expanded));
}

}  // namespace
}  // namespace tocsin
