// SPDX-License-Identifier: Apache-2.0
#include "app/log.h"

#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include "app/console.h"
#include "engine/base/text.h"
#include "engine/base/time.h"

namespace tocsin {
namespace {

// systemd says in JOURNAL_STREAM which stream is the journal: DEVICE:INODE of it.
bool stderr_is_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  if (stream == nullptr || fstat(STDERR_FILENO, &info) != 0) {
    return false;
  }
  return std::string(stream) == std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

std::string text_line(LogLevel level,
                      bool journal,
                      std::string_view code,
                      std::string_view message,
                      const LogFields& fields) {
  std::string line(message);
  while (!line.empty() && line.back() == '\n') {
    line.pop_back();
  }
  for (const auto& [key, value] : fields) {
    line += " ";
    line += key;
    line += "=";
    const bool plain = !value.empty() && value.find_first_of(" \"=\n\t") == std::string::npos;
    if (plain) {
      line += value;
    } else {
      append_json_string(value, line);
    }
  }
  if (!code.empty()) {
    line += " [" + std::string(code) + "]";
  }
  const std::string prefix =
      journal ? "<" + std::to_string(static_cast<int>(level)) + ">" : std::string();
  std::string out = prefix;
  for (const char c : line) {
    out += c;
    if (c == '\n') {
      out += prefix;
    }
  }
  return out + '\n';
}

}  // namespace

std::string_view to_text(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "error";
    case LogLevel::warning:
      return "warning";
    case LogLevel::notice:
      return "notice";
    case LogLevel::info:
      return "info";
  }
  return "info";
}

std::string log_line(bool json,
                     bool journal,
                     LogLevel level,
                     std::string_view code,
                     std::string_view message,
                     const LogFields& fields,
                     TimeNs now) {
  if (!json) {
    return text_line(level, journal, code, message, fields);
  }
  std::string out = "{\"time\":\"" + format_rfc3339(now) + "\",\"level\":\"";
  out += to_text(level);
  const auto member = [&out](std::string_view key, std::string_view value) {
    append_json_string(key, out);
    out += ':';
    append_json_string(value, out);
  };
  out += "\",";
  member("code", code);
  out += ',';
  member("message", message);
  for (const auto& [key, value] : fields) {
    out += ',';
    member(key, value);
  }
  return out + "}\n";
}

Log::Log(LogFormat format, bool quiet)
    : json_(format == LogFormat::json),
      journal_(format == LogFormat::automatic && stderr_is_journal()),
      quiet_(quiet) {}

void Log::write(LogLevel level,
                std::string_view code,
                std::string_view message,
                const LogFields& fields) const {
  if (quiet_ && level != LogLevel::error) {
    return;
  }
  print_error(log_line(json_, journal_, level, code, message, fields, wall_clock_now()));
}

}  // namespace tocsin
