// SPDX-License-Identifier: Apache-2.0
// `--cache DIR`: the documents of rule files as parsed, by the hash of the file's content, so that
// a file that has not changed is not parsed again. One file for each set of rule paths in the
// folder; it may be deleted at any time. Only what gave no diagnostic is kept. Thread rule: read()
// may run on several threads; the rest is one thread's. Errors: a cache that is damaged, of another
// version, or that others may write is not used; rules are then parsed. Never wrong rules: content
// is compared by its 128-bit hash, and the file of the cache has one of its own.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/base/diagnostic.h"
#include "engine/base/hash.h"
#include "rules/collection.h"
#include "rules/yaml.h"

namespace tocsin {

class DocumentCache {
 public:
  // `version`: of the program; another one's cache is not used. `paths`: which set of rules.
  DocumentCache(const std::string& folder,
                const std::string& version,
                const std::vector<std::string>& paths,
                Diagnostics& diagnostics);

  // As read_collection().
  Collection read(const SourceText& source, Diagnostics& diagnostics);

  // Writes what read() was asked for, if some of it is new: at once and whole, or not at all.
  void save(Diagnostics& diagnostics) const;

  std::size_t hits() const { return used_.size(); }

 private:
  void load();

  std::string folder_;
  std::string path_;
  std::string heading_;  // the first line of the file
  bool usable_ = false;
  std::string bytes_;                                                     // of the file
  std::unordered_map<Hash128, std::string_view, Hash128Hasher> entries_;  // in bytes_

  std::mutex mutex_;  // guards:
  std::unordered_set<Hash128, Hash128Hasher> used_;
  std::unordered_map<Hash128, std::string, Hash128Hasher> fresh_;
};

}  // namespace tocsin
