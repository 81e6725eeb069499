// SPDX-License-Identifier: Apache-2.0
// The naive oracle: what a detection means, read off the AST for one record at a time. No index, no
// sharing, no program: its own walk over the record, its own wildcards (on code points, by dynamic
// programming), its own modifiers and encodings. Only the fold, the regex door, addresses and times
// are the engine's. Thread rule: pure. Cost: whatever it takes; for tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/event/json_tree.h"
#include "rules/ast.h"

namespace tocsin::testing {

// Precondition: compile_detection accepts the detection with these placeholders.
bool oracle_matches(const Detection& detection,
                    const JsonNode& record,
                    const std::map<std::string, std::vector<std::string>>& placeholders);

}  // namespace tocsin::testing
