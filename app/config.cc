// SPDX-License-Identifier: Apache-2.0
// tocsin.yaml from file to Config: one document, its keys (config_keys.cc), then what holds between
// them.
#include "app/config.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "alerts/http.h"
#include "alerts/render.h"
#include "app/config_keys.h"
#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/rule_files.h"
#include "rules/yaml.h"

namespace tocsin {
namespace {

// What holds between keys: names that are used twice or not at all, entries without what they need.
// An entry that a key of its own is wrong in is not judged as a whole too.
class ConfigCheck {
 public:
  ConfigCheck(ConfigReader& reader, const YamlNode& root, Config& config)
      : reader_(reader), root_(root), config_(config) {
    for (const Diagnostic& problem : reader.diagnostics.list()) {
      if (problem.severity == Severity::error) {
        wrong_lines_.push_back(problem.line);
      }
    }
  }

  void run() {
    receivers();
    heartbeat();
    routes();
    overrides();
    inputs();
    source_rows();
  }

 private:
  // The node of an entry, if it is to be judged.
  const YamlNode* entry(const char* section, std::size_t at) const {
    const YamlNode* const list = root_.get(section);
    if (list == nullptr || at >= list->items.size()) {
      return nullptr;
    }
    const YamlNode& node = list->items[at];
    const std::uint32_t last = last_line(node);
    const bool wrong =
        std::any_of(wrong_lines_.begin(), wrong_lines_.end(), [&](std::uint32_t line) {
          return line >= node.line && line <= last;
        });
    return wrong ? nullptr : &node;
  }

  static std::uint32_t last_line(const YamlNode& node) {
    std::uint32_t last = node.line;
    for (const YamlNode& item : node.items) {
      last = std::max(last, last_line(item));
    }
    for (const YamlMember& member : node.members) {
      last = std::max(last, std::max(member.first.line, last_line(member.second)));
    }
    return last;
  }

  void receivers() {
    for (std::size_t i = 0; i < config_.receivers.size(); ++i) {
      const ReceiverConfig& receiver = config_.receivers[i];
      const bool twice = std::find(names_.begin(), names_.end(), receiver.name) != names_.end();
      names_.emplace_back(receiver.name);
      const YamlNode* const node = entry("receivers", i);
      if (node == nullptr) {
        continue;
      }
      if (receiver.name.empty() || receiver.type.empty()) {
        reader_.error(*node,
                      "config-receiver",
                      "a receiver needs a name and one of webhook, slack ...",
                      "- name: soc\n            slack: {url_env: SLACK_URL}");
      } else if (receiver.url.empty()) {
        reader_.error(*node,
                      "config-receiver",
                      "receiver " + receiver.name + " has no URL",
                      "give exactly one of url_env, url_file and url");
      } else if (const Result<void> checked = check_receiver(receiver); !checked) {
        reader_.error(url_of(*node, receiver.type),
                      "config-receiver",
                      "receiver " + receiver.name + ": " + checked.error().message);
      }
      if (twice) {
        reader_.error(*node, "config-receiver", "two receivers are named " + receiver.name);
      }
    }
  }

  // Where a section says its URL.
  static const YamlNode& url_of(const YamlNode& section) {
    for (const char* key : {"url", "url_env", "url_file"}) {
      if (const YamlNode* const url = section.get(key)) {
        return *url;
      }
    }
    return section;
  }
  static const YamlNode& url_of(const YamlNode& receiver, const std::string& type) {
    const YamlNode* const sink = receiver.get(type);
    return sink == nullptr ? receiver : url_of(*sink);
  }

  // A beat that could never be sent would only be missed.
  void heartbeat() {
    const YamlNode* const section = root_.get("heartbeat");
    const HeartbeatConfig& heartbeat = config_.watch.heartbeat;
    if (section == nullptr || heartbeat.url.empty()) {
      return;
    }
    if (const Result<void> checked = check_url(heartbeat.url, heartbeat.allow_http); !checked) {
      reader_.error(url_of(*section), "config-heartbeat", checked.error().message);
    }
  }

  // Where a row names that receiver.
  static const YamlNode& naming(const YamlNode& row, const std::string& name) {
    const YamlNode* const given = row.get("receiver");
    if (given == nullptr || given->is_scalar()) {
      return given == nullptr ? row : *given;
    }
    const auto found = std::find_if(given->items.begin(),
                                    given->items.end(),
                                    [&](const YamlNode& item) { return item.text == name; });
    return found == given->items.end() ? *given : *found;
  }

  // `row`: a map whose key "receiver" names one or several.
  void known(const YamlNode& row, const std::string& name) {
    const YamlNode* const receivers = root_.get("receivers");
    const bool readable = receivers == nullptr || receivers->kind == YamlNode::Kind::sequence;
    if (readable && std::find(names_.begin(), names_.end(), name) == names_.end()) {
      const std::optional<std::string> near = did_you_mean(name, names_);
      reader_.error(naming(row, name),
                    "unknown-receiver",
                    "there is no receiver \"" + name + "\"",
                    near ? "did you mean \"" + *near + "\"?" : "");
    }
  }

