// SPDX-License-Identifier: Apache-2.0
// Program::explain's tree as lines of text, and as JSON.
// Thread rule: pure functions. Cost: they parse the record; not for the hot path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alerts/json_writer.h"
#include "engine/match/program.h"

namespace tocsin {

// One line per node: true or false, indented by depth, with the values found and why a leaf does
// not hold. Control characters are escaped.
void append_explanation(const Explanation& tree,
                        std::size_t depth,
                        bool colour,
                        std::vector<std::string>& lines);

// {"node","holds","name","field","op","pattern","values","reason","children"}: what a node does not
// have is left out.
void append_explanation_json(const Explanation& tree, JsonWriter& json);

// The same for a rule over one record; a line that says so where the record cannot be read.
std::vector<std::string> explain_lines(const Program& program,
                                       RuleId rule,
                                       std::string_view record);

}  // namespace tocsin
