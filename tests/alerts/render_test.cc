// SPDX-License-Identifier: Apache-2.0
#include "alerts/render.h"

#include <doctest/doctest.h>

#include "engine/base/text.h"
#include "tests/alerts/alert_fixture.h"

using namespace tocsin;

namespace {

const EngineInfo engine{"1.2.3", "host-1"};

std::string ndjson(const Alert& alert, bool with_event = true) {
  return render_ndjson(alert, engine, Redactor(), with_event);
}

}  // namespace

TEST_CASE("the NDJSON line of a detection has every key of the schema, in order") {
  RuleInfo rule = test::make_rule("CreateHsm");
  rule.name = "create_hsm";
  rule.description = "A \"new\" HSM";
  rule.tags = {"attack.t1078"};
  rule.references = {"https://example.org/a"};
  rule.falsepositives = {"Admins"};
  rule.log_source = {"", "aws", "cloudtrail"};
  rule.extensions.runbook = "https://example.org/r";
  const Alert alert = test::alert_of(
      R"({ "eventName" : "CreateHsm", "eventSource": "cloudhsm.amazonaws.com", "awsRegion": "us-west-2", )"
      R"("sourceIPAddress": "203.0.113.9", "userIdentity": {"type": "Root", "accountId": "1"}, "responseElements": {"sessionToken": "t0p"}})",
      rule,
      {{"sel", "eventName", "equals", "CreateHsm", "CreateHsm"},
       {"sel", "", "contains", "t0p", "t0p"}});
  const std::string expected =
      R"({"schema":1,"id":")" + alert.id +
      R"(","kind":"detection","time":"2026-01-02T03:04:05Z","detected_at":"2026-01-02T03:05:05.250Z","level":"high",)"
      R"("engine":{"name":"tocsin","version":"1.2.3","host":"host-1"},)"
      R"("rule":{"id":"0d3f3a0e-0000-4000-8000-000000000001","name":"create_hsm","title":"CreateHsm","description":"A \"new\" HSM",)"
      R"("tags":["attack.t1078"],"references":["https://example.org/a"],"falsepositives":["Admins"],)"
      R"("logsource":{"product":"aws","service":"cloudtrail"},"runbook":"https://example.org/r","file":"rules/one.yml","line":3},)"
      R"("summary":"root: CreateHsm (cloudhsm), from 203.0.113.9, account 1, us-west-2","group":{},"count":1,)"
      R"("entities":{"principal":"1","account":"1","region":"us-west-2","source_ip":"203.0.113.9"},)"
      R"("first_seen":"2026-01-02T03:04:05Z","last_seen":"2026-01-02T03:04:05Z","learning":false,)"
      R"("matched":[{"selection":"sel","field":"eventName","op":"equals","pattern":"CreateHsm","value":"CreateHsm"},)"
      R"({"selection":"sel","field":null,"op":"contains","pattern":"t0p","value":"t0p"}],)"
      R"("evidence":{},"events":[{"source":"trail/a.json","record":17,"event_id":"e-1","event":{"eventName":"CreateHsm",)"
      R"("eventSource":"cloudhsm.amazonaws.com","awsRegion":"us-west-2","sourceIPAddress":"203.0.113.9",)"
      R"("userIdentity":{"type":"Root","accountId":"1"},"responseElements":{"sessionToken":"<redacted>"}}}]})";
  // "t0p" is too short to be looked for outside its key.
  CHECK(ndjson(alert) == expected);
}

TEST_CASE("what is absent is null, and a system alert has no rule to name") {
  const Alert alert =
      make_system_alert("input-truncated", Level::low, "a file was cut", test::detection_time);
  CHECK(
      render_ndjson(alert, {}, Redactor(), true) ==
      R"({"schema":1,"id":")" + alert.id +
          R"(","kind":"system","time":"2026-01-02T03:05:05.250Z","detected_at":"2026-01-02T03:05:05.250Z","level":"low",)"
          R"("engine":{"name":"tocsin","version":null,"host":null},)"
          R"("rule":{"id":null,"name":"input-truncated","title":"tocsin: input-truncated","description":null,"tags":[],"references":[],)"
          R"("falsepositives":[],"logsource":{},"runbook":null,"file":null,"line":null},)"
          R"("summary":"a file was cut","group":{},"count":1,)"
          R"("entities":{"principal":null,"account":null,"region":null,"source_ip":null},)"
          R"("first_seen":"2026-01-02T03:05:05.250Z","last_seen":"2026-01-02T03:05:05.250Z","learning":false,)"
          R"("matched":[],"evidence":{},"events":[]})");
}

