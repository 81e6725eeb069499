// SPDX-License-Identifier: Apache-2.0
#include "engine/base/diagnostic.h"

#include <algorithm>

#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr const char* bold_red = "\x1b[1;31m";
constexpr const char* bold_yellow = "\x1b[1;33m";
constexpr const char* bold_cyan = "\x1b[1;36m";
constexpr const char* reset = "\x1b[0m";

// Long source lines are shown around the caret only.
constexpr std::size_t shown_columns_max = 160;

// The part of the line that is shown, with tabs as one blank each so that the caret stands where it
// should.
struct Excerpt {
  std::string text;
  std::size_t caret = 0;
};

Excerpt excerpt(std::string_view line, std::size_t column) {
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < line.size();) {
    starts.push_back(at);
    next_code_point(line, at);
  }
  starts.push_back(line.size());
  const std::size_t columns = starts.size() - 1;
  const std::size_t caret = std::min(column, columns);
  std::size_t from = 0;
  if (columns > shown_columns_max && caret > shown_columns_max / 2) {
    from = caret - shown_columns_max / 2;
  }
  const std::size_t to = std::min(columns, from + shown_columns_max);
  const auto shown = [&](std::size_t begin, std::size_t end) {
    std::string part(line.substr(starts[begin], starts[end] - starts[begin]));
    std::replace(part.begin(), part.end(), '\t', ' ');
    return printable(part);
  };
  Excerpt out;
  const std::string before = (from > 0 ? "..." : "") + shown(from, caret);
  out.caret = count_code_points(before);
  out.text = before + shown(caret, to) + (to < columns ? "..." : "");
  return out;
}

}  // namespace

std::string format_text(const Diagnostic& diagnostic, bool colour) {
  const bool error = diagnostic.severity == Severity::error;
  std::string out = printable(diagnostic.file);
  if (diagnostic.line > 0) {
    out += ':' + std::to_string(diagnostic.line) + ':' + std::to_string(diagnostic.column);
  }
  out += ": ";
  if (colour) {
    out += error ? bold_red : bold_yellow;
  }
  out += error ? "error" : "warning";
  out += '[' + diagnostic.code + ']';
  if (colour) {
    out += reset;
  }
  out += ": " + printable(diagnostic.message) + '\n';
  if (diagnostic.line > 0 && !diagnostic.source_line.empty()) {
    const Excerpt shown =
        excerpt(diagnostic.source_line, diagnostic.column > 0 ? diagnostic.column - 1 : 0);
    const std::size_t room = count_code_points(shown.text) > shown.caret
                                 ? count_code_points(shown.text) - shown.caret
                                 : 1;
    const std::size_t length = std::clamp<std::size_t>(diagnostic.length, 1, room);
    out += "    " + shown.text + "\n    " + std::string(shown.caret, ' ');
    if (colour) {
      out += bold_cyan;
    }
    out += '^' + std::string(length - 1, '~');
    if (colour) {
      out += reset;
    }
    out += '\n';
  }
  if (!diagnostic.hint.empty()) {
    out += "    hint: " + printable(diagnostic.hint) + '\n';
  }
  return out;
}

std::size_t Diagnostics::errors() const {
  return static_cast<std::size_t>(
      std::count_if(list_.begin(), list_.end(), [](const Diagnostic& d) {
        return d.severity == Severity::error;
      }));
}

std::size_t Diagnostics::warnings() const {
  return list_.size() - errors();
}

std::size_t Diagnostics::strict_errors() const {
  return static_cast<std::size_t>(
      std::count_if(list_.begin(), list_.end(), [](const Diagnostic& d) {
        return d.severity == Severity::error || d.strict_error;
      }));
}

}  // namespace tocsin
