// SPDX-License-Identifier: Apache-2.0
// Every chat's payload: golden text, nothing that an attacker writes has an effect, valid and
// inside the vendor's limits.
#include <functional>

#include <doctest/doctest.h>

#include "alerts/sanitize.h"
#include "alerts/sinks/card.h"
#include "alerts/sinks/markup.h"
#include "alerts/sinks/sinks.h"
#include "tests/alerts/alert_fixture.h"

using namespace tocsin;
using namespace tocsin::test;

namespace {

struct Texts {
  const char* path;
  std::size_t units_max;
};

struct Chat {
  const char* name;
  Payload* payload;
  std::size_t bytes_max;  // of the whole message
  std::vector<Texts> texts;
};

const std::vector<Chat>& chats() {
  static const std::vector<Chat> list = {
      {"slack", &slack_payload, 100'000, {{"text", 4000}}},
      {"teams", &teams_payload, 18u << 10, {}},
      {"discord",
       &discord_payload,
       100'000,
       {{"content", 2000},
        {"embeds.title", 256},
        {"embeds.description", 4096},
        {"embeds.fields.name", 256},
        {"embeds.fields.value", 1024},
        {"embeds.footer.text", 2048}}},
      {"mattermost", &mattermost_payload, 16'383, {{"attachments.footer", 300}}},
      {"google_chat", &google_chat_payload, 32'000, {}},
  };
  return list;
}

void check_limits(const Chat& chat, const std::string& json) {
  CHECK(is_valid_json(json));
  CHECK(json.size() <= chat.bytes_max);
  const auto tree = parse_json(json);
  REQUIRE(tree.has_value());
  for (const Texts& text : chat.texts) {
    CAPTURE(text.path);
    for (const JsonNode* node : find_values(*tree, text.path)) {
      CHECK(count_utf16(node->text) <= text.units_max);
      CHECK((!node->text.empty() || std::string(text.path) == "content"));
    }
  }
  if (std::string(chat.name) == "discord") {
    std::size_t total = 0;
    for (const char* path : {"embeds.title",
                             "embeds.description",
                             "embeds.fields.name",
                             "embeds.fields.value",
                             "embeds.footer.text"}) {
      for (const JsonNode* node : find_values(*tree, path)) {
        total += count_utf16(node->text);
      }
    }
    CHECK(total <= 6000);
    CHECK(find_values(*tree, "embeds.fields.name").size() <= 25);
  }
}

// `mark` does not occur but behind a backslash.
bool only_escaped(const std::string& text, char mark) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
    } else if (text[i] == mark) {
      return false;
    }
  }
  return true;
}

void check_harmless(const Chat& chat, const std::string& json) {
  const std::string name = chat.name;
  for (const std::string& text : all_strings(json)) {
    CHECK(text.find("evil.example") == std::string::npos);
    CHECK(text.find("\xE2\x80\xAE") == std::string::npos);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find('\0') == std::string::npos);
  }
  const auto tree = parse_json(json);
  const auto each = [&](std::initializer_list<const char*> paths,
                        const std::function<void(const std::string&)>& check) {
    for (const char* path : paths) {
      for (const JsonNode* node : find_values(*tree, path)) {
        CAPTURE(path);
        check(node->text);
      }
    }
  };
  const auto markdown = [](const std::string& text) {
    for (const char mark : std::string_view("\\[]*_`<>|~#&-")) {
      CAPTURE(mark);
      CHECK(only_escaped(text, mark));
    }
    for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@', at + 1)) {
      CHECK(text.compare(at + 1, 3, "\xE2\x80\x8B") == 0);
    }
  };
  if (name == "discord") {
    CHECK(json.find(R"({"allowed_mentions":{"parse":[]},)") == 0);
    each({"content",
          "embeds.title",
          "embeds.description",
          "embeds.fields.name",
          "embeds.fields.value"},
         markdown);
  } else if (name == "mattermost") {
    each({"text",
          "attachments.title",
          "attachments.fallback",
          "attachments.text",
          "attachments.fields.title",
          "attachments.fields.value"},
         markdown);
  } else if (name == "google_chat") {
    each({"text",
          "cardsV2.card.header.title",
          "cardsV2.card.sections.widgets.textParagraph.text",
          "cardsV2.card.sections.widgets.decoratedText.text",
          "cardsV2.card.sections.widgets.decoratedText.topLabel"},
         [](const std::string& text) { CHECK(text.find_first_of("<>") == std::string::npos); });
  } else if (name == "teams") {
    // Nothing in a TextRun is markup, and there is no TextBlock or FactSet, which are Markdown.
    CHECK(json.find("\"TextBlock\"") == std::string::npos);
    CHECK(json.find("\"FactSet\"") == std::string::npos);
    CHECK(json.find("\"entities\"") == std::string::npos);
  }
}

