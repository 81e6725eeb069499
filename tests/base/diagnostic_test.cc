// SPDX-License-Identifier: Apache-2.0
#include "engine/base/diagnostic.h"

#include <doctest/doctest.h>

using namespace tocsin;

namespace {

Diagnostic sample() {
  Diagnostic d;
  d.code = "unknown-modifier";
  d.file = "r.yml";
  d.line = 7;
  d.column = 10;
  d.length = 7;
  d.message = "there is no modifier \"contain\"";
  d.hint = "did you mean \"contains\"?";
  d.source_line = "   field|contain: x";
  return d;
}

}  // namespace

TEST_CASE("a diagnostic shows place, code, line, caret and hint") {
  CHECK(format_text(sample(), false) ==
        "r.yml:7:10: error[unknown-modifier]: there is no modifier \"contain\"\n"
        "       field|contain: x\n"
        "             ^~~~~~~\n"
        "    hint: did you mean \"contains\"?\n");
}

TEST_CASE("a diagnostic of a whole file has no place, and terminals are not obeyed") {
  Diagnostic d = sample();
  d.line = 0;
  d.file = "a\x1b[2J.yml";
  d.severity = Severity::warning;
  CHECK(format_text(d, false).rfind("a\\x1b[2J.yml: warning[unknown-modifier]: ", 0) == 0);
}

TEST_CASE("a caret beyond a very long line is shown with an excerpt") {
  Diagnostic d = sample();
  d.source_line = std::string(100'000, 'x');
  d.column = 50'000;
  CHECK(format_text(d, false).size() < 1000);
  d.source_line = std::string(1'000, 'x') + "HERE" + std::string(1'000, 'x');
  d.column = 1'001;
  d.length = 4;
  const std::string text = format_text(d, false);
  const std::size_t line = text.find('\n') + 1;
  const std::size_t caret = text.find('\n', line) + 1;
  CHECK(text.compare(line, 7, "    ...") == 0);
  CHECK(text.find("HERE") - line == text.find("^~~~") - caret);
}

TEST_CASE("what is underlined ends with the line") {
  Diagnostic d = sample();
  d.length = 1'000;
  CHECK(format_text(d, false).find("\n             ^~~~~~~~~~\n") != std::string::npos);
}

TEST_CASE("strict mode counts warnings about labels as errors") {
  Diagnostics list;
  Diagnostic d = sample();
  list.add(d);
  d.severity = Severity::warning;
  list.add(d);
  d.strict_error = true;
  list.add(d);
  CHECK(list.errors() == 1);
  CHECK(list.warnings() == 2);
  CHECK(list.strict_errors() == 2);
}
