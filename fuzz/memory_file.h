// SPDX-License-Identifier: Apache-2.0
// A file that is only in memory, for readers that take a path. Thread rule: one thread.
#pragma once

#include <string>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/targets.h"

namespace tocsin::fuzz {

class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    fuzz_check(fd_ >= 0, "no file in memory");
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // Replaces the content; the path of it.
  std::string write(std::string_view bytes) {
    fuzz_check(::ftruncate(fd_, 0) == 0, "ftruncate failed");
    const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), 0);
    fuzz_check(written == static_cast<ssize_t>(bytes.size()), "pwrite failed");
    return "/proc/self/fd/" + std::to_string(fd_);
  }

 private:
  int fd_;
};

}  // namespace tocsin::fuzz