Alert golden_alert() {
  RuleInfo rule = make_rule("Root & <HSM>");
  rule.extensions.runbook = "https://runbooks.example/hsm";
  return alert_of(
      R"({"eventName":"CreateHsm","eventSource":"cloudhsm.amazonaws.com","awsRegion":"us-west-2",)"
      R"("userIdentity":{"type":"Root","accountId":"1"},"requestParameters":{"name":"*@here*"}})",
      rule);
}

}  // namespace

TEST_CASE("a Teams message is an Adaptive Card of text runs") {
  const Alert alert = golden_alert();
  CHECK(
      teams_payload(alert, Redactor(), {"requestParameters.name"}, false) ==
      R"x({"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":{)x"
      R"x("$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.4","msteams":{"width":"Full"},)x"
      R"x("body":[{"type":"Container","style":"warning","items":[)x"
      R"x({"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"[HIGH] Root & <HSM>","weight":"Bolder","size":"Medium"}]},)x"
      R"x({"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"root: CreateHsm (cloudhsm), on name *@here*, account 1, us-west-2"}]},)x"
      R"x({"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"requestParameters.name: ","weight":"Bolder"},{"type":"TextRun","text":"*@here*"}]},)x"
      R"x({"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"principal: ","weight":"Bolder"},{"type":"TextRun","text":"1"}]},)x"
      R"x({"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"account: ","weight":"Bolder"},{"type":"TextRun","text":"1"}]},)x"
      R"x({"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"region: ","weight":"Bolder"},{"type":"TextRun","text":"us-west-2"}]},)x"
      R"x({"type":"RichTextBlock","inlines":[{"type":"TextRun","text":")x" +
          card_footer(make_card(alert, Redactor(), {})) +
          R"x(","isSubtle":true,"size":"Small"}]}]}],)x"
          R"x("actions":[{"type":"Action.OpenUrl","title":"Runbook (runbooks.example)","url":"https://runbooks.example/hsm"}]}}]})x");
}

TEST_CASE("a Discord message is an embed that mentions nobody") {
  const Alert alert = golden_alert();
  CHECK(
      discord_payload(alert, Redactor(), {"requestParameters.name"}, false) ==
      R"x({"allowed_mentions":{"parse":[]},"content":"","embeds":[{"title":"\\[HIGH\\] Root \\& \\<HSM\\>",)x"
      "\"description\":\"root: CreateHsm \\\\(cloudhsm\\\\), on name \\\\*@\xE2\x80\x8Bhere\\\\*, "
      "account 1, us\\\\-west\\\\-2\","
      R"x("color":15898954,"url":"https://runbooks.example/hsm","fields":[)x"
      "{\"name\":\"requestParameters.name\",\"value\":\"\\\\*@\xE2\x80\x8Bhere\\\\*\",\"inline\":"
      "true},"
      R"x({"name":"principal","value":"1","inline":true},{"name":"account","value":"1","inline":true},)x"
      R"x({"name":"region","value":"us\\-west\\-2","inline":true}],"footer":{"text":")x" +
          card_footer(make_card(alert, Redactor(), {})) + R"x("}}]})x");
}

TEST_CASE("a Mattermost message is an attachment without mentions") {
  const Alert alert = golden_alert();
  CHECK(
      mattermost_payload(alert, Redactor(), {"requestParameters.name"}, false) ==
      R"x({"attachments":[{"fallback":"\\[HIGH\\] Root \\& \\<HSM\\>","color":"#f2994a","title":"\\[HIGH\\] Root \\& \\<HSM\\>",)x"
      R"x("title_link":"https://runbooks.example/hsm",)x"
      "\"text\":\"root: CreateHsm \\\\(cloudhsm\\\\), on name \\\\*@\xE2\x80\x8Bhere\\\\*, account "
      "1, us\\\\-west\\\\-2\",\"fields\":["
      "{\"title\":\"requestParameters.name\",\"value\":\"\\\\*@\xE2\x80\x8Bhere\\\\*\",\"short\":"
      "true},"
      R"x({"title":"principal","value":"1","short":true},{"title":"account","value":"1","short":true},)x"
      R"x({"title":"region","value":"us\\-west\\-2","short":true}],"footer":")x" +
          card_footer(make_card(alert, Redactor(), {})) + R"x("}]})x");
}

