// SPDX-License-Identifier: Apache-2.0
#include "engine/event/structural_scan.h"

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "engine/event/json_text.h"

using namespace tocsin;

namespace {

struct Expected {
  std::size_t size = 0;
  bool has_backslash = false;
  bool sound = false;
  std::vector<std::uint32_t> positions;
};

// Byte by byte.
Expected expected(std::string_view bytes, bool line) {
  Expected all;
  all.size = line ? std::min(bytes.find('\n'), bytes.size()) : bytes.size();
  const std::string_view text = bytes.substr(0, all.size);
  all.sound = is_utf8(text);
  bool in_string = false;
  bool in_word = false;
  bool escaped = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool control = static_cast<unsigned char>(c) < 0x20;
    const bool quote = c == '"' && !escaped;
    all.has_backslash = all.has_backslash || c == '\\';
    all.sound = all.sound && !(control && (in_string || !is_json_space(c)));
    if (!in_string) {
      const bool operator_or_space = is_json_operator(c) || is_json_space(c);
      if (is_json_operator(c) || (!operator_or_space && !in_word)) {
        all.positions.push_back(static_cast<std::uint32_t>(at));
      }
      in_word = !operator_or_space && !quote;
    }
    in_string = in_string != quote;
    escaped = c == '\\' && !escaped;
  }
  all.sound = all.sound && !in_string && !all.positions.empty();
  return all;
}

void check(StructuralScan& scan, const std::string& bytes, bool line) {
  CAPTURE(bytes);
  CAPTURE(line);
  // The padding must not matter, whatever it is.
  const std::string padded = bytes + std::string(limits::padding_bytes, '"');
  const std::string_view text = std::string_view(padded).substr(0, bytes.size());
  const Expected wanted = expected(text, line);
  const StructuralScan::Found found =
      line ? scan.line(text.data(), text.data() + text.size()) : scan.document(text);
  REQUIRE(static_cast<std::size_t>(found.end - text.data()) == wanted.size);
  REQUIRE(found.has_backslash == wanted.has_backslash);
  REQUIRE(found.sound == wanted.sound);
  if (!wanted.sound) {
    return;
  }
  const StructuralIndex index = scan.index();
  REQUIRE(index.first == 0);
  const std::vector<std::uint32_t> positions(index.positions, index.positions + index.last);
  REQUIRE(positions == wanted.positions);
  REQUIRE(index.positions[index.last] == wanted.size);
  REQUIRE(index.positions[index.last + 1] == wanted.size);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    REQUIRE(index.kinds[i] == text[positions[i]]);
  }
  for (std::size_t i = 0; i < StructuralIndex::kinds_behind; ++i) {
    REQUIRE(index.kinds[index.last + i] == '\0');
  }
}

template <typename Test>
void on_every_path(Test test) {
  for (const StructuralScan::Path path :
       {StructuralScan::Path::avx512, StructuralScan::Path::avx2, StructuralScan::Path::baseline}) {
    if (!StructuralScan::supported(path)) {
      MESSAGE("skipped: this machine has no such instructions");
      continue;
    }
    CAPTURE(static_cast<int>(path));
    StructuralScan scan(path);
    test(scan);
  }
}

}  // namespace

TEST_CASE("every path finds the structural characters of texts made for it") {
  const std::string texts[] = {
      "",
      "\n",
      "   ",
      "{}",
      R"({"a":"b","c":[1,true,null,-1.5e3],"d":{"e":{}}})",
      R"({"a\"b":"\\","c":"\\\"","d":"x\\\\"})",
      R"( { "a" : 1 , "b" : [ ] } )",
      "{\"a\":1}\r\n{\"b\":2}\n",
      "{\"a\":\t1}",
      "{\"a\":\"\t\"}",
      "{\"a\":\"x\ny\"}",
      "{\"a\":\x01}",
      "{\"a\":\x0c,\x1a}",
      "{\"a\":\"\xc3\xa9\"}",
      "{\"a\":\"\xff\"}",
      "{\"a\":\"open",
      "tru\"abc\"x 01\"",
      "\\\"{\"a\":1}",
      "\"a\"b\"c\"",
  };
  on_every_path([&texts](StructuralScan& scan) {
    for (const std::string& text : texts) {
      for (const bool line : {true, false}) {
        check(scan, text, line);
        // At every place of a block.
        for (std::size_t before = 1; before < 140; ++before) {
          check(scan, std::string(before, ' ') + text, line);
          check(scan, "\"" + std::string(before, 'x') + "\"" + text, line);
          check(scan, text + std::string(before, ' ') + "7", line);
        }
      }
    }
  });
}

TEST_CASE("every path finds the same in random texts of what matters") {
  const std::string alphabet = "{}[],:\"\"\"\\\\ \t\r\nab1\x01\x1f\x7f\xc3\xa9\xff";
  on_every_path([&alphabet](StructuralScan& scan) {
    std::mt19937 random(5);
    for (int round = 0; round < 6000; ++round) {
      // Some with all of it, most with what is no error by itself.
      const std::size_t letters = random() % 4 == 0 ? alphabet.size() : 12 + random() % 8;
      std::string text(random() % 300, ' ');
      for (char& c : text) {
        c = alphabet[random() % letters];
        if (random() % 2 == 0) {
          c = 'x';
        }
      }
      check(scan, text, round % 2 == 0);
    }
  });
}

TEST_CASE("a text of structural characters only fills the index") {
  on_every_path([](StructuralScan& scan) {
    check(scan, std::string(200'000, '['), true);
    check(scan, std::string(200'000, ','), false);
    check(scan, std::string(100'000, '"'), true);
  });
}
