// SPDX-License-Identifier: Apache-2.0
// Every line of the requirements checklist of Sigma 2.1, by its number, with the project's own
// cases: tests/checklist/*.yaml. A case is a list entry with
//   id         one number, or a list of them
//   sel        the items of one selection; or `detection`, the whole of it; or `rule`, documents
//   hit, miss  records (JSON texts) that some rule of the case alerts on, and that none does
//   error      instead: the code that `check --strict` reports
//   alerts     instead: how often correlations alert on `events`
//   source     the records' log source: [category, product, service]; else every rule is asked
//   has        attribute: value, of the first document
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "detectors/engine.h"
#include "engine/base/limits.h"
#include "engine/flow/worker.h"
#include "rules/load.h"
#include "rules/yaml.h"
#include "tests/support/process.h"

namespace tocsin {
namespace {

namespace fs = std::filesystem;

// What cannot be shown by a rule and a record: a convention of file names, and a list of names.
const std::set<std::string> untestable = {"DOC-16", "TAX-02"};

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> texts(const YamlNode* node) {
  std::vector<std::string> out;
  if (node != nullptr && node->is_scalar()) {
    out.push_back(node->text);
  }
  for (std::size_t i = 0; node != nullptr && i < node->items.size(); ++i) {
    out.push_back(node->items[i].text);
  }
  return out;
}

std::string indented(const std::string& text, std::size_t blanks) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    out += std::string(blanks, ' ') + line + "\n";
  }
  return out;
}

std::string rule_of(const YamlNode& one) {
  const std::string head = "title: T\nlogsource: {product: test}\ndetection:\n";
  if (const YamlNode* sel = one.get("sel")) {
    return head + "  sel:\n" + indented(sel->text, 4) + "  condition: sel\n";
  }
  if (const YamlNode* detection = one.get("detection")) {
    return head + indented(detection->text, 2);
  }
  const YamlNode* rule = one.get("rule");
  REQUIRE(rule != nullptr);
  return rule->text;
}

LoadResult load(const YamlNode& one) {
  const test::ScratchFolder folder;
  LoadOptions options;
  options.paths = {folder.write("rule.yml", rule_of(one))};
  if (const YamlNode* placeholders = one.get("placeholders")) {
    for (const YamlMember& member : placeholders->members) {
      options.placeholders[member.first.text] = texts(&member.second);
    }
  }
  return load_rules(options);
}

BatchResult match(const std::shared_ptr<const Ruleset>& ruleset,
                  const YamlNode& one,
                  const std::vector<std::string>& records) {
  auto source = std::make_shared<SourceInfo>();
  source->name = "test";
  source->decode.format = InputFormat::json;
  source->decode.any_log_source = one.get("source") == nullptr;
  if (one.get("source") != nullptr) {
    const std::vector<std::string> parts = texts(one.get("source"));
    source->decode.log_source = LogSource{parts.at(0), parts.at(1), parts.at(2)};
  }
  Batch batch;
  batch.source = source;
  batch.ruleset = ruleset;
  std::string bytes;
  for (const std::string& record : records) {
    Frame frame;
    frame.offset = bytes.size();
    frame.begin = static_cast<std::uint32_t>(bytes.size());
    frame.size = static_cast<std::uint32_t>(record.size());
    batch.frames.push_back(frame);
    bytes += record + '\n';
  }
  batch.buffer.assign(bytes.begin(), bytes.end());
  batch.buffer.resize(bytes.size() + limits::padding_bytes);
  batch.bytes = {batch.buffer.data(), bytes.size()};
  Worker worker(true);
  return worker.process(batch).result;
}

void check_records(const YamlNode& one, const LoadResult& loaded) {
  std::vector<std::string> records = texts(one.get("hit"));
  const std::size_t hits = records.size();
  const std::vector<std::string> misses = texts(one.get("miss"));
  records.insert(records.end(), misses.begin(), misses.end());
  std::set<std::uint64_t> found;
  for (const Match& hit : match(loaded.ruleset, one, records).matches) {
    if (loaded.ruleset->alerts_alone[index(hit.rule)]) {
      found.insert(hit.sequence);
    }
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    CAPTURE(records[i]);
    CHECK((found.count(i) == 1) == (i < hits));
  }
}

