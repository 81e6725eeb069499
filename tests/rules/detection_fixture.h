// SPDX-License-Identifier: Apache-2.0
// A detection from its YAML text to a program, and records through it, each answer compared with
// the oracle's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/event/json.h"
#include "engine/event/json_tree.h"
#include "engine/match/builder.h"
#include "engine/match/program.h"
#include "rules/compile.h"
#include "rules/yaml.h"
#include "tests/oracle/rule_oracle.h"

namespace tocsin::testing {

struct CompiledRule {
  SourceText source;
  Diagnostics diagnostics;
  std::optional<Detection> detection;
  std::map<std::string, std::vector<std::string>> placeholders;
  std::shared_ptr<const Program> program;  // null where there were errors
};

// `text` is one document with a key `detection`, or `filter`.
inline CompiledRule compile_rule(
    const std::string& text, std::map<std::string, std::vector<std::string>> placeholders = {}) {
  CompiledRule rule;
  rule.placeholders = std::move(placeholders);
  rule.source = SourceText::make("rule.yml", text);
  const std::vector<YamlDocument> documents = parse_yaml(rule.source, rule.diagnostics);
  if (documents.size() != 1) {
    return rule;
  }
  const YamlNode* node = documents[0].root.get("detection");
  const YamlNode* filter = documents[0].root.get("filter");
  CompileContext context{&rule.placeholders, &rule.diagnostics};
  if (node != nullptr) {
    rule.detection = parse_detection(rule.source, *node, context);
  } else if (filter != nullptr) {
    rule.detection = parse_filter_detection(rule.source, *filter, context);
  }
  if (!rule.detection) {
    return rule;
  }
  ProgramBuilder builder;
  const auto compiled = compile_detection(rule.source, *rule.detection, builder, context);
  if (compiled) {
    builder.rule(compiled->condition, LogSource{}, compiled->selections);
    rule.program = builder.build();
  }
  return rule;
}

// A detection whose lines are the selections of `condition: sel`.
inline std::string with_selection(const std::string& item) {
  return "detection:\n  sel:\n    " + item + "\n  condition: sel\n";
}

// The indices of the records that match; the oracle has to agree. Precondition: rule.program.
inline std::vector<std::size_t> matching(const CompiledRule& rule,
                                         const std::vector<std::string>& records) {
  REQUIRE(rule.program != nullptr);
  std::vector<std::size_t> found;
  JsonReader reader;
  Event event;
  Scratch scratch(*rule.program);
  SourceClass source;
  source.kind = SourceClass::Kind::any;
  for (std::size_t i = 0; i < records.size(); ++i) {
    std::string padded = records[i];
    padded.append(limits::padding_bytes, ' ');
    const std::string_view record(padded.data(), records[i].size());
    CAPTURE(record);
    REQUIRE(reader.read(record, rule.program->plan(), false, event) != ReadStatus::malformed);
    const bool matched = !rule.program->match(event, source, scratch).empty();
    if (matched) {
      found.push_back(i);
    }
    const auto tree = parse_json(record);
    REQUIRE(tree);
    CHECK(oracle_matches(*rule.detection, *tree, rule.placeholders) == matched);
  }
  return found;
}

// "line:column code" of each diagnostic, in order.
inline std::vector<std::string> problems(const CompiledRule& rule) {
  std::vector<std::string> found;
  for (const Diagnostic& diagnostic : rule.diagnostics.list()) {
    found.push_back(std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column) +
                    " " + diagnostic.code);
  }
  return found;
}

}  // namespace tocsin::testing
