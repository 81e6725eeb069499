// SPDX-License-Identifier: Apache-2.0
// ConfigReader: typed access to nodes of tocsin.yaml, and a diagnostic for what does not fit.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include "app/config_keys.h"

namespace tocsin {
namespace {

// The secret itself, where the name of what holds it belongs: it is not shown.
void misplaced_secret(ConfigReader& reader,
                      const YamlNode& node,
                      std::string message,
                      std::string hint) {
  Diagnostic problem = diagnostic_at(
      reader.source, node, Severity::error, "missing-secret", std::move(message), std::move(hint));
  problem.source_line.clear();
  reader.diagnostics.add(std::move(problem));
}

}  // namespace

void ConfigReader::error(const YamlNode& node,
                         std::string code,
                         std::string message,
                         std::string hint) {
  diagnostics.add(diagnostic_at(
      source, node, Severity::error, std::move(code), std::move(message), std::move(hint)));
}

void ConfigReader::warning(const YamlNode& node,
                           std::string code,
                           std::string message,
                           std::string hint) {
  diagnostics.add(diagnostic_at(
      source, node, Severity::warning, std::move(code), std::move(message), std::move(hint)));
}

std::string ConfigReader::text(const YamlNode& node) {
  if (!node.is_scalar() || node.kind == YamlNode::Kind::null || node.text.empty()) {
    error(node, "config-value", "a text is needed here");
    return {};
  }
  return node.text;
}

std::vector<std::string> ConfigReader::texts(const YamlNode& node) {
  std::vector<std::string> out;
  if (node.kind == YamlNode::Kind::sequence) {
    for (const YamlNode& item : node.items) {
      out.push_back(text(item));
    }
  } else {
    out.push_back(text(node));
  }
  return out;
}

bool ConfigReader::boolean(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::boolean) {
    error(node, "config-value", "true or false is needed here");
    return false;
  }
  return node.text == "true" || node.text == "True" || node.text == "TRUE";
}

DurationNs ConfigReader::duration(const YamlNode& node, DurationNs otherwise) {
  const std::optional<DurationNs> parsed =
      node.is_scalar() ? parse_duration(node.text) : std::nullopt;
  if (!parsed) {
    error(node,
          "config-value",
          "a duration is needed here",
          "write a number and a unit: 500ms, 15s, 5m, 24h");
    return otherwise;
  }
  return *parsed;
}

namespace {

std::optional<std::uint64_t> parse_whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  return problem == std::errc() && stop == end && !text.empty() ? std::optional(value)
                                                                : std::nullopt;
}

}  // namespace

std::uint64_t ConfigReader::number(const YamlNode& node, std::uint64_t otherwise) {
  const std::optional<std::uint64_t> parsed =
      node.is_scalar() ? parse_whole_number(node.text) : std::nullopt;
  if (!parsed) {
    error(node, "config-value", "a whole number is needed here");
  }
  return parsed.value_or(otherwise);
}

std::uint64_t ConfigReader::size(const YamlNode& node, std::uint64_t otherwise) {
  struct Unit {
    std::string_view name;
    unsigned bits;
  };
  constexpr Unit units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"", 0}};
  for (const Unit& unit : units) {
    const std::string_view text = node.text;
    if (!node.is_scalar() || !text.ends_with(unit.name)) {
      continue;
    }
    const auto count = parse_whole_number(text.substr(0, text.size() - unit.name.size()));
    if (count && *count <= (std::uint64_t{1} << 62) >> unit.bits) {
      return *count << unit.bits;
    }
  }
  error(node, "config-value", "a size is needed here", "write bytes, or 64KiB, 256MiB, 4GiB");
  return otherwise;
}

std::optional<Level> ConfigReader::level(const YamlNode& node) {
  const std::optional<Level> parsed = node.is_scalar() ? parse_level(node.text) : std::nullopt;
  if (!parsed) {
    error(node,
          "config-value",
          "a level is needed here",
          "informational, low, medium, high or critical");
  }
  return parsed;
}

