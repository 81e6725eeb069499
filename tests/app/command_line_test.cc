// SPDX-License-Identifier: Apache-2.0
// The program as a user's shell runs it.
#include <algorithm>
#include <csignal>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "engine/event/json_tree.h"
#include "tests/support/process.h"

using tocsin::JsonNode;
using tocsin::parse_json;
using tocsin::test::eventually;
using tocsin::test::Process;
using tocsin::test::ProcessResult;
using tocsin::test::run_process;
using tocsin::test::ScratchFolder;

namespace {

const std::string root_rule = R"(title: Root was used
id: 6d6b6a5e-5b0e-4d3f-9a4e-0d0c6f6f3a11
logsource: {product: aws, service: cloudtrail}
detection:
  root: {userIdentity.type: Root}
  condition: root
level: critical
)";

std::string record(const std::string& type, int number, const std::string& more = "") {
  return R"({"eventVersion":"1.08","eventTime":"2026-11-20T10:00:0)" + std::to_string(number % 10) +
         R"(Z","awsRegion":"eu-west-1","eventSource":"iam.amazonaws.com","eventName":"CreateUser","sourceIPAddress":"203.0.113.9",)" +
         R"("userIdentity":{"type":")" + type +
         R"(","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"},"eventID":"e)" +
         std::to_string(number) + "\"" + more + "}";
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::vector<JsonNode> alerts(const ProcessResult& result) {
  std::vector<JsonNode> out;
  for (const std::string& line : lines(result.out)) {
    tocsin::Result<JsonNode> alert = parse_json(line);
    REQUIRE(alert.has_value());
    out.push_back(std::move(*alert));
  }
  return out;
}

ProcessResult run(std::vector<std::string> arguments, const std::string& input = {}) {
  arguments.insert(arguments.begin(), TOCSIN_PROGRAM);
  return run_process(arguments, input);
}

struct Workplace {
  ScratchFolder folder;
  std::string rules = folder.write("rules/root.yml", root_rule);
  std::string events = folder.write(
      "events.json",
      record("Root", 1) + "\n" + record("IAMUser", 2) + "\n" + record("Root", 3) + "\n");
};

}  // namespace

TEST_CASE("scan prints one line of NDJSON per alert with the record's number") {
  const Workplace work;
  const ProcessResult result =
      run({"scan", "--rules", work.rules, "--format", "ndjson", work.events});
  CHECK(result.status == 0);
  const std::vector<JsonNode> found = alerts(result);
  REQUIRE(found.size() == 2);
  CHECK(found[0].get("rule")->get("title")->text == "Root was used");
  CHECK(found[0].get("level")->text == "critical");
  CHECK(found[0].get("kind")->text == "detection");
  CHECK(found[0].get("events")->children.back().get("record")->text == "0");
  CHECK(found[1].get("events")->children.back().get("record")->text == "2");
  CHECK(found[1].get("events")->children.back().get("event_id")->text == "e3");
  CHECK(found[0].get("id")->text != found[1].get("id")->text);
  CHECK(result.err.find("1 rule: 1 loaded, 0 rejected; 1 of 1 rule applies to aws/cloudtrail") !=
        std::string::npos);
  CHECK(result.err.find("alerts   2: 2 critical") != std::string::npos);
}

TEST_CASE(
    "scan gives the same alerts from a file, a folder, a glob, stdin and any number of threads") {
  const Workplace work;
  std::vector<std::string> ids;
  const std::vector<std::pair<std::string, std::string>> inputs = {
      {work.events, ""},
      {work.folder.path(), ""},
      {work.folder.file("*.json"), ""},
      {"-", work.folder.read("events.json")}};
  for (const auto& row : inputs) {
    const auto& input = row.first;
    const auto& text = row.second;
    for (const char* threads : {"1", "2", "8"}) {
      CAPTURE(input);
      const ProcessResult result = run(
          {"scan", "--rules", work.rules, "--format", "ndjson", "--threads", threads, "-q", input},
          text);
      std::vector<std::string> mine;
      for (const JsonNode& alert : alerts(result)) {
        mine.push_back(alert.get("id")->text);
      }
      CHECK(mine.size() == 2);
      if (ids.empty()) {
        ids = mine;
      }
      CHECK(mine == ids);
    }
  }
}

