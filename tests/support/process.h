// SPDX-License-Identifier: Apache-2.0
// Runs programs and keeps scratch folders, for tests that use the command line as a user does.
// Thread rule: one thread per object.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/support/slowdown.h"

namespace tocsin::test {

struct ProcessResult {
  int status = -1;  // exit status; 128 + signal if it was killed
  std::string out;
  std::string err;
};

// Runs `arguments` (the first is the program) to its end, at most `seconds_max` (then it is
// killed).
ProcessResult run_process(const std::vector<std::string>& arguments,
                          const std::string& input = {},
                          int seconds_max = 60);

// A program that runs beside the test. Its output goes to files in a scratch folder.
class Process {
 public:
  Process(const std::vector<std::string>& arguments,
          const std::string& out_file,
          const std::string& err_file);
  ~Process();  // kills it if it still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  void signal(int number) const;
  // The exit status, or -1 if it did not end in time (then it is killed).
  int wait(int seconds_max = 30);

 private:
  pid_t pid_ = -1;
};

// A folder that goes away with the object.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const;  // makes folders too
  void append(const std::string& name, const std::string& text) const;
  std::string read(const std::string& name) const;

 private:
  std::string path_;
};

// Calls `condition` until it is true, at most `seconds_max`. A bounded wait for what another
// process does.
template <typename Condition>
bool eventually(Condition condition, int seconds_max = 30);

void pause_briefly();
long long monotonic_milliseconds();

template <typename Condition>
bool eventually(Condition condition, int seconds_max) {
  const long long end = monotonic_milliseconds() + 1000LL * seconds_max * slowdown;
  while (!condition()) {
    if (monotonic_milliseconds() > end) {
      return false;
    }
    pause_briefly();
  }
  return true;
}

}  // namespace tocsin::test
