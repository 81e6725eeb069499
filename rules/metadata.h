// SPDX-License-Identifier: Apache-2.0
// The attributes of a document beside detection, correlation and filter: title, id, level, tags,
// log source, `tocsin:` ... What rejects and what is only a warning: choice 16 of DETECTION.md;
// conformance 02 and 03. Thread rule: pure functions. Cost: O(size of the attributes).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/flow/rule_info.h"
#include "rules/ast.h"
#include "rules/problems.h"
#include "rules/yaml.h"

namespace tocsin {

struct Metadata {
  std::vector<std::string> ignored_codes;  // `tocsin.ignore`: lint warnings that are not told
  RuleInfo info;                           // all but fingerprint and key
  bool has_level = false;                  // given, though perhaps unknown
  bool has_title = false;                  // else file and line stand in
  std::vector<SourceSpan> tags;            // places of info.tags
  SourceSpan title, id, name;  // where they stand; the document's beginning where there is none
};

// `root`: the document, a map. Problems go to `problems`, which also knows whether the document can
// be loaded.
Metadata read_metadata(const YamlNode& root, RuleKind kind, Problems& problems);

// The `tocsin:` key.
RuleExtensions read_extensions(const YamlNode& node, RuleKind kind, Problems& problems);

// 8-4-4-4-12 hexadecimal digits, any case and version.
bool is_uuid(std::string_view text);

// "; did you mean `x`?" or nothing, as a hint.
std::string suggestion(std::string_view word, std::span<const std::string_view> candidates);

// The key of a document that is most likely a misspelt `wanted`, or nullptr; and the question about
// it.
const YamlNode* near_key(const YamlNode& map, std::string_view wanted);
std::string misspelt(const YamlNode& key, std::string_view wanted);

}  // namespace tocsin
