// SPDX-License-Identifier: Apache-2.0
// One table per section of tocsin.yaml: a row is a key, what it takes, and how it is read. The
// check of unknown keys, the did-you-mean and the JSON Schema come from the same rows.
#include "app/config.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/stat.h>

#include "app/config_keys.h"
#include "engine/base/text.h"
#include "rules/yaml.h"

namespace tocsin {

// --- ConfigReader: typed access to nodes, a diagnostic for what does not fit ---

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
  const char* const value = name.empty() ? nullptr : std::getenv(name.c_str());
  if (!name.empty() && (value == nullptr || *value == '\0')) {
    error(node, "missing-secret", "the environment variable " + name + " is not set");
    return {};
  }
  return value == nullptr ? Secret() : Secret(value);
}

Secret ConfigReader::secret_from_file(const YamlNode& node) {
  const std::string name = path(node);
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

namespace {

InputFormat read_format(ConfigReader& reader, const YamlNode& node) {
  const std::string text = reader.text(node);
  if (text == "cloudtrail") {
    return InputFormat::cloudtrail;
  }
  if (text == "json") {
    return InputFormat::json;
  }
  if (text != "auto" && !text.empty()) {
    reader.error(
        node, "config-value", "there is no format \"" + text + "\"", "auto, cloudtrail or json");
  }
  return InputFormat::automatic;
}

bool read_start(ConfigReader& reader, const YamlNode& node) {
  const std::string text = reader.text(node);
  if (text != "end" && text != "beginning" && !text.empty()) {
    reader.error(node, "config-value", "start is end or beginning, not \"" + text + "\"");
  }
  return text == "beginning";
}

void read_version(ConfigReader& reader, const YamlNode& node) {
  if (node.text != "1") {
    reader.error(node,
                 "config-version",
                 "this program reads version 1 of the configuration",
                 "write version: 1");
  }
}

void read_placeholder_map(ConfigReader& reader,
                          const YamlNode& node,
                          std::map<std::string, std::vector<std::string>>& out) {
  if (node.kind != YamlNode::Kind::map) {
    reader.error(node, "config-value", "a map of name to a list of values is needed here");
    return;
  }
  for (const auto& [name, values] : node.members) {
    out[name.text] =
        values.kind == YamlNode::Kind::map ? reader.list_from_file(values) : reader.texts(values);
  }
}

template <typename T>
void read_list(ConfigReader& reader,
               const YamlNode& node,
               const std::vector<KeyRow<T>>& rows,
               std::vector<T>& out) {
  if (node.kind != YamlNode::Kind::sequence) {
    reader.error(node, "config-value", "a list is needed here", "begin each entry with \"- \"");
    return;
  }
  for (const YamlNode& item : node.items) {
    T entry{};
    read_map(reader, item, rows, entry);
    out.push_back(std::move(entry));
  }
}

}  // namespace

std::vector<std::string> ConfigReader::list_from_file(const YamlNode& node) {
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

const std::vector<KeyRow<LogSource>>& log_source_keys() {
  static const std::vector<KeyRow<LogSource>> rows = {
      {"product",
       "text",
       "product of every record of this input",
       [](ConfigReader& r, const YamlNode& n, LogSource& s) { s.product = r.text(n); }},
      {"service",
       "text",
       "service of every record of this input",
       [](ConfigReader& r, const YamlNode& n, LogSource& s) { s.service = r.text(n); }},
      {"category",
       "text",
       "category of every record of this input",
       [](ConfigReader& r, const YamlNode& n, LogSource& s) { s.category = r.text(n); }},
  };
  return rows;
}

const std::vector<KeyRow<InputConfig>>& input_keys() {
  static const std::vector<KeyRow<InputConfig>> rows = {
      {"id",
       "text",
       "a name of its own for the input",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) { i.id = r.text(n); }},
      {"paths",
       "paths",
       "files, folders, globs, or - for stdin",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) { i.paths = r.paths(n); }},
      {"exclude",
       "paths",
       "globs of files that are not read",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) { i.exclude = r.paths(n); }},
      {"format",
       "auto | cloudtrail | json",
       "auto unwraps CloudTrail envelopes, json unwraps nothing",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) { i.format = read_format(r, n); }},
      {"logsource",
       "any | map",
       "the log source of every record, instead of its shape",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) {
         if (n.is_scalar() && n.text == "any") {
           i.any_log_source = true;
           return;
         }
         LogSource source;
         read_map(r, n, log_source_keys(), source);
         i.log_source = source;
       }},
      {"follow_links",
       "boolean",
       "also open symbolic links that leave the folder",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) { i.follow_links = r.boolean(n); }},
      {"start",
       "end | beginning",
       "where a first `tail` starts in files that exist",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) {
         i.from_beginning = read_start(r, n);
       }},
  };
  return rows;
}

