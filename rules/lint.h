// SPDX-License-Identifier: Apache-2.0
// Lint: what compiles but is hardly meant so. Warnings only, never an error, not even under
// --strict; each has a code of detection_codes.h. Thread rule: pure functions. Cost: O(size of the
// detection), bounded: lists beyond a thousand values are not compared with one another, and
// conditions over more than twelve selections are not decided.
#pragma once

#include "engine/base/diagnostic.h"
#include "rules/ast.h"
#include "rules/problems.h"
#include "rules/yaml.h"

namespace tocsin {

// Precondition: compile_detection accepted the detection.
void lint_detection(const SourceText& source, const Detection& detection, Diagnostics& diagnostics);

// The two halves: selections one by one; the condition over them.
void lint_values(const SourceText& source, const Detection& detection, Diagnostics& diagnostics);
void lint_condition(const SourceText& source, const Detection& detection, Diagnostics& diagnostics);

// A tag of the namespace `attack` (or one that is nearly called so) that is no tactic's name and
// has no id's shape.
void lint_tag(const std::string& tag, const SourceSpan& place, Problems& problems);

}  // namespace tocsin
