// SPDX-License-Identifier: Apache-2.0
// The program's own words on stderr, and its results on stdout. Results block on a slow reader and
// never drop; a reader that has gone away is noticed once. Thread rule: functions may be called
// from any thread; lines stay whole.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/base/diagnostic.h"
#include "engine/base/time.h"

namespace tocsin {

void print_error(
    std::string_view text);  // one or more lines; a newline is added where it is missing
void print_diagnostics(const Diagnostics& diagnostics, bool warnings);
// "1 rule", "3,754 rules"
std::string counted(std::uint64_t number, std::string_view noun);
// "cannot read PATH: REASON", of the call that just failed (errno).
std::string cannot_read(const std::string& path);
bool stderr_is_terminal();
bool stdout_is_terminal();

// The clock of the program: the only place that reads the system's.
TimeNs wall_clock_now();
TimeNs steady_now();

// The host's name, for alerts.
std::string host_name();

// stdout, written in blocks of whole lines.
class Output {
 public:
  Output();
  ~Output();
  // Appends `line` and a newline. False: stdout was closed by its reader; nothing is written any
  // more.
  bool write_line(std::string_view line);
  // Writes what is buffered. Called at the end of each batch when following, so that a line is
  // never late.
  bool flush();
  bool closed() const { return closed_; }
  // Why, if closed(); EPIPE: its reader went away.
  int error() const { return error_; }

 private:
  std::string buffer_;
  bool closed_ = false;
  int error_ = 0;
};

}  // namespace tocsin