const std::vector<KeyRow<RouteConfig>>& route_keys() {
  static const std::vector<KeyRow<RouteConfig>> rows = {
      {"receiver",
       "text | list",
       "receivers that get the alerts of this route",
       [](ConfigReader& r, const YamlNode& n, RouteConfig& c) { c.receivers = r.texts(n); }},
      {"min_level",
       "level",
       "alerts of this level and above",
       [](ConfigReader& r, const YamlNode& n, RouteConfig& c) { c.min_level = r.level(n); }},
      {"tags",
       "text | list",
       "alerts whose rule has one of these tags",
       [](ConfigReader& r, const YamlNode& n, RouteConfig& c) { c.tags = r.texts(n); }},
      {"rules",
       "text | list",
       "alerts of these rules: id, name or title",
       [](ConfigReader& r, const YamlNode& n, RouteConfig& c) { c.rules = r.texts(n); }},
      {"continue",
       "boolean",
       "look at the next routes too",
       [](ConfigReader& r, const YamlNode& n, RouteConfig& c) {
         c.continue_matching = r.boolean(n);
       }},
  };
  return rows;
}

const std::vector<KeyRow<RuleOverride>>& override_keys() {
  static const std::vector<KeyRow<RuleOverride>> rows = {
      {"id",
       "text",
       "the rule with this id",
       [](ConfigReader& r, const YamlNode& n, RuleOverride& o) { o.id = r.text(n); }},
      {"title",
       "text",
       "the rule with this title",
       [](ConfigReader& r, const YamlNode& n, RuleOverride& o) { o.title = r.text(n); }},
      {"tag",
       "text",
       "every rule with this tag",
       [](ConfigReader& r, const YamlNode& n, RuleOverride& o) { o.tag = r.text(n); }},
      {"enabled",
       "boolean",
       "false: the rule is not loaded",
       [](ConfigReader& r, const YamlNode& n, RuleOverride& o) { o.enabled = r.boolean(n); }},
      {"level",
       "level",
       "instead of the rule's own",
       [](ConfigReader& r, const YamlNode& n, RuleOverride& o) { o.level = r.level(n); }},
      {"receiver",
       "text",
       "instead of the routes",
       [](ConfigReader& r, const YamlNode& n, RuleOverride& o) { o.receiver = r.text(n); }},
      {"alert",
       "boolean",
       "false: the rule feeds correlations only",
       [](ConfigReader& r, const YamlNode& n, RuleOverride& o) { o.alert = r.boolean(n); }},
  };
  return rows;
}

const std::vector<KeyRow<Config>>& rules_section_keys() {
  static const std::vector<KeyRow<Config>> rows = {
      {"paths",
       "paths",
       "files and folders of rules",
       [](ConfigReader& r, const YamlNode& n, Config& c) { c.rules = r.paths(n); }},
      {"pipelines",
       "paths",
       "processing pipelines",
       [](ConfigReader& r, const YamlNode& n, Config& c) { c.pipelines = r.paths(n); }},
      {"tags",
       "text | list",
       "keep only rules with one of these tags",
       [](ConfigReader& r, const YamlNode& n, Config& c) { c.tags = r.texts(n); }},
      {"exclude",
       "text | list",
       "drop rules with this id, title or tag",
       [](ConfigReader& r, const YamlNode& n, Config& c) { c.exclude = r.texts(n); }},
  };
  return rows;
}

