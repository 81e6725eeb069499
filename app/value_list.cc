// SPDX-License-Identifier: Apache-2.0
// Lists of values for placeholders from text files and CSV columns.
#include <algorithm>
#include <fstream>
#include <sstream>

#include "app/config_keys.h"
#include "engine/base/limits.h"

namespace tocsin {
namespace {

// The fields of one CSV record (RFC 4180: quoted fields may hold commas, quotes and line ends).
// Advances `at` past its end.
std::vector<std::string> csv_record(const std::string& text, std::size_t& at) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '"' && at + 1 < text.size() && text[at + 1] == '"') {
        fields.back() += '"';
        ++at;
      } else if (c == '"') {
        quoted = false;
      } else {
        fields.back() += c;
      }
    } else if (c == '"' && fields.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      ++at;
      break;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

Result<std::vector<std::string>> csv_column(const std::string& text,
                                            const std::string& column,
                                            const std::string& path) {
  std::size_t at = 0;
  const std::vector<std::string> header = csv_record(text, at);
  const auto found = std::find(header.begin(), header.end(), column);
  if (found == header.end()) {
    std::string names;
    for (const std::string& name : header) {
      names += (names.empty() ? "" : ", ") + name;
    }
    return fail(path + " has no column \"" + column + "\"; its columns: " + names);
  }
  const auto index = static_cast<std::size_t>(found - header.begin());
  std::vector<std::string> values;
  while (at < text.size()) {
    std::vector<std::string> fields = csv_record(text, at);
    if (index < fields.size() && !fields[index].empty()) {
      values.push_back(std::move(fields[index]));
    }
  }
  return values;
}

}  // namespace

Result<std::vector<std::string>> read_value_list(const std::string& path,
                                                 const std::string& column) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream buffer;
  if (!file || !(buffer << file.rdbuf())) {
    return fail("cannot read " + path);
  }
  const std::string text = buffer.str();
  if (!is_utf8(text)) {
    return fail(path + " is not UTF-8");
  }
  std::vector<std::string> values;
  if (!column.empty()) {
    Result<std::vector<std::string>> from_column = csv_column(text, column, path);
    if (!from_column) {
      return from_column;
    }
    values = std::move(*from_column);
  } else {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t end = line.find_last_not_of(" \t\r");
      const std::size_t begin = line.find_first_not_of(" \t");
      if (end != std::string::npos && line[begin] != '#') {
        values.push_back(line.substr(begin, end - begin + 1));
      }
    }
  }
  if (values.size() > limits::rule_values_max) {
    return fail(path + " holds " + std::to_string(values.size()) + " values; at most " +
                std::to_string(limits::rule_values_max) + " are taken");
  }
  return values;
}

}  // namespace tocsin
