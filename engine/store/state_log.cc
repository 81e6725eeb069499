// SPDX-License-Identifier: Apache-2.0
#include "engine/store/state_log.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>

#include "engine/base/hash.h"
#include "engine/base/wire.h"

namespace tocsin {
namespace {

constexpr const char* head_key = "head";
constexpr std::uint64_t format_version = 1;
// What is removed with one commit: freeing pages costs as much as writing them.
constexpr std::size_t garbage_bytes_per_step = 4u << 20;
constexpr std::size_t garbage_rows_per_step = 256;
// A start feeds the journal again: this much takes seconds.
constexpr std::size_t journal_bytes_max = 256u << 20;

std::string hex16(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

std::string journal_key(std::uint64_t number) {
  return "journal/" + hex16(number);
}

std::string piece_key(std::uint64_t generation, std::uint64_t piece) {
  return "snapshot/" + hex16(generation) + "/" + hex16(piece);
}

std::uint64_t hash_of(std::string_view bytes) {
  return content_hash(bytes).low;
}

// The number in a key: of the generation, or of the piece of journal.
std::uint64_t number_in(std::string_view key) {
  const std::size_t slash = key.find('/');
  return slash == std::string_view::npos
             ? 0
             : std::strtoull(std::string(key.substr(slash + 1, 16)).c_str(), nullptr, 16);
}

}  // namespace

std::string StateLog::head() const {
  std::string bytes;
  WireWriter writer(bytes);
  writer.number(format_version);
  writer.number(generation_);
  writer.number(pieces_);
  writer.number(snapshot_bytes_);
  writer.number(snapshot_hash_);
  writer.number(first_journal_);
  return bytes;
}

Result<StateLog> StateLog::read(std::span<const StateRow> rows, std::optional<SavedState>& saved) {
  StateLog log;
  saved.reset();
  std::map<std::string_view, const std::string*> by_key;
  for (const StateRow& row : rows) {
    by_key.emplace(row.key, &row.bytes);
  }
  const auto head = by_key.find(head_key);
  if (head == by_key.end()) {
    return rows.empty() ? Result<StateLog>(std::move(log)) : fail("its head is missing");
  }
  WireReader reader(*head->second);
  if (reader.number() != format_version) {
    return fail("it is of another version of tocsin");
  }
  log.generation_ = reader.number();
  log.pieces_ = reader.number();
  log.snapshot_bytes_ = static_cast<std::size_t>(reader.number());
  log.snapshot_hash_ = reader.number();
  log.first_journal_ = reader.number();
  if (!reader.ok() || !reader.at_end()) {
    return fail("its head is not readable");
  }
  by_key.erase(head);
  SavedState state;
  for (std::uint64_t piece = 0; piece < log.pieces_; ++piece) {
    const auto found = by_key.find(piece_key(log.generation_, piece));
    if (found == by_key.end()) {
      return fail("a piece of its snapshot is missing");
    }
    state.snapshot += *found->second;
    by_key.erase(found);
  }
  if (state.snapshot.size() != log.snapshot_bytes_ ||
      hash_of(state.snapshot) != log.snapshot_hash_) {
    return fail("its snapshot is not as it was written");
  }
  log.next_journal_ = log.first_journal_;
  for (;;) {
    const auto found = by_key.find(journal_key(log.next_journal_));
    if (found == by_key.end()) {
      break;
    }
    state.journal.push_back(*found->second);
    log.journal_rows_.push_back({journal_key(log.next_journal_), found->second->size()});
    log.journal_bytes_ += found->second->size();
    ++log.next_journal_;
    by_key.erase(found);
  }
  // Pieces of a snapshot that was never finished, and what a finished one had not yet removed.
  for (const auto& [key, bytes] : by_key) {
    if (key > journal_key(log.next_journal_) && key.starts_with("journal/")) {
      return fail("a piece of its journal is missing");
    }
    log.garbage_.push_back({std::string(key), bytes->size()});
    if (key.starts_with("snapshot/")) {
      log.last_generation_ = std::max(log.last_generation_, number_in(key));
    }
  }
  log.last_generation_ = std::max(log.last_generation_, log.generation_);
  saved = std::move(state);
  return log;
}

StateLog StateLog::replacing(std::span<const StateRow> rows) {
  StateLog log;
  for (const StateRow& row : rows) {
    if (row.key == head_key) {
      continue;
    }
    log.garbage_.push_back({row.key, row.bytes.size()});
    const std::uint64_t number = number_in(row.key);
    if (row.key.starts_with("journal/")) {
      log.next_journal_ = std::max(log.next_journal_, number + 1);
    } else {
      log.last_generation_ = std::max(log.last_generation_, number);
    }
  }
  log.first_journal_ = log.next_journal_;
  return log;
}

void StateLog::append(std::string journal, std::vector<StateRow>& rows) {
  journal_bytes_ += journal.size();
  journal_rows_.push_back({journal_key(next_journal_), journal.size()});
  rows.push_back({journal_key(next_journal_), std::move(journal)});
  ++next_journal_;
}

void StateLog::start_snapshot(std::string snapshot) {
  for (std::uint64_t piece = 0; writing_ && piece < next_pieces_; ++piece) {
    garbage_.push_back({piece_key(last_generation_, piece), piece_bytes});
  }
  writing_ = true;
  next_snapshot_ = std::move(snapshot);
  ++last_generation_;
  written_ = 0;
  next_pieces_ = 0;
  covered_ = next_journal_;
}

void StateLog::step(std::vector<StateRow>& rows) {
  if (writing_) {
    const std::size_t bytes = std::min(piece_bytes, next_snapshot_.size() - written_);
    if (bytes > 0) {
      rows.push_back(
          {piece_key(last_generation_, next_pieces_), next_snapshot_.substr(written_, bytes)});
      written_ += bytes;
      ++next_pieces_;
    }
    if (written_ == next_snapshot_.size()) {
      for (std::uint64_t piece = 0; piece < pieces_; ++piece) {
        garbage_.push_back({piece_key(generation_, piece), piece_bytes});
      }
      for (; first_journal_ < covered_; ++first_journal_) {
        journal_bytes_ -= journal_rows_.front().bytes;
        garbage_.push_back(std::move(journal_rows_.front()));
        journal_rows_.pop_front();
      }
      generation_ = last_generation_;
      pieces_ = next_pieces_;
      snapshot_bytes_ = next_snapshot_.size();
      snapshot_hash_ = hash_of(next_snapshot_);
      rows.push_back({head_key, head()});
      next_snapshot_.clear();
      next_snapshot_.shrink_to_fit();
      writing_ = false;
    }
    return;
  }
  std::size_t removed = 0;
  for (std::size_t i = 0;
       i < garbage_rows_per_step && removed < garbage_bytes_per_step && !garbage_.empty();
       ++i) {
    removed += garbage_.front().bytes;
    rows.push_back({std::move(garbage_.front().key), {}});
    garbage_.pop_front();
  }
}

bool StateLog::wants_snapshot(std::size_t journal_bytes_min) const {
  const std::size_t longest = std::min(2 * snapshot_bytes_, journal_bytes_max);
  return !writing_ && (pieces_ == 0 || journal_bytes_ > std::max(journal_bytes_min, longest));
}

}  // namespace tocsin