TEST_CASE("a group's absent value is null and evidence is an object") {
  Alert alert = make_system_alert("x", Level::low, "s", test::detection_time);
  alert.group = {{"a", std::string("1")}, {"b", std::nullopt}};
  alert.evidence_json = R"({ "known" : [1, "x"] })";
  CHECK(ndjson(alert).find(R"("group":{"a":"1","b":null},)") != std::string::npos);
  CHECK(ndjson(alert).find(R"("evidence":{"known":[1,"x"]},)") != std::string::npos);
  alert.evidence_json = "not json";
  CHECK(ndjson(alert).find(R"("evidence":{},)") != std::string::npos);
}

TEST_CASE("--no-event leaves the record out and keeps its place") {
  const Alert alert = test::alert_of(R"({"eventName":"X"})", test::make_rule("T"));
  CHECK(ndjson(alert, false)
            .find(R"("events":[{"source":"trail/a.json","record":17,"event_id":"e-1"}]})") !=
        std::string::npos);
}

TEST_CASE("a secret of the record is taken out of everything else that repeats it") {
  const std::string canary = "CANARY-c4f3b4b3";
  Alert alert = test::alert_of(
      R"({"eventName":"X","responseElements":{"credentials":{"sessionToken":")" + canary +
          R"("}}})",
      test::make_rule("T"),
      {{"keywords", "", "contains", "CANARY", canary},
       {"sel", "responseElements.credentials.sessionToken", "exists", "true", canary},
       {"sel",
        "responseElements",
        "contains",
        "x",
        R"({"credentials":{"sessionToken":")" + canary + R"("}})"}});
  alert.summary += " with " + canary;
  alert.group = {{"responseElements.credentials.sessionToken", canary},
                 {"other", "a" + canary + "b"}};
  alert.entities.emplace_back("principal", canary);
  alert.evidence_json = R"({"values":[")" + canary + R"("]})";
  CHECK(ndjson(alert).find(canary) == std::string::npos);
  CHECK(render_text(alert, Redactor(), true).find(canary) == std::string::npos);
  CHECK(ndjson(alert).find(R"("other":"a<redacted>b")") != std::string::npos);
}

TEST_CASE("a secret that a summary cuts is taken out too") {
  const std::string canary = "CANARY-c4f3b4b3-d2e1f0a9";
  struct Case {
    const char* what;
    std::string record;
  };
  const std::string long_text(64, 'x');
  const std::vector<Case> cases = {
      {"a name beside its value",
       R"({"name":"DB_PASSWORD","value":")" + canary + long_text + long_text + R"("})"},
      {"a password in a URL",
       R"({"CommandLine":")" + long_text + R"( https://u:)" + canary + R"(@host/x"})"},
      {"line ends in a secret",
       R"({"name":"DB_PASSWORD","value":")" + canary + R"(\n)" + canary + long_text + R"("})"},
      {"a secret key beside its id",
       R"({"CommandLine":"AKIAIOSFODNN7EXAMPLE )" + long_text.substr(0, 40) +
           R"( CANARYNFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYa1 y"})"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const Alert alert = test::alert_of(c.record, test::make_rule("T"), {}, false);
    CAPTURE(alert.summary);
    CHECK(ndjson(alert).find("CANARY") == std::string::npos);
    CHECK(render_text(alert, Redactor(), false).find("CANARY") == std::string::npos);
  }
}

TEST_CASE("a group's secret is taken out of the summary, however short") {
  Alert alert = make_system_alert("x", Level::low, "s", test::detection_time);
  alert.group = {{"requestParameters.password", std::string("hunter2")}};
  alert.summary = "5 times for requestParameters.password hunter2; last: x";
  CHECK(ndjson(alert).find("hunter2") == std::string::npos);
}

