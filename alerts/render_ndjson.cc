// SPDX-License-Identifier: Apache-2.0
// The alert's line of DETECTION.md, keys in its order: what other programs read.
#include "alerts/json_writer.h"
#include "alerts/redacted_alert.h"
#include "alerts/render.h"

namespace tocsin {
namespace {

void write_time(JsonWriter& json, const std::optional<TimeNs>& time) {
  if (time) {
    json.string(format_rfc3339(*time));
  } else {
    json.null();
  }
}

void write_log_source(JsonWriter& json, const LogSource& source) {
  json.begin_object();
  if (!source.category.empty()) {
    json.key("category").string(source.category);
  }
  if (!source.product.empty()) {
    json.key("product").string(source.product);
  }
  if (!source.service.empty()) {
    json.key("service").string(source.service);
  }
  json.end_object();
}

void write_rule(JsonWriter& json, const Alert& alert) {
  const RuleInfo nothing;
  const RuleInfo& rule = alert.rule != nullptr ? *alert.rule : nothing;
  json.begin_object();
  json.key("id").string_or_null(rule.id);
  json.key("name").string_or_null(alert.rule != nullptr ? rule.name : alert.system_rule);
  json.key("title").string_or_null(alert_title(alert));
  json.key("description").string_or_null(rule.description);
  json.key("tags").strings(rule.tags);
  json.key("references").strings(rule.references);
  json.key("falsepositives").strings(rule.falsepositives);
  json.key("logsource");
  write_log_source(json, rule.log_source);
  json.key("runbook").string_or_null(rule.extensions.runbook);
  json.key("file").string_or_null(rule.file);
  json.key("line");
  if (rule.file.empty()) {
    json.null();
  } else {
    json.number(rule.line);
  }
  json.end_object();
}

void write_group(JsonWriter& json, const RedactedAlert& redacted) {
  json.begin_object();
  for (const auto& [name, value] : redacted.group) {
    json.key(name);
    if (value) {
      json.string(*value);
    } else {
      json.null();
    }
  }
  json.end_object();
}

void write_entities(JsonWriter& json, const RedactedAlert& redacted) {
  json.begin_object();
  for (const char* name : {"principal", "account", "region", "source_ip"}) {
    json.key(name).string_or_null(redacted.entity(name));
  }
  json.end_object();
}

void write_matched(JsonWriter& json, const RedactedAlert& redacted) {
  json.begin_array();
  for (const Evidence& evidence : redacted.matched) {
    json.begin_object();
    json.key("selection").string(evidence.selection);
    json.key("field").string_or_null(evidence.field);
    json.key("op").string(evidence.op);
    json.key("pattern").string(evidence.pattern);
    json.key("value").string(evidence.value);
    json.end_object();
  }
  json.end_array();
}

void write_events(JsonWriter& json,
                  const Alert& alert,
                  const RedactedAlert& redacted,
                  bool with_event) {
  json.begin_array();
  for (std::size_t i = 0; i < alert.events.size(); ++i) {
    if (alert.events[i] == nullptr) {
      continue;
    }
    const RecordCopy& record = *alert.events[i];
    json.begin_object();
    json.key("source").string(record.source);
    json.key("record").number(record.record);
    json.key("event_id").string_or_null(record.event_id);
    if (with_event) {
      json.key("event");
      if (redacted.events[i]) {
        std::string event;
        append_json(*redacted.events[i], event);
        json.raw(event);
      } else {
        json.null();
      }
    }
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string render_ndjson(const Alert& alert,
                          const EngineInfo& engine,
                          const Redactor& redactor,
                          bool with_event) {
  const RedactedAlert redacted = redact_alert(alert, redactor);
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("schema").number(1);
  json.key("id").string(alert.id);
  json.key("kind").string(to_text(alert.kind));
  json.key("time");
  write_time(json, alert.time);
  json.key("detected_at").string(format_rfc3339(alert.detected_at));
  json.key("level").string(to_text(alert.level));
  json.key("engine").begin_object();
  json.key("name").string("tocsin");
  json.key("version").string_or_null(engine.version);
  json.key("host").string_or_null(engine.host);
  json.end_object();
  json.key("rule");
  write_rule(json, alert);
  json.key("summary").string(redacted.summary);
  json.key("group");
  write_group(json, redacted);
  json.key("count").number(alert.count);
  json.key("entities");
  write_entities(json, redacted);
  json.key("first_seen");
  write_time(json, alert.first_seen);
  json.key("last_seen");
  write_time(json, alert.last_seen);
  json.key("learning").boolean(alert.learning);
  json.key("matched");
  write_matched(json, redacted);
  json.key("evidence").raw(redacted.evidence_json);
  json.key("events");
  write_events(json, alert, redacted, with_event);
  json.end_object();
  return out;
}

}  // namespace tocsin
