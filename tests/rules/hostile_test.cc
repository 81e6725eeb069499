// SPDX-License-Identifier: Apache-2.0
// Rule files that are made to hurt: each ends at a named limit, with a diagnostic, in bounded time
// and memory, and costs no other document of its file anything.
#include <cstddef>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "engine/base/limits.h"
#include "tests/rules/load_fixture.h"
#include "tests/support/slowdown.h"

namespace tocsin {
namespace {

using Digits = const std::string&;

// What each takes is well under a second and 100 MB; old machines take their share.
constexpr double cpu_seconds_max = 10 * test::slowdown;
// A sanitizer keeps bytes of its own for each of ours.
constexpr long resident_growth_kb_max = (test::slowdown > 1 ? 4 : 1) * 768 * 1024;
constexpr std::size_t deep = 100'000;

std::string repeat(std::string_view text, std::size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) {
    out += text;
  }
  return out;
}

std::string numbered(std::size_t count, const std::function<std::string(Digits)>& part) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += part(std::to_string(i));
  }
  return out;
}

std::string selection(std::string_view text) {
  return "title: Hostile\nlogsource:\n  product: aws\ndetection:\n  selection:\n    " +
         std::string(text) + "\n  condition: selection\n";
}

std::string with_condition(std::string_view condition) {
  return "title: Hostile\nlogsource:\n  product: aws\ndetection:\n  selection:\n    a: b\n  "
         "condition: " +
         std::string(condition) + "\n";
}

// Ten levels of ten references each: 10^10 values.
std::string alias_bomb() {
  return "title: Hostile\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + numbered(9, [](Digits n) {
           const std::string next = std::to_string(std::stoi(n) + 1);
           return "a" + next + ": &a" + next + " [" + repeat("*a" + n + ", ", 9) + "*a" + n + "]\n";
         });
}

std::string merge_bomb() {
  return "title: Hostile\na0: &a0 {x0: 1, x1: 2, x2: 3, x3: 4}\n" + numbered(20, [](Digits n) {
           const std::string next = std::to_string(std::stoi(n) + 1);
           return "a" + next + ": &a" + next + " {l: *a" + n + ", r: *a" + n + "}\n";
         });
}

// Block maps, each a blank further in: as deep as a file of the greatest size can go.
std::string indented_maps() {
  constexpr std::size_t levels = 2'500;
  std::string out = "title: Hostile\nx:\n";
  for (std::size_t level = 1; level <= levels; ++level) {
    out += std::string(level, ' ') + "k:\n";
  }
  return out;
}

std::string many_values(std::size_t count) {
  return selection("eventName:\n" +
                   numbered(count, [](Digits n) { return "      - v" + n + "\n"; }));
}

std::string cycle(std::size_t length) {
  return numbered(length, [length](Digits n) {
    const std::string next = std::to_string((std::stoul(n) + 1) % length);
    return "title: C" + n + "\nname: c" + n + "\ncorrelation:\n  type: event_count\n  rules: c" +
           next + "\n  timespan: 1m\n  condition: {gte: 2}\n---\n";
  });
}

// A rule with many values, and a few bytes that repeat it, again and again.
std::string repeat_bomb() {
  return many_values(10'000) + repeat("---\naction: repeat\ntitle: Again\n", 20'000);
}

