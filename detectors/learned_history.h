// SPDX-License-Identifier: Apache-2.0
// LearnedHistory: which streams `tocsin learn` went through, and how far, so that the same history
// teaches a correlation once only: when it is learned again, or read by `tail` from its beginning.
// A correlation that came later does not know what was learned before it. Thread rule: one thread.
// Cost: O(1) per look-up; about 50 bytes per stream. Bounded: past the limit a stream is not
// remembered, and counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "detectors/flat_map.h"
#include "engine/base/hash.h"
#include "engine/base/time.h"
#include "engine/base/wire.h"

namespace tocsin {

class LearnedHistory {
 public:
  // A stream was gone through up to `end`.
  struct Read {
    std::uint64_t end = 0;       // bytes of it, decompressed
    std::uint64_t learning = 0;  // by which learning: 1 is the first
  };
  // The event times that a learning took.
  struct Span {
    std::optional<TimeNs> since, until;  // the second is not in it
    bool holds(TimeNs time) const {
      return (!since || time >= *since) && (!until || time < *until);
    }
    friend bool operator==(const Span&, const Span&) = default;
  };

  explicit LearnedHistory(std::size_t streams_max) : streams_max_(streams_max) {}

  // The correlations there are, by what their state belongs to; empty: it keeps none.
  void follow(const std::vector<std::string>& state_keys);
  // Empty: nobody knows the stream.
  std::vector<Read> reads(const Hash128& stream_id) const;
  bool was_read(const std::vector<Read>& reads, std::uint64_t offset, TimeNs time) const;
  // Did the correlation (a number of the last follow()) learn from what is there?
  bool knows(std::uint32_t correlation,
             const std::vector<Read>& reads,
             std::uint64_t offset,
             TimeNs time) const;

  // While learning: the stream was read up to `end`. Counts once complete() was called.
  void note(const Hash128& stream_id, std::uint64_t end);
  void complete(const Span& span);
  // Streams that a second learning would not recognise.
  std::uint64_t not_remembered() const { return not_remembered_; }

  void save(WireWriter& writer) const;
  void load(WireReader& reader);

 private:
  bool covers(const Read& read, std::uint64_t offset, TimeNs time) const {
    return offset < read.end && spans_[static_cast<std::size_t>(read.learning - 1)].holds(time);
  }

  std::size_t streams_max_;
  std::vector<Span> spans_;  // of each learning
  FlatMap<Read> streams_;
  std::map<Hash128, std::vector<Read>> further_;  // of streams that were read in several ways
  std::map<Hash128, std::uint64_t> reading_;      // their ends
  std::map<std::string, std::uint64_t> first_learning_;  // of each correlation, by its state key
  std::vector<std::uint64_t> since_;                     // the same, by its number
  std::uint64_t not_remembered_ = 0;
};

}  // namespace tocsin
