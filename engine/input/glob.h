// SPDX-License-Identifier: Apache-2.0
// Globs over paths: * and ? stay within a component, [abc] [a-z] [!a] are sets, ** as a whole
// component stands for any number of components (none included), \ takes the next character as it
// is. Bytes, not code points; case counts. Thread rule: pure functions. Cost: O(pattern * path) at
// worst; no recursion over the path's bytes.
#pragma once

#include <string>
#include <string_view>

namespace tocsin {

// Does `text` hold one of * ? [ ?
bool is_glob(std::string_view text);

bool glob_match(std::string_view pattern, std::string_view path);

// Can a path below the folder `folder` match?
bool glob_may_match_below(std::string_view pattern, std::string_view folder);

// The folder that every match lies in: the components before the first with a glob character ("."
// or "/" if there are none).
std::string glob_root(std::string_view pattern);

}  // namespace tocsin
