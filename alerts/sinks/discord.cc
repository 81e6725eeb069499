// SPDX-License-Identifier: Apache-2.0
// discord: an embed. Limits: title 256, description 4,096, 25 fields with names of 256 and values
// of 1,024, footer 2,048, and 6,000 UTF-16 units over all: fields are dropped until it fits, since
// one violation loses the whole message. Embeds are Markdown: values are escaped, and no mention is
// allowed. Without ?wait=true a message that is not saved is no error.
#include "alerts/json_writer.h"
#include "alerts/sanitize.h"
#include "alerts/sinks/card.h"
#include "alerts/sinks/http_sink.h"
#include "alerts/sinks/markup.h"
#include "alerts/sinks/sinks.h"

namespace tocsin {
namespace {

constexpr std::size_t embed_units_max = 5800;
constexpr std::size_t title_units_max = 256;
constexpr std::size_t name_units_max = 256;
constexpr std::size_t value_units_max = 1024;

std::size_t embed_units(const Card& card) {
  std::size_t units = count_utf16(markdown_escaped(card.title)) +
                      count_utf16(markdown_escaped(card.summary)) + count_utf16(card_footer(card));
  for (const auto& [name, value] : card.fields) {
    units += count_utf16(markdown_escaped(name)) + count_utf16(markdown_escaped(value));
  }
  return units;
}

class DiscordSink final : public HttpSink {
 public:
  using HttpSink::HttpSink;

 protected:
  std::string body(const Alert& alert, bool minimal) const override {
    return discord_payload(alert, context_.redactor, context_.config.fields, minimal);
  }
  bool has_minimal() const override { return true; }
  std::string_view query() const override { return "wait=true"; }
};

}  // namespace

std::string discord_payload(const Alert& alert,
                            const Redactor& redactor,
                            const std::vector<std::string>& fields,
                            bool minimal) {
  Card card = make_card(alert, redactor, fields);
  while (embed_units(card) > embed_units_max && drop_last_field(card)) {
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object()
      .key("allowed_mentions")
      .begin_object()
      .key("parse")
      .begin_array()
      .end_array()
      .end_object();
  json.key("content").string(minimal ? markdown_escaped(card.title) + " (alert " + alert.id + ")"
                                     : std::string());
  if (!minimal) {
    json.key("embeds").begin_array().begin_object();
    json.key("title").string(fit_utf16(markdown_escaped(card.title), title_units_max));
    if (!card.summary.empty()) {
      json.key("description").string(markdown_escaped(card.summary));
    }
    json.key("color").number(card_colour(alert.level));
    if (!card.runbook.empty()) {
      json.key("url").string(card.runbook);
    }
    json.key("fields").begin_array();
    for (const auto& [name, value] : card.fields) {
      json.begin_object().key("name").string(fit_utf16(markdown_escaped(name), name_units_max));
      json.key("value")
          .string(fit_utf16(markdown_escaped(value), value_units_max))
          .key("inline")
          .boolean(true)
          .end_object();
    }
    json.end_array();
    json.key("footer").begin_object().key("text").string(card_footer(card)).end_object();
    json.end_object().end_array();
  }
  json.end_object();
  return out;
}

std::unique_ptr<Sink> make_discord_sink(const SinkContext& context) {
  return std::make_unique<DiscordSink>(context);
}

}  // namespace tocsin
