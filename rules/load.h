// SPDX-License-Identifier: Apache-2.0
// load_rules(): from files and folders of Sigma YAML to a Ruleset: the compiler's front door.
// Thread rule: one call is one thread's; calls are independent. Errors: all of them, as
// diagnostics; one bad rule never takes a good one down. Cost: all of SigmaHQ (3,779 files) under
// 0.6 s.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/diagnostic.h"
#include "engine/base/time.h"
#include "engine/event/geo.h"
#include "engine/flow/ruleset.h"

namespace tocsin {

// `overrides:` of tocsin.yaml: for rules that nobody edits, by id, title or tag.
struct RuleOverride {
  std::string id, title, tag;  // one is given
  std::optional<bool> enabled;
  std::optional<Level> level;
  std::optional<std::string> receiver;
  std::optional<bool> alert;
  std::string file;  // where it is written, for warnings
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct RuleHistory;  // rules/history.h

struct LoadOptions {
  std::vector<std::string> paths;  // files and folders (recursive: *.yml, *.yaml), in order
  std::map<std::string, std::vector<std::string>> placeholders;  // for `expand`
  std::vector<std::string> value_files;  // the files that placeholders were read from
  std::vector<std::string> pipelines;    // files
  std::vector<std::string> tags;         // --tag: keep only rules with one of these
  std::vector<std::string> exclude;      // --exclude: id, title or tag
  std::vector<RuleOverride> overrides;
  std::vector<LogSource> expected_sources;  // inputs with a fixed log source
  std::vector<SourceRow> source_rows;       // the field table that classifies records
  // What the MaxMind databases give. A rule that reads another of tocsin.source.country and its
  // like is rejected: it could never fire.
  GeoFields geo_fields;
  bool lint = false;  // also tell what compiles but is hardly meant so (rules/lint.h), as warnings
  bool strict = false;   // label warnings reject too
  unsigned threads = 1;  // that parse; one compiles
  // A folder for documents as parsed, so that what has not changed is not parsed again; empty: no
  // such. `cache_version`: of the program, as another one's cache is not used. `cache_build`: names
  // the very program and libraries that run; with it, what the rules were compiled to is kept too
  // (rules/ruleset_cache.h); empty: it is not. `begun_at`: the wall clock, before anything is read;
  // 0: unknown, and no file is taken for unchanged without reading it.
  std::string cache;
  std::string cache_version;
  std::string cache_build;
  TimeNs begun_at = 0;

  // For what reloads: fill LoadResult::history; and the history of the set that runs, of which a
  // rule that no longer compiles keeps its last good version.
  bool remember = false;
  std::shared_ptr<const RuleHistory> history;
  // Fill LoadResult::documents, which holds what is said of every rule once more.
  bool list_documents = true;
  // Whether a correlation's own options can be run, as far as rules/ cannot know. Empty: they can.
  std::function<bool(const CorrelationSpec&)> can_run;
};

// A rule that goes on in an earlier version, because what stands in its file now does not compile.
struct KeptRule {
  std::string title, id, file;
};

// One YAML document that is a rule, correlation or filter, loaded or not.
struct DocumentInfo {
  RuleInfo info;
  bool loaded = false;
};

struct FilterUse {
  std::string title;
  std::string file;
  std::uint32_t line = 0;
  std::uint64_t rules = 0;  // how many it touches
};

struct LoadResult {
  std::shared_ptr<const Ruleset> ruleset;  // never null; may be empty
  Diagnostics diagnostics;                 // in the order of files and lines
  std::vector<DocumentInfo> documents;     // in that order too; LoadOptions::list_documents
  std::vector<FilterUse> filters;
  std::uint64_t files = 0;
  std::uint64_t loaded = 0;  // rules, correlations and filters
  std::uint64_t rejected = 0;
  std::uint64_t excluded = 0;     // by --tag, --exclude, overrides
  bool pipelines_failed = false;  // a configuration error: no rule file was read
  bool paths_failed = false;      // a path of the options could not be read
  // With LoadOptions::history: the diagnostics tell of the files as they are, `kept` what runs all
  // the same.
  std::vector<KeptRule> kept;
  std::shared_ptr<const RuleHistory> history;  // with LoadOptions::remember
};

LoadResult load_rules(const LoadOptions& options);

// The files beside the rules themselves that decide what a loaded set means: pipelines, then value
// lists; each once. Who reloads when a rule file changes has to watch these too.
std::vector<std::string> ruleset_dependencies(const LoadOptions& options);

}  // namespace tocsin
