// SPDX-License-Identifier: Apache-2.0
#include "engine/input/fd.h"

#include <cerrno>
#include <system_error>

#include <unistd.h>

namespace tocsin {

void Fd::reset() {
  if (fd_ >= 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

std::ptrdiff_t pread_all(int fd, char* out, std::size_t size, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(fd, out + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return -1;
    }
    if (got == 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return static_cast<std::ptrdiff_t>(done);
}

std::string system_error_text(int error) {
  return std::generic_category().message(error);
}

}  // namespace tocsin
