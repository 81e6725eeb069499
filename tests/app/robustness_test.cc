// SPDX-License-Identifier: Apache-2.0
// What goes wrong around a run, as a user's shell sees it: full disks, dead endpoints, cut files.
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/process.h"

using tocsin::test::ProcessResult;
using tocsin::test::run_process;
using tocsin::test::ScratchFolder;

namespace {

const std::string rule = R"(title: Root was used
name: root_used
logsource: {product: aws, service: cloudtrail}
detection:
  root: {userIdentity.type: Root}
  condition: root
level: low
)";

std::string record(int number) {
  return R"({"eventVersion":"1.08","eventTime":"2026-11-20T10:00:0)" + std::to_string(number % 10) +
         R"(Z","awsRegion":"eu-west-1","eventSource":"iam.amazonaws.com","eventName":"CreateUser",)" +
         R"("userIdentity":{"type":"Root","accountId":"111122223333"},"eventID":"e)" +
         std::to_string(number) + "\"}";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count_lines(const std::string& text) {
  std::size_t lines = 0;
  for (const char c : text) {
    lines += c == '\n' ? 1 : 0;
  }
  return lines;
}

ProcessResult shell(const std::string& command) {
  return run_process({"/bin/sh", "-c", command});
}

ProcessResult scan(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{TOCSIN_PROGRAM, "scan"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_process(arguments);
}

}  // namespace

TEST_CASE("a file of nothing but NUL bytes is told, and changes the exit status") {
  const ScratchFolder folder;
  const std::string rules = folder.write("rules/root.yml", rule);
  const std::string nuls(5000, '\0');
  const std::string empty = folder.write("nul.json", nuls);
  const std::string line = folder.write("line.json", nuls + "\n");
  const std::string hole = folder.write("hole.json", nuls + record(1) + "\n");
  for (const std::string& file : {empty, line}) {
    CAPTURE(file);
    const ProcessResult result = scan({"--rules", rules, file});
    CHECK(result.status == 3);
    CHECK(has(result.err, file + ": it holds no record, only NUL bytes"));
  }
  const ProcessResult piped =
      shell(std::string("cat ") + empty + " | " + TOCSIN_PROGRAM + " scan --rules " + rules + " -");
  CHECK(piped.status == 3);
  // What copytruncate leaves before the records is no loss.
  const ProcessResult kept = scan({"--rules", rules, hole});
  CHECK(kept.status == 0);
  CHECK(count_lines(kept.out) == 1);
  CHECK(scan({"--rules", rules, folder.write("blank.json", "\n \n")}).status == 0);
}

TEST_CASE("a file of Records that was cut off costs only the record that was cut") {
  const ScratchFolder folder;
  const std::string rules = folder.write("rules/root.yml", rule);
  const std::string whole = "{\"Records\":[" + record(1) + "," + record(2) + "," + record(3);
  const std::string cut = folder.write("cut.json", whole.substr(0, whole.size() - 40));
  const ProcessResult result = scan({"--rules", rules, cut});
  CHECK(result.status == 0);
  CHECK(count_lines(result.out) == 2);
  CHECK(has(result.err, "records  2, 1 malformed"));
  CHECK(has(result.err, "--dead-letter FILE keeps"));
}

TEST_CASE("a dead-letter file that cannot be written is said, and is exit status 3") {
  const ScratchFolder folder;
  const std::string rules = folder.write("rules/root.yml", rule);
  const std::string events = folder.write("events.json", record(1) + "\n{\"a\":}\n");
  const ProcessResult result = scan({"-q", "--rules", rules, "--dead-letter", "/dev/full", events});
  CHECK(result.status == 3);
  CHECK(count_lines(result.out) == 1);
  CHECK(has(result.err, "cannot write the dead-letter file /dev/full: No space left on device"));
}

