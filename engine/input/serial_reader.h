// SPDX-License-Identifier: Apache-2.0
// SerialReader: batches from a stream that can only be read from one end to the other: a pipe,
// compressed data, documents that span lines. Keeps one record's memory between batches. Thread
// rule: one thread at a time. Cost: one copy of the document that a batch's end cuts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/event/framer.h"
#include "engine/flow/input.h"
#include "engine/input/byte_source.h"

namespace tocsin {

// Makes `buffer` hold at least `size` bytes and the padding behind them.
void make_room(std::vector<char>& buffer, std::size_t size);
// Zeroes the padding behind `size` bytes. Precondition: make_room() for at least that.
void pad(std::vector<char>& buffer, std::size_t size);
// The source of records whose first document is `first_document`.
std::shared_ptr<const SourceInfo> identify(const SourceInfo& info, std::string_view first_document);

class SerialReader {
 public:
  enum class Status : std::uint8_t { batch, would_block, end };

  // `offset`: of the first byte in the stream. `info`: without its stream id, or, if `source` is
  // given, not used.
  SerialReader(ByteSource bytes, SourceInfo info, std::size_t batch_bytes);
  // Goes on where `source` was read up to `offset`.
  SerialReader(ByteSource bytes,
               std::shared_ptr<const SourceInfo> source,
               Framer framer,
               std::uint64_t offset,
               std::size_t batch_bytes);

  Status next(Batch& batch);

  // After `end`: why. Before: ok.
  StreamStatus final_status() const { return final_; }
  const ByteSource& bytes() const { return bytes_; }
  const Framer& framer() const { return framer_; }
  // Behind the last batch, decompressed.
  std::uint64_t offset() const { return offset_; }
  const std::shared_ptr<const SourceInfo>& source() const { return source_; }

 private:
  Status finish(Batch& batch, std::size_t used, std::size_t consumed);

  ByteSource bytes_;
  SourceInfo info_;
  std::shared_ptr<const SourceInfo> source_;
  Framer framer_;
  std::size_t batch_bytes_;
  std::uint64_t offset_ = 0;
  bool begun_ = false;
  StreamStatus final_ = StreamStatus::ok;
  std::vector<char> pending_;
};

}  // namespace tocsin
