// SPDX-License-Identifier: Apache-2.0
// One table per section of tocsin.yaml: a row is a key, what it takes, and how it is read. The
// check of unknown keys, the did-you-mean and the JSON Schema come from the same rows.
#include "app/config_keys.h"

namespace tocsin {
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

// The sections about tocsin's own running have a table of their own.
std::vector<KeyRow<Config>> with_watch_keys(std::vector<KeyRow<Config>> rows) {
  for (const KeyRow<WatchConfig>& row : watch_keys()) {
    rows.push_back({row.name,
                    row.takes,
                    row.about,
                    [read = row.read](ConfigReader& r, const YamlNode& n, Config& c) {
                      read(r, n, c.watch);
                    }});
  }
  return rows;
}

}  // namespace

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

const std::vector<KeyRow<SourceRow>>& source_row_keys() {
  static const std::vector<KeyRow<SourceRow>> rows = {
      {"field",
       "text",
       "the field of the record (a dotted path) that is looked at",
       [](ConfigReader& r, const YamlNode& n, SourceRow& s) { s.field = r.text(n); }},
      {"value",
       "text | texts",
       "the value, or list of values, that it has there; case does not matter",
       [](ConfigReader& r, const YamlNode& n, SourceRow& s) { s.values = r.texts(n); }},
      {"logsource",
       "map",
       "the log source of such records: product, service, category",
       [](ConfigReader& r, const YamlNode& n, SourceRow& s) {
         read_map(r, n, log_source_keys(), s.source);
       }},
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
      {"no_data_for",
       "duration",
       "tail: an input that brings nothing for so long raises a system alert (never)",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) {
         i.no_data_for_ns = r.duration(n, 0);
       }},
      {"poll",
       "duration",
       "tail: how often files that grow are looked at (250ms)",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) {
         i.poll_ns = r.duration(n, second_ns);
       }},
      {"rescan",
       "duration",
       "tail: how often new files are looked for (1s)",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) {
         i.rescan_ns = r.duration(n, second_ns);
       }},
      {"rotate_wait",
       "duration",
       "tail: how long a renamed or deleted file is still read (30s)",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) {
         i.rotate_wait_ns = r.duration(n, second_ns);
       }},
      {"compressed_stall",
       "duration",
       "tail: an incomplete compressed file that does not grow is given up after this (10m)",
       [](ConfigReader& r, const YamlNode& n, InputConfig& i) {
         i.compressed_stall_ns = r.duration(n, second_ns);
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

const std::vector<KeyRow<StoreConfig>>& store_keys() {
  static const std::vector<KeyRow<StoreConfig>> rows = {
      {"max_bytes",
       "size",
       "all alerts together (4GiB); when full, the lowest levels give way",
       [](ConfigReader& r, const YamlNode& n, StoreConfig& s) {
         s.max_bytes = r.size(n, s.max_bytes);
       }},
      {"keep_delivered",
       "duration",
       "how long delivered alerts are kept (7d)",
       [](ConfigReader& r, const YamlNode& n, StoreConfig& s) {
         s.keep_delivered_ns = r.duration(n, s.keep_delivered_ns);
       }},
      {"keep_delivered_bytes",
       "size",
       "delivered alerts together (256MiB)",
       [](ConfigReader& r, const YamlNode& n, StoreConfig& s) {
         s.keep_delivered_bytes = r.size(n, s.keep_delivered_bytes);
       }},
      {"rule_quota",
       "number",
       "undelivered alerts of one rule (1000000); past it they are counted by group and minute",
       [](ConfigReader& r, const YamlNode& n, StoreConfig& s) {
         s.rule_quota = r.number(n, s.rule_quota);
       }},
      {"commit_interval",
       "duration",
       "the longest time between two commits while records come (100ms)",
       [](ConfigReader& r, const YamlNode& n, StoreConfig& s) {
         s.commit_interval_ns = r.duration(n, s.commit_interval_ns);
       }},
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
  static const std::vector<KeyRow<Config>> rows = with_watch_keys({
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
       [](ConfigReader& r, const YamlNode& n, Config& c) { read_placeholder_map(r, n, c); }},
      {"inputs",
       "list",
       "what is read, where the command line names nothing",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         read_list(r, n, input_keys(), c.inputs);
       }},
      {"logsources",
       "list",
       "log sources by the values of fields, for records that are no CloudTrail records",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         read_list(r, n, source_row_keys(), c.source_rows);
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
      {"state",
       "path",
       "folder for tail's positions, alerts and detector state; --state wins",
       [](ConfigReader& r, const YamlNode& n, Config& c) { c.state = r.path(n); }},
      {"store",
       "map",
       "bounds of the state folder",
       [](ConfigReader& r, const YamlNode& n, Config& c) {
         read_map(r, n, store_keys(), c.store);
       }},
      {"geo_databases",
       "paths",
       "MaxMind databases (.mmdb) for tocsin.source.*; --geo-database wins",
       [](ConfigReader& r, const YamlNode& n, Config& c) { c.geo_databases = r.paths(n); }},
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
  });
  return rows;
}

}  // namespace tocsin
