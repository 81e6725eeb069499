// SPDX-License-Identifier: Apache-2.0
// Runs the correlation cases of ../shared/conformance in process, cut into batches of several
// sizes, on one thread and two. What they mean: ../shared/conformance/README.md.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "rules/yaml.h"
#include "tests/rules/load_fixture.h"
#include "tests/support/replay.h"

namespace tocsin {
namespace {

namespace fs = std::filesystem;

const char* const files[] = {"21_correlation_structure.yaml",
                             "22_correlation_counts.yaml",
                             "23_correlation_temporal.yaml",
                             "24_correlation_values.yaml",
                             "25_correlation_chaining.yaml",
                             "26_filters.yaml"};

std::string text_of(const YamlNode& node, std::string_view key) {
  const YamlNode* found = node.get(key);
  return found == nullptr ? std::string() : found->text;
}

// "rule|event|name=text,name=null"
std::vector<std::string> expected_alerts(const YamlNode& conformance_case) {
  std::vector<std::string> alerts;
  const YamlNode* expect = conformance_case.get("expect");
  REQUIRE(expect != nullptr);
  for (const YamlNode& alert : expect->items) {
    std::string line = text_of(alert, "rule") + "|" + text_of(alert, "event") + "|";
    std::vector<std::string> group;
    if (const YamlNode* map = alert.get("group")) {
      for (const auto& member : map->members) {
        const bool absent = member.second.kind == YamlNode::Kind::null;
        group.push_back(member.first.text + "=" + (absent ? "(absent)" : member.second.text));
      }
    }
    std::sort(group.begin(), group.end());
    for (const std::string& value : group) {
      line += value + ",";
    }
    alerts.push_back(line);
  }
  std::sort(alerts.begin(), alerts.end());
  return alerts;
}

std::vector<std::string> correlation_alerts(const testing::Replay& replay) {
  std::vector<std::string> alerts;
  for (const Alert& alert : replay.alerts) {
    if (alert.kind != AlertKind::correlation) {
      continue;
    }
    REQUIRE(!alert.events.empty());
    std::string line = alert.rule->title + "|" + std::to_string(alert.events.back()->record) + "|";
    std::vector<std::string> group;
    for (const auto& [name, text] : alert.group) {
      group.push_back(name + "=" + text.value_or("(absent)"));
    }
    std::sort(group.begin(), group.end());
    for (const std::string& value : group) {
      line += value + ",";
    }
    alerts.push_back(line);
  }
  std::sort(alerts.begin(), alerts.end());
  return alerts;
}

using Matches = std::map<std::string, std::vector<std::uint64_t>>;

Matches standalone(const testing::Replay& replay) {
  Matches matches;
  for (const Alert& alert : replay.alerts) {
    if (alert.kind == AlertKind::detection) {
      matches[alert.rule->title].push_back(alert.events.back()->record);
    }
  }
  return matches;
}

Matches expected_matches(const YamlNode& node) {
  Matches matches;
  for (const auto& member : node.members) {
    for (const YamlNode& event : member.second.items) {
      matches[member.first.text].push_back(std::stoull(event.text));
    }
  }
  return matches;
}

void run_case(const YamlNode& conformance_case) {
  const LoadResult loaded = test::load_text(text_of(conformance_case, "rule"));
  INFO(test::all_text(loaded.diagnostics));
  REQUIRE(loaded.diagnostics.errors() == 0);
  const std::vector<std::string> expected = expected_alerts(conformance_case);
  for (const std::size_t batch : {1u, 2u, 1024u}) {
    for (const std::uint32_t threads : {1u, 2u}) {
      CAPTURE(batch);
      CAPTURE(threads);
      testing::ReplayOptions options;
      options.batch = batch;
      options.threads = threads;
      options.correlation.fold = false;
      options.correlation.detector.lateness_ns = 4000 * day_ns;
      const testing::Replay replay =
          testing::replay(loaded.ruleset, text_of(conformance_case, "events"), options);
      CHECK(correlation_alerts(replay) == expected);
      if (const YamlNode* matches = conformance_case.get("matches")) {
        CHECK(standalone(replay) == expected_matches(*matches));
      }
    }
  }
}

TEST_CASE("every shared correlation case gives the alerts it expects") {
  const fs::path folder = test::shared_folder() / "conformance";
  if (!fs::is_directory(folder)) {
    std::cout << "skipped: " << folder << " is not there\n";
    return;
  }
  std::size_t cases = 0;
  for (const char* file : files) {
    CAPTURE(file);
    std::ifstream in(folder / file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    Diagnostics diagnostics;
    const SourceText source = SourceText::make(file, text.str());
    const std::vector<YamlDocument> documents = parse_yaml(source, diagnostics);
    REQUIRE(documents.size() == 1);
    for (const YamlNode& conformance_case : documents[0].root.items) {
      if (text_of(conformance_case, "kind") == "correlation") {
        const std::string name = text_of(conformance_case, "name");
        CAPTURE(name);
        run_case(conformance_case);
        ++cases;
      }
    }
  }
  CHECK(cases > 80);
}

}  // namespace
}  // namespace tocsin
