// SPDX-License-Identifier: Apache-2.0
// Trails: where the last lines of a content ended, and what stood before each end, so that a copy
// which ends before what was read of its original (copytruncate under a busy writer) is recognised
// as read, to the line, when the original itself is not there any more to compare with.
// Thread rule: one thread. Cost: a hash of 64 bytes per line, of at most 1,024 lines per batch.
// Bounded: of a content the marks of older lines are thinned out, and the content read longest ago
// is forgotten: some 4 MB in all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/event/framer.h"
#include "engine/input/fd.h"
#include "engine/input/saved_file.h"

namespace tocsin {

class Trail {
 public:
  // `bytes` end with what was consumed, and begin `before` bytes before it; `frames` are its lines,
  // which begin at `offset` in the content.
  void add(std::uint64_t offset,
           std::string_view bytes,
           std::size_t before,
           const std::vector<Frame>& frames);

  // The last end of a line in `copy`, if its content before that is the one of the trail, as far as
  // the marks say. Nullopt: it is another content, or no mark lies in it.
  std::optional<std::uint64_t> end_in(const Fd& copy, std::uint64_t size) const;

 private:
  struct Mark {
    std::uint64_t offset;  // behind a line
    std::uint64_t hash;    // of the bytes before it
  };
  void thin_out();
  std::vector<Mark> marks_;  // ascending
};

class Trails {
 public:
  // The trail of the content that is being read from the file `id`.
  Trail& of(const FileId& id);
  // That content is `saved`, and is not in the file any more.
  void end(const FileId& id, const SavedFile& saved);

  // What ended and begins as a copy does whose first bytes have this hash; latest first.
  struct Ended {
    SavedFile saved;
    Trail trail;
  };
  std::vector<const Ended*> with_head(const Hash128& short_head) const;
  void forget(const Ended* ended);

 private:
  struct Reading {
    FileId id;
    Trail trail;
  };
  std::list<Reading> reading_;  // read last first
  std::list<Ended> ended_;      // ended last first
};

}  // namespace tocsin
