// SPDX-License-Identifier: Apache-2.0
// What a file is, whatever its name: device, inode and time of birth (ext4 gives a deleted file's
// inode to the next one created: the time of birth tells them apart). Thread rule: pure functions.
// Cost: one system call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/time.h"

namespace tocsin {

struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  TimeNs born = 0;  // 0: the file system does not say
  friend bool operator==(const FileId&, const FileId&) = default;
  friend auto operator<=>(const FileId&, const FileId&) = default;
};

enum class FileKind : std::uint8_t { regular, folder, link, pipe, other };

struct FileStat {
  FileId id;
  FileKind kind = FileKind::other;
  std::uint64_t size = 0;
  std::uint64_t links = 0;
  TimeNs modified = 0;
};

// nullopt: errno says why.
std::optional<FileStat> stat_path(const std::string& path, bool follow_link);
std::optional<FileStat> stat_fd(int fd);

}  // namespace tocsin
