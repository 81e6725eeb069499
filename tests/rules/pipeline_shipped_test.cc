// SPDX-License-Identifier: Apache-2.0
// The pipelines that tocsin ships, on records in the shapes that they are for; and SigmaHQ's
// regression records, flat and as raw events.
#include <fstream>
#include <iostream>
#include <map>

#include "rules/yaml.h"
#include "tests/rules/pipeline_fixture.h"

namespace tocsin {
namespace {

LoadResult load_shipped(const std::vector<std::string>& names, const std::string& rule) {
  const test::ScratchFolder folder;
  LoadOptions options;
  for (const std::string& name : names) {
    options.pipelines.push_back(test::shipped(name).string());
  }
  options.paths = {folder.write("rule.yml", rule).string()};
  return load_rules(options);
}

struct Row {
  std::string source;     // the rule's log source, lines indented by two
  std::string detection;  // of the rule
  std::vector<std::string> match;
  std::vector<std::string> miss;
};

void check_rows(const std::vector<std::string>& pipelines, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.detection);
    const LoadResult result = load_shipped(pipelines, test::rule_of(row.detection, row.source));
    CAPTURE(test::all_text(result.diagnostics));
    REQUIRE(result.diagnostics.list().empty());
    REQUIRE(result.loaded == 1);
    for (const std::string& record : row.match) {
      CAPTURE(record);
      CHECK(test::hits(result, record).size() == 1);
    }
    for (const std::string& record : row.miss) {
      CAPTURE(record);
      CHECK(test::hits(result, record).empty());
    }
  }
}

const std::string process = "  product: windows\n  category: process_creation\n";
const std::string registry = "  product: windows\n  category: registry_set\n";
const std::string security = "  product: windows\n  service: security\n";
const std::string script = "  product: windows\n  category: ps_script\n";
const std::string trail = "  product: aws\n  service: cloudtrail\n";

const std::string whoami =
    "  sel:\n    Image|endswith: \\whoami.exe\n  not_system:\n    ParentImage|endswith: "
    "\\services.exe\n  condition: sel and not not_system\n";

TEST_CASE("Raw Windows events are found by their channel, event id and data") {
  check_rows(
      {"windows-channels.yml", "windows-event.yml"},
      {
          {process,
           whoami,
           {R"({"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon"}},"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"ws1"},"EventData":{"Image":"C:\\Windows\\System32\\whoami.exe","CommandLine":"whoami /all","ParentImage":"C:\\Windows\\System32\\cmd.exe"}}})",
            R"({"Event":{"System":{"EventID":4688,"Channel":"Security"},"EventData":{"NewProcessName":"C:\\Windows\\System32\\whoami.exe","ParentProcessName":"C:\\Windows\\explorer.exe"}}})"},
           {R"({"Event":{"System":{"EventID":1,"Channel":"System"},"EventData":{"Image":"C:\\whoami.exe"}}})",
            R"({"Event":{"System":{"EventID":5,"Channel":"Microsoft-Windows-Sysmon/Operational"},"EventData":{"Image":"C:\\whoami.exe"}}})",
            R"({"Event":{"System":{"EventID":4688,"Channel":"Security"},"EventData":{"NewProcessName":"C:\\whoami.exe","ParentProcessName":"C:\\services.exe"}}})",
            R"({"Image":"C:\\whoami.exe","EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational"})"}},
          {registry,
           test::sel("TargetObject|contains: \\CurrentVersion\\Run\\"),
           {R"({"Event":{"System":{"EventID":13,"Channel":"Microsoft-Windows-Sysmon/Operational"},"EventData":{"TargetObject":"HKLM\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\x"}}})"},
           {R"({"Event":{"System":{"EventID":12,"Channel":"Microsoft-Windows-Sysmon/Operational"},"EventData":{"TargetObject":"HKLM\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\x"}}})"}},
          {security,
           "  sel:\n    EventID: 4625\n    Provider_Name: Microsoft-Windows-Security-Auditing\n    "
           "LogonType: 3\n  condition: sel\n",
           {R"({"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Security-Auditing"}},"EventID":4625,"Channel":"Security"},"EventData":{"LogonType":3}}})",
            R"({"Event":{"System":{"Provider":{"@Name":"Microsoft-Windows-Security-Auditing"},"EventID":{"#text":4625},"Channel":"Security"},"EventData":{"LogonType":"3"}}})"},
           {R"({"Event":{"System":{"Provider":{"Name":"Other"},"EventID":4625,"Channel":"Security"},"EventData":{"LogonType":3}}})"}},
          {script,
           test::sel("ScriptBlockText|contains: DownloadString"),
           {R"({"Event":{"System":{"EventID":4104,"Channel":"Microsoft-Windows-PowerShell/Operational"},"EventData":{"ScriptBlockText":"(New-Object Net.WebClient).DownloadString('x');"}}})"},
           {R"({"Event":{"System":{"EventID":4103,"Channel":"Microsoft-Windows-PowerShell/Operational"},"EventData":{"ScriptBlockText":"DownloadString"}}})"}},
          {trail, test::sel("eventName: X"), {R"({"eventName":"X"})"}, {}},
      });
}

