// SPDX-License-Identifier: Apache-2.0
// The one line for people: "2026-01-02T03:04:05Z [HIGH] Title: summary", at most 120 columns of a
// terminal.
#include <algorithm>
#include <cstddef>

#include "alerts/redacted_alert.h"
#include "alerts/render.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr std::size_t columns_max = 120;
// A title longer than this gives way where the summary would otherwise have no room.
constexpr std::size_t title_columns = 44;

// Columns on a terminal: East Asian wide and emoji ranges take two (UAX 11); everything else is
// counted as one, marks that take none too, so that a line is never too long.
std::size_t columns_of(char32_t c) {
  const bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
                    (c >= 0xa960 && c <= 0xa97f) || (c >= 0xac00 && c <= 0xd7a3) ||
                    (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe10 && c <= 0xfe6f) ||
                    (c >= 0xff00 && c <= 0xff60) || (c >= 0xffe0 && c <= 0xffe6) ||
                    (c >= 0x231a && c <= 0x2bff) || (c >= 0x1f000 && c <= 0x1faff) ||
                    (c >= 0x16fe0 && c <= 0x18dff) || (c >= 0x1b000 && c <= 0x1b2ff) ||
                    (c >= 0x20000 && c <= 0x3fffd);
  return wide ? 2 : 1;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    columns += columns_of(next_code_point(text, at));
  }
  return columns;
}

// At most `columns` columns, ending in U+2026 where something was cut.
std::string fit(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) {
    return std::string(text);
  }
  if (columns == 0) {
    return {};
  }
  std::string out;
  std::size_t used = 1;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    used += columns_of(c);
    if (used > columns) {
      break;
    }
    append_utf8(c, out);
  }
  out += "\xE2\x80\xA6";
  return out;
}

std::string_view colour_of(Level level) {
  switch (level) {
    case Level::informational:
      return "\x1b[90m";
    case Level::low:
      return "\x1b[34m";
    case Level::medium:
      return "\x1b[33m";
    case Level::high:
      return "\x1b[31m";
    case Level::critical:
      return "\x1b[1;97;41m";
  }
  return "";
}

}  // namespace

std::string render_text(const Alert& alert, const Redactor& redactor, bool colour) {
  const RedactedAlert redacted = redact_alert(alert, redactor);
  const std::string time = format_rfc3339(alert.time.value_or(alert.detected_at));
  std::string level = "[";
  level.append(ascii_upper(to_text(alert.level))).append(alert.learning ? "] learning:" : "]");
  const std::size_t room = columns_max - std::min(columns_max, time.size() + level.size() + 2);
  std::string title = printable(alert_title(alert));
  const std::string summary = printable(redacted.summary);
  if (columns_of(title) + columns_of(summary) + 2 > room) {
    title = fit(title, summary.empty() ? room : title_columns);
  }
  std::string rest = title;
  if (!summary.empty()) {
    rest += ": " + summary;
  }
  std::string line = time + " ";
  if (colour) {
    line += std::string(colour_of(alert.level)) + level + "\x1b[0m ";
  } else {
    line += level + " ";
  }
  return line + fit(rest, room);
}

}  // namespace tocsin
