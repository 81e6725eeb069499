// SPDX-License-Identifier: Apache-2.0
// Records that are built like a given one, and some that nearly are: other strings, keys and bare
// words in the same places.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace tocsin::testing {

class JsonVariation {
 public:
  explicit JsonVariation(std::uint32_t seed) : random_(seed) {}

  // `strings`: what may stand between quotes, as written there. One string or word in `rate` is
  // replaced.
  std::string of(const std::string& json,
                 const std::vector<std::string>& strings,
                 std::size_t rate) {
    static const std::vector<std::string> words = {"true",
                                                   "false",
                                                   "null",
                                                   "0",
                                                   "42",
                                                   "-7",
                                                   "1e400",
                                                   "01x",
                                                   "NaN",
                                                   "tru",
                                                   "1\"",
                                                   "t\"x",
                                                   "1\"\"",
                                                   "t\"a,b\"",
                                                   "nul\"l]\""};
    std::string out;
    std::size_t at = 0;
    while (at < json.size()) {
      const std::size_t begin = at;
      if (json[at] == '"') {
        at = end_of_string(json, at + 1);
        const bool other = at < json.size() && pick(rate) == 0 && !strings.empty();
        out += other ? "\"" + strings[pick(strings.size())] : json.substr(begin, at - begin);
      } else if (is_word(json[at])) {
        while (at < json.size() && is_word(json[at])) {
          ++at;
        }
        out += pick(rate) == 0 ? words[pick(words.size())] : json.substr(begin, at - begin);
        continue;
      }
      if (at < json.size()) {
        out += json[at++];
      }
    }
    return out;
  }

 private:
  std::size_t pick(std::size_t n) { return random_() % n; }
  static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == 'E';
  }
  // Its closing quote, or where the text ends.
  static std::size_t end_of_string(const std::string& json, std::size_t at) {
    while (at < json.size() && json[at] != '"') {
      at += json[at] == '\\' ? 2u : 1u;
    }
    return at < json.size() ? at : json.size();
  }
  std::mt19937 random_;
};

}  // namespace tocsin::testing