TEST_CASE("evidence and entities alone keep no secret of the record") {
  Alert alert = test::alert_of(R"({"password":"CANARY-c4f3b4b3"})", test::make_rule("T"));
  alert.evidence_json = R"({"values":["aCANARY-c4f3b4b3b"]})";
  alert.entities = {{"principal", "xCANARY-c4f3b4b3"}};
  const std::string line = ndjson(alert);
  CHECK(line.find("CANARY") == std::string::npos);
  CHECK(line.find(R"("principal":"x<redacted>")") != std::string::npos);
  CHECK(line.find(R"("values":["a<redacted>b"])") != std::string::npos);
}

TEST_CASE("the NDJSON line is one line of strict JSON whatever the record holds") {
  for (const auto& injection : test::injections()) {
    CAPTURE(injection.name);
    RuleInfo rule = test::make_rule(injection.text);
    rule.tags = {injection.text};
    const Alert alert = test::alert_of(
        "{\"eventName\":" + test::quoted(injection.text) + "}",
        rule,
        {{injection.text, injection.text, "equals", injection.text, injection.text}});
    const std::string line = ndjson(alert);
    CHECK(test::is_valid_json(line));
    CHECK(line.find('\n') == std::string::npos);
    CHECK(line.find('\x1b') == std::string::npos);
    CHECK(line.find("\xC2\x9B") == std::string::npos);
    CHECK(test::at(line, "matched.selection") ==
          test::at("{\"x\":" + test::quoted(injection.text) + "}", "x"));
  }
}

TEST_CASE("a record that only a tolerant reader accepts is still rendered as strict JSON") {
  const std::vector<std::string> records = {
      "{\"a\":\"\\ud800\",\"eventName\":\"X\"}",
      "{\"a\":\"\x01\xff\",\"b\":tru}",
      "{\"a\":" + std::string(3000, '[') + std::string(3000, ']') + "}"};
  for (const std::string& record : records) {
    CAPTURE(record.substr(0, 60));
    const std::string line = ndjson(test::alert_of(record, test::make_rule("T")));
    CHECK(test::is_valid_json(line));
    CHECK(line.find("\"event\":{\"a\":") != std::string::npos);
  }
}

TEST_CASE("numbers are rendered as they were written") {
  const std::string line = ndjson(test::alert_of(
      "{\"n\":1e400,\"m\":123456789012345678901234567890,\"k\":1.50}", test::make_rule("T")));
  CHECK(line.find("{\"n\":1e400,\"m\":123456789012345678901234567890,\"k\":1.50}") !=
        std::string::npos);
}

TEST_CASE("the text line has time, level, title and summary") {
  const Alert alert = test::alert_of(
      R"({"eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","userIdentity":{"type":"Root"}})",
      test::make_rule("Trail stopped"));
  CHECK(render_text(alert, Redactor(), false) ==
        "2026-01-02T03:04:05Z [HIGH] Trail stopped: root: StopLogging (cloudtrail)");
  CHECK(render_text(alert, Redactor(), true) ==
        "2026-01-02T03:04:05Z \x1b[31m[HIGH]\x1b[0m Trail stopped: root: StopLogging (cloudtrail)");
}

TEST_CASE("the text line keeps to 120 columns and to printable characters") {
  for (const auto& injection : test::injections()) {
    CAPTURE(injection.name);
    const Alert alert = test::alert_of("{\"eventName\":" + test::quoted(injection.text) + "}",
                                       test::make_rule(injection.text));
    const std::string line = render_text(alert, Redactor(), false);
    CHECK(count_code_points(line) <= 120);
    CHECK(line == printable(line));
  }
  const Alert wide = test::alert_of(R"({"eventName":"X"})", test::make_rule([] {
                                      std::string title;
                                      for (int i = 0; i < 100; ++i) {
                                        title += "\xE6\xBC\xA2";
                                      }
                                      return title;
                                    }()));
  // Each of these takes two columns.
  CHECK(count_code_points(render_text(wide, Redactor(), false)) < 85);
}

TEST_CASE("a long title leaves room for the summary") {
  const Alert alert = test::alert_of(
      R"({"eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","userIdentity":{"type":"Root"},)"
      R"("sourceIPAddress":"203.0.113.9"})",
      test::make_rule(std::string(200, 'T')));
  const std::string line = render_text(alert, Redactor(), false);
  CHECK(line.find("root: StopLogging (cloudtrail), from 203") != std::string::npos);
  CHECK(count_code_points(line) <= 120);
}
