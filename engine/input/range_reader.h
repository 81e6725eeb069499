// SPDX-License-Identifier: Apache-2.0
// RangeReader: a plain file of lines as ranges that workers read by themselves, in parallel. Every
// range ends behind a newline, which is looked for when it is claimed (a few KiB are read), so that
// each line lies in exactly one range. Thread rule: claim() one thread at a time; load_range() any.
// A growing file is read up to the size it had when opened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/flow/input.h"
#include "engine/input/fd.h"

namespace tocsin {

class RangeReader {
 public:
  // Precondition: batch_bytes <= limits::record_bytes_max.
  RangeReader(std::shared_ptr<const Fd> file,
              std::shared_ptr<const SourceInfo> source,
              std::uint64_t begin,
              std::uint64_t size,
              std::size_t batch_bytes);

  enum class Status : std::uint8_t {
    batch,
    end,
    large_line,  // the line at position() is larger than a record may be: the rest must be read
                 // serially
  };
  Status claim(Batch& batch);
  std::uint64_t position() const { return at_; }
  const std::shared_ptr<const SourceInfo>& source() const { return source_; }

 private:
  std::uint64_t find_end();

  std::shared_ptr<const Fd> file_;
  std::shared_ptr<const SourceInfo> source_;
  std::uint64_t begin_;
  std::uint64_t at_;
  std::uint64_t size_;
  std::size_t batch_bytes_;
  std::vector<char> probe_;
};

// Reads [batch.claim_begin, batch.claim_end) of the file. Returns how many bytes are missing: the
// file shrank; or, with `error` set, could not be read.
std::uint64_t load_range(const Fd& file, Batch& batch, int& error);

}  // namespace tocsin
