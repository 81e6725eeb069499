// SPDX-License-Identifier: Apache-2.0
// SavedFile: how far a file was read, and what recognises it and its content: what tail commits
// with each batch.
//
// A position is rows, one a line: KEY TAB TEXT. A row replaces an earlier one of the same key; an
// empty TEXT removes it. The rows of an input, one per key, are what make_tail_input() takes to go
// on. One file is one row, so that a batch carries only what changed. Thread rule: plain values.
// Cost: O(size of the text).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/hash.h"
#include "engine/input/decompress.h"
#include "engine/input/identity.h"

namespace tocsin {

// A hash of some bytes and how many they were.
struct Sample {
  std::size_t size = 0;
  Hash128 hash;
  friend bool operator==(const Sample&, const Sample&) = default;
};

Sample sample_of(std::string_view bytes);
bool is_sample_of(const Sample& sample, std::string_view bytes);

struct SavedFile {
  FileId id;
  std::string path;
  std::uint64_t offset = 0;  // in the decompressed stream: all before it was evaluated
  std::uint64_t size = 0;    // of the file when the row was written
  Sample head;         // of the first bytes before `offset`: grows up to TailOptions::head_bytes
  Hash128 short_head;  // of the first short_head_bytes, if there are so many: finds candidates
  Sample marker;       // of the last bytes before `offset`
  Codec codec = Codec::none;
  bool done = false;   // compressed: read to its end (or skipped at the first start)
  bool gone = false;   // no longer where it was looked for; kept to recognise its copies
  std::string framer;  // Framer::save()
  Hash128 stream_id;
};

// A content shorter than this is never taken for a copy of another.
inline constexpr std::size_t short_head_bytes = 64;

std::string row_key(const FileId& id);
std::string row_text(const SavedFile& file);
std::optional<SavedFile> parse_row_text(std::string_view text);

// Says that an input was started before, whatever it found then.
inline constexpr std::string_view started_key = "started";

void append_row(std::string_view key, std::string_view text, std::string& rows);
// KEY -> TEXT; later rows win, empty ones remove. Lines that are no rows are left out and counted.
std::map<std::string, std::string> parse_rows(std::string_view rows, std::size_t& malformed);

}  // namespace tocsin
