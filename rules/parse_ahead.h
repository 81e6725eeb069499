// SPDX-License-Identifier: Apache-2.0
// Rule files read and parsed in their order, by helpers ahead of the one thread that compiles them:
// parsing YAML is more than half of a load. Thread rule: next() is one thread's; it parses itself
// what no helper has begun. Errors: a file that cannot be read is not `readable` and says why in
// its diagnostics. Memory: the trees of at most 16 files a helper, and 64, wait to be taken.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/diagnostic.h"
#include "rules/collection.h"
#include "rules/rule_files.h"
#include "rules/yaml.h"

namespace tocsin {

class DocumentCache;  // rules/document_cache.h

// What stays of a file until the end of the load: diagnostics show lines of it.
struct LoadedFile {
  SourceText source;
  Diagnostics diagnostics;
};

struct ParsedFile {
  std::shared_ptr<LoadedFile> file;
  Collection collection;
  bool readable = false;
};

struct ParseOptions {
  unsigned threads = 1;            // with the caller's own
  DocumentCache* cache = nullptr;  // outlives the ParseAhead
};

class ParseAhead {
 public:
  ParseAhead(std::vector<RuleFile> files, const ParseOptions& options);
  ~ParseAhead();
  ParseAhead(const ParseAhead&) = delete;
  ParseAhead& operator=(const ParseAhead&) = delete;

  bool has_next() const { return taken_ < files_.size(); }
  ParsedFile next();

 private:
  struct Chunk {
    std::vector<ParsedFile> files;
    bool done = false;
  };

  std::size_t chunk_count() const;
  bool may_begin() const;  // with the lock
  void help();
  void parse_one(std::unique_lock<std::mutex>& lock);  // the first chunk that nobody has begun
  std::vector<ParsedFile> parse_chunk(std::size_t number) const;
  std::vector<ParsedFile> next_chunk();

  const std::vector<RuleFile> files_;
  const ParseOptions options_;
  std::size_t taken_ = 0;
  std::vector<ParsedFile> current_;  // the chunk that next() takes from

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Chunk> begun_;  // numbers first_ to first_ + size - 1
  std::size_t first_ = 0;
  bool stopped_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace tocsin