  void routes() {
    for (std::size_t i = 0; i < config_.routes.size(); ++i) {
      const YamlNode* const node = entry("routes", i);
      if (node == nullptr) {
        continue;
      }
      if (config_.routes[i].receivers.empty()) {
        reader_.error(*node, "config-route", "a route needs a receiver");
      }
      for (const std::string& name : config_.routes[i].receivers) {
        known(*node, name);
      }
    }
  }

  void overrides() {
    for (std::size_t i = 0; i < config_.overrides.size(); ++i) {
      RuleOverride& change = config_.overrides[i];
      const YamlNode* const node = entry("overrides", i);
      if (node == nullptr) {
        continue;
      }
      change.file = reader_.source.name;
      change.line = node->line;
      change.column = node->column;
      const int given = (change.id.empty() ? 0 : 1) + (change.title.empty() ? 0 : 1) +
                        (change.tag.empty() ? 0 : 1);
      if (given != 1) {
        reader_.error(*node,
                      "config-override",
                      "an override names rules by exactly one of id, title and tag");
      }
      if (change.receiver) {
        known(*node, *change.receiver);
      }
    }
  }

  void inputs() {
    for (std::size_t i = 0; i < config_.inputs.size(); ++i) {
      InputConfig& input = config_.inputs[i];
      if (input.id.empty()) {
        input.id = "input-" + std::to_string(i + 1);
      }
      const YamlNode* const node = entry("inputs", i);
      if (node == nullptr) {
        continue;
      }
      if (input.paths.empty()) {
        reader_.error(*node, "config-input", "an input needs paths");
      }
      const auto same = [&](const InputConfig& other) { return other.id == input.id; };
      if (std::count_if(config_.inputs.begin(), config_.inputs.end(), same) > 1) {
        reader_.error(*node, "config-input", "two inputs have the id " + input.id);
      }
    }
  }

  void source_rows() {
    for (std::size_t i = 0; i < config_.source_rows.size(); ++i) {
      const SourceRow& row = config_.source_rows[i];
      const YamlNode* const node = entry("logsources", i);
      if (node == nullptr) {
        continue;
      }
      if (row.field.empty() || row.values.empty() || row.source == LogSource()) {
        reader_.error(*node,
                      "config-logsource",
                      "a row of `logsources` needs field, value and logsource",
                      "- {field: Channel, value: Security, logsource: {product: windows, "
                      "service: security}}");
      } else if (row.field.starts_with("tocsin.")) {
        reader_.error(*node,
                      "config-logsource",
                      "a record is classified before `" + row.field + "` is derived",
                      "name a field of the record itself");
      }
    }
    if (config_.source_rows.size() > limits::source_rows_max) {
      reader_.error(*root_.get("logsources"),
                    "config-logsource",
                    "`logsources` has " + std::to_string(config_.source_rows.size()) +
                        " rows; at most " + std::to_string(limits::source_rows_max) + " are taken",
                    "write several values of a field as the list of one row");
    }
  }

  ConfigReader& reader_;
  const YamlNode& root_;
  Config& config_;
  std::vector<std::uint32_t> wrong_lines_;
  std::vector<std::string_view> names_;
};

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
  std::optional<std::string> text = read_rule_file(RuleFile{path, false}, diagnostics);
  return text ? std::optional(SourceText::make(path, std::move(*text))) : std::nullopt;
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
  ConfigCheck(reader, *root, config).run();
  config.secret_files = std::move(reader.secret_files);
  return config;
}

}  // namespace

Config read_config(const std::string& path, Diagnostics& diagnostics) {
  Diagnostics problems;
  Config config = read_checked(path, problems);
  const Redactor redactor;
  for (Diagnostic problem : problems.list()) {
    // The line that is wrong may hold a webhook's URL or credentials under a misspelt key: then its
    // text is not shown.
    const std::string& line = problem.source_line;
    if (line.find("://") != std::string::npos || redactor.redact_value("", line) != line) {
      problem.source_line.clear();
    }
    diagnostics.add(std::move(problem));
  }
  return config;
}

void read_placeholders(const std::string& path, Config& config, Diagnostics& diagnostics) {
  config.value_files.push_back(path);
  const std::optional<SourceText> source = read_source(path, diagnostics);
  if (!source) {
    return;
  }
  const std::vector<YamlDocument> documents = parse_yaml(*source, diagnostics);
  if (const YamlNode* const root = only_document(documents, *source, diagnostics)) {
    ConfigReader reader{*source, diagnostics, std::filesystem::path(path).parent_path()};
    read_placeholder_map(reader, *root, config);
  }
}

}  // namespace tocsin
