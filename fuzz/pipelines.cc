// SPDX-License-Identifier: Apache-2.0
// Whatever stands in a processing pipeline, a rule is loaded through it, rejected, or the pipeline
// has an error; never in silence.
#include "fuzz/memory_file.h"
#include "fuzz/targets.h"
#include "rules/load.h"

namespace tocsin::fuzz {
namespace {

constexpr std::string_view rules = R"(title: T
name: t
tags: [attack.t1059]
fields: [a, b]
logsource: {product: windows, category: process_creation}
detection:
  s:
    a|contains|all: ['x*', '%names%']
    b: [1, two, 'C:\*']
  k: [word, 'MD5=0123456789abcdef0123456789abcdef']
  f: {c|re: '^x'}
  condition: s and not 1 of k* or f
---
title: C
correlation: {type: value_count, rules: t, group-by: [a], timespan: 5m, condition: {gte: 3, field: b}}
)";

}  // namespace

void pipelines(std::string_view bytes) {
  MemoryFile rule_file;
  MemoryFile pipeline_file;
  LoadOptions options;
  options.paths = {rule_file.write(rules)};
  options.pipelines = {pipeline_file.write(bytes)};
  options.placeholders = {{"names", {"alice", "b*b"}}};
  const LoadResult result = load_rules(options);
  fuzz_check(result.loaded == 2 || result.diagnostics.errors() > 0, "rejected in silence");
  fuzz_check(!result.pipelines_failed || result.loaded == 0, "loaded behind a broken pipeline");
  fuzz_check(result.ruleset != nullptr && !result.ruleset->program->dump().empty(), "no program");
}

}  // namespace tocsin::fuzz
