// SPDX-License-Identifier: Apache-2.0
// FileList: from the paths that the user gave (files, folders, globs, "-") to the files they name
// now. tail asks again and again; each oddity (a FIFO in a folder, a link that leaves it) is told
// once. Thread rule: one thread. Cost: one system call per entry of the folders.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "engine/flow/input.h"
#include "engine/input/fd.h"
#include "engine/input/identity.h"
#include "engine/input/inputs.h"

namespace tocsin {

struct ListedFile {
  std::string path;      // as the user would write it; "-": stdin
  FileStat stat;         // not for "-"
  bool named = false;    // by the user himself: opened whatever it is
  bool is_link = false;  // reached through a symbolic link
};

class FileList {
 public:
  explicit FileList(const FileInputOptions& options);

  // In the order of the paths, a folder's files by name. A file that several names lead to is in
  // the list for each.
  std::vector<ListedFile> list();

  // After list(): the paths and globs that named nothing.
  const std::vector<std::string>& missing() const { return missing_; }
  // After list(): the folders that were looked into (for a watcher).
  const std::vector<std::string>& folders() const { return folders_; }

 private:
  // One walk below a root: a folder (pattern empty) or a glob.
  struct Walk {
    std::string root_real;
    std::string pattern;
    std::set<std::pair<std::uint64_t, std::uint64_t>> visited;
  };

  void expand(const std::string& path);
  void walk(const std::string& root, Walk& walk);
  std::vector<std::string> enter(const std::string& folder, const FileStat& stat, Walk& walk);
  bool takes_link(const std::string& path, const Walk& walk, FileStat& stat);
  bool excluded(const std::string& path) const;
  void tell_once(InputNotice::Kind kind,
                 const char* code,
                 const std::string& path,
                 std::string message);

  std::vector<std::string> paths_;
  std::vector<std::string> exclude_;
  bool follow_links_;
  std::string skipped_folder_;
  NoticeSink notice_;
  std::set<std::pair<std::string, std::string>> told_;
  std::vector<ListedFile> files_;
  std::vector<std::string> missing_;
  std::vector<std::string> folders_;
};

// Opens a listed file for reading, never blocking; errno 0 in `error`: it is no longer what was
// listed.
Fd open_listed(const ListedFile& file, FileStat& stat, int& error);

}  // namespace tocsin