TEST_CASE("a second copy of a record raises no second alert, a forged one with its id does") {
  const Workplace work;
  work.folder.write("copies.json",
                    record("Root", 1) + "\n" + record("Root", 1) + "\n" +
                        record("Root", 1, R"(,"forged":true)") + "\n");
  const ProcessResult result =
      run({"scan", "--rules", work.rules, "--format", "ndjson", work.folder.file("copies.json")});
  CHECK(alerts(result).size() == 2);
  CHECK(result.err.find("1 second copies") != std::string::npos);
}

TEST_CASE("a folder without rules is told, and what a rule's file is called") {
  const Workplace work;
  work.folder.write("none/readme.txt", "no rule\n");
  const ProcessResult result = run({"scan", "--rules", work.folder.file("none"), work.events});
  CHECK(result.status == 2);
  CHECK(result.err == "no rule could be loaded: no file in " + work.folder.file("none") +
                          " ends in .yml or .yaml; nothing was started\n");
}

TEST_CASE("exit statuses follow the contract") {
  const Workplace work;
  work.folder.write("broken.json", "this is no JSON\n");
  work.folder.write(
      "bad.yml",
      "title: x\nlogsource: {product: aws}\ndetection: {a: {b|contain: c}, condition: a}\n");
  work.folder.write("empty.json", "");
  const std::string rules = work.rules;
  const std::vector<std::pair<std::vector<std::string>, int>> table = {
      {{"scan", "--rules", rules, work.events}, 0},
      {{"scan", "--rules", rules, work.folder.file("empty.json")}, 0},
      {{"scan", "--rules", rules, "--fail-level", "high", work.events}, 1},
      {{"scan", "--rules", rules, "--fail-level", "high", "--min-level", "critical", work.events},
       1},
      {{}, 2},
      {{"scna"}, 2},
      {{"scan", "--rules", rules}, 2},
      {{"scan", work.events}, 2},
      {{"scan", "--rules", rules, "--formt", "text", work.events}, 2},
      {{"scan", "--rules", work.folder.file("bad.yml"), work.events}, 2},
      {{"scan", "--rules", rules, "--config", "/nonexistent", work.events}, 2},
      {{"scan", "--rules", rules, "/nonexistent.json"}, 3},
      {{"scan", "--rules", rules, work.folder.file("broken.json")}, 3},
      {{"check", rules}, 0},
      {{"check", work.folder.file("bad.yml")}, 2},
      {{"--version"}, 0},
      {{"scan", "--help"}, 0},
  };
  for (const auto& row : table) {
    const auto& arguments = row.first;
    const auto& status = row.second;
    std::string shown;
    for (const std::string& argument : arguments) {
      shown += argument + " ";
    }
    CAPTURE(shown);
    const ProcessResult result = run(arguments);
    CAPTURE(result.err);
    CHECK(result.status == status);
    CHECK((status == 0 || !result.err.empty()));
  }
}

TEST_CASE(
    "a file in which nothing could be read is named with the reason, never zero alerts in "
    "silence") {
  const Workplace work;
  const std::string broken = work.folder.write("broken.json", "{\"a\":1\n{\"b\" 2}\n");
  const ProcessResult result = run({"scan", "-q", "--rules", work.rules, broken});
  CHECK(result.status == 3);
  CHECK(result.err.find("nothing could be read") != std::string::npos);
  CHECK(result.err.find("broken.json") != std::string::npos);
}

