// SPDX-License-Identifier: Apache-2.0
// A Draft as bytes, for the build of tocsin that wrote them only: structures are written as they
// lie in memory. Thread rule: pure functions. Errors: read_draft() is false for bytes that are no
// Draft, and for one whose numbers name what is not there. Cost: O(size); no regular expression is
// compiled.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/match/assemble.h"

namespace tocsin::compiled {

// All but expected_sources and source_rows; `fields` in the place of its own.
void write_draft(const Draft& draft, const std::vector<std::string>& fields, std::string& out);
bool read_draft(std::string_view bytes, Draft& draft);

}  // namespace tocsin::compiled
