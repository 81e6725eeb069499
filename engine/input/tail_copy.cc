// SPDX-License-Identifier: Apache-2.0
// Copies of files that are followed (copytruncate, cp): recognised by their content, so that
// nothing is read twice, and read on where the original was left.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/input/tail_input.h"

namespace tocsin {

namespace {

// An original is looked for among so many files with the same beginning.
constexpr std::size_t originals_max = 16;

}  // namespace

void TailInput::index_head(TailFile& file) {
  if (!file.indexed && file.head.size >= short_head_bytes) {
    by_head_.emplace(file.short_head, &file);
    file.indexed = file.short_head;
  }
}

void TailInput::forget_head(TailFile& file) {
  if (!file.indexed) {
    return;
  }
  const auto range = by_head_.equal_range(*file.indexed);
  const auto found = std::find_if(
      range.first, range.second, [&](const auto& entry) { return entry.second == &file; });
  if (found != range.second) {
    by_head_.erase(found);
  }
  file.indexed.reset();
}

// The followed file that `copy`, as far as it goes, is a copy of. Precondition: copy.short_head is
// set.
TailFile* TailInput::original_of(TailFile& copy) {
  for (TailFile* original : alike(copy)) {
    if (ensure_open(*original) && ensure_open(copy) &&
        common_content(*copy.fd, copy.stat.size, *original->fd, original->offset) > 0) {
      return original;
    }
  }
  return nullptr;
}

// The followed files that began as `copy` does. Precondition: copy.short_head is set.
std::vector<TailFile*> TailInput::alike(const TailFile& copy) const {
  const auto range = by_head_.equal_range(copy.short_head);
  std::vector<TailFile*> found;
  for (auto it = range.first; it != range.second && found.size() < originals_max; ++it) {
    if (it->second != &copy && it->second->codec == Codec::none) {
      found.push_back(it->second);
    }
  }
  return found;
}

// The original may have been truncated since it was read, and not been looked at yet: then `copy`
// holds what was read of it.
bool TailInput::resume_truncated(TailFile& copy) {
  for (TailFile* original : alike(copy)) {
    if (original->offset < short_head_bytes || !ensure_open(*original)) {
      continue;
    }
    const SavedFile saved = save(*original);
    const std::optional<FileStat> now = stat_fd(original->fd->get());
    if (now && verify(*original->fd, now->size, saved)) {
      continue;  // it is as it was
    }
    if (std::optional<std::string> marker = verify(*copy.fd, copy.stat.size, saved)) {
      resume(copy, saved, std::move(*marker));
      return true;
    }
  }
  return false;
}

// A followed file that began as `copy` does, and has another content since: that is found out with
// its next turn.
bool TailInput::has_rewritten_original(const TailFile& copy) {
  for (TailFile* original : alike(copy)) {
    if (original->offset < short_head_bytes || !ensure_open(*original)) {
      continue;
    }
    const std::optional<FileStat> now = stat_fd(original->fd->get());
    if (now && !verify(*original->fd, now->size, save(*original))) {
      return true;
    }
  }
  return false;
}

// Contents that are not there any more, of which more was read than `copy` has, and which began as
// it does.
std::vector<const Trails::Ended*> TailInput::longer_than(const TailFile& copy) const {
  std::vector<const Trails::Ended*> found = trails_.with_head(copy.short_head);
  std::erase_if(found, [&](const Trails::Ended* ended) {
    const Sample& head = ended->saved.head;
    std::string bytes(head.size, '\0');
    return copy.stat.size >= ended->saved.offset ||
           pread_all(copy.fd->get(), bytes.data(), bytes.size(), 0) !=
               static_cast<std::ptrdiff_t>(bytes.size()) ||
           !is_sample_of(head, bytes);
  });
  return found;
}

// Of a copy that is shorter than what was read, all lines were read, up to those that the trail
// does not know.
bool TailInput::resume_shorter(TailFile& copy) {
  for (const Trails::Ended* ended : longer_than(copy)) {
    SavedFile saved = ended->saved;
    const std::optional<std::uint64_t> end = ended->trail.end_in(*copy.fd, copy.stat.size);
    if (!end) {
      continue;
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(*end, tail_.marker_bytes));
    std::string marker(size, '\0');
    if (pread_all(copy.fd->get(), marker.data(), size, *end - size) !=
        static_cast<std::ptrdiff_t>(size)) {
      continue;
    }
    notice(InputNotice::Kind::information,
           "file-recognised",
           "its content was read as " + saved.path + " up to byte " + std::to_string(*end) +
               ": it is read from there",
           copy.path);
    saved.offset = *end;
    saved.framer.clear();
    trails_.forget(ended);
    resume(copy, saved, std::move(marker));
    return true;
  }
  return false;
}

// A file that begins as one that is followed. If that one is truncated or goes away, this was its
// copy and is read from where the original was left; if it does not in good time, both live on and
// this one is read from where they part.
void TailInput::settle_held(TailFile& file) {
  if (!ensure_open(file)) {
    return;
  }
  if (const std::optional<FileStat> stat = stat_fd(file.fd->get())) {
    file.stat = *stat;
  }
  std::string head(short_head_bytes, '\0');
  if (pread_all(file.fd->get(), head.data(), head.size(), 0) !=
      static_cast<std::ptrdiff_t>(head.size())) {
    file.state = TailFile::State::plain;  // it shrank: not a copy any more
    enqueue(file);
    return;
  }
  file.short_head = content_hash(head);
  if (resume_known(file, known_.with_head(file.short_head), false) || resume_truncated(file)) {
    enqueue(file);
    return;
  }
  const bool in_time = !file.gone && elapsed_ - file.held_at < tail_.rotate_wait_ns;
  TailFile* const original = original_of(file);
  if (original != nullptr && (original->gone || in_time)) {
    return;
  }
  if (original == nullptr) {
    // One that still grows may become as long as what was read.
    const bool grows = file.stat.size != file.held_size;
    file.held_size = file.stat.size;
    const bool waits = grows ? !longer_than(file).empty() : has_rewritten_original(file);
    if (in_time && waits) {
      return;
    }
    if (resume_shorter(file)) {
      enqueue(file);
      return;
    }
  }
  file.short_head = {};
  file.state = TailFile::State::plain;
  if (original != nullptr) {
    part_from(file, *original);
  }
  enqueue(file);
}

// `copy` lives on beside `original`: what both have in common was read there.
void TailInput::part_from(TailFile& copy, const TailFile& original) {
  const std::uint64_t common =
      common_content(*copy.fd, copy.stat.size, *original.fd, original.offset);
  const bool all = common == original.offset;
  if (!all && original.framer.mode() != Framer::Mode::lines) {
    return;  // where a document begins is not known: better twice than never
  }
  const std::size_t marker =
      static_cast<std::size_t>(std::min<std::uint64_t>(common, tail_.marker_bytes));
  std::string bytes(marker, '\0');
  if (pread_all(copy.fd->get(), bytes.data(), marker, common - marker) !=
      static_cast<std::ptrdiff_t>(marker)) {
    return;
  }
  SavedFile from = save(original);
  from.offset = common;
  from.head = {};
  resume(copy, from, std::move(bytes));
  if (!all) {
    copy.offset = last_line_start(*copy.fd, common);
    copy.framer.join(Framer::Mode::lines, true);
    copy.marker.resize(
        copy.marker.size() -
        std::min<std::size_t>(copy.marker.size(), static_cast<std::size_t>(common - copy.offset)));
  }
  grow_head(copy, tail_.head_bytes);
  index_head(copy);
  mark_changed(copy);
}

// The row of a file that is not followed is not needed any more.
void TailInput::forget_row(const FileId& id) {
  if (files_.count(id) == 0) {
    append_row(row_key(id), "", rows_);
  }
}

}  // namespace tocsin
