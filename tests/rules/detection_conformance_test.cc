// SPDX-License-Identifier: Apache-2.0
// The shared conformance cases of detections, in one process: the program's answers, the oracle's
// and the expected ones.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/rules/detection_fixture.h"

namespace tocsin {
namespace {

std::filesystem::path shared_folder() {
  const char* named = std::getenv("TOCSIN_SHARED");
  return named != nullptr ? std::filesystem::path(named)
                          : std::filesystem::path(TOCSIN_SOURCE_DIR) / ".." / "shared";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::map<std::string, std::vector<std::string>> placeholders_of(const YamlNode& test) {
  std::map<std::string, std::vector<std::string>> placeholders;
  if (const YamlNode* node = test.get("placeholders")) {
    for (const auto& [name, values] : node->members) {
      for (const YamlNode& value : values.items) {
        placeholders[name.text].push_back(value.text);
      }
    }
  }
  return placeholders;
}

void judge(const YamlNode& test) {
  const std::string name = test.get("name")->text;
  CAPTURE(name);
  const auto rule = testing::compile_rule(test.get("rule")->text, placeholders_of(test));
  if (test.get("expect_error") != nullptr) {
    CHECK(rule.program == nullptr);
    for (const Diagnostic& diagnostic : rule.diagnostics.list()) {
      CHECK(diagnostic.line > 0);
    }
    return;
  }
  std::string errors;
  for (const Diagnostic& diagnostic : rule.diagnostics.list()) {
    errors += format_text(diagnostic, false);
  }
  CAPTURE(errors);
  REQUIRE(rule.program != nullptr);
  std::vector<std::size_t> expected;
  for (const YamlNode& index : test.get("expect")->items) {
    expected.push_back(std::stoul(index.text));
  }
  CHECK(testing::matching(rule, lines_of(test.get("events")->text)) == expected);
}

TEST_CASE("the shared conformance cases of detections hold in the program and in the oracle") {
  const std::filesystem::path folder = shared_folder() / "conformance";
  if (!std::filesystem::exists(folder)) {
    std::cout << "skipped: the shared conformance cases are not there\n";
    return;
  }
  std::size_t judged = 0;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".yaml" && name >= "04" && name < "21") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    CAPTURE(file.filename().string());
    std::ifstream in(file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    Diagnostics diagnostics;
    const SourceText source = SourceText::make(file.filename().string(), text);
    const auto documents = parse_yaml(source, diagnostics);
    REQUIRE(diagnostics.errors() == 0);
    REQUIRE(documents.size() == 1);
    for (const YamlNode& test : documents[0].root.items) {
      judge(test);
      ++judged;
    }
  }
  CHECK(judged > 200);
}

}  // namespace
}  // namespace tocsin
