// SPDX-License-Identifier: Apache-2.0
// KnownFiles: files that are not being followed but were: rows of an earlier run that no file was
// found for yet, rotated and deleted files, contents that were truncated away. Found by identity,
// or by content: a copy, a restored backup, a compressed rotation is recognised and not read again.
// Thread rule: one thread. Cost: O(log n). Bounded: the oldest is forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "engine/input/saved_file.h"

namespace tocsin {

class KnownFiles {
 public:
  explicit KnownFiles(std::size_t count_max) : count_max_(count_max) {}

  // Returns what was forgotten to make room.
  std::optional<SavedFile> add(SavedFile file);

  using Number = std::uint64_t;  // valid until take()
  std::vector<Number> with_id(const FileId& id) const;
  // Latest first.
  std::vector<Number> with_head(const Hash128& short_head) const;
  std::vector<Number> all() const;
  const SavedFile& get(Number number) const { return files_.at(number); }
  SavedFile take(Number number);
  // Marks it as reported missing.
  void set_gone(Number number) { files_.at(number).gone = true; }

 private:
  std::size_t count_max_;
  Number next_ = 0;
  std::map<Number, SavedFile> files_;
  std::multimap<FileId, Number> by_id_;
  std::multimap<Hash128, Number> by_head_;
};

}  // namespace tocsin