const std::vector<KeyRow<Config>>& config_keys() {
  static const std::vector<KeyRow<Config>> rows = {
      {"version",
       "1",
       "version of this format",
       [](ConfigReader& r, const YamlNode& n, Config&) { read_version(r, n); }},
      {"rules",
       "map",
       "which rules are loaded",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         read_map(r, n, rules_section_keys(), c);
       }},
      {"placeholders",
       "map",
       "values for the `expand` modifier: name to a list, or to {file, column}",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         read_placeholder_map(r, n, c.placeholders);
       }},
      {"inputs",
       "list",
       "what is read, where the command line names nothing",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         read_list(r, n, input_keys(), c.inputs);
       }},
      {"receivers",
       "list",
       "where alerts go",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         read_list(r, n, receiver_keys(), c.receivers);
       }},
      {"routes",
       "list",
       "which alerts go where: the first route that fits",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         read_list(r, n, route_keys(), c.routes);
       }},
      {"overrides",
       "list",
       "changes to rules of packs that nobody edits",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         read_list(r, n, override_keys(), c.overrides);
       }},
      {"redact",
       "text | list",
       "further key names (globs) whose values are secret",
       [](ConfigReader& r, const YamlNode& n, Config& c) { c.redact = r.texts(n); }},
      {"lateness",
       "duration",
       "how late a record may come (15m); --lateness wins",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         c.lateness_ns = r.duration(n, c.lateness_ns);
       }},
      {"idle_after",
       "duration",
       "an input without records for this long holds no correlation back (5m)",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         c.idle_after_ns = r.duration(n, c.idle_after_ns);
       }},
      {"shutdown_grace",
       "duration",
       "how long deliveries may take when tocsin ends (10s)",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         c.shutdown_grace_ns = r.duration(n, c.shutdown_grace_ns);
       }},
  };
  return rows;
}

namespace {

// What holds between keys: names that are used twice or not at all, entries without what they need.
void check_config(ConfigReader& reader, const YamlNode& root, Config& config) {
  const auto item = [&](const char* section, std::size_t at) -> const YamlNode& {
    return root.get(section)->items[at];
  };
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < config.receivers.size(); ++i) {
    const ReceiverConfig& receiver = config.receivers[i];
    if (receiver.name.empty() || receiver.type.empty()) {
      reader.error(item("receivers", i),
                   "config-receiver",
                   "a receiver needs a name and one of webhook, slack ...",
                   "- name: soc\n            slack: {url_env: SLACK_URL}");
    } else if (receiver.url.empty()) {
      reader.error(item("receivers", i),
                   "config-receiver",
                   "receiver " + receiver.name + " has no URL",
                   "give exactly one of url_env, url_file and url");
    }
    if (std::find(names.begin(), names.end(), receiver.name) != names.end()) {
      reader.error(
          item("receivers", i), "config-receiver", "two receivers are named " + receiver.name);
    }
    names.emplace_back(receiver.name);
  }
  const auto known = [&](const YamlNode& node, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const std::optional<std::string> near = did_you_mean(name, names);
      reader.error(node,
                   "unknown-receiver",
                   "there is no receiver \"" + name + "\"",
                   near ? "did you mean \"" + *near + "\"?" : "");
    }
  };
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    if (config.routes[i].receivers.empty()) {
      reader.error(item("routes", i), "config-route", "a route needs a receiver");
    }
    for (const std::string& name : config.routes[i].receivers) {
      known(item("routes", i), name);
    }
  }
  for (std::size_t i = 0; i < config.overrides.size(); ++i) {
    const RuleOverride& change = config.overrides[i];
    if ((change.id.empty() ? 0 : 1) + (change.title.empty() ? 0 : 1) +
            (change.tag.empty() ? 0 : 1) !=
        1) {
      reader.error(item("overrides", i),
                   "config-override",
                   "an override names rules by exactly one of id, title and tag");
    }
    if (change.receiver) {
      known(item("overrides", i), *change.receiver);
    }
  }
  for (std::size_t i = 0; i < config.inputs.size(); ++i) {
    InputConfig& input = config.inputs[i];
    if (input.paths.empty()) {
      reader.error(item("inputs", i), "config-input", "an input needs paths");
    }
    if (input.id.empty()) {
      input.id = "input-" + std::to_string(i + 1);
    }
    const auto same = [&](const InputConfig& other) { return other.id == input.id; };
    if (std::count_if(config.inputs.begin(), config.inputs.end(), same) > 1) {
      reader.error(item("inputs", i), "config-input", "two inputs have the id " + input.id);
    }
  }
}

