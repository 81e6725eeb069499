// SPDX-License-Identifier: Apache-2.0
// Compressed files. One is read only when it is complete (its footer is there and right), which is
// found out by looking through it once; a file that stays incomplete is read up to its break after
// a while. It may be the compressed rotation of a file that is or was followed: then it is read
// from where that one was left.
#include <algorithm>
#include <utility>

#include "engine/base/limits.h"
#include "engine/input/tail_input.h"

namespace tocsin {

namespace {

constexpr std::size_t probe_piece_bytes = 1u << 20;
// Looking through a large file takes turns with reading others.
constexpr int probe_pieces_per_turn = 8;

}  // namespace

void TailInput::become_packed(TailFile& file) {
  std::string head(magic_bytes, '\0');
  if (pread_all(file.fd->get(), head.data(), head.size(), 0) < 0) {
    head.clear();
  }
  file.codec = codec_of(head);
  file.state = TailFile::State::packed_waiting;
  file.changed_at = elapsed_;
  file.seen_end = 0;  // what it looked like as a plain file says nothing: look through it
  file.seen_modified = 0;
  for (const KnownFiles::Number number : known_.with_id(file.id)) {
    const SavedFile& saved = known_.get(number);
    if (saved.codec == file.codec && saved.done && saved.size == file.stat.size) {
      const SavedFile taken = known_.take(number);
      file.state = TailFile::State::done;
      file.offset = taken.offset;
      file.head = taken.head;
      file.short_head = taken.short_head;
      file.stream_id = taken.stream_id;
      return;
    }
  }
  enqueue(file);
}

void TailInput::probe_packed(TailFile& file) {
  if (!ensure_open(file)) {
    return;
  }
  const std::optional<FileStat> stat = stat_fd(file.fd->get());
  if (!stat) {
    return;
  }
  if (file.probe == nullptr) {
    const bool grew = stat->size != file.seen_end || stat->modified != file.seen_modified;
    const bool stalled = elapsed_ - file.changed_at >= tail_.compressed_stall_ns;
    file.stat = *stat;
    file.changed_at = grew ? elapsed_ : file.changed_at;
    file.seen_end = stat->size;
    file.seen_modified = stat->modified;
    if (!grew && !stalled && !file.gone) {
      return;  // found incomplete before, and nothing new since
    }
    file.probe =
        std::make_unique<PackedProbe>(PackedProbe{ByteSource(file.fd, true, 0, false), {}});
  }
  std::vector<char> piece(probe_piece_bytes);
  for (int i = 0; i < probe_pieces_per_turn; ++i) {
    const ByteSource::Read read = file.probe->bytes.read(piece.data(), piece.size());
    if (file.probe->head.size() < tail_.head_bytes) {
      file.probe->head.append(piece.data(),
                              std::min(read.size, tail_.head_bytes - file.probe->head.size()));
    }
    if (read.status != StreamStatus::ok) {
      end_probe(file, read.status);
      return;
    }
  }
  enqueue(file);
}

void TailInput::end_probe(TailFile& file, StreamStatus status) {
  const bool incomplete = status == StreamStatus::truncated || status == StreamStatus::corrupt ||
                          status == StreamStatus::read_error;
  const bool stalled = file.gone || elapsed_ - file.changed_at >= tail_.compressed_stall_ns;
  file.packed_head = std::move(file.probe->head);
  file.probe.reset();
  const std::optional<FileStat> stat = stat_fd(file.fd->get());
  const bool changed =
      !stat || stat->size != file.stat.size || stat->modified != file.stat.modified;
  if ((incomplete && !stalled) || changed) {
    return;  // the notice comes with the last batch, should it stay so
  }
  file.state = TailFile::State::packed_held;
  file.held_at = elapsed_;
  start_packed(file);
}

// Where to begin in a complete file.
void TailInput::start_packed(TailFile& file) {
  if (!ensure_open(file)) {
    return;
  }
  for (const KnownFiles::Number number : known_.with_id(file.id)) {
    const SavedFile saved = known_.get(number);
    if (saved.codec == file.codec && saved.offset > 0 && resume_packed(file, saved)) {
      known_.take(number);
      return;
    }
  }
  if (file.packed_head.size() >= short_head_bytes) {
    const Hash128 short_head =
        content_hash(std::string_view(file.packed_head).substr(0, short_head_bytes));
    for (const KnownFiles::Number number : known_.with_head(short_head)) {
      const SavedFile saved = known_.get(number);
      if (resume_packed(file, saved)) {
        known_.take(number);
        forget_row(saved.id);
        return;
      }
    }
    const auto range = by_head_.equal_range(short_head);
    for (auto it = range.first; it != range.second; ++it) {
      TailFile& original = *it->second;
      if (&original == &file || original.codec != Codec::none) {
        continue;
      }
      if (original.gone || (!file.gone && elapsed_ - file.held_at < tail_.rotate_wait_ns)) {
        return;  // the original will go away, or does; what is left of it is read there
      }
      if (resume_packed(file, save(original))) {
        return;
      }
    }
  }
  start_reading(file, nullptr);
}

// Goes on behind what `saved` stands for, if that is how this content begins.
bool TailInput::resume_packed(TailFile& file, const SavedFile& saved) {
  if (saved.head.size > file.packed_head.size() || saved.marker.size > saved.offset ||
      !is_sample_of(saved.head, std::string_view(file.packed_head).substr(0, saved.head.size))) {
    return false;
  }
  start_reading(file, &saved);
  return file.state == TailFile::State::packed_reading;
}

// From the beginning, or behind saved->offset: then nothing is changed if the marker is not there.
void TailInput::start_reading(TailFile& file, const SavedFile* saved) {
  ByteSource bytes(file.fd, true, 0, false);
  SourceInfo info = info_of(file.path);
  if (saved == nullptr) {
    file.serial =
        std::make_unique<SerialReader>(std::move(bytes), std::move(info), options_.batch_bytes);
  } else {
    std::string last;
    std::vector<char> piece(probe_piece_bytes);
    for (std::uint64_t left = saved->offset; left > 0;) {
      const ByteSource::Read read = bytes.read(
          piece.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size())));
      last.append(piece.data(), read.size);
      last.erase(0, last.size() - std::min(last.size(), tail_.marker_bytes));
      left -= read.size;
      if (read.size == 0) {
        return;  // it is shorter
      }
    }
    const std::string_view marker =
        std::string_view(last).substr(last.size() - std::min(last.size(), saved->marker.size));
    Framer framer;
    if (!is_sample_of(saved->marker, marker) || !framer.restore(saved->framer)) {
      return;
    }
    info.stream_id = saved->stream_id;
    file.source = std::make_shared<const SourceInfo>(std::move(info));
    file.offset = saved->offset;
    file.marker = last;
    file.serial = std::make_unique<SerialReader>(
        std::move(bytes), file.source, std::move(framer), saved->offset, options_.batch_bytes);
  }
  set_head(file, file.packed_head);
  file.state = TailFile::State::packed_reading;
  enqueue(file);
}

bool TailInput::read_packed(TailFile& file, Batch& batch) {
  const std::uint64_t before = file.serial->bytes().raw_bytes();
  const SerialReader::Status status = file.serial->next(batch);
  bytes_done_ += file.serial->bytes().raw_bytes() - before;
  const bool made = status == SerialReader::Status::batch;
  if (made) {
    file.source = file.serial->source();
    file.framer.restore(file.serial->framer().save());
    if (!batch.bytes.empty()) {
      advance(file, batch.bytes, batch.bytes.size(), tail_.marker_bytes);
    }
    file.offset = file.serial->offset();
  }
  if (file.serial->final_status() != StreamStatus::ok) {
    const StreamStatus end = file.serial->final_status();
    if (end != StreamStatus::end) {
      notice(InputNotice::Kind::unreadable,
             status_code(end, file.serial->bytes().codec()),
             std::string(status_text(end)),
             file.path);
    }
    file.serial.reset();
    file.state = TailFile::State::done;
    file.backlog = false;
    mark_changed(file);
    close(file);
  }
  return made;
}

}  // namespace tocsin
