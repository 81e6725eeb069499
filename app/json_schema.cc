// SPDX-License-Identifier: Apache-2.0
#include "app/json_schema.h"

#include "engine/base/text.h"

namespace tocsin {
namespace {

void append(const Json& json, std::size_t level, std::string& out) {
  const bool object = json.kind == Json::Kind::object;
  if (json.kind == Json::Kind::raw) {
    out += json.scalar;
    return;
  }
  if (json.kind == Json::Kind::text) {
    append_json_string(json.scalar, out);
    return;
  }
  const std::string indent(2 * level + 2, ' ');
  out += object ? '{' : '[';
  bool first = true;
  for (const auto& [key, value] : json.members) {
    out += (first ? "\n" : ",\n") + indent;
    append_json_string(key, out);
    out += ": ";
    append(value, level + 1, out);
    first = false;
  }
  for (const Json& item : json.items) {
    out += (first ? "\n" : ",\n") + indent;
    append(item, level + 1, out);
    first = false;
  }
  if (!first) {
    out += '\n' + std::string(2 * level, ' ');
  }
  out += object ? '}' : ']';
}

Json pattern(std::string_view expression) {
  return std::move(typed("string").set("pattern", Json::text(expression)));
}

// A plain value where a text is wanted: YAML takes 42 for a number, and the program its text.
Json plain_value() {
  Json types = Json::texts({"string", "number", "boolean"});
  Json out;
  out.set("type", std::move(types));
  return out;
}

Json schema_of_type(std::string_view type) {
  if (type == "text" || type == "path") {
    return plain_value();
  }
  if (type == "texts") {
    return list_of(plain_value());
  }
  if (type == "paths") {
    return any_of({plain_value(), list_of(plain_value())});
  }
  if (type == "list") {
    return typed("array");
  }
  if (type == "map") {
    return typed("object");
  }
  if (type == "boolean") {
    return typed("boolean");
  }
  if (type == "number") {
    return typed("number");
  }
  if (type == "duration") {
    return pattern("^([0-9]+(ns|us|ms|s|m|h|d|w))+$");
  }
  if (type == "size") {
    return any_of({typed("integer"), pattern("^[0-9]+(KiB|MiB|GiB)$")});
  }
  if (type == "timespan") {
    return pattern("^[0-9]+[smhdwMy]$");
  }
  if (type == "uuid") {
    return pattern("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$");
  }
  if (type == "date") {
    return pattern("^[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}$");
  }
  return Json();
}

}  // namespace

Json Json::text(std::string_view value) {
  Json out;
  out.kind = Kind::text;
  out.scalar = value;
  return out;
}

Json Json::raw(std::string_view json) {
  Json out = text(json);
  out.kind = Kind::raw;
  return out;
}

Json Json::array(std::vector<Json> items) {
  Json out;
  out.kind = Kind::array;
  out.items = std::move(items);
  return out;
}

Json Json::texts(const std::vector<std::string_view>& values) {
  std::vector<Json> items;
  for (const std::string_view value : values) {
    items.push_back(text(value));
  }
  return array(std::move(items));
}

Json& Json::set(std::string_view key, Json value) {
  members.push_back({std::string(key), std::move(value)});
  return *this;
}

std::string to_text(const Json& json) {
  std::string out;
  append(json, 0, out);
  return out + '\n';
}

Json typed(std::string_view type) {
  return std::move(Json().set("type", Json::text(type)));
}

Json list_of(Json items) {
  return std::move(typed("array").set("items", std::move(items)));
}

Json any_of(std::vector<Json> alternatives) {
  if (alternatives.size() == 1) {
    return std::move(alternatives.front());
  }
  return std::move(Json().set("anyOf", Json::array(std::move(alternatives))));
}

Json closed_map() {
  return std::move(typed("object").set("additionalProperties", Json::raw("false")));
}

Json schema_of(std::string_view takes) {
  std::vector<Json> alternatives;
  std::vector<Json> values;
  while (!takes.empty()) {
    const std::size_t bar = takes.find(" | ");
    const std::string_view word = takes.substr(0, bar);
    takes = bar == std::string_view::npos ? std::string_view() : takes.substr(bar + 3);
    if (word == "level") {
      for (const char* level : {"informational", "low", "medium", "high", "critical"}) {
        values.push_back(Json::text(level));
      }
      continue;
    }
    Json type = schema_of_type(word);
    const bool number = word.find_first_not_of("0123456789") == std::string_view::npos;
    if (type.members.empty()) {
      values.push_back(number ? Json::raw(word) : Json::text(word));
    } else {
      alternatives.push_back(std::move(type));
    }
  }
  if (!values.empty()) {
    alternatives.insert(alternatives.begin(),
                        std::move(Json().set("enum", Json::array(std::move(values)))));
  }
  return any_of(std::move(alternatives));
}

}  // namespace tocsin
