// SPDX-License-Identifier: Apache-2.0
// mattermost: an incoming webhook with an attachment. Text, titles and field values are Markdown
// and know @mentions: both are escaped everywhere. A post is at most 16,383 characters, a footer
// 300. Success is the body "ok".
#include "alerts/json_writer.h"
#include "alerts/sanitize.h"
#include "alerts/sinks/card.h"
#include "alerts/sinks/http_sink.h"
#include "alerts/sinks/markup.h"
#include "alerts/sinks/sinks.h"

namespace tocsin {
namespace {

constexpr std::size_t footer_units_max = 300;

class MattermostSink final : public HttpSink {
 public:
  using HttpSink::HttpSink;

 protected:
  std::string body(const Alert& alert, bool minimal) const override {
    return mattermost_payload(alert, context_.redactor, context_.config.fields, minimal);
  }
  bool has_minimal() const override { return true; }
  bool accepted(const HttpResponse& response) const override { return is_ok(response); }
};

}  // namespace

std::string mattermost_payload(const Alert& alert,
                               const Redactor& redactor,
                               const std::vector<std::string>& fields,
                               bool minimal) {
  const Card card = make_card(alert, redactor, fields);
  const std::string title = markdown_escaped(card.title);
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  if (minimal) {
    json.key("text").string(title + " (alert " + alert.id + ")");
  } else {
    json.key("attachments").begin_array().begin_object();
    json.key("fallback")
        .string(title)
        .key("color")
        .string(card_colour_hex(alert.level))
        .key("title")
        .string(title);
    if (!card.runbook.empty()) {
      json.key("title_link").string(card.runbook);
    }
    json.key("text").string(markdown_escaped(card.summary));
    json.key("fields").begin_array();
    for (const auto& [name, value] : card.fields) {
      json.begin_object()
          .key("title")
          .string(markdown_escaped(name))
          .key("value")
          .string(markdown_escaped(value));
      json.key("short").boolean(true).end_object();
    }
    json.end_array();
    json.key("footer").string(fit_utf16(card_footer(card), footer_units_max));
    json.end_object().end_array();
  }
  json.end_object();
  return out;
}

std::unique_ptr<Sink> make_mattermost_sink(const SinkContext& context) {
  return std::make_unique<MattermostSink>(context);
}

}  // namespace tocsin
