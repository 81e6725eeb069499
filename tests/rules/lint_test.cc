// SPDX-License-Identifier: Apache-2.0
#include "rules/lint.h"

#include "tests/rules/detection_fixture.h"

namespace tocsin {
namespace {

struct Linted {
  std::vector<std::string> problems;
  Diagnostics diagnostics;
};

Linted lint(const std::string& text) {
  const auto rule = testing::compile_rule(text);
  REQUIRE(rule.program != nullptr);
  REQUIRE(rule.diagnostics.list().empty());
  Linted linted;
  lint_detection(rule.source, *rule.detection, linted.diagnostics);
  for (const Diagnostic& diagnostic : linted.diagnostics.list()) {
    CHECK(diagnostic.severity == Severity::warning);
    CHECK_FALSE(diagnostic.strict_error);
    CHECK_FALSE(diagnostic.hint.empty());
    linted.problems.push_back(std::to_string(diagnostic.line) + ":" +
                              std::to_string(diagnostic.column) + " " + diagnostic.code);
  }
  return linted;
}

TEST_CASE("Doubtful values are warned about at their place, with what to write") {
  struct Case {
    std::string item;     // line 3 from column 5 on
    std::string problem;  // empty: none
    std::string hint;
  };
  const Case cases[] = {
      // regular expressions
      {"f|re: abc", "3:11 needless-regex", "`f|contains|cased: 'abc'`"},
      {"f|re: '^abc'", "3:11 needless-regex", "`f|startswith|cased: 'abc'`"},
      {"f|re|i: '\\.exe$'", "3:13 needless-regex", "`f|endswith: '.exe'`"},
      {"f|re: '^a\\*b$'", "3:11 needless-regex", "`f|cased: 'a\\*b'`"},
      {"f|re: '.*it''s.*'", "3:11 needless-regex", "'it''s'"},
      {"f|re: '\\d+'", "3:11 regex-without-literal", "selection"},
      {"f|re: '[abc]{3}'", "3:11 regex-without-literal", "selection"},
      {"f|re: 'ab?c'", "3:11 regex-without-literal", "selection"},
      {"f|re: '[]abc]x'", "3:11 regex-without-literal", "selection"},
      {"f|re: 'abc\\d'", "", ""},
      {"f|re: '(foo|bar)\\d'", "", ""},
      {"f|re: '^\\w+\\.exe$'", "", ""},
      {"f|re: '.*'", "3:11 matches-everything", "`exists: true`"},
      {"f|re: '^.*$'", "3:11 matches-everything", "`exists: true`"},
      {"f|re: '^'", "3:11 matches-everything", "`exists: true`"},
      // wildcards
      {"f: '*abc'", "3:8 leading-wildcard", "`f|endswith: 'abc'`"},
      {"f: '*abc*'", "3:8 leading-wildcard", "`f|contains: 'abc'`"},
      {"f: '*a\\*c*'", "3:8 leading-wildcard", "'a\\*c'"},
      {"f: 'abc*'", "", ""},
      {"f: '*a?c'", "", ""},
      {"f|contains: 'a*c'", "", ""},
      {"f: '*'", "", ""},
      {"f|contains: ''", "3:17 matches-everything", "`exists: true`"},
      {"f|startswith: '*'", "3:19 matches-everything", "`exists: true`"},
      {"'|contains': ''", "3:18 matches-everything", "look for"},
      // lists
      {"f: [abc, d, ABC]", "3:17 duplicate-value", "drop"},
      {"f|cased: [abc, ABC]", "", ""},
      {"f|re: ['a.bcd', 'A.bcd']", "", ""},
      {"f: [5, '5']", "", ""},
      {"f|all: [a, b]", "3:16 contradictory-values", "`contains|all`"},
      {"f|all: ['a*', '*b']", "", ""},
      {"f: ['*a', b]", "", ""},
      {"f: ['*a', '*b']", "3:9 leading-wildcard", "`f|endswith: 'a'`"},
      {"f|all: ['*a*', '*b*']", "3:13 leading-wildcard", "`f|contains|all: 'a'`"},
      {"f|contains|all: [a, b]", "", ""},
      // times
      {"f|hour: 24", "3:13 impossible-value", "0 to 23"},
      {"f|month: 0", "3:14 impossible-value", "1 to 12"},
      {"f|minute: 5.5", "3:15 impossible-value", "0 to 59"},
      {"f|hour|gt: 23", "3:16 impossible-value", "0 to 23"},
      {"f|hour|lt: 0", "3:16 impossible-value", "0 to 23"},
      {"f|day|lte: 0", "3:16 impossible-value", "1 to 31"},
      {"f|week|gte: 54", "3:17 impossible-value", "1 to 53"},
      {"f|year: 2024", "", ""},
      {"f|hour|gte: 23", "", ""},
      // case
      {"userIdentity.type|cased: root", "3:30 cased-never-matches", "`Root`"},
      {"eventSource|cased|endswith: '.AmazonAWS.com'", "3:33 cased-never-matches", "`.amazonaws"},
      {"userIdentity.type|cased: Root", "", ""},
      {"eventName|cased: consoleLogin", "", ""},
      {"userIdentity.type: root", "", ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.item);
    const Linted linted = lint(testing::with_selection(c.item));
    CHECK(linted.problems ==
          (c.problem.empty() ? std::vector<std::string>{} : std::vector<std::string>{c.problem}));
    if (!linted.diagnostics.list().empty()) {
      CHECK_MESSAGE(linted.diagnostics.list()[0].hint.find(c.hint) != std::string::npos,
                    linted.diagnostics.list()[0].hint);
    }
  }
}

TEST_CASE("Items of one map that exclude each other are warned about, others are not") {
  const std::string excluding[] = {
      "{f: a, f|startswith: b}",
      "{f|contains: x, f: [a, b]}",
      "{f|gt: 10, f|lt: 10}",
      "{f|gte: 11, f|lte: 10.5}",
      "{f: 5, f|gt: 5}",
      "{f: null, f|contains: a}",
      "{f|exists: false, f: a}",
  };
  for (const std::string& selection : excluding) {
    CAPTURE(selection);
    const Linted linted = lint("detection:\n  sel: " + selection + "\n  condition: sel\n");
    REQUIRE(linted.problems.size() == 1);
    CHECK(linted.problems[0].find("contradictory-values") != std::string::npos);
  }
  const Linted by_case =
      lint("detection:\n  sel: {f|cased: aXc, f|cased|contains: x}\n  condition: sel\n");
  REQUIRE(by_case.problems.size() == 1);
  CHECK(by_case.problems[0] == "2:23 cased-never-matches");
  const std::string fine[] = {
      "{f: ABC, f|startswith: ab}",
      "{f|contains: x, f: [a, xx]}",
      "{f|gte: 10, f|lte: 10}",
      "{f|neq: a, f: a*}",
      "{f: a, g|startswith: b}",
      "{f: null, f|exists: true}",
      "{f|exists: false, f: null}",
      "{f|contains: a, f|endswith: b}",
      "[{f: a}, {f|startswith: b}]",
      "{f|re: 'abc.d', f: x}",
  };
  for (const std::string& selection : fine) {
    CAPTURE(selection);
    CHECK(lint("detection:\n  sel: " + selection + "\n  condition: sel\n").problems.empty());
  }
}

TEST_CASE("Selections without effect and conditions without a choice are warned about") {
  struct Case {
    std::string condition;
    std::vector<std::string> problems;
  };
  const std::string selections =
      "detection:\n  a: {f: 1}\n  b: {f: 1, g: 2}\n  c: {g: [2]}\n  twin: {f: 1}\n";
  const Case cases[] = {
      {"a and b and c and twin", {}},
      {"1 of them", {}},
      {"a and c", {"3:3 unused-selection", "5:3 unused-selection"}},
      {"a or not a or b or c or twin", {"6:16 condition-always-true"}},
      {"a and not a or b and c and not b and twin", {"6:26 condition-always-false"}},
      {"(a and b) or not (c or twin)", {}},
      {"a and not twin and b and c", {"6:16 condition-always-false"}},
      {"b and not a and c and twin", {"6:16 condition-always-false"}},
      {"1 of * and not (a or b or c)", {"6:21 condition-always-false"}},
      {"[1 of them, a or not a]", {"6:28 condition-always-true"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.condition);
    const Linted linted = lint(selections + "  condition: " + c.condition + "\n");
    CHECK(linted.problems == c.problems);
  }
}

}  // namespace
}  // namespace tocsin