TEST_CASE("a Google Chat message is a card with escaped widgets") {
  const Alert alert = golden_alert();
  CHECK(
      google_chat_payload(alert, Redactor(), {"requestParameters.name"}, false) ==
      "{\"text\":\"[HIGH] Root & \xE2\x80\xB9HSM\xE2\x80\xBA (alert " + alert.id +
          ")\",\"cardsV2\":[{\"cardId\":\"" + alert.id +
          "\",\"card\":{\"header\":{\"title\":\"[HIGH] Root & "
          "\xE2\x80\xB9HSM\xE2\x80\xBA\"},\"sections\":[{\"widgets\":["
          R"x({"textParagraph":{"text":"root: CreateHsm (cloudhsm), on name *@here*, account 1, us-west-2"}},)x"
          R"x({"decoratedText":{"topLabel":"requestParameters.name","text":"*@here*","wrapText":true}},)x"
          R"x({"decoratedText":{"topLabel":"principal","text":"1","wrapText":true}},)x"
          R"x({"decoratedText":{"topLabel":"account","text":"1","wrapText":true}},)x"
          R"x({"decoratedText":{"topLabel":"region","text":"us-west-2","wrapText":true}},)x"
          R"x({"textParagraph":{"text":")x" +
          card_footer(make_card(alert, Redactor(), {})) +
          R"x("}},{"buttonList":{"buttons":[{"text":"Runbook (runbooks.example)","onClick":{"openLink":{"url":"https://runbooks.example/hsm"}}}]}}]}]}}]})x");
}

TEST_CASE("nothing that an attacker writes has an effect in any chat") {
  for (const Chat& chat : chats()) {
    CAPTURE(chat.name);
    for (const auto& injection : injections()) {
      CAPTURE(injection.name);
      RuleInfo rule = make_rule(injection.text);
      rule.id = injection.text;
      rule.extensions.runbook = injection.text;
      const std::string text = quoted(injection.text);
      Alert alert = alert_of("{\"eventName\":" + text + ",\"sourceIPAddress\":" + text +
                                 ",\"userIdentity\":{\"type\":\"IAMUser\",\"userName\":" + text +
                                 "},\"requestParameters\":{\"name\":" + text + "}}",
                             rule);
      alert.group = {{injection.text, injection.text}};
      for (const bool minimal : {false, true}) {
        const std::string json =
            chat.payload(alert, Redactor(), {"requestParameters.name"}, minimal);
        check_limits(chat, json);
        check_harmless(chat, json);
        CHECK((json.find(alert.id) != std::string::npos));
      }
    }
  }
}

TEST_CASE("a message of random text is valid and inside every limit in any chat") {
  std::uint64_t state = 5;
  for (int i = 0; i < 60; ++i) {
    CAPTURE(i);
    RuleInfo rule = make_rule(random_text(state, 300));
    std::string json = "{\"eventName\":" + quoted(random_text(state, 900));
    for (int field = 0; field < 14; ++field) {
      rule.extensions.fields.push_back("f" + std::to_string(field));
      json += ",\"f" + std::to_string(field) + "\":" + quoted(random_text(state, 900));
    }
    const Alert alert = alert_of(json + "}", rule);
    for (const Chat& chat : chats()) {
      CAPTURE(chat.name);
      check_limits(chat, chat.payload(alert, Redactor(), {}, false));
      check_limits(chat, chat.payload(alert, Redactor(), {}, true));
    }
  }
}

TEST_CASE("a message that would be too large loses its last fields and says how many") {
  std::string emoji;
  for (int i = 0; i < 400; ++i) {
    emoji += "\xF0\x9F\x98\x80";
  }
  RuleInfo rule = make_rule(emoji);
  std::string json = "{\"eventName\":" + quoted(emoji);
  for (int field = 0; field < 12; ++field) {
    const std::string name = "f" + std::to_string(field) + emoji.substr(0, 80);
    rule.extensions.fields.push_back(name);
    json += "," + quoted(name) + ":" + quoted(emoji);
  }
  const Alert alert = alert_of(json + "}", rule);
  const std::string discord = discord_payload(alert, Redactor(), {}, false);
  CHECK(discord.find("more fields") != std::string::npos);
  CHECK(discord.find("\"name\":\"f0") != std::string::npos);
  for (const Chat& chat : chats()) {
    CAPTURE(chat.name);
    check_limits(chat, chat.payload(alert, Redactor(), {}, false));
  }
}

TEST_CASE("markup is escaped character by character") {
  CHECK(entities_escaped("<&amp;>") == "&lt;&amp;amp;&gt;");
  CHECK(markdown_escaped("&commat;all") == "\\&commat;all");
  CHECK(markdown_escaped("a_b [x](y) @all \\") ==
        "a\\_b \\[x\\]\\(y\\) @\xE2\x80\x8B"
        "all \\\\");
  CHECK(angles_replaced("<users/all>") == "\xE2\x80\xB9users/all\xE2\x80\xBA");
}
