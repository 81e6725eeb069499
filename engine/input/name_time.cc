// SPDX-License-Identifier: Apache-2.0
#include "engine/input/name_time.h"

#include <cstddef>
#include <string>

namespace tocsin {

namespace {

// Does `text` begin with so many digits?
bool digits(std::string_view text, std::size_t count) {
  if (text.size() < count) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return false;
    }
  }
  return true;
}

std::optional<TimeNs> time_at(std::string_view text) {
  std::string date;
  std::size_t at = 0;
  if (digits(text, 8)) {
    date = std::string(text.substr(0, 4)) + "-" + std::string(text.substr(4, 2)) + "-" +
           std::string(text.substr(6, 2));
    at = 8;
  } else if (digits(text, 4) && digits(text.substr(text.size() < 5 ? 0 : 5), 2) &&
             text.size() >= 10 && text[4] == '-' && text[7] == '-' && digits(text.substr(8), 2)) {
    date = std::string(text.substr(0, 10));
    at = 10;
  } else {
    return std::nullopt;
  }
  std::string clock = "00:00";
  const bool separated =
      at < text.size() && (text[at] == 'T' || text[at] == '-' || text[at] == '_');
  if (separated && digits(text.substr(at + 1), 4)) {
    clock = std::string(text.substr(at + 1, 2)) + ":" + std::string(text.substr(at + 3, 2));
  }
  const std::optional<TimeNs> exact = parse_rfc3339(date + "T" + clock + ":00Z");
  return exact ? exact : parse_rfc3339(date + "T00:00:00Z");
}

}  // namespace

std::optional<TimeNs> name_time(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (std::size_t at = 0; at < name.size(); ++at) {
    const bool after_digit = at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9';
    if (!after_digit) {
      if (const std::optional<TimeNs> time = time_at(name.substr(at))) {
        return time;
      }
    }
  }
  return std::nullopt;
}

}  // namespace tocsin
