// SPDX-License-Identifier: Apache-2.0
#include "app/console.h"

#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <poll.h>
#include <unistd.h>

#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr std::size_t buffer_bytes = 64u << 10;

}  // namespace

void print_error(std::string_view text) {
  std::string out(text);
  if (out.empty() || out.back() != '\n') {
    out += '\n';
  }
  std::fwrite(out.data(), 1, out.size(), stderr);  // unbuffered: one write
}

void print_diagnostics(const Diagnostics& diagnostics, bool warnings) {
  const bool colour = stderr_is_terminal();
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    if (diagnostic.severity == Severity::error || warnings) {
      out += format_text(diagnostic, colour);
    }
  }
  if (!out.empty()) {
    print_error(out);
  }
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return with_thousands(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

std::string cannot_read(const std::string& path) {
  const int reason = errno;
  return "cannot read " + printable(path) +
         (reason == 0 ? std::string() : ": " + std::string(std::strerror(reason)));
}

bool stderr_is_terminal() {
  return isatty(STDERR_FILENO) == 1;
}
bool stdout_is_terminal() {
  return isatty(STDOUT_FILENO) == 1;
}

TimeNs wall_clock_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

TimeNs steady_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

Output::Output() {
  // A reader that goes away is an error of write(), not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  buffer_.reserve(2 * buffer_bytes);
}

Output::~Output() {
  flush();
}

bool Output::write_line(std::string_view line) {
  if (closed_) {
    return false;
  }
  buffer_.append(line);
  buffer_ += '\n';
  return buffer_.size() < buffer_bytes || flush();
}

bool Output::flush() {
  std::size_t done = 0;
  while (!closed_ && done < buffer_.size()) {
    const ssize_t written = write(STDOUT_FILENO, buffer_.data() + done, buffer_.size() - done);
    if (written >= 0) {
      done += static_cast<std::size_t>(written);
    } else if (errno == EAGAIN) {  // someone made our stdout non-blocking: wait, never drop
      pollfd ready{STDOUT_FILENO, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      closed_ = true;
      error_ = errno;
    }
  }
  buffer_.clear();
  return !closed_;
}

}  // namespace tocsin
