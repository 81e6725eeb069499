// SPDX-License-Identifier: Apache-2.0
#include "engine/input/serial_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/hash.h"
#include "engine/base/limits.h"

namespace tocsin {

void make_room(std::vector<char>& buffer, std::size_t size) {
  if (buffer.size() < size + limits::padding_bytes) {
    buffer.resize(size + limits::padding_bytes);
  }
}

void pad(std::vector<char>& buffer, std::size_t size) {
  std::memset(buffer.data() + size, 0, limits::padding_bytes);
}

std::shared_ptr<const SourceInfo> identify(const SourceInfo& info,
                                           std::string_view first_document) {
  auto source = std::make_shared<SourceInfo>(info);
  source->stream_id = content_hash(first_document);
  return source;
}

SerialReader::SerialReader(ByteSource bytes, SourceInfo info, std::size_t batch_bytes)
    : bytes_(std::move(bytes)), info_(std::move(info)), batch_bytes_(batch_bytes) {}

SerialReader::SerialReader(ByteSource bytes,
                           std::shared_ptr<const SourceInfo> source,
                           Framer framer,
                           std::uint64_t offset,
                           std::size_t batch_bytes)
    : bytes_(std::move(bytes)),
      source_(std::move(source)),
      framer_(std::move(framer)),
      batch_bytes_(batch_bytes),
      offset_(offset),
      begun_(offset > 0) {}

SerialReader::Status SerialReader::next(Batch& batch) {
  if (final_ != StreamStatus::ok) {
    return Status::end;
  }
  std::size_t room = std::max(batch_bytes_, 2 * pending_.size());
  make_room(batch.buffer, room);
  std::copy(pending_.begin(), pending_.end(), batch.buffer.begin());
  std::size_t used = pending_.size();
  std::size_t consumed = 0;
  while (true) {
    const ByteSource::Read read = bytes_.read(batch.buffer.data() + used, room - used);
    used += read.size;
    const bool blocked = read.status == StreamStatus::would_block;
    const bool last = !blocked && read.status != StreamStatus::ok;
    const std::size_t before = batch.frames.size();
    const std::size_t more = framer_.feed(
        {batch.buffer.data() + consumed, used - consumed}, offset_ + consumed, last, batch.frames);
    for (std::size_t i = before; i < batch.frames.size(); ++i) {
      batch.frames[i].begin += static_cast<std::uint32_t>(consumed);
    }
    consumed += more;
    if (last) {
      final_ = read.status;
      return finish(batch, used, consumed);
    }
    if (!batch.frames.empty()) {
      return finish(batch, used, consumed);
    }
    // Nothing yet: what was skipped is dropped, and a document that is larger than the room gets
    // more.
    std::memmove(batch.buffer.data(), batch.buffer.data() + consumed, used - consumed);
    offset_ += consumed;
    used -= consumed;
    consumed = 0;
    if (blocked) {
      pending_.assign(batch.buffer.data(), batch.buffer.data() + used);
      return Status::would_block;
    }
    if (room - used < room / 4) {
      room *= 2;
      make_room(batch.buffer, room);
    }
  }
}

SerialReader::Status SerialReader::finish(Batch& batch, std::size_t used, std::size_t consumed) {
  const bool last = final_ != StreamStatus::ok;
  pending_.assign(batch.buffer.data() + consumed, batch.buffer.data() + used);
  if (batch.frames.empty() && !begun_) {
    return Status::end;  // nothing was ever read: no batch is needed
  }
  pad(batch.buffer, used);
  if (source_ == nullptr) {
    source_ = identify(info_, framer_.first_document());
  }
  batch.bytes = {batch.buffer.data(), consumed};
  batch.source = source_;
  batch.stream_offset = offset_;
  batch.lines = false;
  batch.first_of_source = !begun_;
  batch.last_of_source = last;
  offset_ += consumed;
  begun_ = true;
  return Status::batch;
}

}  // namespace tocsin
