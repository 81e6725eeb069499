// SPDX-License-Identifier: Apache-2.0
#include "engine/input/glob.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace tocsin {

namespace {

constexpr std::size_t none = std::string_view::npos;

// Matches one character against the set that begins at pattern[at] == '['; the position behind the
// set through `at`. nullopt: there is no closing bracket, so that the bracket stands for itself.
std::optional<bool> match_set(std::string_view pattern, std::size_t& at, char c) {
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  i += negated ? 1 : 0;
  bool found = false;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      ++i;
    }
    const auto low = static_cast<unsigned char>(pattern[i++]);
    unsigned char high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      high = static_cast<unsigned char>(pattern[i + 1]);
      i += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    found = found || (low <= byte && byte <= high);
  }
  if (i >= pattern.size()) {
    return std::nullopt;
  }
  at = i + 1;
  return found != negated;
}

// One character of the text against what stands at pattern[at]; moves `at` behind it if it matches.
bool match_one(std::string_view pattern, std::size_t& at, char c) {
  if (pattern[at] == '?') {
    ++at;
    return true;
  }
  if (pattern[at] == '[') {
    std::size_t behind = at;
    if (const std::optional<bool> matched = match_set(pattern, behind, c)) {
      if (*matched) {
        at = behind;
      }
      return *matched;
    }
  }
  const std::size_t literal = pattern[at] == '\\' && at + 1 < pattern.size() ? at + 1 : at;
  if (pattern[literal] != c) {
    return false;
  }
  at = literal + 1;
  return true;
}

// One component. On a mismatch the last star takes one character more.
bool match_component(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = none;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
    } else if (p < pattern.size() && match_one(pattern, p, text[t])) {
      ++t;
    } else if (star != none) {
      p = star;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

// "/a//b/./c" as "", "a", "b", "c": the empty first component keeps absolute paths apart from
// relative ones.
std::vector<std::string_view> components_of(std::string_view path) {
  std::vector<std::string_view> parts;
  std::size_t at = 0;
  while (at <= path.size()) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, slash - at);
    if ((!part.empty() && part != ".") || (at == 0 && !path.empty() && path.front() == '/')) {
      parts.push_back(part);
    }
    at = slash + 1;
  }
  return parts;
}

}  // namespace

bool is_glob(std::string_view text) {
  return text.find_first_of("*?[") != none;
}

bool glob_match(std::string_view pattern, std::string_view path) {
  const std::vector<std::string_view> wanted = components_of(pattern);
  const std::vector<std::string_view> given = components_of(path);
  std::size_t w = 0;
  std::size_t g = 0;
  std::size_t star = none;
  std::size_t star_given = 0;
  while (g < given.size()) {
    if (w < wanted.size() && wanted[w] == "**") {
      star = ++w;
      star_given = g;
    } else if (w < wanted.size() && match_component(wanted[w], given[g])) {
      ++w;
      ++g;
    } else if (star != none) {
      w = star;
      g = ++star_given;
    } else {
      return false;
    }
  }
  while (w < wanted.size() && wanted[w] == "**") {
    ++w;
  }
  return w == wanted.size();
}

bool glob_may_match_below(std::string_view pattern, std::string_view folder) {
  const std::vector<std::string_view> wanted = components_of(pattern);
  const std::vector<std::string_view> given = components_of(folder);
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (i >= wanted.size()) {
      return false;
    }
    if (wanted[i] == "**") {
      return true;
    }
    if (!match_component(wanted[i], given[i])) {
      return false;
    }
  }
  return wanted.size() > given.size();
}

std::string glob_root(std::string_view pattern) {
  const std::size_t glob = std::min(pattern.find_first_of("*?["), pattern.size());
  const std::size_t slash = pattern.substr(0, glob).rfind('/');
  if (slash == none) {
    return ".";
  }
  return slash == 0 ? "/" : std::string(pattern.substr(0, slash));
}

}  // namespace tocsin
