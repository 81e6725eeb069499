// SPDX-License-Identifier: Apache-2.0
// The rows of tocsin.yaml's sections, and the reader they are read with. Internal to app/:
// config.cc, receiver_keys.cc and the schema. Thread rule: one reader per file and thread; the
// tables are constant.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "rules/yaml.h"

namespace tocsin {

struct ConfigReader {
  const SourceText& source;
  Diagnostics& diagnostics;
  std::filesystem::path folder;                // relative paths begin here
  std::vector<std::string> secret_files = {};  // that secrets were read from

  void error(const YamlNode& node, std::string code, std::string message, std::string hint = {});
  void warning(const YamlNode& node, std::string code, std::string message, std::string hint = {});

  // What the node says, or a diagnostic and a harmless value.
  std::string text(const YamlNode& node);
  std::vector<std::string> texts(const YamlNode& node);  // a list, or one text
  bool boolean(const YamlNode& node);
  DurationNs duration(const YamlNode& node, DurationNs otherwise);
  std::uint64_t number(const YamlNode& node, std::uint64_t otherwise);
  std::uint64_t size(const YamlNode& node, std::uint64_t otherwise);  // 4GiB, 256MiB, 64KiB, bytes
  std::optional<Level> level(const YamlNode& node);
  std::string path(const YamlNode& node);
  std::vector<std::string> paths(const YamlNode& node);
  Secret secret(const YamlNode& node);
  Secret secret_from_env(const YamlNode& node);
  Secret secret_from_file(const YamlNode& node);
  // {file, column}; `file` is where the list stands, also if it cannot be read.
  std::vector<std::string> list_from_file(const YamlNode& node, std::string& file);
};

template <typename T>
struct KeyRow {
  std::string_view name;
  std::string_view takes;  // for the manual and the schema
  std::string_view about;
  std::function<void(ConfigReader& reader, const YamlNode& value, T& out)> read;
};

// Reads a map by its rows; unknown keys are errors with the nearest known one.
template <typename T>
void read_map(ConfigReader& reader,
              const YamlNode& node,
              const std::vector<KeyRow<T>>& rows,
              T& out) {
  std::vector<std::string_view> names;
  for (const KeyRow<T>& row : rows) {
    names.push_back(row.name);
  }
  const auto known = [&names] {
    std::string text = "its keys: ";
    for (const std::string_view name : names) {
      text += (name == names.front() ? "" : ", ") + std::string(name);
    }
    return text;
  };
  if (node.kind != YamlNode::Kind::map) {
    reader.error(node, "config-value", "a map is needed here", known());
    return;
  }
  for (const auto& [key, value] : node.members) {
    const KeyRow<T>* found = nullptr;
    for (const KeyRow<T>& row : rows) {
      if (row.name == key.text) {
        found = &row;
      }
    }
    if (found == nullptr) {
      const std::optional<std::string> near = did_you_mean(key.text, names);
      reader.error(key,
                   "unknown-key",
                   "there is no key \"" + key.text + "\" here",
                   near ? "did you mean \"" + *near + "\"?" : known());
      continue;
    }
    found->read(reader, value, out);
  }
}

// A map of name to a list of values, one value, or {file, column}.
void read_placeholder_map(ConfigReader& reader, const YamlNode& node, Config& out);

const std::vector<KeyRow<Config>>& config_keys();
const std::vector<KeyRow<StoreConfig>>& store_keys();
const std::vector<KeyRow<Config>>& rules_section_keys();
const std::vector<KeyRow<InputConfig>>& input_keys();
const std::vector<KeyRow<LogSource>>& log_source_keys();
const std::vector<KeyRow<SourceRow>>& source_row_keys();
const std::vector<KeyRow<ReceiverConfig>>& receiver_keys();
const std::vector<KeyRow<ReceiverConfig>>& sink_keys();
const std::vector<KeyRow<RouteConfig>>& route_keys();
const std::vector<KeyRow<RuleOverride>>& override_keys();
const std::vector<KeyRow<WatchConfig>>& watch_keys();  // whole sections
const std::vector<KeyRow<ReloadConfig>>& reload_keys();
const std::vector<KeyRow<MetricsConfig>>& metrics_keys();
const std::vector<KeyRow<WatchConfig>>& admin_keys();
const std::vector<KeyRow<HeartbeatConfig>>& heartbeat_keys();
const std::vector<KeyRow<WatchConfig>>& log_keys();
const std::vector<KeyRow<WatchConfig>>& system_alert_keys();

// The values of a text file (one a line; # begins a comment line) or of one column of a CSV file
// (RFC 4180).
Result<std::vector<std::string>> read_value_list(const std::string& path,
                                                 const std::string& column);

}  // namespace tocsin
