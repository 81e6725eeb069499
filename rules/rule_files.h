// SPDX-License-Identifier: Apache-2.0
// Which files hold the rules, and their text. Folders are read recursively (*.yml, *.yaml; hidden
// ones are skipped), sorted by path; in them only regular files are opened, and no link that leaves
// the folder is followed: a planted pipe or link must neither hang nor mislead us. What the user
// names himself is opened, a pipe too. Thread rule: pure but for the file system. Errors:
// diagnostics at the file as a whole.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/diagnostic.h"

namespace tocsin {

struct RuleFile {
  std::string path;        // as the user would write it
  bool in_folder = false;  // found, not named
};

// The files of `paths`, in their order, each once.
std::vector<RuleFile> find_rule_files(const std::vector<std::string>& paths,
                                      Diagnostics& diagnostics);

// The whole text; one byte over limits::rule_file_bytes_max of a larger file.
std::optional<std::string> read_rule_file(const RuleFile& file, Diagnostics& diagnostics);

// What an errno means, in words.
std::string error_text(int number);

}  // namespace tocsin
