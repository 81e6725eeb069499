// SPDX-License-Identifier: Apache-2.0
#include "alerts/make_alert.h"

#include <cstdlib>
#include <fstream>

#include <doctest/doctest.h>

#include "alerts/summary.h"
#include "engine/base/text.h"
#include "tests/alerts/alert_fixture.h"

using namespace tocsin;

namespace {

std::string line_of(const std::string& json, bool cloudtrail = true) {
  const auto tree = parse_json(json);
  REQUIRE(tree.has_value());
  return summarize(*tree, cloudtrail).line;
}

const std::string assumed_role =
    R"("userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/Admin/alice","accountId":"111122223333",)"
    R"("sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/Admin","userName":"Admin"}}})";

}  // namespace

TEST_CASE("the summary of a CloudTrail record says who did what, on what, from where") {
  struct Case {
    const char* what;
    std::string record;
    std::string line;
  };
  const std::vector<Case> cases = {
      {"an assumed role that makes something",
       R"({"eventName":"CreateHsm","eventSource":"cloudhsm.amazonaws.com","awsRegion":"us-west-2","sourceIPAddress":"203.0.113.9",)" +
           assumed_role +
           R"(,"requestParameters":{"availabilityZone":"us-west-2b","clusterId":"cluster-1"},)"
           R"("responseElements":{"hsm":{"eniId":"eni-1","hsmId":"hsm-2"}},"recipientAccountId":"111122223333"})",
       "role Admin/alice: CreateHsm (cloudhsm), on hsmId hsm-2, from 203.0.113.9, account "
       "111122223333, us-west-2"},
      {"a user who deletes something, denied",
       R"({"eventName":"DeleteBackup","eventSource":"cloudhsm.amazonaws.com","errorCode":"AccessDenied","sourceIPAddress":"203.0.113.9",)"
       R"("userIdentity":{"type":"IAMUser","userName":"bob","arn":"arn:aws:iam::1:user/bob"},"requestParameters":{"reason":"x","backupId":"backup-1"}})",
       "user bob: DeleteBackup (cloudhsm) failed: AccessDenied, on backupId backup-1, from "
       "203.0.113.9"},
      {"root",
       R"({"eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com","userIdentity":{"type":"Root","arn":"arn:aws:iam::1:root"},)"
       R"("responseElements":{"ConsoleLogin":"Failure"},"sourceIPAddress":"203.0.113.9"})",
       "root: ConsoleLogin (signin) failed, from 203.0.113.9"},
      {"a service",
       R"({"eventName":"Decrypt","eventSource":"kms.amazonaws.com","userIdentity":{"type":"AWSService","invokedBy":"s3.amazonaws.com"},)"
       R"("resources":[{"ARN":"arn:aws:kms:us-east-1:1:key/2"}],"sourceIPAddress":"s3.amazonaws.com"})",
       "service s3.amazonaws.com: Decrypt (kms), on arn:aws:kms:us-east-1:1:key/2, from "
       "s3.amazonaws.com"},
      {"an object",
       R"({"eventName":"GetObject","eventSource":"s3.amazonaws.com","userIdentity":{"type":"IAMUser","userName":"bob"},)"
       R"("requestParameters":{"bucketName":"b","key":"k/1","Host":"b.s3.amazonaws.com"}})",
       "user bob: GetObject (s3), on object b/k/1"},
      {"an access key for somebody else",
       R"({"eventName":"CreateAccessKey","eventSource":"iam.amazonaws.com","userIdentity":{"type":"IAMUser","userName":"bob"},)"
       R"("requestParameters":{"userName":"victim"},"responseElements":{"accessKey":{"accessKeyId":"AKIAX"}}})",
       "user bob: CreateAccessKey (iam), on userName victim"},
      {"filters are not what it was done on",
       R"({"eventName":"DescribeRouteTables","eventSource":"ec2.amazonaws.com","userIdentity":{"type":"IAMUser","userName":"bob"},)"
       R"("requestParameters":{"filterSet":{"items":[{"name":"association.main"}]},"routeTableIdSet":{"items":[{"routeTableId":"rtb-1"}]}}})",
       "user bob: DescribeRouteTables (ec2), on routeTableId rtb-1"},
      {"a password is never the resource",
       R"({"eventName":"CreateDBInstance","eventSource":"rds.amazonaws.com","userIdentity":{"type":"IAMUser","userName":"bob"},)"
       R"("requestParameters":{"masterUserPassword":"hunter22"}})",
       "user bob: CreateDBInstance (rds)"},
      {"nothing known", R"({})", "somebody: an unnamed event"},
      {"an actor who writes lines and controls",
       R"({"eventName":"X","userIdentity":{"type":"IAMUser","userName":"a\n\u001b[31m\u202eb"}})",
       "user a [31mb: X"},
      {"a failure that only has a message",
       R"({"eventName":"X","errorMessage":"Failed authentication","userIdentity":{"type":"IAMUser","userName":"b"}})",
       "user b: X failed: Failed authentication"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    CHECK(line_of(c.record) == c.line);
  }
}

TEST_CASE("the summary of any other record uses the names that logs use, else its first fields") {
  CHECK(
      line_of(
          R"({"EventID":1,"Channel":"Sysmon","User":"CORP\\bob","CommandLine":"cmd /c x","Computer":"WS1"})",
          false) == "CORP\\bob: event 1 (Sysmon), on CommandLine cmd /c x, host WS1");
  CHECK(
      line_of(
          R"({"user":{"name":"bob"},"event":{"action":"login"},"source":{"ip":"203.0.113.9"},"host":{"name":"h"}})",
          false) == "bob: login, from 203.0.113.9, host h");
  CHECK(line_of(R"({"colour":"red","size":3,"deep":{"x":1},"password":"p"})", false) ==
        "colour red, size 3");
  CHECK(line_of("[1,2]", false) == "a record without plain fields");
  CHECK(line_of("17", false) == "a record without plain fields");
}

TEST_CASE("a summary is bounded whatever the record holds") {
  for (const auto& injection : test::injections()) {
    CAPTURE(injection.name);
    const std::string text = test::quoted(injection.text);
    const std::string line =
        line_of("{\"eventName\":" + text + ",\"eventSource\":" + text + ",\"errorCode\":" + text +
                ",\"sourceIPAddress\":" + text + ",\"awsRegion\":" + text +
                ",\"userIdentity\":{\"type\":" + text + ",\"userName\":" + text +
                "},\"requestParameters\":{\"name\":" + text + "}}");
    CHECK(count_code_points(line) <= 420);
    CHECK(is_utf8(line));
    CHECK(line.find('\n') == std::string::npos);
    CHECK(line == printable(line));
  }
}

TEST_CASE("an alert of a match has the id of the rule and record, their time, level and entities") {
  RuleInfo rule = test::make_rule("Title");
  rule.level.reset();
  const std::string json =
      R"({"eventName":"CreateHsm","awsRegion":"us-west-2","sourceIPAddress":"::ffff:203.0.113.9",)" +
      assumed_role + R"(,"recipientAccountId":"111122223333"})";
  const Alert alert =
      test::alert_of(json, rule, {{"sel", "eventName", "equals", "CreateHsm", "CreateHsm"}});
  CHECK(alert.id == alert_id(rule.key, {}, alert.events[0]->identity));
  CHECK(alert.kind == AlertKind::detection);
  CHECK(alert.level == Level::medium);
  CHECK(alert.time == test::event_time);
  CHECK(alert.detected_at == test::detection_time);
  CHECK(alert.first_seen == test::event_time);
  CHECK(alert.count == 1);
  REQUIRE(alert.matched.size() == 1);
  using Entities = std::vector<std::pair<std::string, std::string>>;
  CHECK(alert.entities == Entities{{"principal", "arn:aws:iam::111122223333:role/Admin"},
                                   {"account", "111122223333"},
                                   {"region", "us-west-2"},
                                   {"source_ip", "203.0.113.9"}});
}

TEST_CASE("an alert of a report tells count, span and group before its last event") {
  auto ruleset = std::make_shared<Ruleset>();
  CorrelationSpec spec;
  spec.info = test::make_rule("Many");
  spec.group_by = {"recipientAccountId", "tocsin.principal"};
  ruleset->correlations.push_back(spec);
  Report report;
  report.time = test::event_time;
  report.group = {"111122223333", std::nullopt};
  report.count = 5;
  report.first_seen = test::event_time - 192 * second_ns;
  report.last_seen = test::event_time;
  report.events = {test::make_record(
      R"({"eventName":"X","eventSource":"iam.amazonaws.com","userIdentity":{"type":"Root"}})")};
  report.level = Level::critical;
  report.evidence_json = R"({"seen":1})";
  const Alert alert = make_alert(report, ruleset->correlations[0], ruleset, test::detection_time);
  CHECK(alert.kind == AlertKind::correlation);
  CHECK(alert.level == Level::critical);
  CHECK(alert.id == alert_id(spec.info.key, alert.group, report.identity));
  CHECK(alert.summary ==
        "5 times in 3m12s for recipientAccountId 111122223333, tocsin.principal (absent); last: "
        "root: X (iam)");
  CHECK(alert.first_seen == report.first_seen);
  CHECK(alert.evidence_json == R"({"seen":1})");
}

TEST_CASE("a system alert is the same for the same code, text and time") {
  const Alert alert =
      make_system_alert("input-truncated", Level::high, "a file\nwas cut", test::detection_time);
  CHECK(alert.kind == AlertKind::system);
  CHECK(alert.rule == nullptr);
  CHECK(alert.summary == "a file was cut");
  CHECK(alert.id ==
        make_system_alert("input-truncated", Level::high, "a file\nwas cut", test::detection_time)
            .id);
  CHECK(alert.id !=
        make_system_alert("input-truncated", Level::high, "another", test::detection_time).id);
}

TEST_CASE("a match without its record's text is summarized by its place") {
  auto record = std::make_shared<RecordCopy>();
  record->source = "a.json";
  record->record = 17;
  auto ruleset = std::make_shared<Ruleset>();
  ruleset->rules.push_back(test::make_rule("Title"));
  Match match;
  match.record = record;
  CHECK(make_alert(match, ruleset, test::detection_time).summary == "record 17 of a.json");
}

TEST_CASE("every real CloudTrail record has a summary that names its event") {
  const char* shared = std::getenv("TOCSIN_SHARED");
  const std::string path =
      (shared != nullptr ? std::string(shared) : std::string(TOCSIN_SOURCE_DIR "/../shared")) +
      "/data/cloudtrail-dev.ndjson";
  std::ifstream file(path);
  if (!file) {
    MESSAGE("skipped: no " << path);
    return;
  }
  std::string json;
  std::size_t records = 0;
  std::size_t with_resource = 0;
  while (std::getline(file, json)) {
    const std::string line = line_of(json);
    CAPTURE(line);
    CHECK(line.find(": " + test::at(json, "eventName") + " (") != std::string::npos);
    CHECK(line.find("somebody") == std::string::npos);
    with_resource += line.find(", on ") != std::string::npos ? 1u : 0u;
    ++records;
  }
  CHECK(records == 3463);
  CHECK(with_resource > records * 6 / 10);
}
