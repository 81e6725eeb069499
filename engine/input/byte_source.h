// SPDX-License-Identifier: Apache-2.0
// ByteSource: a file or a pipe read from its beginning to its end, with what compresses it taken
// off. Thread rule: one thread. Errors: statuses. Cost: that of the reads; 128 KiB per layer of
// compression.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/input/decompress.h"
#include "engine/input/fd.h"

namespace tocsin {

class ByteSource {
 public:
  struct Read {
    std::size_t size = 0;  // bytes written, whatever the status
    StreamStatus status = StreamStatus::ok;
  };

  // `seekable`: read with pread from `begin` on, so that the descriptor may be shared; else with
  // read. `raw`: compressed data are not looked for (what begins in the middle of a file).
  ByteSource(std::shared_ptr<const Fd> fd, bool seekable, std::uint64_t begin, bool raw);

  // Up to `size` bytes; `ok` with fewer only where a pipe has no more now. Any other status is
  // final but would_block.
  Read read(char* out, std::size_t size);

  bool compressed() const { return !layers_.empty(); }
  Codec codec() const { return codec_; }
  // Of the file itself, not decompressed.
  std::uint64_t raw_bytes() const { return raw_bytes_; }
  int error() const { return error_; }

 private:
  struct Layer {
    Decompressor decompressor;
    std::vector<char> input;
    std::size_t begin = 0;
    std::size_t end = 0;
    StreamStatus below = StreamStatus::ok;  // of what the input comes from
  };

  bool has_input() const;
  Read read_level(std::size_t level, char* out, std::size_t size);
  Read read_raw(char* out, std::size_t size);
  Read read_layer(Layer& layer, std::size_t level, char* out, std::size_t size);
  StreamStatus sniff();

  std::shared_ptr<const Fd> fd_;
  bool seekable_;
  bool sniffed_;
  std::uint64_t raw_at_;
  std::uint64_t raw_bytes_ = 0;
  std::uint64_t made_bytes_ = 0;
  int error_ = 0;
  Codec codec_ = Codec::none;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<char> peeked_;  // read to tell the codec, not yet given
};

}  // namespace tocsin
