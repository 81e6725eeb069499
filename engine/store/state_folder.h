// SPDX-License-Identifier: Apache-2.0
// StateFolder: the folder of --state, held by one process at a time. Holds the lock until it is
// destroyed (or the process ends, however). Thread rule: one thread. Errors: Result.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin {

class StateFolder {
 public:
  // Makes the folder (not its parents) for its owner only, and takes its lock; fails if another
  // process has it.
  static Result<std::unique_ptr<StateFolder>> open(const std::string& path);
  ~StateFolder();
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }
  // Others may look into it.
  bool is_open_to_others() const { return open_to_others_; }
  // An empty file that only its owner reads, if it is not there yet.
  Result<void> make_file(const std::string& name) const;
  bool has(const std::string& name) const;
  bool is_empty(const std::string& name) const;  // or not there
  // Renames NAME, NAME-wal and NAME-shm to NAME.damaged-TIME..., never over another file; returns
  // the new path of NAME.
  Result<std::string> set_aside(const std::string& name, TimeNs now) const;
  // Best effort.
  void remove(const std::string& name) const;

 private:
  StateFolder(std::string path, int lock, bool open_to_others)
      : path_(std::move(path)), lock_(lock), open_to_others_(open_to_others) {}
  void sync() const;

  std::string path_;
  int lock_;
  bool open_to_others_;
};

}  // namespace tocsin