TEST_CASE("a bad record costs itself only, and goes to the dead-letter file with its place") {
  const Workplace work;
  const std::string events = work.folder.write(
      "mixed.json", record("Root", 1) + "\n{\"a\":}\n" + record("Root", 2) + "\n");
  const std::string dead = work.folder.file("dead.ndjson");
  const ProcessResult result =
      run({"scan", "--rules", work.rules, "--format", "ndjson", "--dead-letter", dead, events});
  CHECK(result.status == 0);
  CHECK(alerts(result).size() == 2);
  CHECK(alerts(result)[1].get("events")->children.back().get("record")->text == "2");
  const std::vector<std::string> letters = lines(work.folder.read("dead.ndjson"));
  REQUIRE(letters.size() == 1);
  const tocsin::Result<JsonNode> letter = parse_json(letters[0]);
  REQUIRE(letter.has_value());
  CHECK(letter->get("problem")->text == "malformed");
  CHECK(letter->get("record")->text == "1");
  CHECK(letter->get("bytes")->text == "{\"a\":}");
  struct stat info {};
  REQUIRE(stat(dead.c_str(), &info) == 0);
  CHECK((info.st_mode & 077) == 0);
}

TEST_CASE("one bad rule does not stop the others, and is told with its place") {
  const Workplace work;
  work.folder.write(
      "rules/bad.yml",
      "title: x\nlogsource: {product: aws}\ndetection:\n  a:\n    b|contain: c\n  condition: a\n");
  const ProcessResult result =
      run({"scan", "--rules", work.folder.file("rules"), "--format", "ndjson", work.events});
  CHECK(result.status == 0);
  CHECK(alerts(result).size() == 2);
  CHECK(result.err.find("bad.yml:5:") != std::string::npos);
  CHECK(result.err.find("contains") != std::string::npos);
  CHECK(result.err.find("2 rules: 1 loaded, 1 rejected") != std::string::npos);
  CHECK(run({"scan", "--strict", "--rules", work.folder.file("rules"), work.events}).status == 2);
}

TEST_CASE("text output is one line per alert without control characters") {
  const Workplace work;
  const std::string events =
      work.folder.write("evil.json", record("Root", 1, R"(,"userAgent":"\u001b[2J\u202e")") + "\n");
  const ProcessResult result = run({"scan", "-q", "--rules", work.rules, events});
  const std::vector<std::string> shown = lines(result.out);
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].find("Root was used") != std::string::npos);
  CHECK(result.out.find('\x1b') == std::string::npos);
}

TEST_CASE("secrets in events do not leave the process") {
  const Workplace work;
  const std::string events = work.folder.write(
      "secret.json",
      record(
          "Root",
          1,
          R"(,"responseElements":{"credentials":{"secretAccessKey":"CANARY1","sessionToken":"CANARY2"}})") +
          "\n");
  for (const char* format : {"ndjson", "text"}) {
    const ProcessResult result = run({"scan", "--rules", work.rules, "--format", format, events});
    CHECK(lines(result.out).size() == 1);
    CHECK((result.out + result.err).find("CANARY") == std::string::npos);
  }
}

TEST_CASE("--stats json counts what was read and raised") {
  const Workplace work;
  const ProcessResult result = run(
      {"scan", "-q", "--format", "none", "--stats", "json", "--rules", work.rules, work.events});
  CHECK(result.out.empty());
  const tocsin::Result<JsonNode> stats = parse_json(lines(result.err).back());
  REQUIRE(stats.has_value());
  CHECK(stats->get("events")->text == "3");
  CHECK(stats->get("malformed")->text == "0");
  CHECK(stats->get("alerts")->text == "2");
  CHECK(stats->get("rules")->get("loaded")->text == "1");
  CHECK(stats->get("by_rule")->get("6d6b6a5e-5b0e-4d3f-9a4e-0d0c6f6f3a11")->text == "2");
  CHECK(stats->get("bytes")->text == std::to_string(work.folder.read("events.json").size()));
}

