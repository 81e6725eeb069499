// SPDX-License-Identifier: Apache-2.0
#include "engine/event/key_marks.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using namespace tocsin;

namespace {

struct Passes {
  const char* name;
  KeyPass keys;
  DepthPass depths;
};

// Those that this machine can run.
std::vector<Passes> passes() {
  std::vector<Passes> all = {{"baseline", key_pass_baseline, depth_pass_baseline}};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi2") != 0 &&
      __builtin_cpu_supports("pclmul") != 0) {
    all.push_back({"avx2", key_pass_avx2, depth_pass_avx2});
  }
  if (__builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vbmi") != 0 &&
      __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_supports("pclmul") != 0) {
    all.push_back({"avx512", key_pass_avx512, depth_pass_avx512});
  }
#endif
  return all;
}

// "ntN" as it is, "roo" in any case.
KeyAnchors anchors() {
  KeyAnchors all;
  const std::string_view exact = "ntN";
  const std::string_view folded = "roo";
  for (std::size_t i = 0; i < 3; ++i) {
    all.anchors[0].text[i] = exact[i];
    all.anchors[1].text[i] = folded[i];
    all.anchors[1].ignored[i] = 0x20;
    all.classes[i][static_cast<unsigned char>(exact[i]) % 64] |= 1;
    all.classes[i][static_cast<unsigned char>(folded[i]) % 64] |= 2;
    all.classes[i][static_cast<unsigned char>(folded[i] - 32) % 64] |= 2;
  }
  all.exact = 1;
  all.count = 2;
  return all;
}

bool is_anchor(std::string_view line, std::size_t at) {
  const std::string_view text = line.substr(at, 3);
  return text == "ntN" || (text.size() == 3 && (text[0] | 0x20) == 'r' && (text[1] | 0x20) == 'o' &&
                           (text[2] | 0x20) == 'o');
}

struct Expected {
  std::vector<bool> quotes;
  std::vector<int> depth;
  std::vector<std::uint32_t> hits;
  bool backslash = false, odd = false, bare_space = false, high = false;
  bool simple = true;  // no control character, no white space and no backslash outside strings
};

// Byte by byte. A string has its first quote and not its last.
Expected expected(std::string_view line) {
  constexpr std::string_view ends_no_word = "\",:{}[] \t\r";
  Expected all;
  bool in_string = false;
  bool escaped = false;
  int depth = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    const bool quote = c == '"' && !escaped;
    in_string = in_string != quote;
    const bool space = c == ' ' || c == '\t' || c == '\r';
    const char before = at == 0 ? '{' : line[at - 1];
    all.quotes.push_back(quote);
    all.depth.push_back(depth);
    all.backslash = all.backslash || c == '\\';
    all.odd = all.odd || (escaped && (c == 'u' || c == '/')) || (c == '\\' && !in_string);
    all.bare_space =
        all.bare_space || (space && !in_string && ends_no_word.find(before) == ends_no_word.npos);
    all.high = all.high || (c & 0x80) != 0;
    all.simple = all.simple && static_cast<unsigned char>(c) >= 0x20 &&
                 (in_string || (c != ' ' && c != '\\'));
    if (is_anchor(line, at)) {
      all.hits.push_back(static_cast<std::uint32_t>(at));
    }
    depth += in_string ? 0 : c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    escaped = c == '\\' && !escaped;
  }
  return all;
}

// `bytes`: a line, and what may stand behind it.
void check(const std::string& bytes, const Passes& pass, KeyMarks& marks) {
  CAPTURE(pass.name);
  CAPTURE(bytes);
  const char* const begin = bytes.data();
  const char* const end = pass.keys(begin, begin + bytes.size(), anchors(), marks);
  const std::string_view line = std::string_view(bytes).substr(0, bytes.find('\n'));
  REQUIRE(end == begin + line.size());
  REQUIRE(!marks.given_up);
  const Expected all = expected(line);
  CHECK(marks.has_backslash == all.backslash);
  CHECK(marks.has_odd_escape == all.odd);
  CHECK(marks.has_bare_space == all.bare_space);
  CHECK(marks.has_non_ascii == all.high);
  CHECK((all.simple || !marks.simple));
  const bool blocks_are_readable = bytes.size() >= line.size() + 2 * KeyMarks::block_bytes;
  CHECK((marks.simple || !all.simple || !blocks_are_readable));
  const std::vector<std::uint32_t> hits(marks.hits, marks.hits + marks.hit_count);
  CHECK(std::is_sorted(hits.begin(), hits.end()));
  CHECK(std::includes(hits.begin(), hits.end(), all.hits.begin(), all.hits.end()));
  if (marks.simple && !line.empty()) {
    pass.depths(begin, static_cast<std::uint32_t>((line.size() - 1) / 64 + 1), marks);
  }
  bool quotes_fit = true;
  bool depths_fit = true;
  for (std::uint32_t at = 0; at < line.size(); ++at) {
    quotes_fit = quotes_fit && (marks.quotes[at / 64] >> (at % 64) & 1) == (all.quotes[at] ? 1 : 0);
    depths_fit = depths_fit && marks.depth_at(at) == all.depth[at];
  }
  CHECK(quotes_fit);
  CHECK(depths_fit);
  CHECK(marks.quotes[line.size() / 64 + 1] == 0);
}

}  // namespace

TEST_CASE("each pass over a line marks what a reading byte by byte finds") {
  std::mt19937 random(1);
  KeyMarks marks;
  const std::vector<std::string> usual = {
      "\"eventName\":\"a b\",", "{\"root\":[", "]},", "\"ROOT x\"", "null", "12", "\"", "\xc3\xa9"};
  const std::vector<std::string> rare = {
      "\\\"", "\\\\", "\\u0041", "\\/", "\\", " ", "\t", "\x01", "1 2"};
  for (int round = 0; round < 1500; ++round) {
    // Lines of one block, of many, and of more than are looked at together.
    const std::size_t size = random() % 3 == 0 ? random() % 5000 : random() % 300;
    // No rare part, one, or many.
    const unsigned share = round % 3 == 0 ? 0 : round % 3 == 1 ? 400 : 8;
    std::string line;
    while (line.size() < size) {
      const bool odd = share != 0 && random() % share == 0;
      const std::vector<std::string>& parts = odd ? rare : usual;
      line += parts[random() % parts.size()];
    }
    const std::string behind = random() % 4 == 0 ? "" : "\n" + std::string(random() % 300, '"');
    for (const Passes& pass : passes()) {
      check(line + behind, pass, marks);
    }
  }
}

TEST_CASE("a line of too many blocks or with too many anchors is given up, and its end found") {
  KeyMarks marks;
  const std::size_t most = std::size_t{KeyMarks::blocks_max} * KeyMarks::block_bytes;
  std::string anchored;
  for (std::size_t i = 0; i <= KeyMarks::hits_max + 64; ++i) {
    anchored += "ntN ";
  }
  for (const std::string& line : {std::string(most + 1, 'x'), "\"" + anchored + "\""}) {
    const std::string bytes = line + "\n" + std::string(200, ' ');
    for (const Passes& pass : passes()) {
      CAPTURE(pass.name);
      const char* const end =
          pass.keys(bytes.data(), bytes.data() + bytes.size(), anchors(), marks);
      CHECK(end == bytes.data() + line.size());
      CHECK(marks.given_up);
    }
  }
}
