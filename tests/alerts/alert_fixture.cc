// SPDX-License-Identifier: Apache-2.0
#include "tests/alerts/alert_fixture.h"

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "engine/event/json.h"

namespace tocsin::test {

RuleInfo make_rule(const std::string& title) {
  RuleInfo rule;
  rule.title = title;
  rule.id = "0d3f3a0e-0000-4000-8000-000000000001";
  rule.key = rule.id;
  rule.level = Level::high;
  rule.file = "rules/one.yml";
  rule.line = 3;
  return rule;
}

std::shared_ptr<const RecordCopy> make_record(const std::string& json, bool cloudtrail) {
  auto record = std::make_shared<RecordCopy>();
  record->source = "trail/a.json";
  record->record = 17;
  record->json = json;
  record->event_id = cloudtrail ? "e-1" : "";
  record->cloudtrail = cloudtrail;
  record->time = event_time;
  record->identity = content_hash(json);
  return record;
}

Alert alert_of(const std::string& json,
               const RuleInfo& rule,
               std::vector<Evidence> evidence,
               bool cloudtrail) {
  auto ruleset = std::make_shared<Ruleset>();
  ruleset->rules.push_back(rule);
  Match match;
  match.record = make_record(json, cloudtrail);
  match.evidence = std::move(evidence);
  return make_alert(match, ruleset, detection_time);
}

bool is_valid_json(const std::string& text) {
  const FieldPlan plan;
  Event event;
  JsonReader reader;
  const std::string padded = text + std::string(limits::padding_bytes, ' ');
  return reader.read(std::string_view(padded).substr(0, text.size()), plan, true, event) ==
         ReadStatus::ok;
}

std::string quoted(const std::string& text) {
  std::string out;
  append_json_string(text, out);
  return out;
}

std::string at(const std::string& json, const std::string& path) {
  const auto tree = parse_json(json);
  if (!tree) {
    return "(not JSON)";
  }
  const auto found = find_values(*tree, path);
  return found.empty() ? "(none)" : rule_text(*found.front());
}

std::vector<std::string> all_strings(const std::string& json) {
  std::vector<std::string> out;
  const auto tree = parse_json(json);
  if (!tree) {
    return out;
  }
  std::vector<const JsonNode*> nodes = {&*tree};
  while (!nodes.empty()) {
    const JsonNode* node = nodes.back();
    nodes.pop_back();
    out.insert(out.end(), node->keys.begin(), node->keys.end());
    if (node->kind == JsonNode::Kind::string) {
      out.push_back(node->text);
    }
    for (const JsonNode& child : node->children) {
      nodes.push_back(&child);
    }
  }
  return out;
}

std::vector<Injection> injections() {
  return {
      {"Slack's channel mention", "<!channel> <!here> <@U12345> <!subteam^S1>"},
      {"a Slack link with a false name", "<https://evil.example/x|remediate here>"},
      {"mentions by name", "@everyone @here @channel @all"},
      {"mentions by entities", "&commat;all &#64;channel &#x40;here &lt;!channel&gt;"},
      {"mentions of each vendor", "<users/all> <at>everyone</at> <@&1> <#1> ~town-square"},
      {"Markdown", "[click](https://evil.example/) **bold** `code` ~~x~~ ||spoiler|| # head"},
      {"bidirectional controls",
       "safe\xE2\x80\xAE\x65xe.tpircs\xE2\x80\xAC \xE2\x81\xA6x\xE2\x81\xA9"},
      {"zero-width characters", std::string("pass\xE2\x80\x8Bword\xEF\xBB\xBF!")},
      {"terminal escapes", "\x1b[2J\x1b]0;owned\x07\x1b[31mred"},
      {"C1 controls",
       "a\xC2\x9B"
       "31mb\xC2\x85"},
      {"NUL and other controls", std::string("a\0b\x01\x02\x7f", 6)},
      {"bytes that are no UTF-8", "ab\xff\xfe\xc0\xaf\xed\xa0\x80z"},
      {"quotes and backslashes", "\"}],\"injected\":{\"x\":\"\\\\\"' "},
      {"line ends",
       "one\ntwo\r\nthree\xE2\x80\xA8"
       "four"},
      {"a megabyte", std::string(1'000'000, 'A')},
      {"a megabyte of emoji",
       [] {
         std::string text;
         for (int i = 0; i < 250'000; ++i) {
           text += "\xF0\x9F\x98\x80";
         }
         return text;
       }()},
      {"HTML", "<script>alert(1)</script> &amp; <b>"},
      {"a domain with a full-width dot",
       "evil\xEF\xBC\x8E"
       "example and evil\xE3\x80\x82"
       "example"},
      {"nothing printable", "\xE2\x80\x8B\xE2\x80\x8B"},
  };
}

std::string random_text(std::uint64_t& state, std::size_t code_points_max) {
  const auto next = [&state] {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return state >> 33;
  };
  std::string out;
  const std::size_t count = next() % (code_points_max + 1);
  for (std::size_t i = 0; i < count; ++i) {
    switch (next() % 6) {
      case 0:
        append_utf8(static_cast<char32_t>(next() % 0x80), out);
        break;
      case 1:
        append_utf8(static_cast<char32_t>(0x80 + next() % 0x2000), out);
        break;
      case 2:
        append_utf8(static_cast<char32_t>(0x2000 + next() % 0x100), out);
        break;
      case 3:
        append_utf8(static_cast<char32_t>(0x1f000 + next() % 0x1000), out);
        break;
      case 4:
        out += static_cast<char>(next() % 256);
        break;
      default:
        out += "<>&\"\\@`*[](){}|./:"[next() % 18];
    }
  }
  return out;
}

}  // namespace tocsin::test
