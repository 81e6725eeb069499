// SPDX-License-Identifier: Apache-2.0
// Which rules meet which records, as the command line tells it.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/process.h"

using tocsin::test::ProcessResult;
using tocsin::test::run_process;
using tocsin::test::ScratchFolder;

namespace {

ProcessResult run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), TOCSIN_PROGRAM);
  return run_process(arguments, {});
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Rules for three log sources, and records of two of them that only a field's value tells apart.
struct Workplace {
  ScratchFolder folder;
  std::string rules = folder.write("rules.yml",
                                   "title: Logon\n"
                                   "logsource: {product: windows, service: security}\n"
                                   "detection: {a: {EventID: 4624}, condition: a}\n"
                                   "level: low\n"
                                   "---\n"
                                   "title: Shell\n"
                                   "logsource: {product: linux, category: process_creation}\n"
                                   "detection: {a: {exe|endswith: /sh}, condition: a}\n"
                                   "level: low\n"
                                   "---\n"
                                   "title: Root\n"
                                   "logsource: {product: aws, service: cloudtrail}\n"
                                   "detection: {a: {userIdentity.type: Root}, condition: a}\n"
                                   "level: low\n");
  std::string table =
      "logsources:\n"
      "  - field: channel.name\n"
      "    value: [SECURITY, System]\n"
      "    logsource: {product: windows, service: security}\n"
      "  - {field: kind, value: 7, logsource: {product: linux, category: process_creation}}\n";
  std::string config = folder.write("tocsin.yaml", table);
  // Each holds what both rules look for.
  std::string events = folder.write("events.ndjson",
                                    "{\"channel\":{\"name\":\"Security\"},\"EventID\":4624,"
                                    "\"exe\":\"/bin/sh\"}\n"
                                    "{\"kind\":[7],\"EventID\":4624,\"exe\":\"/bin/sh\"}\n"
                                    "{\"kind\":8,\"EventID\":4624,\"exe\":\"/bin/sh\"}\n");
};

}  // namespace

TEST_CASE("a field's value decides which rules a record meets, and the summary says so") {
  const Workplace work;
  const ProcessResult result = run(
      {"scan", "--rules", work.rules, "--config", work.config, "--format", "text", work.events});
  CAPTURE(result.out);
  CAPTURE(result.err);
  CHECK(result.status == 0);
  // One each, and both for the record that no row classifies.
  CHECK(lines(result.out) == 4);
  CHECK(has(result.err, "1 of 3 rules applies to aws/cloudtrail"));
  CHECK(has(result.err, "1 of 3 rules applies to windows/security"));
  CHECK(has(result.err, "1 of 3 rules applies to linux/process_creation"));
  CHECK(has(result.err, "1 of no known log source"));
  // No record of the run has a field of the CloudTrail rule.
  CHECK(has(result.err, "no record that was decoded has a field of 1 rule: \"Root\""));
}

TEST_CASE("an input's own log source wins over the field table") {
  const Workplace work;
  const std::string config = work.folder.write(
      "fixed.yaml",
      work.table + "inputs:\n  - paths: [" + work.events + "]\n    logsource: {product: linux}\n");
  const ProcessResult result = run({"scan", "--rules", work.rules, "--config", config});
  CAPTURE(result.err);
  CHECK(lines(result.out) == 0);  // the rule for linux names a category too
  CHECK(has(result.err, "0 of 3 rules apply to linux"));
  CHECK(has(result.err, "3 rules can never match: no input has their log source"));
  const ProcessResult check = run({"check", "--config", config, work.rules});
  CAPTURE(check.err);
  CHECK(check.status == 0);
  CHECK(has(check.err, "rules.yml:1:1: warning[no-input]: this rule for `windows/security`"));
  CHECK(has(check.err, "this rule for `aws/cloudtrail`"));
}

TEST_CASE("rules list says which records each rule is asked about") {
  const Workplace work;
  const ProcessResult table = run({"rules", "list", work.rules, "--config", work.config});
  CAPTURE(table.out);
  CHECK(has(table.out, "windows/security                windows/security        Logon"));
  CHECK(has(table.out, "aws/cloudtrail                  aws/cloudtrail          Root"));
  const ProcessResult json =
      run({"rules", "list", work.rules, "--format", "ndjson", "--config", work.config});
  CHECK(has(json.out, "\"applies_to\":[\"linux/process_creation\"]"));
  const ProcessResult plain = run({"rules", "list", work.rules});
  CHECK(has(plain.out, "unclassified            Logon"));
}

TEST_CASE("rules that a negation alone makes true are named where records are unclassified") {
  const Workplace work;
  const std::string rules = work.folder.write("not.yml",
                                              "title: Not from the office\n"
                                              "logsource: {product: vpn}\n"
                                              "detection: {a: {office: 'yes'}, condition: not a}\n"
                                              "level: low\n");
  const ProcessResult result = run({"scan", "--rules", rules, work.events});
  CAPTURE(result.err);
  CHECK(lines(result.out) == 0);
  CHECK(has(result.err, "for records of no known log source: \"Not from the office\""));
}

TEST_CASE("a tag, an exclusion or an override that names no rule is told at once") {
  const Workplace work;
  const std::string config = work.folder.write(
      "o.yaml", "overrides:\n  - {title: Logn, level: high}\n  - {title: Shell, level: high}\n");
  const ProcessResult scan = run({"scan",
                                  "--rules",
                                  work.rules,
                                  "--config",
                                  config,
                                  "--exclude",
                                  "Roof",
                                  "--exclude",
                                  "Shell",
                                  work.events});
  CAPTURE(scan.err);
  CHECK(scan.status == 0);
  CHECK(has(scan.err, "--exclude: warning[names-no-rule]"));
  CHECK(has(scan.err, "did you mean `Root`?"));
  CHECK(has(scan.err, "o.yaml:2:5: warning[names-no-rule]: this override changes nothing"));
  CHECK(has(scan.err, "did you mean `Logon`?"));
  CHECK_FALSE(has(scan.err, "\"Shell\""));
  const ProcessResult tag = run({"scan", "--rules", work.rules, "--tag", "nosuch", work.events});
  CHECK(tag.status == 2);
  CHECK(has(tag.err, "no rule has the tag \"nosuch\""));
  CHECK(has(tag.err, "3 rules excluded by --tag"));
}
