// SPDX-License-Identifier: Apache-2.0
// Problems: what is wrong with one document, said at its places; knows whether the document can
// still be loaded. Thread rule: one thread. Borrows the source and the list.
#pragma once

#include <string>
#include <utility>

#include "engine/base/diagnostic.h"
#include "rules/ast.h"
#include "rules/report.h"
#include "rules/yaml.h"

namespace tocsin {

class Problems {
 public:
  Problems(const SourceText& source, Diagnostics& diagnostics, bool strict)
      : source_(source), diagnostics_(diagnostics), strict_(strict) {}

  const SourceText& source() const { return source_; }
  Diagnostics& diagnostics() { return diagnostics_; }
  bool rejected() const { return rejected_; }
  void reject() { rejected_ = true; }

  // Leaves the meaning in doubt: rejects the document.
  void error(const SourceSpan& place,
             std::string code,
             std::string message,
             std::string hint = {}) {
    rejected_ = true;
    diagnostics_.add(diagnostic_at(
        source_, place, Severity::error, std::move(code), std::move(message), std::move(hint)));
  }
  void error(const YamlNode& node, std::string code, std::string message, std::string hint = {}) {
    error(span_of(node), std::move(code), std::move(message), std::move(hint));
  }

  // Wrong only in the rule's label (choice 16 of DETECTION.md): a warning, under --strict an error.
  void label(const SourceSpan& place,
             std::string code,
             std::string message,
             std::string hint = {}) {
    rejected_ = rejected_ || strict_;
    Diagnostic problem = diagnostic_at(source_,
                                       place,
                                       strict_ ? Severity::error : Severity::warning,
                                       std::move(code),
                                       std::move(message),
                                       std::move(hint));
    problem.strict_error = true;
    diagnostics_.add(std::move(problem));
  }
  void label(const YamlNode& node, std::string code, std::string message, std::string hint = {}) {
    label(span_of(node), std::move(code), std::move(message), std::move(hint));
  }

  // Something its author should know.
  void warning(const SourceSpan& place,
               std::string code,
               std::string message,
               std::string hint = {}) {
    diagnostics_.add(diagnostic_at(
        source_, place, Severity::warning, std::move(code), std::move(message), std::move(hint)));
  }
  void warning(const YamlNode& node, std::string code, std::string message, std::string hint = {}) {
    warning(span_of(node), std::move(code), std::move(message), std::move(hint));
  }

 private:
  const SourceText& source_;
  Diagnostics& diagnostics_;
  bool strict_;
  bool rejected_ = false;
};

}  // namespace tocsin
