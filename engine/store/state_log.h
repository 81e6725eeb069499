// SPDX-License-Identifier: Apache-2.0
// StateLog: the detectors' state as rows of a store (Commit::detector_state): a snapshot in pieces,
// and after it a journal of what was fed to them. To restore is to load the snapshot and to feed
// the journal again: the state is then the very one that the last commit belongs to.
//
// A snapshot is written a piece per commit, so that no commit takes long; it counts once its last
// piece is there, and what it replaces is then removed as slowly. Thread rule: one thread. Cost:
// the bytes of the journal; a snapshot whenever the journal has become longer than it. Errors:
// Result; a commit that failed is to be tried again with the same rows.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "engine/flow/store.h"

namespace tocsin {

struct SavedState {
  std::string snapshot;
  std::vector<std::string> journal;  // in its order
};

class StateLog {
 public:
  static constexpr std::size_t piece_bytes = 1u << 20;

  // Goes on from the rows of a store. Error: they are not what was written. `saved` gets the state;
  // nothing where there is none.
  static Result<StateLog> read(std::span<const StateRow> rows, std::optional<SavedState>& saved);
  // After state that is not readable: it is removed with the next snapshot.
  static StateLog replacing(std::span<const StateRow> rows);
  StateLog() = default;

  // Appends the row of a piece of journal.
  void append(std::string journal, std::vector<StateRow>& rows);
  // What was appended before is in `snapshot`. One that is being written is given up.
  void start_snapshot(std::string snapshot);
  // Appends the rows of the next piece, and of what is to be removed.
  void step(std::vector<StateRow>& rows);

  bool is_writing() const { return writing_; }
  // Pieces to write, or rows to remove.
  bool has_work() const { return writing_ || !garbage_.empty(); }
  // There is none yet, or the journal is long: about twice the snapshot, neither short nor more
  // than a start can feed again.
  bool wants_snapshot(std::size_t journal_bytes_min) const;

 private:
  struct Garbage {
    std::string key;
    std::size_t bytes;
  };
  std::string head() const;

  std::uint64_t generation_ = 0;       // of the last whole snapshot; 0: none
  std::uint64_t last_generation_ = 0;  // of any piece, so that no number is used twice
  std::uint64_t pieces_ = 0;
  std::size_t snapshot_bytes_ = 0;
  std::uint64_t snapshot_hash_ = 0;
  std::uint64_t first_journal_ = 1;
  std::uint64_t next_journal_ = 1;
  std::size_t journal_bytes_ = 0;
  std::deque<Garbage> journal_rows_;  // from first_journal_ on
  std::deque<Garbage> garbage_;

  bool writing_ = false;
  std::string next_snapshot_;
  std::size_t written_ = 0;
  std::uint64_t next_pieces_ = 0;
  std::uint64_t covered_ = 0;  // the first journal row after it
};

}  // namespace tocsin
