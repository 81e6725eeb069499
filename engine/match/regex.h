// SPDX-License-Identifier: Apache-2.0
// Regex: the only door to RE2. Unanchored search; `$` only at the very end; see DETECTION.md,
// choice 6. Thread rule: immutable, shared (RE2 builds its automaton lazily behind its own lock;
// one that was restored is compiled by who searches first). Cost: search() is linear in the text.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
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
  // One that compile() made before, from its source(), flags() and literals(): known to be good,
  // and so compiled when it is searched for the first time. Precondition: made by the same build of
  // RE2, which refuses nothing that it took.
  static std::unique_ptr<const Regex> restore(std::string_view source,
                                              unsigned flags,
                                              std::vector<std::string> literals);
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

  // For restore(): what RE2 is given, and how it is to take it.
  const std::string& source() const { return source_; }
  unsigned flags() const { return flags_; }

 private:
  Regex(std::string source, unsigned flags);
  const re2::RE2& program() const {
    const re2::RE2* const known = known_.load(std::memory_order_acquire);
    return known != nullptr ? *known : compile_now();
  }
  const re2::RE2& compile_now() const;

  std::string source_;
  unsigned flags_ = 0;
  std::vector<std::string> literals_;
  mutable std::mutex mutex_;  // guards:
  mutable std::unique_ptr<re2::RE2> program_;
  mutable std::atomic<const re2::RE2*> known_{nullptr};  // program_, once it is there
};

}  // namespace tocsin
