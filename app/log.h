// SPDX-License-Identifier: Apache-2.0
// tocsin's own messages on stderr: a sentence, a stable code and fields, as text or as JSON lines.
// Where stderr is the systemd journal, text lines begin with their level (<3> ... <6>), which
// journald keeps as PRIORITY. Callers put no secret into a message: secrets are of type Secret,
// which has no text. Thread rule: write() from any thread; lines stay whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/watch_config.h"

namespace tocsin {

enum class LogLevel : std::uint8_t { error = 3, warning = 4, notice = 5, info = 6 };  // as syslog
std::string_view to_text(LogLevel level);

using LogFields = std::vector<std::pair<std::string_view, std::string>>;

class Log {
 public:
  // `quiet`: errors only.
  Log(LogFormat format, bool quiet);
  void write(LogLevel level,
             std::string_view code,
             std::string_view message,
             const LogFields& fields = {}) const;

 private:
  bool json_ = false;
  bool journal_ = false;
  bool quiet_ = false;
};

// One message as it is written, with its newline. `now` is for JSON.
std::string log_line(bool json,
                     bool journal,
                     LogLevel level,
                     std::string_view code,
                     std::string_view message,
                     const LogFields& fields,
                     TimeNs now);

}  // namespace tocsin
