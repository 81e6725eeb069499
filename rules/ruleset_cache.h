// SPDX-License-Identifier: Apache-2.0
// `--cache DIR`: what a load came to, compiled, so that a start with the same rules under the same
// options compiles nothing. Beside the documents of document_cache.h, which serve where some rule
// has changed. Exact: it is used for the same program and libraries, the same options, pipelines
// and placeholders, and the same files: their paths, their order, and for each its content by a
// 128-bit hash. A file is not read to see that if its device, inode, size and both times are those
// it had when it was read, and the change of it was settled by then: longer ago than
// `settling_time`, on a file system of this machine. (The kernel sets the time of change itself, on
// each write; what is written through a memory mapping may show up to that long after.) Errors: a
// file of the cache that is damaged, of another build, or that others may write is not used.
// Thread rule: one thread's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/time.h"
#include "engine/match/builder.h"
#include "rules/load.h"
#include "rules/rule_files.h"

namespace tocsin {

// What of the options is added to a program when it is built, and so is in no cache.
void add_sources(const LoadOptions& options, ProgramBuilder& builder);

class RulesetCache {
 public:
  static constexpr DurationNs settling_time = 60'000'000'000;

  // Borrows `options`. Not usable for loads that remember, or replace what does not compile.
  explicit RulesetCache(const LoadOptions& options);
  ~RulesetCache();
  RulesetCache(const RulesetCache&) = delete;
  RulesetCache& operator=(const RulesetCache&) = delete;

  // Reads what was kept, and, where the options allow a second thread, has it begin with the
  // program: while the caller finds the files. To be called once, before take().
  void begin();

  // The load as it came out when it was kept; nullopt: there is none, or something has changed.
  std::optional<LoadResult> take(const FoundFiles& found);

  // A load before its program is built.
  struct Load {
    const LoadResult& result;
    const Ruleset& ruleset;
    const ProgramBuilder& builder;
    const FoundFiles& found;
    const std::vector<Hash128>& contents;  // of these files, in their order
  };
  // A load that says more than `found` and the rules themselves must not be kept (it would be said
  // again each time): the caller knows. The first diagnostics are those of `found`.
  void save(const Load& load, Diagnostics& diagnostics);

 private:
  struct KnownFile {
    std::string path;
    Hash128 content;
    FileState state;
    bool settled = false;
  };

  std::optional<Hash128> key() const;
  void build();
  void wait();
  std::optional<LoadResult> result(const FoundFiles& found);
  bool is_settled(const RuleFile& file);
  bool is_unchanged(KnownFile& known, const RuleFile& file);
  bool are_unchanged(const FoundFiles& found);
  int write(const std::vector<KnownFile>& files, std::string_view body) const;

  const LoadOptions& options_;
  std::string path_;
  std::string heading_;
  std::optional<Hash128> key_;
  bool usable_ = false;
  bool refresh_ = false;  // what is known of some file is out of date, though not its content
  std::map<std::uint64_t, bool> devices_;  // is it of this machine?

  // What was kept, once begin() has read it.
  std::string bytes_;
  std::string_view body_;   // in bytes_: all but the files
  std::string_view told_;   // in body_
  std::string_view rules_;  // in body_
  std::vector<KnownFile> known_;
  bool readable_ = false;
  std::shared_ptr<const Program> program_;  // belongs to builder_ while that runs
  std::thread builder_;
};

}  // namespace tocsin
