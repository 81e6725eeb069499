// SPDX-License-Identifier: Apache-2.0
#include "app/diagnostic_formats.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "alerts/json_writer.h"
#include "rules/codes.h"

namespace tocsin {
namespace {

std::string_view severity(const Diagnostic& diagnostic, bool strict) {
  return diagnostic.severity == Severity::error || (strict && diagnostic.strict_error) ? "error"
                                                                                       : "warning";
}

void append_location(const Diagnostic& diagnostic, JsonWriter& json) {
  json.begin_object().key("physicalLocation").begin_object();
  json.key("artifactLocation").begin_object().key("uri").string(diagnostic.file).end_object();
  if (diagnostic.line > 0) {
    json.key("region").begin_object();
    json.key("startLine").number(diagnostic.line);
    json.key("startColumn").number(std::max(diagnostic.column, 1u));
    json.key("endColumn").number(std::max(diagnostic.column, 1u) + diagnostic.length);
    json.end_object();
  }
  json.end_object().end_object();
}

}  // namespace

std::string diagnostics_json(const Diagnostics& diagnostics, bool strict) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    json.begin_object();
    json.key("severity").string(severity(diagnostic, strict));
    json.key("code").string(diagnostic.code);
    json.key("file").string(diagnostic.file);
    json.key("line").number(diagnostic.line);
    json.key("column").number(diagnostic.column);
    json.key("length").number(diagnostic.length);
    json.key("message").string(diagnostic.message);
    json.key("hint").string_or_null(diagnostic.hint);
    json.end_object();
  }
  json.end_array();
  return out;
}

std::string diagnostics_sarif(const Diagnostics& diagnostics, bool strict) {
  std::set<std::string> codes;
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    codes.insert(diagnostic.code);
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("$schema").string("https://json.schemastore.org/sarif-2.1.0.json");
  json.key("version").string("2.1.0");
  json.key("runs").begin_array().begin_object();
  json.key("tool").begin_object().key("driver").begin_object();
  json.key("name").string("tocsin");
  json.key("version").string(TOCSIN_VERSION);
  json.key("rules").begin_array();
  for (const std::string& code : codes) {
    json.begin_object().key("id").string(code);
    if (const std::string_view about = explain_code(code); !about.empty()) {
      json.key("shortDescription").begin_object().key("text").string(about).end_object();
    }
    json.end_object();
  }
  json.end_array().end_object().end_object();
  json.key("columnKind").string("unicodeCodePoints");
  json.key("results").begin_array();
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    json.begin_object();
    json.key("ruleId").string(diagnostic.code);
    json.key("level").string(severity(diagnostic, strict));
    json.key("message").begin_object().key("text").string(
        diagnostic.message + (diagnostic.hint.empty() ? "" : " (" + diagnostic.hint + ")"));
    json.end_object();
    json.key("locations").begin_array();
    if (!diagnostic.file.starts_with("--")) {  // an option of the command line is no artifact
      append_location(diagnostic, json);
    }
    json.end_array().end_object();
  }
  json.end_array().end_object().end_array().end_object();
  return out;
}

std::string line_of(const std::string& path, std::uint32_t number) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  for (std::uint32_t at = 0; at < number; ++at) {
    if (!std::getline(file, line)) {
      return {};
    }
  }
  return line;
}

}  // namespace tocsin