// The one document of a file, or nothing (with a diagnostic).
const YamlNode* only_document(const std::vector<YamlDocument>& documents,
                              const SourceText& source,
                              Diagnostics& diagnostics) {
  const YamlNode* root = nullptr;
  for (const YamlDocument& document : documents) {
    if (document.empty) {
      continue;
    }
    if (root != nullptr) {
      diagnostics.add(diagnostic_at(source,
                                    document.root,
                                    Severity::error,
                                    "config-documents",
                                    "one document is expected here; this is a second one"));
      return nullptr;
    }
    root = &document.root;
  }
  if (root == nullptr && diagnostics.errors() == 0) {
    diagnostics.add(diagnostic_at(
        source, YamlNode{}, Severity::error, "config-empty", "there is nothing in this file"));
  }
  return root;
}

std::optional<SourceText> read_source(const std::string& path, Diagnostics& diagnostics) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    Diagnostic problem;
    problem.code = "unreadable-file";
    problem.file = path;
    problem.message = "cannot read this file";
    diagnostics.add(problem);
    return std::nullopt;
  }
  return SourceText::make(path, text.str());
}

}  // namespace

namespace {

Config read_checked(const std::string& path, Diagnostics& diagnostics) {
  Config config;
  const std::optional<SourceText> source = read_source(path, diagnostics);
  if (!source) {
    return config;
  }
  const std::vector<YamlDocument> documents = parse_yaml(*source, diagnostics);
  const YamlNode* const root = only_document(documents, *source, diagnostics);
  if (root == nullptr) {
    return config;
  }
  ConfigReader reader{*source, diagnostics, std::filesystem::path(path).parent_path()};
  read_map(reader, *root, config_keys(), config);
  if (diagnostics.errors() == 0) {
    check_config(reader, *root, config);
  }
  return config;
}

}  // namespace

Config read_config(const std::string& path, Diagnostics& diagnostics) {
  Diagnostics problems;
  Config config = read_checked(path, problems);
  for (Diagnostic problem : problems.list()) {
    // The line that is wrong may hold a webhook's URL, which is a secret: then its text is not
    // shown.
    if (problem.source_line.find("://") != std::string::npos) {
      problem.source_line.clear();
    }
    diagnostics.add(std::move(problem));
  }
  return config;
}

std::map<std::string, std::vector<std::string>> read_placeholders(const std::string& path,
                                                                  Diagnostics& diagnostics) {
  std::map<std::string, std::vector<std::string>> out;
  const std::optional<SourceText> source = read_source(path, diagnostics);
  if (!source) {
    return out;
  }
  const std::vector<YamlDocument> documents = parse_yaml(*source, diagnostics);
  if (const YamlNode* const root = only_document(documents, *source, diagnostics)) {
    ConfigReader reader{*source, diagnostics, std::filesystem::path(path).parent_path()};
    read_placeholder_map(reader, *root, out);
  }
  return out;
}

}  // namespace tocsin
