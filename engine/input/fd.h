// SPDX-License-Identifier: Apache-2.0
// Fd: an open file descriptor and its owner. Thread rule: as the descriptor; pread_all may be
// called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tocsin {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = other.release();
    }
    return *this;
  }
  ~Fd() { reset(); }

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset();

 private:
  int fd_ = -1;
};

// Reads up to `size` bytes at `offset`; fewer only at the end of the file. -1 and errno on an
// error.
std::ptrdiff_t pread_all(int fd, char* out, std::size_t size, std::uint64_t offset);

// The text of an errno.
std::string system_error_text(int error);

}  // namespace tocsin
