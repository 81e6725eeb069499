// SPDX-License-Identifier: Apache-2.0
// tocsin learn and tocsin state as a user's shell runs them.
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/process.h"

using tocsin::test::eventually;
using tocsin::test::Process;
using tocsin::test::ProcessResult;
using tocsin::test::run_process;
using tocsin::test::ScratchFolder;

namespace {

const std::string rules_text = R"(title: Calls
name: calls
logsource: {product: test}
detection:
  s: {k: a}
  condition: s
---
title: New address
id: 0c7f9a53-5f0b-4b60-8c0e-4f0f9a530f7d
correlation: {type: new_value, rules: [calls], field: ip, group-by: [u]}
---
title: Rare agent
id: 1c7f9a53-5f0b-4b60-8c0e-4f0f9a530f7d
correlation: {type: rare_value, rules: [calls], field: agent, group-by: [u], timespan: 30d, min-population: 3}
---
title: Many calls
id: 2c7f9a53-5f0b-4b60-8c0e-4f0f9a530f7d
correlation: {type: event_count, rules: [calls], group-by: [u], timespan: 1h, condition: {gte: 100}}
)";

std::string records(int first, int last) {
  std::string text;
  for (int i = first; i < last; ++i) {
    text += R"({"eventTime":"2026-11-)" + std::to_string(10 + i) +
            R"(T10:00:00Z","k":"a","u":"alice","ip":"10.0.0.)" + std::to_string(i % 2) +
            R"(","agent":"agent-)" + std::to_string(i % 3) + R"(","n":)" + std::to_string(i) +
            "}\n";
  }
  return text;
}

struct Place {
  ScratchFolder folder;
  std::string rules = folder.write("rules.yml", rules_text);
  std::string history = folder.write("history.ndjson", records(0, 8));
  std::string state = folder.file("state");

  ProcessResult run(std::vector<std::string> words, std::vector<std::string> operands = {}) const {
    words.insert(words.begin(), TOCSIN_PROGRAM);
    words.insert(words.end(), {"-q", "--rules", rules, "--state", state});
    words.insert(words.end(), operands.begin(), operands.end());
    return run_process(words);
  }
  ProcessResult learn() const { return run({"learn", "--logsource", "any"}, {history}); }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("learning the same history twice teaches nothing twice") {
  const Place place;
  const ProcessResult first = place.learn();
  CHECK(first.status == 0);
  CHECK(has(first.out, "New address: 1 group, 2 values from 8 events"));
  CHECK(has(first.out, "Rare agent: 1 group, 3 values from 8 events"));
  const ProcessResult second = place.learn();
  CHECK(second.status == 0);
  CHECK(second.out == first.out);
  CHECK(has(second.err, "8 records had been learned from before and counted no second time"));
  place.folder.append("history.ndjson", records(8, 10));
  const ProcessResult third = place.learn();
  CHECK(has(third.out, "from 10 events"));
  CHECK(has(third.err, "8 records had been learned"));
}

TEST_CASE("tail --start beginning reads what was learned, and it feeds no correlation again") {
  const Place place;
  REQUIRE(place.learn().status == 0);
  // Alerts by itself, so that it is seen how far tail has read.
  const std::string rules = place.folder.write(
      "tail.yml",
      rules_text +
          "---\ntitle: End\nlogsource: {product: test}\ndetection: {s: {k: end}, condition: "
          "s}\n");
  Process tail({TOCSIN_PROGRAM,
                "tail",
                "--start",
                "beginning",
                "--logsource",
                "any",
                "--rules",
                rules,
                "--state",
                place.state,
                place.history},
               place.folder.file("out"),
               place.folder.file("err"));
  CHECK(eventually([&] {
    return has(place.folder.read("err"),
               "history.ndjson: tocsin learn went through records of this before: they feed no "
               "correlation a second time");
  }));
  // What was appended since is new.
  place.folder.append("history.ndjson",
                      records(8, 9) + "{\"eventTime\":\"2026-11-19T00:00:00Z\",\"k\":\"end\"}\n");
  CHECK(eventually([&] { return has(place.folder.read("out"), "End"); }));
  tail.signal(SIGTERM);
  CHECK(tail.wait() == 0);
  const ProcessResult exported = place.run({"state", "export"});
  CHECK(exported.status == 0);
  CHECK(has(exported.out, "\"events\":9"));
  CHECK_FALSE(has(exported.out, "\"events\":17"));
}

TEST_CASE("baselines of new_value and rare_value are exported and imported") {
  const Place place;
  REQUIRE(place.learn().status == 0);
  const ProcessResult exported = place.run({"state", "export"});
  CHECK(exported.status == 0);
  CHECK(has(exported.out, "\"title\":\"New address\""));
  CHECK(has(exported.out, "\"title\":\"Rare agent\""));
  CHECK_FALSE(has(exported.out, "Many calls"));
  Place other;
  REQUIRE(other.learn().status == 0);
  const ProcessResult forgotten = other.run({"state", "forget"}, {"alice"});
  CHECK(forgotten.err == "3 groups forgotten\n");
  CHECK(other.run({"state", "list"}).out.empty());
  const std::string file = other.folder.write("baselines.ndjson", exported.out);
  const ProcessResult imported = other.run({"state", "import"}, {file});
  CHECK(imported.status == 0);
  CHECK(imported.err == "2 groups taken over, 0 refused\n");
  CHECK(other.run({"state", "export"}).out == exported.out);
  const ProcessResult one = other.run({"state", "forget", "--rule", "Rare agent"}, {"alice"});
  CHECK(one.err == "1 group forgotten\n");
}

TEST_CASE("what has no baseline is not exported, nor imported, and that is said") {
  const Place place;
  REQUIRE(place.learn().status == 0);
  const ProcessResult refused = place.run({"state", "export", "--rule", "Many calls"});
  CHECK(refused.status == 2);
  CHECK(refused.out.empty());
  CHECK(has(refused.err, "\"Many calls\" is of type event_count, which has no baseline to export"));
  const std::string line =
      R"({"rule":"2c7f9a53-5f0b-4b60-8c0e-4f0f9a530f7d","group":{"u":"x"},"state":{"events":1}})";
  const std::string file = place.folder.write("wrong.ndjson", line + "\n");
  const ProcessResult import = place.run({"state", "import"}, {file});
  CHECK(import.status == 3);
  CHECK(has(import.err, "has no baseline that could be imported"));
  CHECK(has(import.err, "0 groups taken over, 1 refused"));
}

TEST_CASE("only tail and learn make a state folder") {
  const Place place;
  const std::string nothing = place.folder.file("typo");
  for (const std::string command : {"list", "export", "import", "show", "forget"}) {
    CAPTURE(command);
    std::vector<std::string> words = {
        TOCSIN_PROGRAM, "state", command, "-q", "--rules", place.rules, "--state", nothing};
    if (command != "list" && command != "export") {
      words.emplace_back(command == "import" ? place.history : "alice");
    }
    const ProcessResult result = run_process(words);
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    CHECK(has(result.err, "there is no state in " + nothing));
    CHECK_FALSE(std::filesystem::exists(nothing));
  }
}

TEST_CASE("a damaged state is refused and left as it is") {
  const Place place;
  REQUIRE(place.learn().status == 0);
  std::string damaged = place.folder.read("state/tocsin.db");
  REQUIRE(damaged.size() > 4096);
  damaged.replace(0, 200, std::string(200, 'x'));
  place.folder.write("state/tocsin.db", damaged);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"state", "list"}, {"state", "export"}, {"learn"}}) {
    CAPTURE(words.back());
    const ProcessResult result =
        place.run(words,
                  words.front() == "learn" ? std::vector<std::string>{place.history}
                                           : std::vector<std::string>{});
    CHECK(result.status == 2);
    CHECK(has(result.err, "is damaged"));
    CHECK(has(result.err, "nothing was changed"));
    CHECK(place.folder.read("state/tocsin.db") == damaged);
    for (const auto& entry : std::filesystem::directory_iterator(place.state)) {
      CHECK(entry.path().filename().string().find(".damaged") == std::string::npos);
    }
  }
}

