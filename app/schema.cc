// SPDX-License-Identifier: Apache-2.0
// tocsin schema config: the JSON Schema of tocsin.yaml, from the tables that the reader checks with
// (config_keys.h).
#include <cstdio>

#include "app/commands.h"
#include "app/config_keys.h"
#include "app/json_schema.h"
#include "app/rule_schema.h"

namespace tocsin {
namespace {

// The keys of a section; `nested` says what stands below a key that takes a map or a list, or gives
// an empty schema.
template <typename T, typename Nested>
Json section(const std::vector<KeyRow<T>>& rows, Nested nested) {
  Json properties;
  for (const KeyRow<T>& row : rows) {
    Json schema = nested(row.name);
    if (schema.members.empty()) {
      schema = schema_of(row.takes);
    }
    schema.set("description", Json::text(row.about));
    properties.set(row.name, std::move(schema));
  }
  return std::move(closed_map().set("properties", std::move(properties)));
}

template <typename T>
Json section(const std::vector<KeyRow<T>>& rows) {
  return section(rows, [](std::string_view) { return Json(); });
}

Json map_of(Json values) {
  return std::move(typed("object").set("additionalProperties", std::move(values)));
}

Json inputs() {
  return section(input_keys(), [](std::string_view key) {
    if (key == "logsource") {
      return any_of(
          {std::move(Json().set("const", Json::text("any"))), section(log_source_keys())});
    }
    return Json();
  });
}

Json receivers() {
  const Json sink = section(sink_keys(), [](std::string_view key) {
    return key == "headers" ? map_of(schema_of("text")) : Json();
  });
  return std::move(section(receiver_keys(), [&](std::string_view key) {
                     return key == "name" ? Json() : sink;
                   }).set("required", Json::texts({"name"})));
}

Json placeholders() {
  Json file = closed_map();
  file.set("properties",
           std::move(Json().set("file", schema_of("path")).set("column", schema_of("text"))));
  file.set("required", Json::texts({"file"}));
  return map_of(any_of({schema_of("text"), schema_of("texts"), std::move(file)}));
}

// The sections about tocsin's own running; empty for any other key.
Json watch_section(std::string_view key) {
  if (key == "reload") {
    return section(reload_keys());
  }
  if (key == "metrics") {
    return section(metrics_keys());
  }
  if (key == "admin") {
    return section(admin_keys());
  }
  if (key == "heartbeat") {
    return section(heartbeat_keys());
  }
  if (key == "log") {
    return section(log_keys());
  }
  return key == "system_alerts" ? section(system_alert_keys()) : Json();
}

Json config_schema() {
  Json root;
  root.set("$schema", Json::text("http://json-schema.org/draft-07/schema#"));
  root.set("title", Json::text("tocsin.yaml"));
  Json keys = section(config_keys(), [](std::string_view key) {
    if (key == "rules") {
      return section(rules_section_keys());
    }
    if (key == "store") {
      return section(store_keys());
    }
    if (key == "placeholders") {
      return placeholders();
    }
    if (key == "inputs") {
      return list_of(std::move(inputs().set("required", Json::texts({"paths"}))));
    }
    if (key == "logsources") {
      return list_of(std::move(section(source_row_keys(), [](std::string_view row) {
                                 return row == "logsource" ? section(log_source_keys()) : Json();
                               }).set("required", Json::texts({"field", "value", "logsource"}))));
    }
    if (key == "receivers") {
      return list_of(receivers());
    }
    if (key == "routes") {
      return list_of(std::move(section(route_keys()).set("required", Json::texts({"receiver"}))));
    }
    return key == "overrides" ? list_of(section(override_keys())) : watch_section(key);
  });
  for (auto& [key, value] : keys.members) {
    root.set(key, std::move(value));
  }
  return root;
}

}  // namespace

int run_schema_rule(const Options&) {
  std::fputs(to_text(rule_schema()).c_str(), stdout);
  return exit_status::ran;
}

int run_schema_config(const Options&) {
  std::fputs(to_text(config_schema()).c_str(), stdout);
  return exit_status::ran;
}

}  // namespace tocsin
