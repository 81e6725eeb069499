// SPDX-License-Identifier: Apache-2.0
#include "engine/input/identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace tocsin {

namespace {

TimeNs to_ns(const struct statx_timestamp& time) {
  return time.tv_sec * second_ns + static_cast<TimeNs>(time.tv_nsec);
}

FileKind kind_of(unsigned mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileKind::regular;
    case S_IFDIR:
      return FileKind::folder;
    case S_IFLNK:
      return FileKind::link;
    case S_IFIFO:
      return FileKind::pipe;
    default:
      return FileKind::other;
  }
}

std::optional<FileStat> stat_at(int fd, const char* path, int flags) {
  struct statx raw {};
  if (::statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &raw) != 0) {
    return std::nullopt;
  }
  FileStat result;
  result.id.device = makedev(raw.stx_dev_major, raw.stx_dev_minor);
  result.id.inode = raw.stx_ino;
  result.id.born = (raw.stx_mask & STATX_BTIME) != 0 ? to_ns(raw.stx_btime) : 0;
  result.kind = kind_of(raw.stx_mode);
  result.size = raw.stx_size;
  result.links = raw.stx_nlink;
  result.modified = to_ns(raw.stx_mtime);
  return result;
}

}  // namespace

std::optional<FileStat> stat_path(const std::string& path, bool follow_link) {
  return stat_at(AT_FDCWD, path.c_str(), follow_link ? 0 : AT_SYMLINK_NOFOLLOW);
}

std::optional<FileStat> stat_fd(int fd) {
  return stat_at(fd, "", AT_EMPTY_PATH);
}

}  // namespace tocsin
