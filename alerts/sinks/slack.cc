// SPDX-License-Identifier: Apache-2.0
// slack: an incoming webhook. Values stand in plain_text objects, which Slack does not parse; the
// top-level text, which it does (and which is what notifications show), is escaped. Limits: header
// 150, section text 3,000, 10 fields of 2,000, text 4,000 characters, and about 13,200 over all
// blocks: a Card stays below each. Success is the body "ok" alone.
#include "alerts/json_writer.h"
#include "alerts/sinks/card.h"
#include "alerts/sinks/http_sink.h"
#include "alerts/sinks/markup.h"
#include "alerts/sinks/sinks.h"

namespace tocsin {
namespace {

void write_plain_text(JsonWriter& json, std::string_view text) {
  json.begin_object();
  json.key("type").string("plain_text").key("text").string(text).key("emoji").boolean(false);
  json.end_object();
}

void write_blocks(JsonWriter& json, const Card& card) {
  json.begin_array();
  json.begin_object().key("type").string("header").key("text");
  write_plain_text(json, card.title);
  json.end_object();
  if (!card.summary.empty()) {
    json.begin_object().key("type").string("section").key("text");
    write_plain_text(json, card.summary);
    json.end_object();
  }
  if (!card.fields.empty()) {
    json.begin_object().key("type").string("section").key("fields").begin_array();
    for (const auto& [name, value] : card.fields) {
      write_plain_text(json, name + "\n" + value);
    }
    json.end_array().end_object();
  }
  json.begin_object().key("type").string("context").key("elements").begin_array();
  write_plain_text(json, card_footer(card));
  json.end_array().end_object();
  if (!card.runbook.empty()) {
    json.begin_object().key("type").string("actions").key("elements").begin_array();
    json.begin_object().key("type").string("button").key("text");
    write_plain_text(json, "Runbook (" + card.runbook_host + ")");
    json.key("url").string(card.runbook).end_object();
    json.end_array().end_object();
  }
  json.end_array();
}

class SlackSink final : public HttpSink {
 public:
  using HttpSink::HttpSink;

 protected:
  std::string body(const Alert& alert, bool minimal) const override {
    return slack_payload(alert, context_.redactor, context_.config.fields, minimal);
  }
  bool has_minimal() const override { return true; }
  bool accepted(const HttpResponse& response) const override { return is_ok(response); }
};

}  // namespace

std::string slack_payload(const Alert& alert,
                          const Redactor& redactor,
                          const std::vector<std::string>& fields,
                          bool minimal) {
  const Card card = make_card(alert, redactor, fields);
  const std::string headline =
      entities_escaped(card.summary.empty() ? card.title : card.title + ": " + card.summary) +
      " (alert " + alert.id + ")";
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("text").string(headline);
  json.key("mrkdwn").boolean(false);
  json.key("unfurl_links").boolean(false);
  json.key("unfurl_media").boolean(false);
  if (!minimal) {
    json.key("attachments").begin_array().begin_object();
    json.key("color").string(card_colour_hex(alert.level));
    json.key("fallback").string(entities_escaped(card.title));
    json.key("blocks");
    write_blocks(json, card);
    json.end_object().end_array();
  }
  json.end_object();
  return out;
}

std::unique_ptr<Sink> make_slack_sink(const SinkContext& context) {
  return std::make_unique<SlackSink>(context);
}

}  // namespace tocsin
