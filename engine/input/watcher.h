// SPDX-License-Identifier: Apache-2.0
// Watcher: inotify on folders, as a hint that something happened in one of them. The truth is what
// stat says; a watcher that fails, overflows or cannot see a remote file system only means that the
// truth is asked for more often. Thread rule: one thread. Cost: one watch per folder.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/input/fd.h"

namespace tocsin {

class Watcher {
 public:
  Watcher();

  // Watches exactly these folders from now on.
  // True: some of them were not watched before.
  bool watch(const std::vector<std::string>& folders);
  // All folders are watched, and what happens in them is seen.
  bool sees_all() const { return static_cast<bool>(fd_) && blind_.empty(); }
  // To poll() for readability; -1: there is none.
  int fd() const { return fd_.get(); }

  // Empties the queue. `on_change`: the file of that path was written to. True: something came,
  // went or was renamed, or events were lost.
  bool drain(const std::function<void(const std::string&)>& on_change);

 private:
  Fd fd_;
  std::map<std::string, int> by_folder_;
  std::map<int, std::string> by_watch_;
  std::set<std::string> blind_;
};

// Network and user-space file systems change behind inotify's back, and their devices and times of
// birth do not last.
bool is_remote(const std::string& path);

}  // namespace tocsin