TEST_CASE("Events of Winlogbeat are found in winlog and in the ECS fields of its modules") {
  check_rows(
      {"winlogbeat.yml", "windows-channels.yml"},
      {
          {process,
           whoami,
           {R"({"winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":"1","provider_name":"Microsoft-Windows-Sysmon","event_data":{"Image":"C:\\Windows\\whoami.exe","ParentImage":"C:\\cmd.exe"}}})",
            R"({"event":{"code":"1"},"winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":1},"process":{"executable":"C:\\Windows\\whoami.exe","parent":{"executable":"C:\\cmd.exe"}}})",
            R"({"winlog":{"channel":"Security","event_id":4688,"event_data":{"NewProcessName":"C:\\whoami.exe"}}})"},
           {R"({"winlog":{"channel":"Security","event_id":4688,"event_data":{"NewProcessName":"C:\\whoami.exe","ParentProcessName":"C:\\services.exe"}}})",
            R"({"winlog":{"channel":"Security","event_id":1,"event_data":{"Image":"C:\\whoami.exe"}}})"}},
          {security,
           "  sel:\n    EventID: 1102\n    SubjectUserName|startswith: adm\n  condition: sel\n",
           {R"({"winlog":{"channel":"Security","event_id":"1102","user_data":{"SubjectUserName":"admin"}}})",
            R"({"winlog":{"channel":"Security","event_id":"1102","event_data":{"SubjectUserName":"admin"}}})"},
           {R"({"winlog":{"channel":"Security","event_id":"1102","event_data":{"TargetUserName":"admin"}}})"}},
      });
}

TEST_CASE("CloudTrail in ECS is found by the names that rules have") {
  check_rows(
      {"ecs-cloudtrail.yml"},
      {
          {trail,
           "  sel:\n    eventSource: s3.amazonaws.com\n    eventName: PutBucketPolicy\n    "
           "requestParameters.bucketName|startswith: prod-\n    userIdentity.type: Root\n  "
           "condition: sel\n",
           {R"({"@timestamp":"2024-05-01T10:00:00Z","event":{"action":"PutBucketPolicy","provider":"s3.amazonaws.com"},"aws":{"cloudtrail":{"user_identity":{"type":"Root"},"request_parameters":"{bucketName=prod-a}","flattened":{"request_parameters":{"bucketName":"prod-a"}}}}})"},
           {R"({"event":{"action":"PutBucketPolicy","provider":"s3.amazonaws.com"},"aws":{"cloudtrail":{"user_identity":{"type":"IAMUser"},"flattened":{"request_parameters":{"bucketName":"prod-a"}}}}})",
            R"({"eventSource":"s3.amazonaws.com","eventName":"PutBucketPolicy","requestParameters":{"bucketName":"prod-a"},"userIdentity":{"type":"Root"}})"}},
          {trail,
           "  sel:\n    errorCode|contains: Denied\n    requestParameters|contains: prod\n  "
           "condition: sel\n",
           {R"({"aws":{"cloudtrail":{"error_code":"AccessDenied","request_parameters":"{bucketName=prod-a}"}}})"},
           {R"({"aws":{"cloudtrail":{"error_code":"AccessDenied","request_parameters":"{bucketName=dev}"}}})"}},
          {trail,
           "  sel:\n    sourceIPAddress|cidr: 198.51.100.0/24\n  ok:\n    errorCode: null\n  "
           "condition: sel and ok\n",
           {R"({"source":{"address":"198.51.100.7","ip":"198.51.100.7"}})"},
           {R"({"source":{"ip":"198.51.100.7"},"aws":{"cloudtrail":{"error_code":"X"}}})"}},
      });
}

