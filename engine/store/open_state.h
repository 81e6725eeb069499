// SPDX-License-Identifier: Apache-2.0
// Opens the state file: the folder's lock, the connection and its settings, the checks, and what to
// do with a file that is damaged. Thread rule: one thread. Errors: Result.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/result.h"
#include "engine/store/sqlite.h"
#include "engine/store/sqlite_store.h"
#include "engine/store/state_folder.h"
#include "engine/store/tables.h"

namespace tocsin {

// A file, whatever its name.
struct FileNumber {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileNumber&, const FileNumber&) = default;
};

// Members in the order in which they need each other.
struct OpenState {
  std::unique_ptr<StateFolder> folder;
  std::unique_ptr<Database> database;
  std::unique_ptr<Tables> tables;

  // The file was found damaged while it was in use: the next start sets it aside, even if its own
  // checks find nothing. Best effort.
  void note_damage() const;
  // Something was committed: from here on an empty file is a damaged one. Best effort.
  void note_use() const;
  // Is the file that is written still the one that the next start would find?
  bool is_in_place() const;
  // It is not, and there is none: the next start is told that there was one. Best effort.
  void note_removal() const;
  FileNumber file;  // of the database
};

// `set_aside_damaged`: else a damaged file stays where it is, and this fails.
Result<OpenState> open_state(const std::string& directory,
                             TimeNs now,
                             bool set_aside_damaged,
                             const StoreNotices& notices);

}  // namespace tocsin
