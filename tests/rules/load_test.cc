// SPDX-License-Identifier: Apache-2.0
#include "rules/load.h"

#include <ctime>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "engine/base/limits.h"
#include "rules/codes.h"
#include "tests/rules/load_fixture.h"

namespace tocsin {
namespace {

namespace fs = std::filesystem;

std::string correlation(const std::string& head,
                        const std::string& rules,
                        const std::string& more = "") {
  return head + "correlation: {type: temporal, timespan: 1m, rules: " + rules + more + "}\n---\n";
}

std::vector<std::string> titles(const Ruleset& ruleset) {
  std::vector<std::string> out;
  for (const RuleInfo& rule : ruleset.rules) {
    out.push_back(rule.title);
  }
  for (const CorrelationSpec& spec : ruleset.correlations) {
    out.push_back("+" + spec.info.title);
  }
  return out;
}

using Titles = std::vector<std::string>;

}  // namespace

TEST_CASE("Folders are read recursively and in order, files as given, each file once") {
  const test::ScratchFolder folder;
  folder.write("b/two.yaml", test::rule_named("two"));
  folder.write("a/three.yml", test::rule_named("three"));
  folder.write("a/one.yml", test::rule_named("one"));
  folder.write("a/notes.txt", "no rule");
  folder.write(".git/hidden.yml", test::rule_named("hidden"));
  const fs::path single = folder.write("named.txt", test::rule_named("named"));
  LoadOptions options;
  options.paths = {
      single.string(), folder.path().string(), (folder.path() / "a" / "one.yml").string()};
  const LoadResult result = load_rules(options);
  CAPTURE(test::all_text(result.diagnostics));
  CHECK(result.diagnostics.list().empty());
  CHECK(titles(*result.ruleset) == Titles{"named", "one", "three", "two"});
  CHECK(result.files == 4);
}

TEST_CASE("Planted pipes and links do not hang or mislead, and are told of") {
  const test::ScratchFolder outside;
  const fs::path secret = outside.write("secret.yml", test::rule_named("secret"));
  const test::ScratchFolder folder;
  const fs::path real = folder.write("real.yml", test::rule_named("real"));
  REQUIRE(::mkfifo((folder.path() / "pipe.yml").c_str(), 0600) == 0);
  fs::create_symlink(secret, folder.path() / "link.yml");
  fs::create_symlink(folder.path() / "nothing", folder.path() / "broken.yml");
  fs::create_symlink(real, folder.path() / "again.yml");
  fs::create_directory_symlink(outside.path(), folder.path() / "away");
  LoadOptions options;
  options.paths = {folder.path().string()};
  const LoadResult result = load_rules(options);
  CHECK(titles(*result.ruleset) == Titles{"real"});
  std::multiset<std::string> codes;
  for (const Diagnostic& problem : result.diagnostics.list()) {
    codes.insert(problem.code);
    CHECK(problem.severity == Severity::warning);
  }
  CHECK(codes == std::multiset<std::string>{
                     "link-outside", "link-outside", "link-outside", "not-a-regular-file"});
}

TEST_CASE("What does not exist is an error, and the rest loads") {
  const test::ScratchFolder folder;
  LoadOptions options;
  options.paths = {(folder.path() / "nope").string(),
                   folder.write("rule.yml", test::rule_named("real")).string()};
  const LoadResult result = load_rules(options);
  REQUIRE(result.diagnostics.list().size() == 1);
  CHECK(result.diagnostics.list()[0].code == "unreadable");
  CHECK(titles(*result.ruleset) == Titles{"real"});
}

TEST_CASE("No rules at all give an empty ruleset") {
  const LoadResult result = load_rules(LoadOptions{});
  REQUIRE(result.ruleset != nullptr);
  CHECK(result.ruleset->program->rule_count() == 0);
  CHECK(result.loaded == 0);
}

TEST_CASE("A bad rule never takes good ones down, and is never lost in silence") {
  const LoadResult result = test::load_text(
      test::rule_named("good") +
      "title: bad\nlogsource: {product: p}\ndetection: {s: {a|nope: b}, condition: x}\n---\n" +
      "a: [\n---\njust text\n---\n" + test::rule_named("also_good"));
  CHECK(titles(*result.ruleset) == Titles{"good", "also_good"});
  CHECK(result.loaded == 2);
  CHECK(result.rejected == 3);
  std::set<std::string> codes;
  for (const Diagnostic& problem : result.diagnostics.list()) {
    codes.insert(problem.code);
  }
  CHECK(codes == std::set<std::string>{
                     "document-type", "unknown-modifier", "unknown-selection", "yaml-syntax"});
  REQUIRE(result.documents.size() == 3);
  CHECK(result.documents[0].loaded);
  CHECK_FALSE(result.documents[1].loaded);
  CHECK(result.documents[1].info.title == "bad");
}

TEST_CASE("A correlation refers by id or name, by title with a warning, and to nothing ambiguous") {
  const std::string id = "5638f7c0-ac70-491d-8465-2a65075e0d86";
  const std::string rules =
      test::rule_named("ra") + "title: Long Title\nname: rb\nid: " + id +
      "\nlogsource: {product: p}\ndetection: {s: {a: b}, condition: s}\n---\n";
  const struct {
    std::string text;
    const char* problems;
    bool loaded;
  } rows[] = {
      {correlation("title: C\n", "[ra]"), "", true},
      {correlation("title: C\n", "[" + id + "]"), "", true},
      {correlation("title: C\n", "[5638F7C0-AC70-491D-8465-2A65075E0D86]"), "", true},
      {correlation("title: C\n", "[Long Title]"), "label reference-by-title 17:53", true},
      {correlation("title: C\n", "[nope]"), "error unknown-reference 17:53", false},
      {correlation("title: C\n", "[ra, nope, nada]"),
       "error unknown-reference 17:57; error unknown-reference 17:63",
       false},
      {correlation("title: C\nname: me\n", "[me]"), "error reference-cycle 18:53", false},
      {correlation("title: C\n", "[ra]", ", aliases: {u: {nope: x}}, group-by: [u]"),
       "error unknown-reference 17:72",
       false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const LoadResult result = test::load_text(rules + row.text);
    CHECK(test::problems(result) == row.problems);
    CHECK(result.ruleset->correlations.size() == (row.loaded ? 1 : 0));
    CHECK(result.ruleset->rules.size() == 2);
    CHECK(result.rejected == (row.loaded ? 0 : 1));
  }
  LoadOptions strict;
  strict.strict = true;
  CHECK(test::load_text(rules + correlation("title: C\n", "[Long Title]"), strict).rejected == 1);
}

TEST_CASE("An unknown reference lists what is near") {
  const LoadResult result =
      test::load_text(test::rule_named("console_login") + test::rule_named("console_logout") +
                      correlation("title: C\n", "[console_logn]"));
  REQUIRE(result.diagnostics.list().size() == 1);
  const std::string hint = result.diagnostics.list()[0].hint;
  CHECK(hint.find("`console_login`") != std::string::npos);
  CHECK(hint.find("`console_logout`") != std::string::npos);
}

TEST_CASE("Ids, names and titles used twice are warnings; who refers to them is rejected") {
  const std::string body = "logsource: {product: p}\ndetection: {s: {a: b}, condition: s}\n---\n";
  const std::string id = "id: 5638f7c0-ac70-491d-8465-2a65075e0d86\n";
  const struct {
    std::string text;
    const char* problems;
    std::uint64_t loaded;
  } rows[] = {
      {"title: A\nname: n\n" + body + "title: B\nname: n\n" + body, "label duplicate-name 7:7", 2},
      {"title: A\n" + id + body + "title: B\n" + id + body, "label duplicate-id 7:5", 2},
      {"title: A\n" + body + "title: A\n" + body, "label duplicate-title 5:8", 2},
      {"title: A\nname: n\n" + body + "title: B\nname: n\n" + body +
           correlation("title: C\n", "[n]"),
       "label duplicate-name 7:7; error ambiguous-reference 12:53",
       2},
      {"title: A\n" + body + "title: A\n" + body + correlation("title: C\n", "[A]"),
       "label duplicate-title 5:8; error ambiguous-reference 10:53",
       2},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const LoadResult result = test::load_text(row.text);
    CHECK(test::problems(result) == row.problems);
    CHECK(result.loaded == row.loaded);
    LoadOptions strict;
    strict.strict = true;
    CHECK(test::load_text(row.text, strict).loaded == 1);
  }
}

TEST_CASE("Inner correlations stand before outer ones, whatever the order of the file") {
  const LoadResult result =
      test::load_text(correlation("title: outer\n", "[middle, ra]") +
                      correlation("title: middle\nname: middle\n", "[inner]") +
                      test::rule_named("ra") + correlation("title: inner\nname: inner\n", "[ra]") +
                      correlation("title: alone\n", "[ra]", ", generate: true"));
  CAPTURE(test::all_text(result.diagnostics));
  CHECK(result.diagnostics.list().empty());
  CHECK(titles(*result.ruleset) == Titles{"ra", "+inner", "+middle", "+outer", "+alone"});
  const std::vector<CorrelationSpec>& specs = result.ruleset->correlations;
  REQUIRE(specs.size() == 4);
  CHECK_FALSE(specs[0].inputs[0].is_correlation);
  CHECK(specs[1].inputs[0].is_correlation);
  CHECK(specs[1].inputs[0].rule == 0);
  CHECK(specs[2].inputs[0].rule == 1);
  CHECK_FALSE(specs[0].alerts_alone);
  CHECK_FALSE(specs[1].alerts_alone);
  CHECK(specs[2].alerts_alone);
  CHECK(specs[3].alerts_alone);
  CHECK_FALSE(result.ruleset->alerts_alone[0]);
}

TEST_CASE("With generate, what a correlation reads alerts by itself as well") {
  const LoadResult result =
      test::load_text(test::rule_named("ra") +
                      correlation("title: inner\nname: inner\n", "[ra]", ", generate: true") +
                      correlation("title: outer\ngenerate: true\n", "[inner]"));
  CHECK(result.ruleset->alerts_alone[0]);
  CHECK(result.ruleset->feeds_detector[0]);
  CHECK(result.ruleset->correlations[0].alerts_alone);
}

TEST_CASE("Cycles and rules that were rejected take their correlations with them, saying so") {
  const LoadResult cycle = test::load_text(
      test::rule_named("ra") + correlation("title: A\nname: a\n", "[b]") +
      correlation("title: B\nname: b\n", "[c]") + correlation("title: C\nname: c\n", "[a, ra]") +
      correlation("title: D\n", "[ra]"));
  CHECK(titles(*cycle.ruleset) == Titles{"ra", "+D"});
  CHECK(cycle.rejected == 3);
  CHECK(test::problems(cycle) ==
        "error reference-rejected 12:53; error reference-rejected 16:53; error reference-cycle "
        "20:53");

  const LoadResult broken = test::load_text(
      "title: bad\nname: bad\nlogsource: {product: p}\n"
      "detection: {s: {a|re: '('}, condition: s}\n---\n" +
      correlation("title: A\nname: a\n", "[bad]") + correlation("title: B\n", "[a]"));
  CHECK(broken.rejected == 3);
  CHECK(test::problems(broken) ==
        "error invalid-regex 4:23; error reference-rejected 8:53; error reference-rejected 11:53");
  CHECK(broken.diagnostics.list()[1].message.find("rule.yml:1") != std::string::npos);
}

TEST_CASE("A chain of thousands of correlations exhausts no stack") {
  std::string text = test::rule_named("r0");
  constexpr int length = 20'000;
  for (int i = length; i > 0; --i) {
    text += "title: t" + std::to_string(i) + "\nname: r" + std::to_string(i) +
            "\ncorrelation: {type: temporal, timespan: 1m, rules: r" + std::to_string(i - 1) +
            "}\n---\n";
  }
  const LoadResult result = test::load_text(text);
  CHECK(result.diagnostics.list().empty());
  CHECK(result.ruleset->correlations.size() == length);
  CHECK(result.ruleset->correlations.front().info.title == "t1");
}

TEST_CASE("Thousands of wrong references take no quadratic time") {
  std::string text;
  for (int i = 0; i < 5'000; ++i) {
    text += "title: t" + std::to_string(i) + "\nname: rule_number_" + std::to_string(i) +
            "\ncorrelation: {type: temporal, timespan: 1m, rules: rule_nmber_" + std::to_string(i) +
            "}\n---\n";
  }
  const LoadResult result = test::load_text(text);
  CHECK(result.diagnostics.errors() == 5'000);
  CHECK(result.rejected == 5'000);
}

TEST_CASE(
    "Tags keep, exclusions drop, and what a correlation needs stays without alerts of its own") {
  const std::string tagged =
      "title: tagged\nname: tagged\ntags: [attack.t1]\nlogsource: {product: p}\n"
      "detection: {s: {a: b}, condition: s}\n---\n";
  const std::string text =
      tagged + test::rule_named("plain") + test::rule_named("other") +
      correlation("title: C\ntags: [attack.t1]\n", "[plain, inner]", ", generate: true") +
      correlation("title: inner\nname: inner\n", "[other]", ", generate: true");
  LoadOptions tags;
  tags.tags = {"Attack.T1"};
  const LoadResult kept = test::load_text(text, tags);
  CHECK(kept.diagnostics.list().empty());
  CHECK(titles(*kept.ruleset) == Titles{"tagged", "plain", "other", "+inner", "+C"});
  CHECK(kept.ruleset->alerts_alone == std::vector<bool>{true, false, false});
  CHECK_FALSE(kept.ruleset->correlations[0].alerts_alone);
  CHECK(kept.ruleset->correlations[1].alerts_alone);

  LoadOptions exclude;
  exclude.exclude = {"attack.t1"};
  const LoadResult dropped = test::load_text(text, exclude);
  CHECK(titles(*dropped.ruleset) == Titles{"plain", "other", "+inner"});
  CHECK(dropped.excluded == 2);
  CHECK(dropped.loaded == 3);
  CHECK(dropped.ruleset->alerts_alone == std::vector<bool>{true, true});

  exclude.exclude = {"plain"};
  const LoadResult needed = test::load_text(text, exclude);
  CHECK(test::problems(needed).substr(0, 27) == "warning excluded-rule-feeds");
  CHECK(needed.excluded == 0);
  CHECK(needed.ruleset->alerts_alone == std::vector<bool>{true, false, true});
}

TEST_CASE("Problems of an excluded rule are not told, unless a correlation needs it") {
  const std::string bad =
      "title: bad\nname: bad\nid: x\nlogsource: {product: p}\n"
      "detection: {s: {a|nope: b}, condition: s}\n---\n";
  LoadOptions options;
  options.exclude = {"bad"};
  const LoadResult quiet = test::load_text(bad + test::rule_named("ra"), options);
  CHECK(quiet.diagnostics.list().empty());
  CHECK(quiet.excluded == 1);
  CHECK(quiet.rejected == 0);
  const LoadResult told = test::load_text(bad + correlation("title: C\n", "[bad]"), options);
  CHECK(test::problems(told) ==
        "label invalid-id 3:5; error unknown-modifier 5:19; warning excluded-rule-feeds 8:53; "
        "error reference-rejected 8:53");
  CHECK(told.rejected == 2);
}

TEST_CASE("Overrides change rules that nobody edits, and say how often they were used") {
  LoadOptions options;
  options.overrides.resize(4);
  options.overrides[0].title = "ra";
  options.overrides[0].level = Level::critical;
  options.overrides[0].receiver = "oncall";
  options.overrides[1].title = "rb";
  options.overrides[1].alert = false;
  options.overrides[2].title = "rc";
  options.overrides[2].enabled = false;
  options.overrides[3].tag = "attack.t9";
  options.overrides[3].enabled = false;
  const LoadResult result = test::load_text(
      test::rule_named("ra") + test::rule_named("rb") + test::rule_named("rc"), options);
  CHECK(titles(*result.ruleset) == Titles{"ra", "rb"});
  CHECK(result.ruleset->rules[0].level == Level::critical);
  CHECK(result.ruleset->rules[0].extensions.receiver == "oncall");
  CHECK(result.ruleset->alerts_alone == std::vector<bool>{true, false});
  CHECK(result.excluded == 1);
}

TEST_CASE("Fingerprints change with the meaning and with nothing else") {
  const auto fingerprint = [](const std::string& text) {
    const LoadResult result = test::load_text(text);
    REQUIRE(result.ruleset->rules.size() == 1);
    return result.ruleset->correlations.empty() ? result.ruleset->rules[0].fingerprint
                                                : result.ruleset->correlations[0].info.fingerprint;
  };
  const std::string rule = test::rule_named("ra");
  const std::string own =
      "title: C\ncorrelation: {type: event_count, timespan: 1m, rules: [ra], condition: {gte: "
      "2}}\n";
  CHECK(fingerprint(rule) == fingerprint("# moved\nlevel: high\n" + rule));
  CHECK(fingerprint(rule) != fingerprint(test::rule_named("rb")));
  CHECK(fingerprint(rule + own) == fingerprint(rule + "level: low\n" + own));
  for (const auto& row :
       std::vector<std::pair<std::string, std::string>>{{"gte: 2", "gte: 3"},
                                                        {"gte: 2", "gt: 2"},
                                                        {"1m", "2m"},
                                                        {"[ra]", "[ra], group-by: u"}}) {
    const std::string& from = row.first;
    const std::string& to = row.second;
    CAPTURE(to);
    std::string changed = own;
    changed.replace(changed.find(from), from.size(), to);
    CHECK(fingerprint(rule + own) != fingerprint(rule + changed));
  }
  std::string other = rule;
  other.replace(other.find("k: ra"), 5, "k: rx");
  CHECK(fingerprint(rule + own) != fingerprint(other + own));
}

TEST_CASE("A rule's key is its id, else its title, with the fingerprint where that is used twice") {
  const std::string body = "logsource: {product: p}\ndetection: {s: {a: b}, condition: s}\n---\n";
  const std::string id = "5638F7C0-ac70-491d-8465-2a65075e0d86";
  const std::string low = "5638f7c0-ac70-491d-8465-2a65075e0d86";
  const LoadResult one = test::load_text("title: A\nid: " + id + "\n" + body + "title: B\n" + body);
  CHECK(one.ruleset->rules[0].key == low);
  CHECK(one.ruleset->rules[1].key == "B");
  const LoadResult two =
      test::load_text("title: A\nid: " + id + "\n" + body + "title: B\nid: " + id + "\n" + body);
  CHECK(two.ruleset->rules[0].key == low + "/" + to_hex(two.ruleset->rules[0].fingerprint));
  const LoadResult same = test::load_text("title: B\n" + body + "title: B\n" + body);
  CHECK(same.ruleset->rules[0].key == "B/" + to_hex(same.ruleset->rules[0].fingerprint));
}

TEST_CASE("Lint is told when it is asked for, and silenced by the rule itself") {
  const std::string body =
      "logsource: {product: p}\ndetection: {s: {a: b}, unused: {c: d}, condition: s}\n---\n";
  const std::string text = "title: A\n" + body + "title: B\nlevel: low\n" + body;
  CHECK(test::load_text(text).diagnostics.list().empty());
  LoadOptions lint;
  lint.lint = true;
  const LoadResult told = test::load_text(text, lint);
  CHECK(test::problems(told) ==
        "warning missing-level 1:8; warning unused-selection 3:24; warning duplicate-logic 5:8; "
        "warning unused-selection 8:24");
  CHECK(told.loaded == 2);
  CHECK(told.diagnostics.strict_errors() == 0);
  const LoadResult silenced = test::load_text(
      "title: A\ntocsin: {ignore: [missing-level, unused-selection]}\n" + body, lint);
  CHECK(silenced.diagnostics.list().empty());
  const LoadResult misspelt =
      test::load_text("title: A\ntocsin: {ignore: [unused-selektion]}\n" + body);
  CHECK(test::problems(misspelt) == "error extension-value 2:19");
  CHECK(misspelt.diagnostics.list()[0].hint == "did you mean `unused-selection`?");
}

TEST_CASE("Without a pipeline that was named no rule is loaded") {
  LoadOptions options;
  options.pipelines = {"/nowhere/windows.yml"};
  const LoadResult result = test::load_text(test::rule_named("ra"), options);
  REQUIRE(result.diagnostics.list().size() == 1);
  CHECK(result.diagnostics.list()[0].code == "unreadable");
  CHECK(result.pipelines_failed);
  CHECK(result.loaded == 0);
}

TEST_CASE("Every code is explained once, and unknown ones are not") {
  std::set<std::string> seen;
  for (const DiagnosticCode& row : diagnostic_codes()) {
    CAPTURE(std::string(row.code));
    CHECK(seen.insert(std::string(row.code)).second);
    CHECK(row.explanation.size() > 20);
    CHECK(row.explanation.back() == '.');
    CHECK(explain_code(row.code) == row.explanation);
  }
  CHECK(explain_code("no-such-code").empty());
}

TEST_CASE("All of SigmaHQ loads but for the rules with placeholders that nothing defines") {
  const fs::path folder = test::shared_folder() / "rules" / "sigmahq";
  if (!fs::is_directory(folder)) {
    std::cout << "skipped: no SigmaHQ rules at " << folder << "\n";
    return;
  }
  LoadOptions options;
  options.paths = {folder.string()};
  const std::clock_t begin = std::clock();
  const LoadResult result = load_rules(options);
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  MESSAGE("loaded in " << seconds << " s of processor time");
  CHECK(result.files == 3'779);
  CHECK(result.loaded == 3'754);
  CHECK(result.rejected == 25);
  CHECK(result.ruleset->program->rule_count() == 3'754);
  std::set<std::string> files;
  for (const Diagnostic& problem : result.diagnostics.list()) {
    CAPTURE(format_text(problem, false));
    CHECK(problem.code == "undefined-placeholder");
    CHECK(problem.severity == Severity::error);
    CHECK(problem.line > 0);
    CHECK(problem.column > 0);
    files.insert(problem.file);
  }
  CHECK(files.size() == 25);
}

}  // namespace tocsin
