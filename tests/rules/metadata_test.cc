// SPDX-License-Identifier: Apache-2.0
#include "rules/metadata.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/rules/load_fixture.h"

namespace tocsin {
namespace {

constexpr const char* rest =
    "logsource:\n  product: test\ndetection:\n  sel:\n    f: a\n  condition: sel\n";

}  // namespace

TEST_CASE("What is wrong only in a rule's label is a warning, and under --strict an error") {
  const struct {
    std::string head;
    const char* problems;
  } rows[] = {
      {"", "label missing-title 1:1"},
      {"title:\n", "label missing-title 1:1"},
      {"title: ''\n", "label empty-attribute 1:8"},
      {"title: [a]\n", "label attribute-type 1:8"},
      {"title: 5\n", "label attribute-type 1:8"},
      {"title: " + std::string(257, 'x') + "\n", "label attribute-length 1:8"},
      {"title: T\nid: my-rule\n", "label invalid-id 2:5"},
      {"title: T\nid: 929a690e-bef0-4204-a928-ef5e620d6fc\n", "label invalid-id 2:5"},
      {"title: T\nid: 929a690e-bef0-4204-a928-ef5e620d6fcg\n", "label invalid-id 2:5"},
      {"title: T\nid: 5\n", "label invalid-id 2:5"},
      {"title: T\nname: ''\n", "label empty-attribute 2:7"},
      {"title: T\nname: 5\n", "label attribute-type 2:7"},
      {"title: T\nrelated: x\n", "label attribute-type 2:10"},
      {"title: T\nrelated: [x]\n", "label invalid-related 2:11"},
      {"title: T\nrelated:\n  - id: abc\n    type: derived\n", "label invalid-related 3:9"},
      {"title: T\nrelated:\n  - type: derived\n", "label invalid-related 3:5"},
      {"title: T\nrelated:\n  - id: 929a690e-bef0-4204-a928-ef5e620d6fcc\n    type: obsoletes\n",
       "label invalid-related 4:11"},
      {"title: T\ntaxonomy: ''\n", "label empty-attribute 2:11"},
      {"title: T\nstatus: testing\n", "label invalid-status 2:9"},
      {"title: T\nlevel: hihg\n", "label invalid-level 2:8"},
      {"title: T\nlevel: 3\n", "label invalid-level 2:8"},
      {"title: T\ndescription: [a]\n", "label attribute-type 2:14"},
      {"title: T\nauthor: {a: b}\n", "label attribute-type 2:9"},
      {"title: T\nlicense: 5\n", "label attribute-type 2:10"},
      {"title: T\nfields: a\n", "label attribute-type 2:9"},
      {"title: T\nreferences: [5]\n", "label attribute-type 2:14"},
      {"title: T\nscope: {}\n", "label attribute-type 2:8"},
      {"title: T\ntags: [lonely, .x, y., 5]\n",
       "label invalid-tag 2:8; label invalid-tag 2:16; label invalid-tag 2:20; label "
       "attribute-type 2:24"},
      {"title: T\ndate: 2023-02-30\n", "label invalid-date 2:7"},
      {"title: T\ndate: 24-01-31\n", "label invalid-date 2:7"},
      {"title: T\ndate: 2024-01-31T00:00:00Z\n", "label invalid-date 2:7"},
      {"title: T\nmodified: [2024-01-31]\n", "label invalid-date 2:11"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.head);
    const LoadResult result = test::load_text(row.head + rest);
    CHECK(test::problems(result) == row.problems);
    CHECK(result.loaded == 1);
    CHECK(result.rejected == 0);
    CHECK(result.diagnostics.errors() == 0);
    CHECK(result.diagnostics.strict_errors() > 0);
    LoadOptions strict;
    strict.strict = true;
    const LoadResult under_strict = test::load_text(row.head + rest, strict);
    CHECK(under_strict.loaded == 0);
    CHECK(under_strict.rejected == 1);
    CHECK(under_strict.diagnostics.errors() == result.diagnostics.strict_errors());
  }
}

TEST_CASE("A log source, a missing detection and a wrong extension reject the rule") {
  const std::string detection = "detection:\n  sel:\n    f: a\n  condition: sel\n";
  const struct {
    std::string text;
    const char* problems;
  } rows[] = {
      {"title: T\n" + detection, "error missing-logsource 1:1"},
      {"title: T\nlogsource:\n" + detection, "error logsource-type 2:1"},
      {"title: T\nlogsource: aws\n" + detection, "error logsource-type 2:12"},
      {"title: T\nlogsource: {}\n" + detection, "error missing-logsource 2:12"},
      {"title: T\nlogsource: {definition: x}\n" + detection, "error missing-logsource 2:12"},
      {"title: T\nlogsource: {product: }\n" + detection, "error missing-logsource 2:12"},
      {"title: T\nlogsource: {product: ''}\n" + detection, "error logsource-type 2:22"},
      {"title: T\nlogsource: {product: [a]}\n" + detection, "error logsource-type 2:22"},
      {"title: T\nlogsource: {product: a, definition: 5}\n" + detection,
       "error logsource-type 2:37"},
      {"title: T\nlogsource: {product: a}\n", "error missing-detection 1:1"},
      {std::string("title: T\ntocsin: x\n") + rest, "error extension-value 2:9"},
      {std::string("title: T\ntocsin: {alrt: false}\n") + rest, "error unknown-key 2:10"},
      {std::string("title: T\ntocsin: {alert: no}\n") + rest, "error extension-value 2:17"},
      {std::string("title: T\ntocsin: {fold_by: a}\n") + rest, "error extension-value 2:19"},
      {std::string("title: T\ntocsin: {repeat_interval: 5}\n") + rest,
       "error extension-value 2:27"},
      {std::string("title: T\ntocsin: {receiver: 'https://x'}\n") + rest,
       "error extension-value 2:20"},
      {std::string("title: T\ntocsin: {fields: [5]}\n") + rest, "error extension-value 2:19"},
      {std::string("title: T\ntocsin: {runbook: ''}\n") + rest, "error extension-value 2:19"},
      {std::string("title: T\ntocsin: {emit: late}\n") + rest,
       "warning emit-without-effect 2:10; error extension-value 2:16"},
      {std::string("title: T\ntocsin: {tests: {}}\n") + rest, "error extension-value 2:17"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const LoadResult result = test::load_text(row.text);
    CHECK(test::problems(result) == row.problems);
    CHECK(result.loaded == 0);
    CHECK(result.rejected == 1);
  }
}

TEST_CASE("All attributes are kept as the author gave them") {
  const LoadResult result = test::load_text(
      "title: A rule\n"
      "id: 929A690E-bef0-4204-a928-ef5e620d6fcc\n"
      "name: a_rule\n"
      "related:\n  - id: 08fbc97d-0a2f-491c-ae21-8ffcfd3174e0\n    type: derived\n"
      "taxonomy: ecs\nstatus: TEST\nlevel: High\n"
      "description: what it does\nauthor: A, B (C)\nlicense: MIT\n"
      "date: 2024/01/31\nmodified: 2024-02-29\n"
      "references: [https://example.org]\ntags: [attack.t1059, tlp.red]\nfields: [a.b]\n"
      "falsepositives: [Admins]\nscope: [server]\n"
      "x-owner: soc\nx-map: {a: 1, b: [1, true, 'x']}\ngenerate: true\n"
      "tocsin:\n  alert: false\n  fold_by: [a, b]\n  repeat_interval: 1h30m\n  receiver: oncall\n"
      "  fields: [f]\n  runbook: https://example.org/r\n  tests: [{name: n, event: {}}]\n"
      "logsource:\n  category: c\n  product: p\n  service: s\n  definition: needs auditing\n  x: "
      "[y]\n"
      "detection:\n  sel:\n    f: a\n  condition: sel\n");
  CAPTURE(test::all_text(result.diagnostics));
  CHECK(result.diagnostics.list().empty());
  REQUIRE(result.ruleset->rules.size() == 1);
  const RuleInfo& info = result.ruleset->rules[0];
  CHECK(info.kind == RuleKind::detection);
  CHECK(info.title == "A rule");
  CHECK(info.id == "929A690E-bef0-4204-a928-ef5e620d6fcc");
  CHECK(info.key == "929a690e-bef0-4204-a928-ef5e620d6fcc");
  CHECK(info.name == "a_rule");
  REQUIRE(info.related.size() == 1);
  CHECK(info.related[0].type == "derived");
  CHECK(info.taxonomy == "ecs");
  CHECK(info.status == "test");
  CHECK(info.level == Level::high);
  CHECK(info.date == "2024-01-31");
  CHECK(info.modified == "2024-02-29");
  CHECK(info.tags == std::vector<std::string>{"attack.t1059", "tlp.red"});
  CHECK(info.scope == std::vector<std::string>{"server"});
  CHECK(info.log_source == LogSource{"c", "p", "s"});
  CHECK(info.log_source_definition == "needs auditing");
  CHECK(info.custom.size() == 3);
  CHECK(info.custom.at("x-owner") == "\"soc\"");
  CHECK(info.custom.at("x-map") == R"({"a":1,"b":[1,true,"x"]})");
  CHECK(info.custom.at("generate") == "true");
  CHECK_FALSE(info.extensions.alert);
  CHECK(info.extensions.fold_by == std::vector<std::string>{"a", "b"});
  CHECK(info.extensions.repeat_interval == 90 * minute_ns);
  CHECK(info.extensions.receiver == "oncall");
  CHECK(info.extensions.runbook == "https://example.org/r");
  CHECK(info.line == 1);
  CHECK(info.file.substr(info.file.size() - 8) == "rule.yml");
  CHECK_FALSE(result.ruleset->alerts_alone[0]);
}

TEST_CASE("Without a title, file and line stand in for it") {
  const LoadResult result = test::load_text(std::string("# a comment\n\n") + rest);
  REQUIRE(result.ruleset->rules.size() == 1);
  const RuleInfo& info = result.ruleset->rules[0];
  CHECK(info.title == info.file + ":3");
  CHECK(info.level_or_medium() == Level::medium);
  CHECK(info.key == to_hex(info.fingerprint));
}

TEST_CASE("A misspelt status, level or extension is answered with what is near") {
  const struct {
    const char* head;
    const char* hint;
  } rows[] = {
      {"title: T\nstatus: expermental\n", "did you mean `experimental`?"},
      {"title: T\nlevel: critcal\n", "did you mean `critical`?"},
      {"title: T\ntocsin: {fold-by: [a]}\n", "did you mean `fold_by`?"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.head));
    const LoadResult result = test::load_text(std::string(row.head) + rest);
    REQUIRE(result.diagnostics.list().size() == 1);
    CHECK(result.diagnostics.list()[0].hint == row.hint);
  }
}

}  // namespace tocsin
