// SPDX-License-Identifier: Apache-2.0
// Regex: the only door to RE2. Unanchored search; `$` only at the very end; see DETECTION.md,
// choice 6. Thread rule: immutable, shared (RE2 builds its automaton lazily behind its own lock).
// Cost: search() is linear in the text.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace re2 {
class RE2;
}

namespace tocsin {

class Regex {
 public:
  // `flags`: some of "ims". An Error names the part of the pattern that RE2 refuses, and why.
  static Result<std::unique_ptr<const Regex>> compile(std::string_view pattern,
                                                      std::string_view flags);
  ~Regex();

  bool search(std::string_view text) const;

  // The text with every match, left to right, replaced by `rewrite`, in which \0 to \9 are groups
  // and \\ is a backslash; nullopt if it is longer than `bytes_max`. Precondition: takes(rewrite).
  std::optional<std::string> replace_all(std::string_view text,
                                         std::string_view rewrite,
                                         std::size_t bytes_max) const;
  // Has the expression all groups that `rewrite` names?
  bool takes(std::string_view rewrite) const;

  // Lower-case ASCII texts of 4 bytes and more: the folded form of every text that matches contains
  // one of them. Empty: nothing is known.
  const std::vector<std::string>& literals() const { return literals_; }

 private:
  Regex(std::unique_ptr<re2::RE2> program, std::vector<std::string> literals);
  std::unique_ptr<re2::RE2> program_;
  std::vector<std::string> literals_;
};

}  // namespace tocsin
