// SPDX-License-Identifier: Apache-2.0
// The detection part of a rule: YAML -> AST (parse_detection) -> predicates and conditions in a
// ProgramBuilder (compile_detection). What things mean: DETECTION.md and the conformance cases 04
// to 20. Thread rule: one thread per ProgramBuilder and Diagnostics. Errors: every problem is a
// diagnostic with a code of detection_codes.h; nullopt if there was an error. Cost: O(size of the
// detection) but for regexes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/diagnostic.h"
#include "engine/match/builder.h"
#include "rules/ast.h"
#include "rules/yaml.h"

namespace tocsin {

struct CompileContext {
  const std::map<std::string, std::vector<std::string>>*
      placeholders;          // for `expand`; may be null: none are defined
  Diagnostics* diagnostics;  // never null
};

// `detection` is the node of that key. Checks structure and condition; where these are wrong the
// field items are checked too, so that all errors of a rule come in one run.
std::optional<Detection> parse_detection(const SourceText& source,
                                         const YamlNode& detection,
                                         CompileContext& context);

// The same for the `filter` map of a filter document: its key `rules` is ignored here.
std::optional<Detection> parse_filter_detection(const SourceText& source,
                                                const YamlNode& filter,
                                                CompileContext& context);

struct CompiledDetection {
  ExprId condition;
  std::vector<ProgramBuilder::Selection> selections;
};

// Applies modifiers, expands placeholders and adds everything to `builder`. A detection that fails
// may leave unused expressions behind in it; these cost memory, never a match.
std::optional<CompiledDetection> compile_detection(const SourceText& source,
                                                   const Detection& detection,
                                                   ProgramBuilder& builder,
                                                   CompileContext& context);

// The detection's meaning as text, for fingerprints: places, comments, quoting and order of keys do
// not change it.
std::string canonical_text(const Detection& detection);

}  // namespace tocsin
