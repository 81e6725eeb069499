// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "alerts/sanitize.h"
#include "alerts/sinks/card.h"
#include "alerts/sinks/sinks.h"
#include "tests/alerts/alert_fixture.h"

using namespace tocsin;

namespace {

std::string payload(const Alert& alert, bool minimal = false) {
  return slack_payload(alert, Redactor(), {"eventName", "requestParameters.name"}, minimal);
}

// What Slack documents or enforces (see alerts/sinks/slack.cc).
void check_limits(const std::string& json) {
  CHECK(test::is_valid_json(json));
  CHECK(count_utf16(test::at(json, "text")) < 4000);
  const auto tree = parse_json(json);
  REQUIRE(tree.has_value());
  std::size_t total = 0;
  for (const JsonNode* block : find_values(*tree, "attachments.blocks")) {
    const JsonNode* text = block->get("text");
    const std::string type = block->get("type")->text;
    if (text != nullptr) {
      const std::size_t size = count_utf16(text->get("text")->text);
      CHECK(size > 0);
      CHECK(size <= (type == "header" ? 150u : 3000u));
      total += size;
    }
    const JsonNode* list = block->get(type == "context" ? "elements" : "fields");
    if (list != nullptr) {
      CHECK(list->children.size() <= 10);
      for (const JsonNode& item : list->children) {
        const std::size_t size = count_utf16(item.get("text")->text);
        CHECK(size > 0);
        CHECK(size <= 2000);
        total += size;
      }
    }
  }
  CHECK(total <= 10'000);
}

// Nothing in `json` can mention, link or run anything.
void check_harmless(const std::string& json) {
  // Slack parses the top-level text and the fallback.
  for (const char* path : {"text", "attachments.fallback"}) {
    const std::string text = test::at(json, path);
    CHECK(text.find('<') == std::string::npos);
    CHECK(text.find('>') == std::string::npos);
  }
  for (const std::string& text : test::all_strings(json)) {
    CHECK(text.find("://evil") ==
          text.find("hxxps://evil") + (text.find("hxxps://evil") == std::string::npos ? 0 : 5));
    CHECK(text.find("evil.example") == std::string::npos);
    for (const char* hidden :
         {"\xE2\x80\xAE", "\xE2\x81\xA6", "\xE2\x80\x8B", "\x1b", "\xC2\x9B"}) {
      CHECK(text.find(hidden) == std::string::npos);
    }
    CHECK(text.find('\0') == std::string::npos);
  }
  CHECK(test::at(json, "mrkdwn") == "false");
  CHECK(json.find("\"type\":\"mrkdwn\"") == std::string::npos);
  CHECK(json.find("link_names") == std::string::npos);
}

}  // namespace

TEST_CASE("a Slack message has the alert in plain text with its level's colour") {
  RuleInfo rule = test::make_rule("Root & <HSM>");
  rule.extensions.runbook = "https://runbooks.example/hsm?x=1";
  rule.extensions.fields = {"awsRegion"};
  const Alert alert = test::alert_of(
      R"({"eventName":"CreateHsm","eventSource":"cloudhsm.amazonaws.com","awsRegion":"us-west-2","sourceIPAddress":"203.0.113.9",)"
      R"("userIdentity":{"type":"Root","accountId":"1"},"requestParameters":{"name":"<!channel>"}})",
      rule);
  const std::string expected =
      R"({"text":"[HIGH] Root &amp; &lt;HSM&gt;: root: CreateHsm (cloudhsm), on name &lt;!channel&gt;, from 203.0.113.9, account 1, us-west-2 (alert )" +
      alert.id +
      R"x()","mrkdwn":false,"unfurl_links":false,"unfurl_media":false,"attachments":[{"color":"#f2994a","fallback":"[HIGH] Root &amp; &lt;HSM&gt;","blocks":[)x"
      R"({"type":"header","text":{"type":"plain_text","text":"[HIGH] Root & <HSM>","emoji":false}},)"
      R"({"type":"section","text":{"type":"plain_text","text":"root: CreateHsm (cloudhsm), on name <!channel>, from 203.0.113.9, account 1, us-west-2","emoji":false}},)"
      R"({"type":"section","fields":[{"type":"plain_text","text":"eventName\nCreateHsm","emoji":false},)"
      R"({"type":"plain_text","text":"requestParameters.name\n<!channel>","emoji":false},)"
      R"({"type":"plain_text","text":"awsRegion\nus-west-2","emoji":false},)"
      R"({"type":"plain_text","text":"principal\n1","emoji":false},{"type":"plain_text","text":"account\n1","emoji":false},)"
      R"({"type":"plain_text","text":"region\nus-west-2","emoji":false},{"type":"plain_text","text":"source_ip\n203.0.113.9","emoji":false}]},)"
      R"({"type":"context","elements":[{"type":"plain_text","text":"alert )" +
      alert.id +
      R"( | rule 0d3f3a0e-0000-4000-8000-000000000001 | event 2026-01-02T03:04:05Z | detected 2026-01-02T03:05:05.250Z","emoji":false}]},)"
      R"x({"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Runbook (runbooks.example)","emoji":false},"url":"https://runbooks.example/hsm?x=1"}]}]}]})x";
  CHECK(payload(alert) == expected);
  check_limits(payload(alert));
}

