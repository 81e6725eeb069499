// SPDX-License-Identifier: Apache-2.0
// Loads rules through processing pipelines, and asks which rules match a record.
#pragma once

#include <string>
#include <vector>

#include "engine/base/limits.h"
#include "engine/event/json.h"
#include "engine/match/program.h"
#include "tests/rules/load_fixture.h"

namespace tocsin::test {

inline LoadResult load_with(const std::vector<std::string>& pipelines,
                            const std::string& rules,
                            LoadOptions options = {}) {
  const ScratchFolder folder;
  for (std::size_t i = 0; i < pipelines.size(); ++i) {
    options.pipelines.push_back(
        folder.write("p" + std::to_string(i) + ".yml", pipelines[i]).string());
  }
  options.paths = {folder.write("rule.yml", rules).string()};
  return load_rules(options);
}

inline std::filesystem::path shipped(const std::string& name) {
  return std::filesystem::path(TOCSIN_SOURCE_DIR) / "pipelines" / name;
}

// The numbers of the rules that match the record.
inline std::vector<std::uint32_t> hits(const LoadResult& rules,
                                       const std::string& record,
                                       const LogSource& source = {}) {
  const Program& program = *rules.ruleset->program;
  JsonReader reader;
  Event event;
  Scratch scratch(program);
  SourceClass kind;
  kind.kind = source == LogSource() ? SourceClass::Kind::any : SourceClass::Kind::known;
  kind.category = source.category;
  kind.product = source.product;
  kind.service = source.service;
  std::string padded = record;
  padded.append(limits::padding_bytes, ' ');
  const std::string_view text(padded.data(), record.size());
  REQUIRE(reader.read(text, program.plan(), false, event) != ReadStatus::malformed);
  std::vector<std::uint32_t> found;
  for (const RuleId rule : program.match(event, kind, scratch)) {
    found.push_back(static_cast<std::uint32_t>(rule));
  }
  return found;
}

// A rule of that log source (`product: windows`, a line each) and detection, indented by two.
inline std::string rule_of(const std::string& detection,
                           const std::string& source = "  product: windows\n  category: x\n") {
  return "title: T\nid: 00000000-0000-4000-8000-000000000001\nlevel: high\nstatus: test\n"
         "tags: [attack.t1059]\nlogsource:\n" +
         source + "detection:\n" + detection;
}

inline std::string sel(const std::string& item) {
  return "  sel:\n    " + item + "\n  condition: sel\n";
}

}  // namespace tocsin::test
