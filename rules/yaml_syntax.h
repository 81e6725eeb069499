// SPDX-License-Identifier: Apache-2.0
// What yaml-cpp says of malformed YAML, told to the author of a rule: at the place where the
// mistake was made, not where the parser gave up. Thread rule: pure functions. Cost: O(length of
// the document), once for each broken document.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tocsin {

struct SyntaxProblem {
  std::size_t offset = 0;  // in `text`
  std::string message;
  std::string hint;
};

// `offset` and `message`: the parser's own; an offset past the end is the end.
SyntaxProblem syntax_problem(std::string_view text, std::size_t offset, std::string_view message);

// `!!int` for `tag:yaml.org,2002:int`.
std::string shown_tag(std::string_view tag);

}  // namespace tocsin