TEST_CASE("a rule that is not there, or of the other kind, is an error that says so") {
  const Place place;
  REQUIRE(place.learn().status == 0);
  for (const char* command : {"list", "show", "export"}) {
    CAPTURE(command);
    std::vector<std::string> operands;
    if (std::string(command) == "show") {
      operands.emplace_back("alice");
    }
    const ProcessResult unknown = place.run({"state", command, "--rule", "New adress"}, operands);
    CHECK(unknown.status == 2);
    CHECK(has(unknown.err,
              "there is no correlation with the id, name or title \"New adress\"; did "
              "you mean \"New address\"?"));
    const ProcessResult detection = place.run({"state", command, "--rule", "Calls"}, operands);
    CHECK(detection.status == 2);
    CHECK(has(detection.err, "\"Calls\" is a detection: only correlations have a state"));
  }
  const ProcessResult explained = run_process({TOCSIN_PROGRAM,
                                               "explain",
                                               "--rules",
                                               place.rules,
                                               "--rule",
                                               "New address",
                                               "--event",
                                               place.history});
  CHECK(explained.status == 2);
  CHECK(has(explained.err, "\"New address\" is a correlation (new_value) over: calls"));
}

TEST_CASE("a file that cannot be read is named with the reason") {
  const Place place;
  REQUIRE(place.learn().status == 0);
  const std::string gone = place.folder.file("gone.ndjson");
  const ProcessResult import = place.run({"state", "import"}, {gone});
  CHECK(import.status == 3);
  CHECK(has(import.err, "cannot read " + gone + ": No such file or directory"));
  const ProcessResult explained = run_process({TOCSIN_PROGRAM,
                                               "explain",
                                               "--rules",
                                               place.rules,
                                               "--rule",
                                               "Calls",
                                               "--event",
                                               place.folder.path()});
  CHECK(explained.status == 3);
  CHECK(has(explained.err, "cannot read " + place.folder.path() + ": Is a directory"));
}

}  // namespace
