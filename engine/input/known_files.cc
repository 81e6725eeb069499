// SPDX-License-Identifier: Apache-2.0
#include "engine/input/known_files.h"

#include <algorithm>
#include <utility>

namespace tocsin {

namespace {

template <typename Index, typename Key>
void erase_entry(Index& index, const Key& key, KnownFiles::Number number) {
  const auto range = index.equal_range(key);
  const auto found = std::find_if(
      range.first, range.second, [number](const auto& entry) { return entry.second == number; });
  if (found != range.second) {
    index.erase(found);
  }
}

template <typename Index, typename Key>
std::vector<KnownFiles::Number> entries(const Index& index, const Key& key) {
  std::vector<KnownFiles::Number> found;
  const auto range = index.equal_range(key);
  for (auto it = range.first; it != range.second; ++it) {
    found.push_back(it->second);
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

}  // namespace

std::optional<SavedFile> KnownFiles::add(SavedFile file) {
  std::optional<SavedFile> forgotten;
  if (files_.size() >= count_max_) {
    forgotten = take(files_.begin()->first);
  }
  const Number number = next_++;
  by_id_.emplace(file.id, number);
  if (file.head.size >= short_head_bytes) {
    by_head_.emplace(file.short_head, number);
  }
  files_.emplace(number, std::move(file));
  return forgotten;
}

std::vector<KnownFiles::Number> KnownFiles::with_id(const FileId& id) const {
  return entries(by_id_, id);
}

std::vector<KnownFiles::Number> KnownFiles::with_head(const Hash128& short_head) const {
  return entries(by_head_, short_head);
}

std::vector<KnownFiles::Number> KnownFiles::all() const {
  std::vector<Number> numbers;
  for (const auto& entry : files_) {
    numbers.push_back(entry.first);
  }
  return numbers;
}

SavedFile KnownFiles::take(Number number) {
  const auto found = files_.find(number);
  SavedFile file = std::move(found->second);
  files_.erase(found);
  erase_entry(by_id_, file.id, number);
  erase_entry(by_head_, file.short_head, number);
  return file;
}

}  // namespace tocsin
