// SPDX-License-Identifier: Apache-2.0
// Reading a plain file that may grow, shrink or be rewritten at any moment. Each read begins with
// the bytes that were the last ones before the offset: if they are not there any more, the file is
// another one.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/limits.h"
#include "engine/input/tail_input.h"

namespace tocsin {

namespace {

// A turn that only skips (an oversized line, a hole) ends after so many reads: others wait.
constexpr int reads_per_turn_max = 16;

}  // namespace

bool TailInput::read_plain(TailFile& file, Batch& batch) {
  std::size_t chunk = options_.batch_bytes;
  for (int reads = 0; reads < reads_per_turn_max; ++reads) {
    switch (read_once(file, batch, chunk)) {
      case Found::batch:
        return true;
      case Found::nothing:
        return false;
      case Found::again:
        break;
    }
  }
  enqueue(file);
  return false;
}

TailInput::Found TailInput::read_once(TailFile& file, Batch& batch, std::size_t& chunk) {
  if (!ensure_open(file)) {
    return Found::nothing;
  }
  const std::optional<FileStat> stat = stat_fd(file.fd->get());
  if (!stat) {
    close(file);  // a network file system that forgot it: opened again next time
    return Found::nothing;
  }
  if (stat->size < file.offset) {
    restart(file, "file-truncated", "it became shorter: it is read from its beginning");
    return Found::again;
  }
  const bool unchanged = stat->size == file.seen_end && stat->modified == file.seen_modified;
  if (unchanged && !file.closing) {
    return Found::nothing;
  }
  const std::size_t marker = file.marker.size();
  chunk = std::max(chunk, 2 * file.pending);
  make_room(batch.buffer, marker + chunk);
  const std::ptrdiff_t read =
      pread_all(file.fd->get(), batch.buffer.data(), marker + chunk, file.offset - marker);
  if (read < 0) {
    notice_once(InputNotice::Kind::unreadable, "unreadable", system_error_text(errno), file.path);
    close(file);
    return Found::nothing;
  }
  const auto got = static_cast<std::size_t>(read);
  if (got < marker || std::memcmp(batch.buffer.data(), file.marker.data(), marker) != 0) {
    restart(file, "file-rewritten", "its content is another one: it is read from its beginning");
    return Found::again;
  }
  file.stat = *stat;
  file.known_size = stat->size;
  const std::string_view data(batch.buffer.data() + marker, got - marker);
  const bool at_end = data.size() < chunk;
  file.seen_end = file.offset + data.size();
  file.seen_modified = at_end ? stat->modified : 0;
  if (file.offset == 0 && codec_of(data) != Codec::none) {
    become_packed(file);
    return Found::nothing;
  }
  // It was empty when it was found: what it is can only be told now.
  if (file.offset == 0 && !file.identified && data.size() >= short_head_bytes) {
    identify_plain(file, std::string(data.substr(0, tail_.head_bytes)), false);
    if (file.state != TailFile::State::plain || file.offset > 0) {
      file.seen_end = 0;
      return file.state == TailFile::State::plain ? Found::again : Found::nothing;
    }
  }
  const bool end = file.closing && at_end;
  const std::size_t consumed = file.framer.feed(data, file.offset, end, batch.frames);
  file.pending = data.size() - consumed;
  if (batch.frames.empty() && consumed == 0) {
    return at_end ? Found::nothing : Found::again;
  }
  fill(file, batch, marker, consumed);
  if (batch.frames.empty()) {
    mark_changed(file);
    return at_end ? Found::nothing : Found::again;
  }
  return Found::batch;
}

// `batch.buffer` holds the marker (up to `begin`) and `consumed` bytes of whole documents behind
// it.
void TailInput::fill(TailFile& file, Batch& batch, std::size_t begin, std::size_t consumed) {
  pad(batch.buffer, begin + consumed + file.pending);
  batch.bytes = {batch.buffer.data() + begin, consumed};
  batch.stream_offset = file.offset;
  batch.lines = false;
  if (file.source == nullptr && !batch.frames.empty()) {
    SourceInfo info = info_of(file.path);
    if (file.stream_id) {
      info.stream_id = *file.stream_id;
      file.source = std::make_shared<const SourceInfo>(std::move(info));
    } else {
      file.source = identify(info, file.framer.first_document());
    }
  }
  const std::string_view bytes(batch.buffer.data(), begin + consumed);
  if (file.framer.mode() == Framer::Mode::lines) {
    trails_.of(file.id).add(file.offset, bytes, begin, batch.frames);
  }
  advance(file, bytes, consumed, tail_.marker_bytes);
  bytes_done_ += consumed;
}

// The file is the same, its content is not: a new stream begins.
void TailInput::restart(TailFile& file, std::string_view code, std::string message) {
  if (file.known_size > file.offset) {
    notice(
        InputNotice::Kind::lost,
        code,
        message + "; what was not read of the old content is lost, unless a copy of it is followed",
        file.path,
        file.known_size - file.offset);
  } else {
    notice(InputNotice::Kind::information, code, std::move(message), file.path);
  }
  ++restarts_;
  SavedFile old = save(file);
  old.gone = true;
  trails_.end(file.id, old);
  remember(std::move(old));
  if (file.source != nullptr) {
    ended_.push_back(std::move(file.source));
  }
  forget_head(file);
  file.source.reset();
  file.stream_id.reset();
  file.begun = false;
  file.framer.reset();
  file.offset = 0;
  file.pending = 0;
  file.marker.clear();
  file.head = {};
  file.short_head = {};
  file.known_size = 0;
  file.seen_end = 0;
  file.seen_modified = 0;
  file.changed_at = elapsed_;
  mark_changed(file);
}

}  // namespace tocsin
