// SPDX-License-Identifier: Apache-2.0
// HeldRecords: what feeds the correlations of a scan, until all of it is known and can be gone
// through in the order of (time, sequence). In memory up to a limit, beyond it in sorted runs in
// one file without a name in the folder for temporary files, which are merged at the end.
//
// Thread rule: one thread. Cost: O(n log n); memory: the limit, and a buffer per run when merging.
// Errors: a run that cannot be written stays in memory, and problem() says so; one that cannot be
// read back is the result of for_each().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/flow/feed.h"

namespace tocsin {

class HeldRecords {
 public:
  explicit HeldRecords(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  ~HeldRecords();
  HeldRecords(const HeldRecords&) = delete;
  HeldRecords& operator=(const HeldRecords&) = delete;

  // Some of the records of a feed, by their indices. Precondition: they have a time.
  void add(const std::shared_ptr<const Feed>& feed, const std::vector<std::uint32_t>& records);

  // All records in the order of (time, sequence). A feed from disk is valid during the call only,
  // one from memory until clear().
  using Visit = std::function<void(const Feed& feed, const FeedRecord& record)>;
  Result<void> for_each(const Visit& visit);
  void clear();

  bool is_empty() const { return refs_.empty() && runs_.empty(); }
  std::size_t runs() const { return runs_.size(); }
  // Why records past the limit are in memory all the same; empty: they are not.
  const std::string& problem() const { return problem_; }

 private:
  struct Ref {
    TimeNs time;
    std::uint64_t sequence;
    std::uint32_t feed;
    std::uint32_t record;
  };
  struct Run {
    std::uint64_t begin;
    std::uint64_t end;
  };
  class RunReader;

  void sort();
  void fetch(std::size_t ref) const;
  void spill();
  Result<void> write_run(Run& run);

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::vector<std::shared_ptr<const Feed>> feeds_;
  std::vector<Ref> refs_;
  std::vector<Run> runs_;
  std::uint64_t file_size_ = 0;
  int file_ = -1;
  std::string problem_;
};

}  // namespace tocsin