void check_alerts(const YamlNode& one, const LoadResult& loaded) {
  CorrelationSettings settings;
  settings.by_time = true;
  settings.fold = false;
  CorrelationEngine engine(loaded.ruleset, settings);
  std::vector<CorrelationReport> reports;
  engine.consume(match(loaded.ruleset, one, texts(one.get("events"))), reports);
  engine.finish(reports);
  const auto alone = [&](const CorrelationReport& report) {
    return loaded.ruleset->correlations[report.spec].alerts_alone;
  };
  CHECK(std::to_string(std::count_if(reports.begin(), reports.end(), alone)) ==
        one.get("alerts")->text);
}

void check_attributes(const YamlNode& wanted, const RuleInfo& info) {
  const std::map<std::string, std::string> known = {
      {"id", info.id},
      {"name", info.name},
      {"status", info.status},
      {"date", info.date},
      {"taxonomy", info.taxonomy},
      {"level", info.level ? std::string(to_text(*info.level)) : "none"},
      {"tag", info.tags.empty() ? "none" : info.tags.front()},
      {"scope", info.scope.empty() ? "none" : info.scope.front()},
      {"custom", info.custom.empty() ? "none" : info.custom.begin()->second}};
  for (const YamlMember& member : wanted.members) {
    CAPTURE(member.first.text);
    REQUIRE(known.count(member.first.text) == 1);
    CHECK(known.at(member.first.text) == member.second.text);
  }
}

void run_case(const YamlNode& one) {
  const LoadResult loaded = load(one);
  std::string told;
  bool has_code = false;
  for (const Diagnostic& problem : loaded.diagnostics.list()) {
    told += format_text(problem, false);
    const bool strict = problem.severity == Severity::error || problem.strict_error;
    has_code = has_code || (one.get("error") != nullptr && strict &&
                            problem.code == one.get("error")->text && problem.line > 0);
  }
  CAPTURE(told);
  if (one.get("error") != nullptr) {
    CHECK(has_code);
    return;
  }
  CHECK(loaded.diagnostics.errors() == 0);
  CHECK(loaded.loaded > 0);
  if (const YamlNode* wanted = one.get("has")) {
    REQUIRE_FALSE(loaded.documents.empty());
    check_attributes(*wanted, loaded.documents.front().info);
  }
  if (one.get("alerts") != nullptr) {
    check_alerts(one, loaded);
  } else {
    check_records(one, loaded);
  }
}

// The numbers that the cases name, and, if it is there, those of the shared checklist.
std::set<std::string> numbers_of_checklist() {
  const char* named = std::getenv("TOCSIN_SHARED");
  const fs::path shared =
      named != nullptr ? fs::path(named) : fs::path(TOCSIN_SOURCE_DIR) / "../shared";
  std::set<std::string> numbers;
  std::istringstream lines(read_file(shared / "conformance/CHECKLIST.md"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("- **")) {
      numbers.insert(line.substr(4, line.find("**", 4) - 4));
    }
  }
  return numbers;
}

}  // namespace

TEST_CASE("every line of the requirements checklist holds in a case of our own") {
  std::set<std::string> covered;
  std::vector<fs::path> files;
  for (const fs::directory_entry& file :
       fs::directory_iterator(fs::path(TOCSIN_SOURCE_DIR) / "tests/checklist")) {
    files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const SourceText source = SourceText::make(file.filename().string(), read_file(file));
    Diagnostics diagnostics;
    const std::vector<YamlDocument> documents = parse_yaml(source, diagnostics);
    REQUIRE(diagnostics.errors() == 0);
    REQUIRE(documents.size() == 1);
    for (const YamlNode& one : documents[0].root.items) {
      const std::string place = source.name + ":" + std::to_string(one.line);
      CAPTURE(place);
      for (const std::string& id : texts(one.get("id"))) {
        covered.insert(id);
      }
      run_case(one);
    }
  }
  CHECK(covered.size() >= 262);
  const std::set<std::string> wanted = numbers_of_checklist();
  if (wanted.empty()) {
    std::cout << "skipped: no shared checklist to compare the numbers with\n";
  }
  for (const std::string& id : wanted) {
    CAPTURE(id);
    CHECK(covered.count(id) + untestable.count(id) == 1);
  }
}

}  // namespace tocsin
