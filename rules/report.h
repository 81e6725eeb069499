// SPDX-License-Identifier: Apache-2.0
// Diagnostics at places in a rule, and where a character of a YAML scalar's value stands in the
// file. Thread rule: pure functions and plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/diagnostic.h"
#include "rules/ast.h"
#include "rules/yaml.h"

namespace tocsin {

SourceSpan span_of(const YamlNode& node);

// A diagnostic at `span` with the source line filled in.
Diagnostic diagnostic_at(const SourceText& source,
                         const SourceSpan& span,
                         Severity severity,
                         std::string code,
                         std::string message,
                         std::string hint = {});

// Finds characters of a scalar's value in the file: exactly for plain and quoted scalars, also over
// several lines, and for block scalars. Where the value cannot be found again (an alias), or begins
// beyond column 1,024, everything is at the scalar's own place. Cost: O(length of the value) for
// all calls together; offsets must not decrease from call to call.
class ScalarLocator {
 public:
  ScalarLocator(const SourceText& source, const YamlNode& scalar);
  // The place of the `length` bytes at `offset` of scalar.text. Precondition: offset + length <=
  // text size.
  SourceSpan span(std::size_t offset, std::size_t length);

 private:
  bool step();                // moves over one byte of the value
  bool skip_source_blanks();  // moves to the next character in the file that is no white space
  void advance_source(std::size_t bytes);

  const SourceText& source_;
  const YamlNode& scalar_;
  std::size_t value_at_ = 0;   // in scalar.text
  std::size_t source_at_ = 0;  // in source.text
  std::uint32_t line_ = 0;
  std::uint32_t column_ = 0;
  char quote_ = 0;  // of the scalar, 0 for plain and block scalars
  bool lost_ = false;
};

}  // namespace tocsin