TEST_CASE("CloudTrail in OCSF is found by the names that rules have") {
  check_rows(
      {"ocsf-cloudtrail.yml"},
      {
          {trail,
           "  sel:\n    eventSource: iam.amazonaws.com\n    eventName|startswith: Create\n    "
           "requestParameters.userName: eve\n    sourceIPAddress|cidr: 203.0.113.0/24\n  "
           "condition: sel\n",
           {R"({"class_uid":6003,"api":{"operation":"CreateUser","service":{"name":"iam.amazonaws.com"}},"src_endpoint":{"ip":"203.0.113.9"},"unmapped":{"requestParameters":{"userName":"eve"}}})",
            R"({"class_uid":3001,"api":{"operation":"CreateAccessKey","service":{"name":"iam.amazonaws.com"},"request":{"data":{"userName":"eve"}}},"src_endpoint":{"ip":"203.0.113.9"}})",
            R"({"api":{"operation":"CreateUser","service":{"name":"iam.amazonaws.com"}},"src_endpoint":{"ip":"203.0.113.9"},"unmapped":{"requestParameters.userName":"eve"}})"},
           {R"({"api":{"operation":"DeleteUser","service":{"name":"iam.amazonaws.com"}},"src_endpoint":{"ip":"203.0.113.9"},"unmapped":{"requestParameters":{"userName":"eve"}}})"}},
          {trail,
           "  sel:\n    userIdentity.arn|endswith: ':root'\n    requestParameters|contains: "
           "'\"bucketName\":\"prod'\n    readOnly: false\n  condition: sel\n",
           {R"({"actor":{"user":{"uid_alt":"arn:aws:iam::111122223333:root"}},"api":{"request":{"data":"{\"bucketName\":\"prod-a\"}"}},"unmapped":{"readOnly":false}})"},
           {R"({"actor":{"user":{"uid_alt":"arn:aws:iam::111122223333:root"}},"api":{"request":{"data":"{\"bucketName\":\"dev\"}"}},"unmapped":{"readOnly":false}})"}},
      });
}

TEST_CASE("The regression records of SigmaHQ's rules match, flat and as raw events") {
  const std::filesystem::path shared = test::shared_folder();
  std::ifstream in(shared / "data" / "sigma-cases.jsonl");
  if (!in) {
    std::cout << "skipped: " << (shared / "data" / "sigma-cases.jsonl").string()
              << " is not there\n";
    return;
  }
  std::map<std::string, std::pair<LoadResult, LoadResult>> rules;
  std::size_t judged = 0;
  for (std::string line; std::getline(in, line);) {
    Diagnostics problems;
    const std::vector<YamlDocument> parsed = parse_yaml(SourceText::make("case", line), problems);
    REQUIRE(problems.errors() == 0);
    const YamlNode& root = parsed.at(0).root;
    const std::string path = root.get("rule_path")->text;
    if (root.get("expected_match")->kind == YamlNode::Kind::null) {
      continue;
    }
    CAPTURE(path);
    auto found = rules.find(path);
    if (found == rules.end()) {
      LoadOptions options;
      options.paths = {(shared / "rules" / "sigmahq" / path).string()};
      std::pair<LoadResult, LoadResult> loaded;
      loaded.first = load_rules(options);
      options.pipelines = {test::shipped("windows-channels.yml").string(),
                           test::shipped("windows-event.yml").string()};
      loaded.second = load_rules(options);
      found = rules.emplace(path, std::move(loaded)).first;
    }
    const bool expected = root.get("expected_match")->text == "true";
    const bool mapped = root.get("needs_field_mapping")->text == "true";
    REQUIRE(found->second.first.loaded == 1);
    REQUIRE(found->second.second.loaded == 1);
    if (!mapped) {
      CHECK(!test::hits(found->second.first, to_json(*root.get("event"))).empty() == expected);
    }
    CHECK(!test::hits(found->second.second, to_json(*root.get("event_nested"))).empty() ==
          expected);
    ++judged;
  }
  CHECK(judged > 90);
}

}  // namespace
}  // namespace tocsin
