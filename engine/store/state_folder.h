// SPDX-License-Identifier: Apache-2.0
// StateFolder: the folder of --state, held by one process at a time. Holds the lock until it is
// destroyed (or the process ends, however). Thread rule: one thread. Errors: Result.
#pragma once

#include <cstddef>
#include <cstdint>
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
  // Renames what there is of NAME, NAME-wal and NAME-shm to NAME.damaged-TIME..., never over
  // another file; returns the path of what is kept, empty: there was nothing.
  Result<std::string> set_aside(const std::string& name, TimeNs now) const;
  // Removes what was set aside of NAME but for the last `keep` times; returns of how many.
  std::size_t drop_set_aside(const std::string& name, std::size_t keep) const;
  // Is this folder still where it was opened?
  bool is_in_place() const;
  // Makes the folder again where it is gone. Best effort.
  void make_again() const;
  // Best effort.
  void remove(const std::string& name) const;

 private:
  StateFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  void sync() const;

  std::string path_;
  int lock_;
  bool open_to_others_ = false;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

}  // namespace tocsin
