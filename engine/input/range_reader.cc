// SPDX-License-Identifier: Apache-2.0
#include "engine/input/range_reader.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "engine/base/limits.h"
#include "engine/input/serial_reader.h"

namespace tocsin {

namespace {

constexpr std::size_t probe_bytes = 4096;
constexpr std::size_t forward_probe_bytes = 64u << 10;

}  // namespace

RangeReader::RangeReader(std::shared_ptr<const Fd> file,
                         std::shared_ptr<const SourceInfo> source,
                         std::uint64_t begin,
                         std::uint64_t size,
                         std::size_t batch_bytes)
    : file_(std::move(file)),
      source_(std::move(source)),
      begin_(begin),
      at_(begin),
      size_(size),
      batch_bytes_(batch_bytes) {
  assert(batch_bytes <= limits::record_bytes_max);
}

// Where the range that begins at at_ ends; at_ itself: its line is too large.
std::uint64_t RangeReader::find_end() {
  if (size_ - at_ <= batch_bytes_) {
    return size_;
  }
  probe_.resize(forward_probe_bytes);
  const std::uint64_t target = at_ + batch_bytes_;
  for (std::uint64_t high = target; high > at_;) {
    const std::uint64_t low = high - std::min<std::uint64_t>(probe_bytes, high - at_);
    const std::ptrdiff_t got =
        pread_all(file_->get(), probe_.data(), static_cast<std::size_t>(high - low), low);
    if (got < static_cast<std::ptrdiff_t>(high - low)) {
      return target;  // it shrank or cannot be read: load_range() finds that out and says so
    }
    const std::size_t newline =
        std::string_view(probe_.data(), static_cast<std::size_t>(got)).rfind('\n');
    if (newline != std::string_view::npos) {
      return low + newline + 1;
    }
    high = low;
  }
  const std::uint64_t last = std::min<std::uint64_t>(size_, at_ + limits::record_bytes_max + 1);
  for (std::uint64_t low = target; low < last; low += forward_probe_bytes) {
    const std::size_t wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(forward_probe_bytes, last - low));
    const std::ptrdiff_t got = pread_all(file_->get(), probe_.data(), wanted, low);
    if (got <= 0) {
      return low;
    }
    const std::size_t newline =
        std::string_view(probe_.data(), static_cast<std::size_t>(got)).find('\n');
    if (newline != std::string_view::npos) {
      return low + newline + 1;
    }
  }
  return size_ - at_ <= limits::record_bytes_max ? size_ : at_;
}

RangeReader::Status RangeReader::claim(Batch& batch) {
  if (at_ >= size_) {
    return Status::end;
  }
  const std::uint64_t end = find_end();
  if (end == at_) {
    return Status::large_line;
  }
  batch.source = source_;
  batch.claim_begin = at_;
  batch.claim_end = end;
  batch.stream_offset = at_;
  batch.lines = true;
  batch.first_of_source = at_ == begin_;
  batch.last_of_source = end == size_;
  at_ = end;
  return Status::batch;
}

std::uint64_t load_range(const Fd& file, Batch& batch, int& error) {
  const std::uint64_t wanted = batch.claim_end - batch.claim_begin;
  make_room(batch.buffer, static_cast<std::size_t>(wanted));
  const std::ptrdiff_t got = pread_all(
      file.get(), batch.buffer.data(), static_cast<std::size_t>(wanted), batch.claim_begin);
  error = got < 0 ? errno : 0;
  const std::size_t size = static_cast<std::size_t>(std::max<std::ptrdiff_t>(got, 0));
  pad(batch.buffer, size);
  batch.bytes = {batch.buffer.data(), size};
  return wanted - size;
}

}  // namespace tocsin
