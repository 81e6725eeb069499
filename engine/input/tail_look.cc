// SPDX-License-Identifier: Apache-2.0
// Which files there are now. A file is what its identity says, not its name: a known one may have
// been renamed; an unknown one is, in this order, one of an earlier run, the rest of something that
// was read already (restored, copied, rotated), a copy that is just being made of a file that is
// followed, or new. New ones are read from their beginning.
#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/input/name_time.h"
#include "engine/input/tail_input.h"

namespace tocsin {

namespace {

constexpr std::size_t probe_bytes = 64u << 10;
}  // namespace

void TailInput::look() {
  std::vector<ListedFile> listed = list_.list();
  for (const std::string& path : list_.missing()) {
    notice_once(InputNotice::Kind::warning,
                "nothing-there-yet",
                "nothing is there yet: it is waited for",
                path);
  }
  std::vector<std::string> folders = list_.folders();
  for (const ListedFile& file : listed) {
    if (file.named && file.path != "-") {
      folders.push_back(folder_of(file.path));
    }
  }
  for (const std::string& path : list_.missing()) {
    folders.push_back(folder_of(path));
  }
  // What came between the listing and the watch was not heard of: look again.
  hinted_ = watcher_.watch(folders) || hinted_;
  for (const auto& entry : files_) {
    entry.second->listed = false;
  }
  by_path_.clear();
  std::vector<ListedFile> unknown;
  take_listed(listed, unknown);
  take_unknown(unknown);
  for (const auto& entry : files_) {
    by_path_[entry.second->path] = entry.second.get();
  }
  if (!looked_) {
    find_vanished();
    rows_at_once_ = first_start_;
    looked_ = true;
  }
  take_gone();
}

FileId TailInput::effective_id(const ListedFile& listed) {
  FileId id = listed.stat.id;
  const auto known = remote_devices_.find(id.device);
  const bool remote =
      known != remote_devices_.end()
          ? known->second
          : remote_devices_.emplace(id.device, is_remote(listed.path)).first->second;
  if (remote) {
    id.device = 0;  // another one after the next mount
    id.born = 0;
  }
  return id;
}

// Those that are followed: where they are now, and whether they changed.
void TailInput::take_listed(std::vector<ListedFile>& listed, std::vector<ListedFile>& unknown) {
  std::map<TailFile*, ListedFile*> renamed;
  for (ListedFile& one : listed) {
    if (one.path == "-" || (one.named && one.stat.kind != FileKind::regular)) {
      open_pipe(one);
      continue;
    }
    const auto found = files_.find(effective_id(one));
    if (found == files_.end()) {
      unknown.push_back(std::move(one));
      continue;
    }
    TailFile& file = *found->second;
    // Of several names (hard links) the one that it has already stays.
    if (one.path == file.path) {
      renamed.erase(&file);
    } else if (!file.listed) {
      renamed[&file] = &one;
    }
    file.listed = true;
    file.gone = false;
    file.closing = false;
    if (file.state == TailFile::State::done && one.stat.size != file.stat.size) {
      remember(save(file));  // more was appended: go on behind what was read
      file.state = TailFile::State::packed_waiting;
    }
    if (one.stat.size != file.stat.size || one.stat.modified != file.stat.modified ||
        one.stat.size != file.seen_end) {
      if (one.stat.modified != file.stat.modified) {
        file.changed_at = elapsed_;
      }
      enqueue(file);
    }
  }
  for (const auto& [file, one] : renamed) {
    if (file->path != one->path) {
      file->path = one->path;
      file->listing = *one;
      mark_changed(*file);
    }
  }
}

void TailInput::open_pipe(const ListedFile& listed) {
  if (!pipe_paths_.insert(listed.path).second) {
    return;
  }
  FileStat stat;
  int error = 0;
  Fd opened = listed.path == "-" ? Fd(::dup(STDIN_FILENO)) : open_listed(listed, stat, error);
  if (!opened) {
    notice(InputNotice::Kind::unreadable, "unreadable", system_error_text(error), listed.path);
    return;
  }
  auto fd = std::make_shared<const Fd>(std::move(opened));
  pipes_.push_back(
      {listed.path,
       fd,
       SerialReader(ByteSource(fd, false, 0, false), info_of(listed.path), options_.batch_bytes),
       false});
}

// Those that are known by identity come first, so that no copy takes what belongs to them.
void TailInput::take_unknown(std::vector<ListedFile>& unknown) {
  std::stable_sort(
      unknown.begin(), unknown.end(), [this](const ListedFile& a, const ListedFile& b) {
        const bool a_known = !known_.with_id(effective_id(a)).empty();
        const bool b_known = !known_.with_id(effective_id(b)).empty();
        if (a_known != b_known) {
          return a_known;
        }
        return name_time(a.path).value_or(a.stat.modified) <
               name_time(b.path).value_or(b.stat.modified);
      });
  for (const ListedFile& listed : unknown) {
    const FileId id = effective_id(listed);
    const auto found = files_.find(id);
    TailFile* file = found != files_.end() ? found->second.get() : adopt(listed, id);
    if (file != nullptr) {
      file->listed = true;
      file->backlog = file->backlog || (!looked_ && !file->queued);
      enqueue(*file);
    }
  }
}

// --- new ones ---

TailFile* TailInput::adopt(const ListedFile& listed, const FileId& id) {
  FileStat stat;
  int error = 0;
  auto fd = std::make_shared<const Fd>(open_listed(listed, stat, error));
  if (!*fd) {
    if (error != 0 && error != ENOENT) {
      notice_once(
          InputNotice::Kind::unreadable, "unreadable", system_error_text(error), listed.path);
    }
    return nullptr;  // tried again at the next look
  }
  ListedFile opened = listed;
  opened.stat = stat;
  if (!(effective_id(opened) == id)) {
    hinted_ = true;
    return nullptr;
  }
  std::string head(tail_.head_bytes, '\0');
  const std::ptrdiff_t got = pread_all(fd->get(), head.data(), head.size(), 0);
  if (got < 0) {
    notice_once(InputNotice::Kind::unreadable, "unreadable", system_error_text(errno), listed.path);
    return nullptr;
  }
  head.resize(static_cast<std::size_t>(got));
  told_.erase({"unreadable", listed.path});
  auto owned = std::make_unique<TailFile>();
  TailFile& file = *owned;
  file.id = id;
  file.path = listed.path;
  file.listing = opened;
  file.stat = stat;
  file.changed_at = elapsed_;
  file.listed = true;
  files_.emplace(id, std::move(owned));
  lend(file, std::move(fd));
  const bool exists_at_start = !looked_ && first_start_ && !tail_.from_beginning;
  if (codec_of(head) != Codec::none) {
    become_packed(file);
    if (exists_at_start) {
      file.state = TailFile::State::done;
      mark_changed(file);
    }
    return &file;
  }
  identify_plain(file, head, exists_at_start);
  return &file;
}

void TailInput::identify_plain(TailFile& file, const std::string& head, bool exists_at_start) {
  const std::vector<KnownFiles::Number> same = known_.with_id(file.id);
  if (resume_known(file, same, true)) {
    return;
  }
  if (exists_at_start) {
    skip_existing(file);
    return;
  }
  file.identified = head.size() >= short_head_bytes;
  if (file.identified) {
    const Hash128 short_head = content_hash(std::string_view(head).substr(0, short_head_bytes));
    if (resume_known(file, known_.with_head(short_head), false)) {
      return;
    }
    file.short_head = short_head;
    if (resume_truncated(file)) {
      return;
    }
    if (original_of(file) != nullptr || has_rewritten_original(file) ||
        !longer_than(file).empty()) {
      file.state = TailFile::State::held;
      file.held_at = elapsed_;
    }
    file.short_head = {};
  }
  for (const KnownFiles::Number number : same) {
    const SavedFile& before = known_.get(number);
    if (!before.gone && before.codec == Codec::none && before.offset > 0) {
      const bool unread = before.size > before.offset;
      notice(unread ? InputNotice::Kind::lost : InputNotice::Kind::information,
             "file-replaced",
             "its content is not what was read before: it is read from its beginning",
             file.path,
             unread ? before.size - before.offset : 0);
      known_.set_gone(number);
    }
  }
}

// Goes on where one of `candidates` stands, if the content up to there is the same.
bool TailInput::resume_known(TailFile& file,
                             const std::vector<KnownFiles::Number>& candidates,
                             bool same_file) {
  for (const KnownFiles::Number number : candidates) {
    const SavedFile& saved = known_.get(number);
    // Equal by its content only is what is long enough to be; and nothing is taken from a file that
    // is still there.
    if ((!same_file && saved.offset < short_head_bytes) || (saved.offset == 0 && !same_file)) {
      continue;
    }
    if (std::optional<std::string> marker = verify(*file.fd, file.stat.size, saved)) {
      const SavedFile taken = known_.take(number);
      if (!same_file) {
        forget_row(taken.id);
        notice(InputNotice::Kind::information,
               "file-recognised",
               "its content was read as " + taken.path + " up to byte " +
                   std::to_string(taken.offset) + ": it is read from there",
               file.path);
      }
      resume(file, taken, std::move(*marker));
      return true;
    }
  }
  return false;
}

void TailInput::resume(TailFile& file, const SavedFile& saved, std::string marker) {
  file.state = TailFile::State::plain;
  file.offset = saved.offset;
  file.head = saved.head;
  file.short_head = saved.short_head;
  file.marker = std::move(marker);
  file.known_size = std::max(saved.offset, file.stat.size);
  if (saved.offset > 0) {
    file.stream_id = saved.stream_id;
    if (!file.framer.restore(saved.framer)) {
      file.framer.join(Framer::Mode::lines, file.marker.empty() || file.marker.back() == '\n');
    }
  }
  index_head(file);
  mark_changed(file);
}

// What exists at the first start counts as read, but for a last line that is not complete.
void TailInput::skip_existing(TailFile& file) {
  std::string head(probe_bytes, '\0');
  const std::ptrdiff_t got = pread_all(file.fd->get(), head.data(), head.size(), 0);
  head.resize(static_cast<std::size_t>(std::max<std::ptrdiff_t>(got, 0)));
  Framer probe;
  std::vector<Frame> frames;
  probe.feed(head, 0, head.size() < probe_bytes, frames);
  const bool lines =
      probe.mode() == Framer::Mode::lines ||
      (probe.mode() == Framer::Mode::undecided && head.find('\n') == std::string::npos);
  const std::uint64_t line = last_line_start(*file.fd, file.stat.size);
  file.offset = lines ? line : file.stat.size;
  if (file.offset > 0) {
    file.framer.join(lines ? Framer::Mode::lines : Framer::Mode::spanning, line == file.offset);
    file.stream_id = content_hash(probe.first_document());
    const std::size_t marker =
        static_cast<std::size_t>(std::min<std::uint64_t>(file.offset, tail_.marker_bytes));
    file.marker.resize(marker);
    if (pread_all(file.fd->get(), file.marker.data(), marker, file.offset - marker) !=
        static_cast<std::ptrdiff_t>(marker)) {
      file.marker.clear();  // it shrank: the next read finds that out
    }
    file.known_size = file.offset;
    grow_head(file, tail_.head_bytes);
    index_head(file);
  }
  mark_changed(file);
}

}  // namespace tocsin
