// SPDX-License-Identifier: Apache-2.0
// tocsin.yaml from file to Config: one document, its keys (config_keys.cc), then what holds between
// them.
#include "app/config.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/config_keys.h"
#include "engine/base/text.h"
#include "rules/yaml.h"

namespace tocsin {
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
  config.secret_files = std::move(reader.secret_files);
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
