// SPDX-License-Identifier: Apache-2.0
// Runs the cases of ../shared/conformance in process: kinds match, error and load in full; of
// correlation cases, that they load. What they mean: ../shared/conformance/README.md.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/event/json.h"
#include "rules/load.h"
#include "rules/yaml.h"
#include "tests/rules/load_fixture.h"

namespace tocsin {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string text_of(const YamlNode& node, std::string_view key) {
  const YamlNode* found = node.get(key);
  return found == nullptr ? std::string() : found->text;
}

LoadResult load_case(const YamlNode& conformance_case, const test::ScratchFolder& folder) {
  std::string rule = text_of(conformance_case, "rule");
  if (text_of(conformance_case, "line_ends") == "crlf") {
    rule = replace_all(rule, "\n", "\r\n");
  }
  LoadOptions options;
  options.paths = {folder.write("rule.yml", rule).string()};
  if (const YamlNode* placeholders = conformance_case.get("placeholders")) {
    for (const YamlMember& member : placeholders->members) {
      for (const YamlNode& value : member.second.items) {
        options.placeholders[member.first.text].push_back(value.text);
      }
    }
  }
  return load_rules(options);
}

using Matches = std::map<std::string, std::vector<int>>;  // title -> numbers of events

Matches evaluate(const YamlNode& conformance_case, const Ruleset& ruleset) {
  SourceClass source;
  source.kind = SourceClass::Kind::any;
  LogSource given;
  if (const YamlNode* node = conformance_case.get("source")) {
    given =
        LogSource{text_of(*node, "category"), text_of(*node, "product"), text_of(*node, "service")};
    source.kind = SourceClass::Kind::known;
    source.category = given.category;
    source.product = given.product;
    source.service = given.service;
  }
  JsonReader reader;
  Event event;
  Scratch scratch(*ruleset.program);
  Matches matches;
  std::istringstream lines(text_of(conformance_case, "events"));
  int number = 0;
  for (std::string line; std::getline(lines, line); ++number) {
    const std::size_t size = line.size();
    line.append(limits::padding_bytes, ' ');
    const std::string_view record = std::string_view(line).substr(0, size);
    if (reader.read(record, ruleset.program->plan(), false, event) == ReadStatus::malformed) {
      continue;
    }
    for (const RuleId rule : ruleset.program->match(event, source, scratch)) {
      if (ruleset.alerts_alone[index(rule)]) {
        matches[ruleset.rules[index(rule)].title].push_back(number);
      }
    }
  }
  return matches;
}

std::vector<int> numbers(const YamlNode& list) {
  std::vector<int> out;
  for (const YamlNode& item : list.items) {
    out.push_back(std::stoi(item.text));
  }
  return out;
}

std::string shown(const Matches& matches) {
  std::string out;
  for (const auto& [title, events] : matches) {
    out += title + ":";
    for (const int event : events) {
      out += " " + std::to_string(event);
    }
    out += "; ";
  }
  return out;
}

void run_match(const YamlNode& conformance_case, const LoadResult& result) {
  CHECK(result.diagnostics.errors() == 0);
  const YamlNode& expect = *conformance_case.get("expect");
  Matches got = evaluate(conformance_case, *result.ruleset);
  Matches want;
  if (expect.kind == YamlNode::Kind::map) {
    for (const YamlMember& member : expect.members) {
      if (!member.second.items.empty()) {
        want[member.first.text] = numbers(member.second);
      }
    }
  } else {
    REQUIRE(result.ruleset->rules.size() == 1);
    if (!expect.items.empty()) {
      want[result.ruleset->rules[0].title] = numbers(expect);
    }
  }
  CHECK(shown(got) == shown(want));
}

void run_error(const LoadResult& result) {
  CHECK(result.diagnostics.strict_errors() > 0);
  for (const Diagnostic& problem : result.diagnostics.list()) {
    CHECK(problem.line > 0);
    CHECK(problem.column > 0);
    CHECK_FALSE(problem.source_line.empty());
  }
}

std::string json_list(const std::vector<std::string>& values) {
  YamlNode list;
  list.kind = YamlNode::Kind::sequence;
  for (const std::string& value : values) {
    YamlNode item;
    item.kind = YamlNode::Kind::string;
    item.text = value;
    list.items.push_back(item);
  }
  return to_json(list);
}

std::string json_text(const std::string& value) {
  if (value.empty()) {
    return "null";
  }
  YamlNode node;
  node.kind = YamlNode::Kind::string;
  node.text = value;
  return to_json(node);
}

std::string attribute(const RuleInfo& info, const std::string& key) {
  const std::map<std::string, std::string> texts = {
      {"id", info.id},
      {"name", info.name},
      {"status", info.status},
      {"author", info.author},
      {"date", info.date},
      {"modified", info.modified},
      {"taxonomy", info.taxonomy},
      {"license", info.license},
      {"level", info.level ? std::string(to_text(*info.level)) : ""}};
  const std::map<std::string, std::vector<std::string>> lists = {
      {"tags", info.tags},
      {"references", info.references},
      {"falsepositives", info.falsepositives},
      {"fields", info.fields},
      {"scope", info.scope}};
  if (const auto text = texts.find(key); text != texts.end()) {
    return json_text(text->second);
  }
  if (const auto list = lists.find(key); list != lists.end()) {
    return json_list(list->second);
  }
  if (key == "related") {
    std::string out;
    for (const RelatedRule& related : info.related) {
      out += out.empty() ? "[" : ",";
      out += "{\"id\":" + json_text(related.id) + ",\"type\":" + json_text(related.type) + "}";
    }
    return out.empty() ? "[]" : out + "]";
  }
  return "no such attribute: " + key;
}

void run_load(const YamlNode& conformance_case, const LoadResult& result) {
  CHECK(result.diagnostics.strict_errors() == 0);
  for (const YamlMember& rule : conformance_case.get("meta")->members) {
    std::vector<const RuleInfo*> found;
    for (const DocumentInfo& document : result.documents) {
      if (rule.first.text == "*" || document.info.title == rule.first.text) {
        found.push_back(&document.info);
        CHECK(document.loaded);
      }
    }
    REQUIRE(found.size() == 1);
    for (const YamlMember& wanted : rule.second.members) {
      CAPTURE(wanted.first.text);
      if (wanted.first.text != "custom") {
        CHECK(attribute(*found[0], wanted.first.text) == to_json(wanted.second));
        continue;
      }
      CHECK(found[0]->custom.size() == wanted.second.members.size());
      for (const YamlMember& custom : wanted.second.members) {
        REQUIRE(found[0]->custom.count(custom.first.text) == 1);
        CHECK(found[0]->custom.at(custom.first.text) == to_json(custom.second));
      }
    }
  }
}

void run_correlation(const YamlNode& conformance_case, const LoadResult& result) {
  CHECK(result.diagnostics.errors() == 0);
  CHECK(result.rejected == 0);
  const std::string rule = "\n" + text_of(conformance_case, "rule");
  const std::string key = "\ncorrelation:";
  std::size_t correlations = 0;
  for (std::size_t at = rule.find(key); at != std::string::npos; at = rule.find(key, at + 1)) {
    ++correlations;
  }
  CHECK(result.ruleset->correlations.size() == correlations);
}

void run_case(const YamlNode& conformance_case, const test::ScratchFolder& folder) {
  const LoadResult result = load_case(conformance_case, folder);
  const std::string diagnostics = test::all_text(result.diagnostics);
  CAPTURE(diagnostics);
  const std::string kind = text_of(conformance_case, "kind");
  if (text_of(conformance_case, "expect_error") == "true") {
    run_error(result);
  } else if (kind == "load") {
    run_load(conformance_case, result);
  } else if (kind == "match") {
    run_match(conformance_case, result);
  } else {
    REQUIRE(kind == "correlation");
    run_correlation(conformance_case, result);
  }
}

}  // namespace

TEST_CASE("Every conformance case loads, is rejected or matches as it says") {
  const fs::path folder = test::shared_folder() / "conformance";
  if (!fs::is_directory(folder)) {
    std::cout << "skipped: no conformance cases at " << folder << "\n";
    return;
  }
  const test::ScratchFolder scratch;
  std::size_t cases = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
    if (file.path().extension() != ".yaml") {
      continue;
    }
    const SourceText source =
        SourceText::make(file.path().filename().string(), read_file(file.path()));
    Diagnostics diagnostics;
    const std::vector<YamlDocument> documents = parse_yaml(source, diagnostics);
    CAPTURE(test::all_text(diagnostics));
    REQUIRE(documents.size() == 1);
    for (const YamlNode& conformance_case : documents[0].root.items) {
      const std::string name = source.name + ":" + text_of(conformance_case, "name");
      CAPTURE(name);
      ++cases;
      run_case(conformance_case, scratch);
    }
  }
  CHECK(cases > 500);
}

}  // namespace tocsin