std::string global_bomb() {
  return "action: global\n" + many_values(10'000) +
         repeat("---\ntitle: Again\ndetection:\n  more:\n    a: b\n", 20'000);
}

// A text that a few bytes repeat, again and again: 200 MB.
std::string text_alias_bomb() {
  return "x: &a '" + repeat("y", 100'000) + "'\n" +
         selection("a: [" + repeat("*a,", 2'000) + "*a]");
}

std::string null_alias_bomb() {
  return "x: &a [" + repeat("~,", 10'000) + "]\ny: [" + repeat("*a,", 10'000) + "]\n" +
         selection("a: b");
}

// Each anchor keeps a copy of what it names.
std::string nested_anchors() {
  return "x: " + numbered(60, [](Digits n) { return "&a" + n + " ["; }) + repeat("1,", 100'000) +
         repeat("]", 60) + "\n" + selection("a: b");
}

std::string text_repeat_bomb() {
  return "action: global\ndescription: " + repeat("d", 100'000) + "\n" +
         repeat("---\n" + selection("a: b"), 2'000);
}

// 5^6 dashes each.
std::string many_dashed_values() {
  return selection("a|windash|base64:\n" + numbered(100, [](Digits n) {
                     return "      - '-a -b -c -d -e -f" + n + "'\n";
                   }));
}

struct HostileCase {
  const char* name;
  std::string document;
  const char* code;  // of the diagnostic
};

std::vector<HostileCase> hostile_cases() {
  std::vector<HostileCase> cases = {
      {"aliases of aliases of aliases", alias_bomb(), "yaml-size"},
      {"maps of aliases of maps of aliases", merge_bomb(), "yaml-size"},
      {"100,000 lists in brackets", selection("a: " + repeat("[", deep)), "yaml-depth"},
      {"100,000 closed lists in brackets",
       selection("a: " + repeat("[", deep) + repeat("]", deep)),
       "yaml-depth"},
      {"100,000 maps in braces", selection("a: " + repeat("{a: ", deep)), "yaml-depth"},
      {"100,000 lists in one line", selection("a:\n      " + repeat("- ", deep)), "yaml-depth"},
      {"100,000 keys of keys", selection("a:\n      " + repeat("? ", deep)), "yaml-depth"},
      {"maps to the end of the line", indented_maps(), "yaml-depth"},
      {"100,000 parentheses",
       with_condition(repeat("(", deep) + "selection" + repeat(")", deep)),
       "condition-too-long"},
      {"1,000 parentheses",
       with_condition(repeat("(", 1'000) + "selection" + repeat(")", 1'000)),
       "condition-too-deep"},
      {"100,000 times not",
       with_condition(repeat("not ", deep) + "selection"),
       "condition-too-long"},
      {"9,000 times not",
       with_condition(repeat("not ", 9'000) + "selection"),
       "condition-too-deep"},
      {"200,001 values", many_values(limits::rule_values_max + 1), "too-many-values"},
      {"aliases of a long text", text_alias_bomb(), "yaml-size"},
      {"aliases of nulls", null_alias_bomb(), "yaml-size"},
      {"anchors around anchors", nested_anchors(), "yaml-size"},
      {"a long text in a template", text_repeat_bomb(), "yaml-size"},
      {"a value that each modifier doubles",
       selection("a|" + repeat("wide|", 31) + "wide: xyz"),
       "too-many-alternatives"},
      {"a long value with dashes",
       selection("a|windash|base64: '" + repeat("x", 10'000) + repeat(" -a", 7) + "'"),
       "too-many-alternatives"},
      {"many values with dashes", many_dashed_values(), "too-many-alternatives"},
      {"33 modifiers", selection("a|" + repeat("base64|", 32) + "base64: x"), "too-many-modifiers"},
      {"a repeated repetition", selection("a|re: '((x{100}){100}){100}'"), "invalid-regex"},
      {"a long repetition", selection("a|re: 'x{100000}'"), "invalid-regex"},
      {"a repetition of large classes", selection("a|re: '(\\pL\\pN\\pS){1000}'"), "invalid-regex"},
      {"a long regular expression",
       selection("a|re: '" + repeat("ab?", limits::regex_pattern_bytes_max) + "'"),
       "invalid-regex"},
      {"a byte that is not UTF-8", selection("a: \xff\xfe"), "not-utf-8"},
      {"an overlong form of a character", selection("a: \xc0\xaf"), "not-utf-8"},
      {"half of a surrogate pair", selection("a: \xed\xa0\x80"), "not-utf-8"},
      {"a NUL byte", selection(std::string("a: b\0c", 6)), "control-character"},
      {"the end of a file for some readers", selection("a: b\x04"), "control-character"},
      {"a correlation of itself", cycle(1), "reference-cycle"},
      {"a cycle of 10,000 correlations", cycle(10'000), "reference-cycle"},
      {"a large rule repeated", repeat_bomb(), "yaml-size"},
      {"a large template", global_bomb(), "yaml-size"},
  };
  return cases;
}

bool has_code(const LoadResult& result, const std::string& code) {
  for (const Diagnostic& problem : result.diagnostics.list()) {
    if (problem.code == code && problem.severity == Severity::error) {
      return true;
    }
  }
  return false;
}

long peak_kb() {
  rusage usage{};
  REQUIRE(::getrusage(RUSAGE_SELF, &usage) == 0);
  return usage.ru_maxrss;
}

LoadResult load_measured(const std::string& text) {
  const long before_kb = peak_kb();
  const std::clock_t start = std::clock();
  LoadOptions options;
  options.lint = true;
  LoadResult result = test::load_text(text, options);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK(seconds < cpu_seconds_max);
  CHECK(peak_kb() - before_kb < resident_growth_kb_max);
  return result;
}

std::string neighbour() {
  return "title: Neighbour\nid: 0b1f5ad0-3c7e-4a0e-9b60-1b5f5a3c2d11\nlevel: low\nlogsource:\n"
         "  product: aws\ndetection:\n  selection:\n    eventName: Neighbour\n  condition: "
         "selection\n---\naction: reset\n---\n";
}

bool loaded(const LoadResult& result, const std::string& title) {
  for (const DocumentInfo& document : result.documents) {
    if (document.info.title == title) {
      return document.loaded;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("a hostile document ends at a named limit and costs its neighbours nothing") {
  for (const HostileCase& hostile : hostile_cases()) {
    CAPTURE(hostile.name);
    const LoadResult result = load_measured(neighbour() + hostile.document);
    CHECK(has_code(result, hostile.code));
    CHECK(result.rejected > 0);
    // A byte that is not UTF-8 leaves it open what the rest of the file says.
    const bool whole_file = hostile.code == std::string("not-utf-8") ||
                            hostile.code == std::string("control-character");
    CHECK(loaded(result, "Neighbour") == !whole_file);
    for (const Diagnostic& problem : result.diagnostics.list()) {
      CHECK(format_text(problem, false).size() < 2'000);
    }
  }
}

TEST_CASE("a file over the size limit is not read") {
  const LoadResult result =
      load_measured(neighbour() + repeat("# a comment\n", limits::rule_file_bytes_max / 10));
  CHECK(has_code(result, "file-size"));
  CHECK(result.loaded == 0);
}

TEST_CASE("a value with twenty dashes does not become 5^20 patterns") {
  const LoadResult result =
      load_measured(selection("commandLine|windash|contains: 'x" + repeat(" -a", 20) + "'"));
  CHECK(result.loaded == 1);
  CHECK(result.ruleset->program->predicate_count() == 1);
}

TEST_CASE("templates with many keys are merged in time") {
  const std::string keys =
      numbered(60'000, [](Digits n) { return "    f" + n + "|contains: a\n"; });
  const LoadResult result = load_measured("action: global\ndetection:\n  selection:\n" + keys +
                                          "---\ntitle: T\nlogsource: {product: aws}\ndetection:\n"
                                          "  selection:\n" +
                                          keys + "  condition: selection\n");
  CHECK(result.loaded == 1);
}

TEST_CASE("a chain of 10,000 correlations is followed without recursion") {
  const std::string chain = numbered(10'000, [](Digits n) {
    const std::string next = std::to_string(std::stoul(n) + 1);
    return "title: C" + n + "\nname: c" + n + "\ncorrelation:\n  type: event_count\n  rules: c" +
           next + "\n  timespan: 1m\n  condition: {gte: 2}\n---\n";
  });
  const LoadResult result = load_measured(chain + test::rule_named("c10000"));
  CHECK(result.loaded == 10'001);
  CHECK(result.diagnostics.errors() == 0);
}

TEST_CASE("many mistakes in one document are told up to a limit") {
  const LoadResult result =
      load_measured(selection("a:\n" + repeat("      - [x]\n", 50'000)) + "---\n" +
                    with_condition("\n" + repeat("    - selection and\n", 900)));
  CHECK(result.rejected == 2);
  CHECK(result.diagnostics.list().size() <= 3 * limits::detection_problems_max);
}

}  // namespace tocsin