std::string ConfigReader::path(const YamlNode& node) {
  const std::string given = text(node);
  const std::filesystem::path as_path(given);
  if (given.empty() || as_path.is_absolute() || given == "-") {
    return given;
  }
  return (folder / as_path).lexically_normal().string();
}

std::vector<std::string> ConfigReader::paths(const YamlNode& node) {
  std::vector<std::string> out;
  if (node.kind == YamlNode::Kind::sequence) {
    for (const YamlNode& item : node.items) {
      out.push_back(path(item));
    }
  } else {
    out.push_back(path(node));
  }
  return out;
}

Secret ConfigReader::secret_from_env(const YamlNode& node) {
  const std::string name = text(node);
  if (!std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_';
      })) {
    misplaced_secret(*this,
                     node,
                     "the name of an environment variable is needed here",
                     "letters, digits and _; the variable holds the secret");
    return {};
  }
  const char* const value = name.empty() ? nullptr : std::getenv(name.c_str());
  if (!name.empty() && (value == nullptr || *value == '\0')) {
    error(node, "missing-secret", "the environment variable " + name + " is not set");
    return {};
  }
  return value == nullptr ? Secret() : Secret(value);
}

Secret ConfigReader::secret_from_file(const YamlNode& node) {
  if (node.text.find("://") != std::string::npos) {
    misplaced_secret(*this, node, "the path of a file is needed here", "the file holds the secret");
    return {};
  }
  const std::string name = path(node);
  secret_files.push_back(name);
  std::ifstream file(name);
  std::string value;
  if (!file || !std::getline(file, value)) {
    error(node, "missing-secret", "cannot read a secret from " + name);
    return {};
  }
  while (!value.empty() && (value.back() == '\r' || value.back() == ' ')) {
    value.pop_back();
  }
  return Secret(value);
}

Secret ConfigReader::secret(const YamlNode& node) {
  struct stat info {};
  if (stat(source.name.c_str(), &info) == 0 && (info.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    warning(node,
            "readable-secret",
            "a secret stands in a file that others may read",
            "use url_env or url_file, or chmod 600 the configuration");
  }
  return Secret(text(node));
}

std::vector<std::string> ConfigReader::list_from_file(const YamlNode& node, std::string& file) {
  struct FileList {
    std::string file;
    std::string column;
    const YamlNode* at = nullptr;
  };
  static const std::vector<KeyRow<FileList>> rows = {
      {"file",
       "path",
       "text file: one value a line, # begins a comment; or a CSV file with `column`",
       [](ConfigReader& r, const YamlNode& n, FileList& l) {
         l.file = r.path(n);
         l.at = &n;
       }},
      {"column",
       "text",
       "the CSV column (by its name in the first line) whose values are taken",
       [](ConfigReader& r, const YamlNode& n, FileList& l) { l.column = r.text(n); }},
  };
  FileList list;
  read_map(*this, node, rows, list);
  file = list.file;
  if (list.file.empty()) {
    error(node, "config-value", "a list from a file needs `file`");
    return {};
  }
  Result<std::vector<std::string>> values = read_value_list(list.file, list.column);
  if (!values) {
    error(*list.at, "unreadable-list", values.error().message);
    return {};
  }
  return std::move(*values);
}

void read_placeholder_map(ConfigReader& reader, const YamlNode& node, Config& out) {
  if (node.kind != YamlNode::Kind::map) {
    reader.error(node, "config-value", "a map of name to a list of values is needed here");
    return;
  }
  for (const auto& [name, values] : node.members) {
    std::string file;
    out.placeholders[name.text] = values.kind == YamlNode::Kind::map
                                      ? reader.list_from_file(values, file)
                                      : reader.texts(values);
    if (!file.empty()) {
      out.value_files.push_back(std::move(file));
    }
  }
}

}  // namespace tocsin
