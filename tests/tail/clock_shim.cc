// SPDX-License-Identifier: Apache-2.0
// For LD_PRELOAD in tests: moves the wall clock by the seconds that the file TOCSIN_CLOCK_OFFSET
// holds. The steady clock stays as it is.
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <sys/syscall.h>
#include <unistd.h>

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  const char* const path = std::getenv("TOCSIN_CLOCK_OFFSET");
  if (result == 0 && clock == CLOCK_REALTIME && path != nullptr) {
    if (std::FILE* const file = std::fopen(path, "r")) {
      long seconds = 0;
      if (std::fscanf(file, "%ld", &seconds) == 1) {
        time->tv_sec += seconds;
      }
      std::fclose(file);
    }
  }
  return result;
}