TEST_CASE("a dead-letter file that cannot be moved away stays bounded, and is exit status 3") {
  const ScratchFolder folder;
  const std::string rules = folder.write("rules/root.yml", rule);
  const std::string events = folder.write("events.json", record(1) + "\n{\"a\":}\n");
  const std::string letters = folder.write("letters", "");
  REQUIRE(truncate(letters.c_str(), 64 << 20) == 0);
  folder.write("letters.1/in_the_way", "");
  const ProcessResult result = scan({"-q", "--rules", rules, "--dead-letter", letters, events});
  CHECK(result.status == 3);
  CHECK(has(result.err, "cannot write the dead-letter file"));
  struct stat info {};
  REQUIRE(stat(letters.c_str(), &info) == 0);
  CHECK(info.st_size == 64 << 20);
}

TEST_CASE("a full disk behind stdout is said, and is exit status 3") {
  const ScratchFolder folder;
  const std::string rules = folder.write("rules/root.yml", rule);
  const std::string events = folder.write("events.json", record(1) + "\n");
  const ProcessResult result = shell(std::string(TOCSIN_PROGRAM) + " scan -q --rules " + rules +
                                     " " + events + " >/dev/full");
  CHECK(result.status == 3);
  CHECK(has(result.err, "cannot write to stdout: No space left on device"));
}

TEST_CASE("records that only feed a baseline stand beside alerts in one batch") {
  const ScratchFolder folder;
  const auto detection = [](const std::string& name, const std::string& event) {
    return "title: " + name + "\nname: " + name +
           "\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  one: {eventName: " +
           event + "}\n  condition: one\nlevel: low\n---\n";
  };
  const std::string rules = folder.write(
      "rules/new.yml",
      detection("usual", "GetUser") + detection("rare", "DeleteUser") +
          detection("alone", "PutUser") +
          "title: New\ncorrelation: {type: new_value, rules: [rare], baseline: [usual], group-by: "
          "[awsRegion], field: sourceIPAddress}\nlevel: high\n");
  const auto line = [](int number, const std::string& event) {
    return R"({"eventVersion":"1.08","eventTime":"2026-11-20T10:00:00Z","awsRegion":"eu-west-1",)"
           R"("eventSource":"iam.amazonaws.com","eventName":")" +
           event + R"(","sourceIPAddress":"198.51.100.7","eventID":"e)" + std::to_string(number) +
           "\"}\n";
  };
  std::string text = line(0, "PutUser");
  for (int i = 1; i < 40; ++i) {
    text += line(i, "GetUser");
  }
  text += line(40, "PutUser");
  const ProcessResult result =
      scan({"--rules", rules, "--threads", "1", folder.write("events.json", text)});
  CHECK(result.status == 0);
  CHECK(count_lines(result.out) == 2);
}

TEST_CASE("since and until hold for correlations too") {
  const ScratchFolder folder;
  const std::string rules = folder.write("rules/root.yml", rule + R"(---
title: Root was used twice
correlation: {type: event_count, rules: [root_used], group-by: [userIdentity.accountId],
  timespan: 1h, condition: {gte: 2}}
level: high
)");
  const std::string events = folder.write("events.json", record(1) + "\n" + record(2) + "\n");
  CHECK(count_lines(scan({"-q", "--rules", rules, events}).out) == 1);
  CHECK(scan({"-q", "--rules", rules, "--since", "2026-11-20T10:00:02Z", events}).out.empty());
  CHECK(scan({"-q", "--rules", rules, "--until", "2026-11-20T10:00:02Z", events}).out.empty());
}

TEST_CASE("more alerts than can wait for a dead receiver do not hold the scan up") {
  const ScratchFolder folder;
  const std::string rules = folder.write("rules/root.yml", rule);
  std::string text;
  for (int i = 0; i < 120'000; ++i) {
    text += record(i) + "\n";
  }
  const std::string events = folder.write("events.json", text);
  const std::string config =
      folder.write("tocsin.yaml",
                   "version: 1\nshutdown_grace: 100ms\nreceivers:\n"
                   "  - {name: hook, webhook: {url: 'http://127.0.0.1:9/x'}}\n");
  REQUIRE(chmod(config.c_str(), 0600) == 0);
  const ProcessResult result =
      scan({"--rules", rules, "--config", config, "--format", "none", events});
  CHECK(result.status == 3);
  CHECK(has(result.err, "alerts   120,000: "));
  CHECK(has(result.err, "receiver hook: 120,000 alerts not delivered"));
}
