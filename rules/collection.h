// SPDX-License-Identifier: Apache-2.0
// A file's documents as rules: classified, with the old collection actions global, reset and repeat
// applied (DOC-10 to DOC-15). A template ends with its file. Thread rule: pure functions. Cost:
// O(size of the documents), times the repeats.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/base/diagnostic.h"
#include "rules/document.h"
#include "rules/yaml.h"

namespace tocsin {

struct Collection {
  std::vector<RuleDocument> documents;  // in the order of the file
  std::size_t rejected = 0;             // documents that are none of these, or could not be read
};

// Reads, splits and parses `source`. A document that could not be read and names an action makes
// what would have been built on it an error: it would mean something else without it.
Collection read_collection(const SourceText& source, Diagnostics& diagnostics);

// Merges `update` into `target`: maps key by key, everything else replaced.
void deep_merge(YamlNode& target, const YamlNode& update);

}  // namespace tocsin
