// SPDX-License-Identifier: Apache-2.0
#include "engine/input/watcher.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace tocsin {

namespace {

constexpr std::uint32_t watched_events = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB |
                                         IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF |
                                         IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t content_events = IN_MODIFY | IN_CLOSE_WRITE;

std::string path_in(const std::string& folder, const char* name) {
  return folder == "." ? name : folder.back() == '/' ? folder + name : folder + "/" + name;
}

}  // namespace

bool is_remote(const std::string& path) {
  // From linux/magic.h and the file systems' own sources: NFS, SMB (two numbers), CIFS, FUSE, 9P,
  // AFS, Ceph, overlayfs.
  constexpr std::array<unsigned long, 9> magics{0x6969,
                                                0x517b,
                                                0xfe534d42,
                                                0xff534d42,
                                                0x65735546,
                                                0x01021997,
                                                0x5346414f,
                                                0x00c36400,
                                                0x794c7630};
  struct statfs info {};
  return ::statfs(path.c_str(), &info) == 0 &&
         std::find(magics.begin(),
                   magics.end(),
                   static_cast<unsigned long>(static_cast<std::uint32_t>(info.f_type))) !=
             magics.end();
}

Watcher::Watcher() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

bool Watcher::watch(const std::vector<std::string>& folders) {
  if (!fd_) {
    return false;
  }
  bool added = false;
  const std::set<std::string> wanted(folders.begin(), folders.end());
  for (auto it = by_folder_.begin(); it != by_folder_.end();) {
    if (wanted.count(it->first) == 0) {
      ::inotify_rm_watch(fd_.get(), it->second);
      by_watch_.erase(it->second);
      it = by_folder_.erase(it);
    } else {
      ++it;
    }
  }
  blind_.clear();
  for (const std::string& folder : wanted) {
    if (by_folder_.count(folder) != 0) {
      continue;
    }
    const int watch =
        is_remote(folder) ? -1 : ::inotify_add_watch(fd_.get(), folder.c_str(), watched_events);
    if (watch < 0) {
      blind_.insert(folder);  // no watches left, or none that would see
    } else {
      by_folder_[folder] = watch;
      by_watch_[watch] = folder;
      added = true;
    }
  }
  return added;
}

bool Watcher::drain(const std::function<void(const std::string&)>& on_change) {
  bool changed = false;
  alignas(inotify_event) std::array<char, 16384> buffer;
  while (fd_) {
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got <= 0) {
      break;
    }
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* const name = buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      const auto folder = by_watch_.find(event.wd);
      if ((event.mask & content_events) != 0 && event.len > 0 && folder != by_watch_.end()) {
        on_change(path_in(folder->second, name));
      } else {
        changed = true;
      }
      if ((event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0 &&
          folder != by_watch_.end()) {
        by_folder_.erase(folder->second);  // the next watch() adds it again, if it is there
        by_watch_.erase(folder);
      }
    }
  }
  return changed;
}

}  // namespace tocsin
