// SPDX-License-Identifier: Apache-2.0
// google_chat: a space's webhook with a card. Widgets read a subset of HTML: values are escaped;
// the text, where <users/all> mentions everyone and no escape is known, gets other angles. A
// message is at most 32,000 bytes.
#include "alerts/json_writer.h"
#include "alerts/sinks/card.h"
#include "alerts/sinks/http_sink.h"
#include "alerts/sinks/markup.h"
#include "alerts/sinks/sinks.h"

namespace tocsin {
namespace {

constexpr std::size_t message_bytes_max = 30'000;

void write_widgets(JsonWriter& json, const Card& card) {
  json.begin_array();
  if (!card.summary.empty()) {
    json.begin_object().key("textParagraph").begin_object();
    json.key("text").string(entities_escaped(card.summary)).end_object().end_object();
  }
  for (const auto& [name, value] : card.fields) {
    json.begin_object()
        .key("decoratedText")
        .begin_object()
        .key("topLabel")
        .string(entities_escaped(name));
    json.key("text")
        .string(entities_escaped(value))
        .key("wrapText")
        .boolean(true)
        .end_object()
        .end_object();
  }
  json.begin_object().key("textParagraph").begin_object();
  json.key("text").string(entities_escaped(card_footer(card))).end_object().end_object();
  if (!card.runbook.empty()) {
    json.begin_object()
        .key("buttonList")
        .begin_object()
        .key("buttons")
        .begin_array()
        .begin_object();
    json.key("text")
        .string("Runbook (" + card.runbook_host + ")")
        .key("onClick")
        .begin_object()
        .key("openLink")
        .begin_object();
    json.key("url")
        .string(card.runbook)
        .end_object()
        .end_object()
        .end_object()
        .end_array()
        .end_object()
        .end_object();
  }
  json.end_array();
}

std::string render(const Card& card, const std::string& id, bool minimal) {
  std::string out;
  JsonWriter json(out);
  const std::string title = angles_replaced(card.title);
  json.begin_object().key("text").string(title + " (alert " + id + ")");
  if (!minimal) {
    json.key("cardsV2")
        .begin_array()
        .begin_object()
        .key("cardId")
        .string(id)
        .key("card")
        .begin_object();
    json.key("header").begin_object().key("title").string(title).end_object();
    json.key("sections").begin_array().begin_object().key("widgets");
    write_widgets(json, card);
    json.end_object().end_array().end_object().end_object().end_array();
  }
  json.end_object();
  return out;
}

class GoogleChatSink final : public HttpSink {
 public:
  using HttpSink::HttpSink;

 protected:
  std::string body(const Alert& alert, bool minimal) const override {
    return google_chat_payload(alert, context_.redactor, context_.config.fields, minimal);
  }
  bool has_minimal() const override { return true; }
};

}  // namespace

std::string google_chat_payload(const Alert& alert,
                                const Redactor& redactor,
                                const std::vector<std::string>& fields,
                                bool minimal) {
  Card card = make_card(alert, redactor, fields);
  std::string out = render(card, alert.id, minimal);
  while (out.size() > message_bytes_max && drop_last_field(card)) {
    out = render(card, alert.id, minimal);
  }
  return out;
}

std::unique_ptr<Sink> make_google_chat_sink(const SinkContext& context) {
  return std::make_unique<GoogleChatSink>(context);
}

}  // namespace tocsin
