// SPDX-License-Identifier: Apache-2.0
// Whatever stands in a rule file, every document of it is loaded or has an error, and what is
// loaded can be evaluated.
#include "engine/event/json.h"
#include "fuzz/memory_file.h"
#include "fuzz/targets.h"
#include "rules/load.h"

namespace tocsin::fuzz {
namespace {

constexpr std::string_view record =
    R"({"eventName":"StopLogging","n":5,"a":{"b":["x","10.1.2.3"]},"t":"2026-01-02T03:04:05Z"})";

void evaluate(const Ruleset& ruleset) {
  JsonReader reader;
  Event event;
  Scratch scratch(*ruleset.program);
  const Padded padded(record);
  fuzz_check(reader.read(padded.view(), ruleset.program->plan(), true, event) == ReadStatus::ok,
             "the record cannot be read");
  SourceClass source;
  source.kind = SourceClass::Kind::any;
  for (const RuleId rule : ruleset.program->match(event, source, scratch)) {
    fuzz_check(index(rule) < ruleset.rules.size(), "a match of no rule");
    fuzz_check(ruleset.program->explain(rule, event, scratch).holds, "explained as no match");
  }
}

}  // namespace

void modifiers(std::string_view bytes) {
  MemoryFile file;
  LoadOptions options;
  options.paths = {file.write(bytes)};
  options.placeholders = {{"names", {"alice", "b*b"}}, {"nets", {"10.0.0.0/8"}}, {"none", {}}};
  options.lint = true;
  const LoadResult result = load_rules(options);
  fuzz_check(result.rejected == 0 || result.diagnostics.errors() > 0, "rejected in silence");
  fuzz_check(result.ruleset != nullptr, "no rule set");
  evaluate(*result.ruleset);
}

}  // namespace tocsin::fuzz
