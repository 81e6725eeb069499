// SPDX-License-Identifier: Apache-2.0
// The shipped path (decoder, candidate index, shared predicates) against the naive oracle, over the
// public rules and real records: equal matches for every (rule, record). TOCSIN_ORACLE_STEP=1 takes
// every record (minutes); the default takes one in 200.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/event/decode.h"
#include "engine/match/program.h"
#include "rules/compile.h"
#include "tests/oracle/rule_oracle.h"
#include "tests/rules/load_fixture.h"

using namespace tocsin;
using tocsin::test::shared_folder;

namespace {

struct PublicRule {
  std::string title;
  Detection detection;
};

// Every detection of a folder, in one program; the AST stays for the oracle.
struct PublicRules {
  std::vector<PublicRule> rules;  // index == RuleId
  std::shared_ptr<const Program> program;

  explicit PublicRules(const std::filesystem::path& folder) {
    std::set<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".yml") {
        files.insert(entry.path());
      }
    }
    ProgramBuilder builder;
    const std::map<std::string, std::vector<std::string>> no_placeholders;
    for (const std::filesystem::path& path : files) {
      std::ifstream file(path, std::ios::binary);
      sources_.push_back(std::make_unique<SourceText>(SourceText::make(
          path.string(),
          {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()})));
      Diagnostics problems;
      CompileContext context{&no_placeholders, &problems};
      for (const YamlDocument& document : parse_yaml(*sources_.back(), problems)) {
        const YamlNode* const node = document.empty ? nullptr : document.root.get("detection");
        if (node == nullptr) {
          continue;
        }
        std::optional<Detection> detection = parse_detection(*sources_.back(), *node, context);
        if (!detection) {
          continue;
        }
        const std::optional<CompiledDetection> compiled =
            compile_detection(*sources_.back(), *detection, builder, context);
        if (compiled) {
          builder.rule(compiled->condition, LogSource{}, compiled->selections);
          const YamlNode* const title = document.root.get("title");
          rules.push_back({title == nullptr ? path.string() : title->text, std::move(*detection)});
        }
      }
    }
    program = builder.build();
  }

 private:
  std::vector<std::unique_ptr<SourceText>> sources_;
};

// Compares each event it is shown with the oracle.
class Judge final : public RecordVisitor {
 public:
  explicit Judge(const PublicRules& rules) : rules_(rules), scratch_(*rules.program) {}
  void on_event(Event& event, const SourceClass& source, bool, std::uint64_t) override {
    const Result<JsonNode> record = parse_json(event.json());
    REQUIRE(record.has_value());
    std::set<std::uint32_t> found;
    for (const RuleId rule : rules_.program->match(event, source, scratch_)) {
      found.insert(index(rule));
    }
    for (std::uint32_t rule = 0; rule < rules_.rules.size(); ++rule) {
      const bool expected =
          tocsin::testing::oracle_matches(rules_.rules[rule].detection, *record, {});
      matches += expected ? 1 : 0;
      ++pairs;
      if (expected != (found.count(rule) != 0)) {
        CAPTURE(rules_.rules[rule].title);
        CAPTURE(event.json());
        CHECK(expected == (found.count(rule) != 0));
      }
    }
  }
  void on_problem(RecordProblem,
                  std::string_view bytes,
                  std::uint64_t,
                  std::string_view reason) override {
    CAPTURE(bytes);
    FAIL_CHECK(std::string(reason));
  }
  void on_skipped(std::string_view what, std::uint64_t) override { FAIL_CHECK(std::string(what)); }

  std::uint64_t pairs = 0;
  std::uint64_t matches = 0;

 private:
  const PublicRules& rules_;
  Scratch scratch_;
};

std::size_t step() {
  const char* const given = std::getenv("TOCSIN_ORACLE_STEP");
  return given == nullptr ? 200 : std::max<std::size_t>(1, std::strtoul(given, nullptr, 10));
}

}  // namespace

TEST_CASE("all public rules match the same real records as the oracle says") {
  const std::filesystem::path folder = shared_folder() / "rules" / "sigmahq";
  if (!std::filesystem::exists(folder)) {
    std::cout << "skipped: no " << folder.string() << '\n';
    return;
  }
  const PublicRules rules(folder);
  CHECK(rules.rules.size() == 3754);
  Judge judge(rules);
  DecodeOptions options;
  options.format = InputFormat::json;
  options.any_log_source = true;
  RecordDecoder decoder(options);
  for (const char* name : {"cloudtrail-dev.ndjson", "windows-dev.ndjson"}) {
    std::ifstream file(shared_folder() / "data" / name);
    std::size_t number = 0;
    for (std::string line; std::getline(file, line); ++number) {
      if (number % step() != 0) {
        continue;
      }
      const std::size_t size = line.size();
      line.append(limits::padding_bytes, '\0');
      decoder.decode(std::string_view(line).substr(0, size), 0, rules.program->plan(), judge);
    }
  }
  std::cout << "oracle: " << judge.pairs << " pairs of rule and record, " << judge.matches
            << " matches\n";
  CHECK(judge.matches > 0);
}