TEST_CASE("--profile-rules names the rules that were candidates, the dearest first") {
  const Workplace work;
  // A candidate of two records, and one that is slower on each and a candidate of all three.
  const std::string slow = work.folder.write(
      "slow.yml",
      "title: Slow\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n"
      "  s: {eventName: CreateUser, padding|re: '(a|aa)+(b|bb)+(c|cc)+d$'}\n  condition: s\n"
      "---\ntitle: Never\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n"
      "  s: {eventName: NoSuchCall}\n  condition: s\n");
  const std::string padding = ",\"padding\":\"" + std::string(200'000, 'a') + "\"";
  const std::string events =
      work.folder.write("padded.json",
                        record("Root", 1, padding) + "\n" + record("IAMUser", 2, padding) + "\n" +
                            record("Root", 3, padding) + "\n");
  const ProcessResult result = run({"scan",
                                    "--rules",
                                    work.rules,
                                    "--rules",
                                    slow,
                                    "--format",
                                    "none",
                                    "--profile-rules",
                                    events});
  CHECK(result.status == 0);
  std::vector<std::string> table = lines(result.err);
  const auto head = std::find_if(table.begin(), table.end(), [](const std::string& line) {
    return line.find("candidates") != std::string::npos;
  });
  REQUIRE(table.end() - head >= 3);
  CHECK(head->find("time ms   candidates      matches  ns each") != std::string::npos);
  CHECK(head->find("2 of 3 were candidates") != std::string::npos);
  struct Row {
    double milliseconds = 0;
    std::uint64_t candidates = 0, matches = 0;
  };
  const auto row = [](const std::string& line) {
    Row out;
    std::istringstream(line) >> out.milliseconds >> out.candidates >> out.matches;
    return out;
  };
  CHECK(head[1].find("Slow (") != std::string::npos);
  CHECK(row(head[1]).candidates == 3);
  CHECK(row(head[1]).matches == 0);
  CHECK(head[2].find("Root was used (") != std::string::npos);
  CHECK(row(head[2]).candidates == 2);
  CHECK(row(head[2]).matches == 2);
  CHECK(row(head[1]).milliseconds >= row(head[2]).milliseconds);
  CHECK(result.err.find("Never") == std::string::npos);
}

TEST_CASE("--since and --until bound the records by event time") {
  const Workplace work;
  const ProcessResult result = run({"scan",
                                    "-q",
                                    "--rules",
                                    work.rules,
                                    "--since",
                                    "2026-11-20T10:00:02Z",
                                    "--until",
                                    "2026-11-20T10:00:04Z",
                                    work.events});
  CHECK(lines(result.out).size() == 1);
}

TEST_CASE("check --format json and sarif are valid JSON with the place") {
  const Workplace work;
  const std::string bad = work.folder.write(
      "bad.yml",
      "title: x\nlogsource: {product: aws}\ndetection: {a: {b|contain: c}, condition: a}\n");
  const tocsin::Result<JsonNode> json = parse_json(run({"check", "--format", "json", bad}).out);
  REQUIRE(json.has_value());
  REQUIRE_FALSE(json->children.empty());
  const auto error =
      std::find_if(json->children.begin(), json->children.end(), [](const JsonNode& d) {
        return d.get("severity")->text == "error";
      });
  REQUIRE(error != json->children.end());
  CHECK(error->get("line")->text == "3");
  const tocsin::Result<JsonNode> sarif = parse_json(run({"check", "--format", "sarif", bad}).out);
  REQUIRE(sarif.has_value());
  CHECK(sarif->get("version")->text == "2.1.0");
  CHECK_FALSE(sarif->get("runs")->children[0].get("results")->children.empty());
}

TEST_CASE(
    "tail follows a growing file from its end, new files from their beginning, and ends cleanly on "
    "SIGTERM") {
  const Workplace work;
  work.folder.write("logs/a.log", record("Root", 1) + "\n");
  Process tail({TOCSIN_PROGRAM,
                "tail",
                "--rules",
                work.rules,
                "--format",
                "ndjson",
                work.folder.file("logs")},
               work.folder.file("out"),
               work.folder.file("err"));
  REQUIRE(eventually(
      [&] { return work.folder.read("err").find(" applies to ") != std::string::npos; }));
  const auto printed = [&] { return lines(work.folder.read("out")).size(); };
  work.folder.write("logs/b.log", record("Root", 2) + "\n");
  CHECK(eventually([&] { return printed() == 1; }));
  work.folder.append("logs/a.log", record("Root", 3) + "\n" + record("Root", 4).substr(0, 40));
  CHECK(eventually([&] { return printed() == 2; }));
  work.folder.append("logs/a.log", record("Root", 4).substr(40) + "\n");
  CHECK(eventually([&] { return printed() == 3; }));
  tail.signal(SIGTERM);
  CHECK(tail.wait() == 0);
  CHECK(work.folder.read("err").find("alerts   3: 3 critical") != std::string::npos);
}

TEST_CASE("tail --start beginning reads what exists") {
  const Workplace work;
  Process tail({TOCSIN_PROGRAM, "tail", "--start", "beginning", "--rules", work.rules, work.events},
               work.folder.file("out"),
               work.folder.file("err"));
  CHECK(eventually([&] { return lines(work.folder.read("out")).size() == 2; }));
  tail.signal(SIGINT);
  CHECK(tail.wait() == 0);
}

TEST_CASE("explain shows which part held and what the value was") {
  const Workplace work;
  const ProcessResult result =
      run({"explain", "--rules", work.rules, "--rule", "Root was used", "--event", "-"},
          record("IAMUser", 1) + "\n");
  CHECK(result.status == 0);
  CHECK(result.out.find("the condition does not hold") != std::string::npos);
  CHECK(result.out.find("IAMUser") != std::string::npos);
  CHECK(run({"explain", "--rules", work.rules, "--rule", "Root was usd", "--event", "-"}, "{}")
            .err.find("did you mean") != std::string::npos);
}

TEST_CASE("explain --format json is one object per record") {
  const Workplace work;
  const std::vector<std::string> arguments = {"explain",
                                              "--rules",
                                              work.rules,
                                              "--rule",
                                              "Root was used",
                                              "--format",
                                              "json",
                                              "--event",
                                              "-"};
  const tocsin::Result<JsonNode> tree = parse_json(run(arguments, record("IAMUser", 1) + "\n").out);
  REQUIRE(tree.has_value());
  CHECK(tree->get("holds")->text == "false");
  CHECK(tree->get("log_source_fits")->text == "true");
  CHECK(tree->get("condition")->get("node")->text == "selection");
}

TEST_CASE("rules list and rules fields name what is loaded") {
  const Workplace work;
  const tocsin::Result<JsonNode> listed =
      parse_json(run({"rules", "list", "--format", "ndjson", work.rules}).out);
  REQUIRE(listed.has_value());
  CHECK(listed->get("title")->text == "Root was used");
  CHECK(listed->get("kind")->text == "detection");
  CHECK(listed->get("level")->text == "critical");
  CHECK(listed->get("status")->kind == JsonNode::Kind::null);
  CHECK(run({"rules", "list", work.rules}).out.find("Root was used") != std::string::npos);
  CHECK(run({"rules", "fields", work.rules}).out.find("userIdentity.type") != std::string::npos);
}

TEST_CASE("test runs the tests inside rules, explains failures and writes JUnit") {
  const ScratchFolder folder;
  const std::string rule =
      folder.write("r.yml", root_rule + R"(tags: [attack.t1078.004, attack.persistence]
tocsin:
  tests:
    - name: root itself
      event: {userIdentity: {type: Root}}
      expect: alert
    - name: somebody else
      event: {userIdentity: {type: IAMUser}}
      expect: no_alert
    - name: two of three
      events: [{userIdentity: {type: Root}}, {userIdentity: {type: root}}, {a: 1}]
      expect: {alerts: 2}
)");
  ProcessResult result = run({"test", rule});
  CAPTURE(result.out);
  CHECK(result.status == 0);
  CHECK(lines(result.out).size() == 4);
  CHECK(result.out.find("3 tests: 3 passed, 0 failed") != std::string::npos);

  const std::string broken = folder.read("r.yml");
  const std::string bad = folder.write(
      "bad.yml",
      broken.substr(0, broken.find("Root}")) + "Admin}" + broken.substr(broken.find("Root}") + 5));
  result = run({"test", "--junit", folder.file("junit.xml"), bad});
  CAPTURE(result.out);
  CHECK(result.status == 1);
  CHECK(result.out.find("FAIL  Root was used: root itself") != std::string::npos);
  CHECK(result.out.find("an alert expected, none raised") != std::string::npos);
  CHECK(result.out.find("[Root]") != std::string::npos);  // the value found
  CHECK(result.out.find("2 alerts expected, 0 alerts raised") != std::string::npos);
  CHECK(folder.read("junit.xml").find("tests=\"3\" failures=\"2\"") != std::string::npos);

  CHECK(run({"test", folder.write("none.yml", root_rule)}).status == 2);
}

TEST_CASE("tests of correlations use the events' own times") {
  const ScratchFolder folder;
  const std::string rules = folder.write("c.yml", root_rule + R"(name: root_used
---
title: Root twice in a minute
correlation:
  type: event_count
  rules: [root_used]
  timespan: 1m
  condition: {gte: 2}
tocsin:
  tests:
    - name: near
      events:
        - {userIdentity: {type: Root}, eventTime: "2026-01-01T00:00:00Z"}
        - {userIdentity: {type: Root}, eventTime: "2026-01-01T00:01:00Z"}
      expect: {alerts: 1}
    - name: far
      events:
        - {userIdentity: {type: Root}, eventTime: "2026-01-01T00:00:00Z"}
        - {userIdentity: {type: Root}, eventTime: "2026-01-01T00:01:01Z"}
      expect: no_alert
)");
  const ProcessResult result = run({"test", rules});
  CAPTURE(result.out);
  CAPTURE(result.err);
  CHECK(result.status == 0);
  CHECK(result.out.find("2 tests: 2 passed") != std::string::npos);
}

TEST_CASE("rules coverage is a table and a Navigator layer") {
  const ScratchFolder folder;
  const std::string rule = folder.write(
      "r.yml", root_rule + "tags: [attack.t1078.004, attack.persistence, attack.tabc]\n");
  CHECK(lines(run({"rules", "coverage", rule}).out).size() == 1);
  const tocsin::Result<JsonNode> layer =
      parse_json(run({"rules", "coverage", "--format", "navigator", rule}).out);
  REQUIRE(layer.has_value());
  REQUIRE(layer->get("techniques")->children.size() == 1);
  CHECK(layer->get("techniques")->children[0].get("techniqueID")->text == "T1078.004");
  CHECK(layer->get("techniques")->children[0].get("score")->text == "1");
}

TEST_CASE("a correlation that cannot run is neither listed nor counted as coverage") {
  const ScratchFolder folder;
  const std::string rules = folder.write("r.yml", root_rule + R"(name: root_used
tags: [attack.t1078.004]
---
title: Root was used in two places at once
correlation:
  type: impossible_travel
  rules: root_used
  group-by: [userIdentity.accountId]
tags: [attack.t1078.004]
level: high
)");
  const auto listed = run({"rules", "list", rules});
  CHECK(listed.out.find("in two places") == std::string::npos);
  CHECK(listed.err.find("2 rules: 1 loaded, 1 rejected") != std::string::npos);
  const std::vector<std::string> covered = lines(run({"rules", "coverage", rules}).out);
  REQUIRE(covered.size() == 1);
  CHECK(covered.front().find("    1  ") != std::string::npos);
}

TEST_CASE("tail notices an absence in silence") {
  const ScratchFolder folder;
  const std::string rules = folder.write("r.yml", root_rule + R"(name: root_used
---
title: A key was made
name: key_made
logsource: {product: aws, service: cloudtrail}
detection:
  key: {eventName: CreateAccessKey}
  condition: key
---
title: Root was used and no key was made
correlation:
  type: absence
  rules: [root_used, key_made]
  timespan: 2s
level: high
)");
  const std::string config =
      folder.write("tocsin.yaml", "version: 1\nlateness: 100ms\nidle_after: 300ms\n");
  folder.write("logs/a.log", "");
  Process tail({TOCSIN_PROGRAM, "tail", "--rules", rules, "--config", config, folder.file("logs")},
               folder.file("out"),
               folder.file("err"));
  REQUIRE(eventually([&] { return folder.read("err").find(" apply to ") != std::string::npos; }));
  folder.append("logs/a.log", record("Root", 1) + "\n");
  CHECK(
      eventually([&] { return folder.read("out").find("no key was made") != std::string::npos; }));
  tail.signal(SIGTERM);
  CHECK(tail.wait() == 0);
}
