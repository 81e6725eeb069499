// SPDX-License-Identifier: Apache-2.0
// Which files hold the rules, and their text. Folders are read recursively (*.yml, *.yaml; hidden
// ones are skipped), sorted by path; in them only regular files are opened, and no link that leaves
// the folder is followed: a planted pipe or link must neither hang nor mislead us. What the user
// names himself is opened, a pipe too. Thread rule: pure but for the file system. Errors:
// diagnostics at the file as a whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/diagnostic.h"
#include "engine/base/time.h"

namespace tocsin {

// What the file system says of a file, links followed.
struct FileState {
  bool regular = false;  // else nothing else is known
  std::uint64_t device = 0;
  std::uint64_t number = 0;  // of the inode
  std::uint64_t size = 0;
  TimeNs modified = 0;
  TimeNs changed = 0;  // the content or what is said of it: nobody can set this time
  friend bool operator==(const FileState&, const FileState&) = default;
};

struct RuleFile {
  std::string path;        // as the user would write it
  bool in_folder = false;  // found, not named
  FileState state = {};    // when it was found
};

FileState state_of(const std::string& path);

// What find_rule_files() gives.
struct FoundFiles {
  std::vector<RuleFile> files;
  Diagnostics diagnostics;
};

// The files of `paths`, in their order, each once.
FoundFiles find_rule_files(const std::vector<std::string>& paths);

// The whole text; one byte over limits::rule_file_bytes_max of a larger file.
std::optional<std::string> read_rule_file(const RuleFile& file, Diagnostics& diagnostics);

// What an errno means, in words.
std::string error_text(int number);

}  // namespace tocsin
