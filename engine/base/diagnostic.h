// SPDX-License-Identifier: Apache-2.0
// A problem in a rule or a configuration file, told so that its author can mend it: what, where,
// and what to write instead. Thread rule: plain values; a Diagnostics list belongs to one thread at
// a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin {

enum class Severity : std::uint8_t { warning, error };

struct Diagnostic {
  Severity severity = Severity::error;
  // Under --strict this warning counts as an error (choice 16 of DETECTION.md: what is wrong only
  // in a rule's label).
  bool strict_error = false;
  std::string code;          // stable, kebab-case: "unknown-modifier"
  std::string file;          // as the user named it
  std::uint32_t line = 0;    // 1-based; 0: the file as a whole
  std::uint32_t column = 0;  // 1-based, in code points
  std::uint32_t length = 1;  // code points under the caret
  std::string message;       // what is wrong
  std::string hint;          // what to write instead; may be empty
  std::string source_line;   // the text of that line, without its end
};

// Text as DETECTION.md has it: "FILE:LINE:COLUMN: error[CODE]: what", then the line, the caret and
// the hint. Ends with a newline.
std::string format_text(const Diagnostic& diagnostic, bool colour);

class Diagnostics {
 public:
  void add(Diagnostic diagnostic) { list_.push_back(std::move(diagnostic)); }
  const std::vector<Diagnostic>& list() const { return list_; }
  std::size_t errors() const;
  std::size_t warnings() const;
  // Errors, and warnings that --strict makes errors.
  std::size_t strict_errors() const;

 private:
  std::vector<Diagnostic> list_;
};

}  // namespace tocsin
