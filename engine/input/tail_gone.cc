// SPDX-License-Identifier: Apache-2.0
// Files that are not where they were: read on from their descriptor, looked for under another name,
// remembered.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <dirent.h>

#include "engine/input/tail_input.h"

namespace tocsin {

// Rows of an earlier run whose files are not where they were. A rotation may have moved them out of
// the glob.
void TailInput::find_vanished() {
  for (const KnownFiles::Number number : known_.all()) {
    const SavedFile saved = known_.get(number);
    if (saved.gone || saved.codec != Codec::none || files_.count(saved.id) != 0) {
      continue;
    }
    auto file = std::make_unique<TailFile>();
    file->id = saved.id;
    file->path = saved.path;
    if (find_renamed(*file)) {
      if (std::optional<std::string> marker = verify(*file->fd, file->stat.size, saved)) {
        known_.take(number);
        resume(*file, saved, std::move(*marker));
        file->gone = true;
        file->gone_at = elapsed_;
        file->changed_at = elapsed_;
        TailFile& kept = *files_.emplace(saved.id, std::move(file)).first->second;
        enqueue(kept);
        continue;
      }
    }
    close(*file);
    known_.set_gone(number);
    SavedFile gone = saved;
    gone.gone = true;
    append_row(row_key(saved.id), row_text(gone), rows_);
    const bool unread = saved.size > saved.offset;
    notice(unread ? InputNotice::Kind::lost : InputNotice::Kind::warning,
           "file-vanished",
           "it went away while it was not followed: what was written to it behind byte " +
               std::to_string(saved.offset) + " cannot be read, unless a copy of it is followed",
           saved.path,
           unread ? saved.size - saved.offset : 0);
  }
}

// Looks for the file under another name in its folder and opens it.
bool TailInput::find_renamed(TailFile& file) {
  const std::string folder = folder_of(file.path);
  struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, CloseDir> dir(::opendir(folder.c_str()));
  while (const dirent* entry = dir == nullptr ? nullptr : ::readdir(dir.get())) {
    if (entry->d_ino != file.id.inode) {
      continue;
    }
    ListedFile listed{folder + "/" + entry->d_name, {}, false, false};
    int error = 0;
    auto fd = std::make_shared<const Fd>(open_listed(listed, listed.stat, error));
    if (*fd && effective_id(listed) == file.id) {
      file.stat = listed.stat;
      file.listing = listed;
      lend(file, std::move(fd));
      return true;
    }
  }
  return false;
}

// Files without a path are read on from their descriptor until they are quiet.
void TailInput::take_gone() {
  std::vector<TailFile*> dropped;
  for (const auto& entry : files_) {
    TailFile& file = *entry.second;
    if (file.listed) {
      continue;
    }
    if (!file.gone) {
      file.gone = true;
      file.gone_at = elapsed_;
      ++rotations_;
      if (file.fd == nullptr && file.state == TailFile::State::plain) {
        find_renamed(file);
      }
      mark_changed(file);
      enqueue(file);
    }
    const bool packed = file.codec != Codec::none;
    const bool reads = file.state == TailFile::State::packed_reading || file.probe != nullptr;
    if (!reads && (file.fd == nullptr || file.state == TailFile::State::done)) {
      dropped.push_back(&file);
    } else if (!packed &&
               elapsed_ - std::max(file.gone_at, file.changed_at) >= tail_.rotate_wait_ns) {
      if (file.closing && !file.queued && file.offset + file.pending >= file.seen_end) {
        dropped.push_back(&file);
      } else if (!file.closing) {
        file.closing = true;
        enqueue(file);
      }
    }
  }
  for (TailFile* file : dropped) {
    drop(*file);
  }
}

void TailInput::drop(TailFile& file) {
  if (file.fd == nullptr && file.codec == Codec::none && file.known_size > file.offset) {
    notice(InputNotice::Kind::lost,
           "file-vanished",
           "it went away before all of it was read",
           file.path,
           file.known_size - file.offset);
  }
  file.gone = true;
  mark_changed(file);
  trails_.end(file.id, save(file));
  remember(save(file));
  if (file.source != nullptr) {
    ended_.push_back(std::move(file.source));
  }
  close(file);
  forget_head(file);
  for (std::deque<TailFile*>* queue : {&ready_, &backlog_}) {
    queue->erase(std::remove(queue->begin(), queue->end(), &file), queue->end());
  }
  const auto path = by_path_.find(file.path);
  if (path != by_path_.end() && path->second == &file) {
    by_path_.erase(path);
  }
  const FileId id = file.id;
  files_.erase(id);
}

void TailInput::remember(SavedFile saved) {
  if (const std::optional<SavedFile> forgotten = known_.add(std::move(saved))) {
    forget_row(forgotten->id);
  }
}

}  // namespace tocsin
