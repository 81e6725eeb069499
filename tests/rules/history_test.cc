// SPDX-License-Identifier: Apache-2.0
// A reload keeps the last version of a rule that compiled.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "rules/load.h"
#include "tests/rules/load_fixture.h"

using namespace tocsin;
using tocsin::test::ScratchFolder;

namespace {

std::string rule(const std::string& title, const std::string& id, const std::string& item) {
  return "title: " + title + "\nid: 0e3e2b0c-5d5a-4c1e-9a46-2f6a4a3b1c" + id +
         "\nlogsource: {category: test}\ndetection:\n  sel:\n    " + item + "\n  condition: sel\n";
}

const std::string count =
    "title: Count\nid: 0e3e2b0c-5d5a-4c1e-9a46-2f6a4a3b1c99\ncorrelation:\n  type: event_count\n"
    "  rules: [0e3e2b0c-5d5a-4c1e-9a46-2f6a4a3b1c01]\n  group-by: [user]\n  timespan: 1h\n"
    "  condition: {gte: 3}\n";

class Reloads {
 public:
  LoadResult load() {
    LoadOptions options;
    options.paths = {folder_.path().string()};
    options.remember = true;
    options.history = history_;
    LoadResult result = load_rules(options);
    history_ = result.history;
    return result;
  }
  void write(const std::string& name, const std::string& text) { folder_.write(name, text); }
  void remove(const std::string& name) { std::filesystem::remove(folder_.path() / name); }

 private:
  ScratchFolder folder_;
  std::shared_ptr<const RuleHistory> history_;
};

std::vector<std::string> titles(const LoadResult& result) {
  std::vector<std::string> out;
  for (const RuleInfo& info : result.ruleset->rules) {
    out.push_back(info.title);
  }
  for (const CorrelationSpec& spec : result.ruleset->correlations) {
    out.push_back(spec.info.title);
  }
  std::sort(out.begin(), out.end());
  return out;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a rule that no longer compiles stays as it was, and what refers to it too") {
  Reloads reloads;
  reloads.write("a.yml", rule("A", "01", "f: 1") + "---\n" + count);
  reloads.write("b.yml", rule("B", "02", "f: 2"));
  const LoadResult first = reloads.load();
  CHECK(titles(first) == Strings{"A", "B", "Count"});
  CHECK(first.kept.empty());

  reloads.write("a.yml", rule("A", "01", "f|nonsense: 1") + "---\n" + count);
  reloads.write("b.yml", rule("B2", "02", "f: 2"));
  for (int round = 0; round < 3; ++round) {  // and as often as it is loaded
    const LoadResult next = reloads.load();
    CAPTURE(round);
    CHECK(titles(next) == Strings{"A", "B2", "Count"});
    REQUIRE(next.kept.size() == 1);
    CHECK(next.kept[0].title == "A");
    CHECK(next.diagnostics.errors() > 0);
    CHECK(next.rejected == 0);
    CHECK(next.loaded == 3);
    const auto kept = std::find_if(next.ruleset->rules.begin(),
                                   next.ruleset->rules.end(),
                                   [](const RuleInfo& info) { return info.title == "A"; });
    CHECK(kept->fingerprint == first.ruleset->rules[0].fingerprint);
  }
  reloads.write("a.yml", rule("A3", "01", "f: 3") + "---\n" + count);
  const LoadResult mended = reloads.load();
  CHECK(titles(mended) == Strings{"A3", "B2", "Count"});
  CHECK(mended.kept.empty());
  CHECK(mended.diagnostics.errors() == 0);
}

TEST_CASE("what is kept is found by id in another file, by title, by place, or as missing") {
  struct Case {
    const char* name;
    std::string before, after_name, after;
    Strings expected;
  };
  const std::vector<Case> cases = {
      {"renamed", rule("A", "01", "f: 1"), "z.yml", rule("A", "01", "f|x: 1"), {"A"}},
      {"another title", rule("A", "01", "f: 1"), "a.yml", rule("Z", "01", "f|x: 1"), {"A"}},
      {"no yaml any more", rule("A", "01", "f: 1"), "a.yml", "title: [\n", {"A"}},
      {"one of two is no yaml",
       rule("A", "01", "f: 1") + "---\n" + rule("B", "02", "f: 1"),
       "a.yml",
       "title: [\n---\n" + rule("B", "02", "f: 2"),
       {"A", "B"}},
      {"removed on purpose",
       rule("A", "01", "f: 1") + "---\n" + rule("B", "02", "f: 1"),
       "a.yml",
       rule("B", "02", "f: 2"),
       {"B"}},
      {"one is new and broken",
       rule("A", "01", "f: 1"),
       "a.yml",
       rule("A", "01", "f: 1") + "---\n" + rule("N", "07", "f|x: 1"),
       {"A"}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    Reloads reloads;
    reloads.write("a.yml", each.before);
    reloads.write("other.yml", rule("Other", "55", "f: 5"));
    reloads.load();
    reloads.remove("a.yml");
    reloads.write(each.after_name, each.after);
    Strings expected = each.expected;
    expected.push_back("Other");
    CHECK(titles(reloads.load()) == expected);
  }
}

TEST_CASE("a broken filter goes on filtering") {
  const std::string filter =
      "title: Not jane\nlogsource: {category: test}\nfilter:\n  rules: any\n  sel: {user: jane}\n"
      "  condition: not sel\n";
  Reloads reloads;
  reloads.write("a.yml", rule("A", "01", "f: 1"));
  reloads.write("f.yml", filter);
  const Hash128 filtered = reloads.load().ruleset->rules[0].fingerprint;
  reloads.write("f.yml", filter + "  nonsense: {user|x: 1}\n");
  const LoadResult next = reloads.load();
  CHECK(next.kept.size() == 1);
  CHECK(next.ruleset->rules[0].fingerprint == filtered);
  reloads.remove("f.yml");
  CHECK_FALSE(reloads.load().ruleset->rules[0].fingerprint == filtered);
}

TEST_CASE("a correlation that cannot be run keeps the version that could") {
  LoadOptions options;
  const ScratchFolder folder;
  folder.write("a.yml", rule("A", "01", "f: 1") + "---\n" + count);
  options.paths = {folder.path().string()};
  options.remember = true;
  options.can_run = [](const CorrelationSpec& spec) { return spec.info.title != "Too much"; };
  LoadResult first = load_rules(options);
  options.history = first.history;
  std::string changed = count;
  changed.replace(changed.find("Count"), 5, "Too much");
  folder.write("a.yml", rule("A", "01", "f: 1") + "---\n" + changed);
  const LoadResult next = load_rules(options);
  CHECK(titles(next) == Strings{"A", "Count"});
  CHECK(next.kept.size() == 1);
}

TEST_CASE("a path that is not there is told apart from rules that are gone") {
  LoadOptions options;
  const ScratchFolder folder;
  options.paths = {(folder.path() / "nowhere").string()};
  CHECK(load_rules(options).paths_failed);
  folder.write("a.yml", rule("A", "01", "f: 1"));
  options.paths = {folder.path().string()};
  CHECK_FALSE(load_rules(options).paths_failed);
}
