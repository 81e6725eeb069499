// SPDX-License-Identifier: Apache-2.0
#include "app/rule_schema.h"

#include "rules/correlation.h"
#include "rules/keys.h"
#include "rules/modifiers.h"

namespace tocsin {
namespace {

Json constant(std::string_view value) {
  return std::move(Json().set("const", Json::text(value)));
}

Json reference(std::string_view definition) {
  return std::move(Json().set("$ref", Json::text("#/definitions/" + std::string(definition))));
}

Json typed_as(const std::vector<std::string_view>& types) {
  return std::move(Json().set("type", Json::texts(types)));
}

Json non_empty_list_of(Json items) {
  return std::move(list_of(std::move(items)).set("minItems", Json::raw("1")));
}

// Null leaves an attribute out.
Json or_null(Json schema) {
  return any_of({std::move(schema), typed("null")});
}

// --- detection ---

// A field and its modifiers; without a field, a keyword's.
std::string field_pattern() {
  std::string out = "^[^|]*([|](";
  bool first = true;
  for (const Modifier& modifier : modifier_table()) {
    out += (first ? "" : "|") + std::string(modifier.name);
    first = false;
  }
  return out + "))*$";
}

Json selection_map() {
  std::string about = "field, then modifiers:";
  for (const Modifier& modifier : modifier_table()) {
    about += "\n|" + std::string(modifier.name) + ": " + std::string(modifier.explanation);
  }
  Json out = typed("object");
  out.set("description", Json::text(about));
  out.set("minProperties", Json::raw("1"));
  out.set("propertyNames", std::move(Json().set("pattern", Json::text(field_pattern()))));
  Json scalar = typed_as({"string", "number", "boolean"});
  out.set("additionalProperties",
          any_of({typed_as({"string", "number", "boolean", "null"}),
                  non_empty_list_of(std::move(scalar))}));
  return out;
}

Json selection() {
  Json item = any_of({typed_as({"string", "number", "boolean"}),
                      reference("selection_map"),
                      reference("selection_list")});
  return any_of({typed_as({"string", "number", "boolean"}),
                 reference("selection_map"),
                 non_empty_list_of(std::move(item))});
}

Json condition(std::string_view about) {
  Json out = typed("string");
  out.set("minLength", Json::raw("1"));
  out.set("description", Json::text(about));
  return out;
}

Json detection() {
  constexpr std::string_view about =
      "how the selections combine: and, or, not, ( ), 1 of them, all of selection_*";
  Json properties;
  properties.set("condition", any_of({condition(about), non_empty_list_of(condition(about))}));
  properties.set("timeframe", Json());
  Json out = typed("object");
  out.set("properties", std::move(properties));
  out.set("required", Json::texts({"condition"}));
  out.set("minProperties", Json::raw("2"));
  out.set("additionalProperties", reference("selection"));
  return out;
}

Json filter() {
  Json properties;
  properties.set("rules", any_of({schema_of("text"), schema_of("texts")}));
  properties.set("condition", condition("which records stay: not selection"));
  Json out = typed("object");
  out.set("properties", std::move(properties));
  out.set("required", Json::texts({"rules", "condition"}));
  out.set("minProperties", Json::raw("3"));
  out.set("additionalProperties", reference("selection"));
  return out;
}

// --- correlation ---

Json option_schema(const CorrelationOption& option) {
  using Kind = CorrelationOption::Kind;
  switch (option.kind) {
    case Kind::duration:
      return schema_of("duration");
    case Kind::count:
      return std::move(typed("integer").set("minimum", Json::raw("1")));
    case Kind::share:
      return std::move(
          typed("number").set("exclusiveMinimum", Json::raw("0")).set("maximum", Json::raw("1")));
    case Kind::choice:
      return std::move(
          Json().set("enum", Json::texts({option.choices.begin(), option.choices.end()})));
    case Kind::values:
      return schema_of("text | texts");
    case Kind::distance:
      return std::move(typed("string").set("pattern", Json::text("^[0-9.]+(km|mi)$")));
    case Kind::speed:
      return std::move(typed("string").set("pattern", Json::text("^[0-9.]+(km/h|mi/h|mph)$")));
  }
  return Json();
}

Json threshold_map() {
  Json properties;
  for (const char* name : {"lt", "lte", "gt", "gte", "eq", "neq", "percentile"}) {
    properties.set(name, typed("number"));
  }
  properties.set("field", schema_of("text | texts"));
  return std::move(closed_map().set("properties", std::move(properties)));
}

Json key_schema(const CorrelationType& type, const DocumentKey& row) {
  if (row.name == "type") {
    return constant(type.name);
  }
  if (row.name == "aliases") {
    Json fields = typed("object");
    fields.set("additionalProperties", schema_of("text"));
    return or_null(std::move(typed("object").set("additionalProperties", std::move(fields))));
  }
  if (row.name == "condition") {
    return type.extended ? any_of({condition("and, or, not over names of rules"), threshold_map()})
                         : threshold_map();
  }
  return schema_of(row.takes);
}

// The keys of one type.
Json correlation_of(const CorrelationType& type) {
  Json properties;
  std::vector<std::string_view> required = {"type"};
  for (const DocumentKey& row : correlation_keys()) {
    if (takes_key(type, row.name)) {
      properties.set(row.name,
                     std::move(key_schema(type, row).set("description", Json::text(row.about))));
    }
  }
  for (const CorrelationOption& option : type.options) {
    properties.set(option.key, option_schema(option));
  }
  if (type.needs_timespan) {
    required.push_back("timespan");
  }
  if (type.needs_condition) {
    required.push_back("condition");
  }
  if (type.field == FieldPlace::own) {
    required.push_back("field");
  }
  return std::move(
      closed_map().set("properties", std::move(properties)).set("required", Json::texts(required)));
}

Json correlation() {
  std::vector<std::string_view> names;
  std::vector<Json> cases;
  for (const CorrelationType& type : correlation_types()) {
    names.push_back(type.name);
    Json is_type = std::move(Json().set("type", constant(type.name)));
    Json when = std::move(Json().set("properties", std::move(is_type)));
    cases.push_back(std::move(Json().set("if", std::move(when)).set("then", correlation_of(type))));
  }
  Json type = std::move(Json().set("enum", Json::texts(names)));
  Json out = typed("object");
  out.set("required", Json::texts({"type"}));
  out.set("properties", std::move(Json().set("type", std::move(type))));
  out.set("allOf", Json::array(std::move(cases)));
  return out;
}

// --- the document ---

Json related() {
  Json types = Json::texts({"derived", "obsolete", "merged", "renamed", "similar", "correlation"});
  Json properties;
  properties.set("id", schema_of("uuid"));
  properties.set("type", std::move(Json().set("enum", std::move(types))));
  Json item = typed("object");
  item.set("properties", std::move(properties));
  item.set("required", Json::texts({"id", "type"}));
  return list_of(std::move(item));
}

Json log_source() {
  Json properties;
  for (const char* key : {"category", "product", "service", "definition"}) {
    properties.set(key, typed_as({"string", "null"}));
  }
  return std::move(typed("object").set("properties", std::move(properties)));
}

Json described_map(std::span<const DocumentKey> rows) {
  Json properties;
  for (const DocumentKey& row : rows) {
    Json schema = row.name == "tests" ? list_of(described_map(test_keys())) : schema_of(row.takes);
    schema.set("description", Json::text(row.about));
    properties.set(row.name, std::move(schema));
  }
  return std::move(closed_map().set("properties", std::move(properties)));
}

Json document_key(const DocumentKey& row) {
  if (row.name == "related") {
    return or_null(related());
  }
  if (row.name == "logsource") {
    return log_source();
  }
  if (row.name == "detection" || row.name == "correlation" || row.name == "filter") {
    return reference(row.name);
  }
  if (row.name == "tocsin") {
    return or_null(described_map(extension_keys()));
  }
  return or_null(schema_of(row.takes));
}

Json needs(std::string_view key) {
  return std::move(Json().set("required", Json::texts({key})));
}

}  // namespace

Json rule_schema() {
  Json properties;
  for (const DocumentKey& row : document_keys()) {
    // Beside a $ref nothing counts in draft 7, so the description goes around it.
    Json schema = document_key(row);
    if (schema.members.front().key == "$ref") {
      schema = std::move(Json().set("allOf", Json::array({std::move(schema)})));
    }
    properties.set(row.name, std::move(schema.set("description", Json::text(row.about))));
  }
  properties.set("generate", schema_of("boolean"));
  properties.set("action", schema_of("global | reset | repeat"));
  Json definitions;
  definitions.set("selection_map", selection_map());
  definitions.set("selection_list",
                  non_empty_list_of(any_of(
                      {typed_as({"string", "number", "boolean"}), reference("selection_map")})));
  definitions.set("selection", selection());
  definitions.set("detection", detection());
  definitions.set("filter", filter());
  definitions.set("correlation", correlation());
  Json root;
  root.set("$schema", Json::text("http://json-schema.org/draft-07/schema#"));
  root.set("title", Json::text("Sigma rule, correlation or filter for tocsin"));
  root.set("type", Json::text("object"));
  root.set("properties", std::move(properties));
  root.set(
      "anyOf",
      Json::array({needs("detection"), needs("correlation"), needs("filter"), needs("action")}));
  root.set("definitions", std::move(definitions));
  return root;
}

}  // namespace tocsin
