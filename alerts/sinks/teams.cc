// SPDX-License-Identifier: Apache-2.0
// teams: a Workflow ("When a Teams webhook request is received") with an Adaptive Card 1.4. Office
// 365 connectors (webhook.office.com) are retired and refused. Values stand in TextRuns, which are
// not Markdown. A message may be about 28 KB, less in practice: fields are dropped until it is
// below 18 KB. A 2xx may still say "returned HTTP error" in its body.
#include <array>

#include "alerts/json_writer.h"
#include "alerts/sinks/card.h"
#include "alerts/sinks/http_sink.h"
#include "alerts/sinks/sinks.h"

namespace tocsin {
namespace {

constexpr std::size_t message_bytes_max = 18u << 10;

std::string_view container_style(Level level) {
  constexpr std::array<std::string_view, level_count> styles = {
      "default", "accent", "warning", "warning", "attention"};
  return styles[static_cast<std::size_t>(level)];
}

struct Run {
  std::string_view text;
  bool bold = false;
  bool large = false;
  bool subtle = false;
};

void write_rich_text(JsonWriter& json, std::initializer_list<Run> runs) {
  json.begin_object().key("type").string("RichTextBlock").key("inlines").begin_array();
  for (const Run& run : runs) {
    json.begin_object().key("type").string("TextRun").key("text").string(run.text);
    if (run.bold) {
      json.key("weight").string("Bolder");
    }
    if (run.large) {
      json.key("size").string("Medium");
    }
    if (run.subtle) {
      json.key("isSubtle").boolean(true).key("size").string("Small");
    }
    json.end_object();
  }
  json.end_array().end_object();
}

std::string render(const Card& card, Level level, bool minimal) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("type").string("message").key("attachments").begin_array().begin_object();
  json.key("contentType")
      .string("application/vnd.microsoft.card.adaptive")
      .key("contentUrl")
      .null();
  json.key("content").begin_object();
  json.key("$schema").string("http://adaptivecards.io/schemas/adaptive-card.json");
  json.key("type").string("AdaptiveCard").key("version").string("1.4");
  json.key("msteams").begin_object().key("width").string("Full").end_object();
  json.key("body").begin_array().begin_object();
  json.key("type")
      .string("Container")
      .key("style")
      .string(container_style(level))
      .key("items")
      .begin_array();
  write_rich_text(json, {{card.title, true, true, false}});
  if (!minimal) {
    if (!card.summary.empty()) {
      write_rich_text(json, {{card.summary, false, false, false}});
    }
    for (const auto& [name, value] : card.fields) {
      write_rich_text(json, {{name + ": ", true, false, false}, {value, false, false, false}});
    }
  }
  write_rich_text(json, {{card_footer(card), false, false, true}});
  json.end_array().end_object().end_array();
  if (!card.runbook.empty() && !minimal) {
    json.key("actions").begin_array().begin_object();
    json.key("type")
        .string("Action.OpenUrl")
        .key("title")
        .string("Runbook (" + card.runbook_host + ")");
    json.key("url").string(card.runbook).end_object().end_array();
  }
  json.end_object().end_object().end_array().end_object();
  return out;
}

class TeamsSink final : public HttpSink {
 public:
  using HttpSink::HttpSink;

 protected:
  std::string body(const Alert& alert, bool minimal) const override {
    return teams_payload(alert, context_.redactor, context_.config.fields, minimal);
  }
  bool has_minimal() const override { return true; }
  bool accepted(const HttpResponse& response) const override {
    return response.body.find("returned HTTP error") == std::string::npos;
  }
};

}  // namespace

std::string teams_payload(const Alert& alert,
                          const Redactor& redactor,
                          const std::vector<std::string>& fields,
                          bool minimal) {
  Card card = make_card(alert, redactor, fields);
  std::string out = render(card, alert.level, minimal);
  while (out.size() > message_bytes_max && drop_last_field(card)) {
    out = render(card, alert.level, minimal);
  }
  return out;
}

std::unique_ptr<Sink> make_teams_sink(const SinkContext& context) {
  return std::make_unique<TeamsSink>(context);
}

}  // namespace tocsin