TEST_CASE("the minimal Slack message is the text alone") {
  const Alert alert =
      test::alert_of(R"({"eventName":"X","userIdentity":{"type":"Root"}})", test::make_rule("T"));
  CHECK(payload(alert, true) ==
        R"({"text":"[HIGH] T: root: X (alert )" + alert.id +
            R"x()","mrkdwn":false,"unfurl_links":false,"unfurl_media":false})x");
}

TEST_CASE("nothing that an attacker writes becomes a mention, a link or a hidden text in Slack") {
  for (const auto& injection : test::injections()) {
    CAPTURE(injection.name);
    RuleInfo rule = test::make_rule(injection.text);
    rule.id = injection.text;
    rule.extensions.runbook = injection.text;
    rule.extensions.fields = {"requestParameters.name"};
    const std::string text = test::quoted(injection.text);
    Alert alert =
        test::alert_of("{\"eventName\":" + text + ",\"sourceIPAddress\":" + text +
                           ",\"userIdentity\":{\"type\":\"IAMUser\",\"userName\":" + text +
                           "},\"requestParameters\":{\"name\":" + text + "}}",
                       rule);
    alert.group = {{injection.text, injection.text}};
    for (const bool minimal : {false, true}) {
      const std::string json = payload(alert, minimal);
      check_limits(json);
      check_harmless(json);
    }
  }
}

TEST_CASE("a Slack message of random text is valid and inside every limit") {
  std::uint64_t state = 11;
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    RuleInfo rule = test::make_rule(test::random_text(state, 400));
    std::string json =
        "{\"eventName\":" + test::quoted(test::random_text(state, 900)) +
        ",\"userIdentity\":{\"userName\":" + test::quoted(test::random_text(state, 900)) +
        "},\"awsRegion\":" + test::quoted(test::random_text(state, 900));
    for (int field = 0; field < 20; ++field) {
      rule.extensions.fields.push_back("f" + std::to_string(field));
      json += ",\"f" + std::to_string(field) + "\":" + test::quoted(test::random_text(state, 900));
    }
    const Alert alert = test::alert_of(json + "}", rule);
    check_limits(payload(alert));
    check_limits(payload(alert, true));
  }
}

TEST_CASE("fields beyond the tenth are counted") {
  RuleInfo rule = test::make_rule("T");
  std::string json = "{\"eventName\":\"X\"";
  for (int i = 0; i < 15; ++i) {
    rule.extensions.fields.push_back("f" + std::to_string(i));
    json += ",\"f" + std::to_string(i) + "\":\"v\"";
  }
  const Card card = make_card(test::alert_of(json + "}", rule), Redactor(), {});
  CHECK(card.fields.size() == 10);
  CHECK(card.fields_left_out == 5);
  CHECK(card_footer(card).find("+5 more fields") != std::string::npos);
}

TEST_CASE("a runbook is linked only where its URL needs no escaping") {
  const auto runbook_of = [](const std::string& url) {
    RuleInfo rule = test::make_rule("T");
    rule.extensions.runbook = url;
    return make_card(test::alert_of("{}", rule), Redactor(), {}).runbook;
  };
  CHECK(runbook_of("https://runbooks.example/a") == "https://runbooks.example/a");
  for (const char* url : {"javascript:alert(1)",
                          "https://a/b|c",
                          "https://a/<b>",
                          "https://a/ b",
                          "file:///etc/passwd",
                          "https://a/\xC3\xA9"}) {
    CAPTURE(url);
    CHECK(runbook_of(url).empty());
  }
}

TEST_CASE("secrets never reach a chat") {
  RuleInfo rule = test::make_rule("T");
  rule.extensions.fields = {"responseElements", "responseElements.credentials.sessionToken"};
  const Alert alert = test::alert_of(
      R"({"eventName":"X","responseElements":{"credentials":{"sessionToken":"CANARY-c4f3"}}})",
      rule);
  CHECK(payload(alert).find("CANARY") == std::string::npos);
  CHECK(payload(alert).find("<redacted>") != std::string::npos);
}
