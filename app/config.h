// SPDX-License-Identifier: Apache-2.0
// tocsin.yaml: inputs, rules, receivers, routes. Every key is checked; every problem is a
// diagnostic with its place. Thread rule: plain values. docs/configuration.md is the manual.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/receivers.h"
#include "app/watch_config.h"
#include "engine/base/diagnostic.h"
#include "engine/event/decode.h"
#include "rules/load.h"

namespace tocsin {

struct InputConfig {
  std::string id;
  std::vector<std::string> paths;
  std::vector<std::string> exclude;
  InputFormat format = InputFormat::automatic;
  bool any_log_source = false;
  std::optional<LogSource> log_source;
  bool follow_links = false;
  bool from_beginning = false;
  // tail only; what is not given is as TailOptions has it.
  std::optional<DurationNs> poll_ns, rescan_ns, rotate_wait_ns, compressed_stall_ns;
  std::string state;              // the state folder of the run, which is never read; empty: none
  DurationNs no_data_for_ns = 0;  // silence that raises a system alert; 0: none does
  friend bool operator==(const InputConfig&, const InputConfig&) = default;
};

// Bounds of the state folder.
struct StoreConfig {
  std::uint64_t max_bytes = 4ull << 30;  // of alerts
  DurationNs keep_delivered_ns = 7 * day_ns;
  std::uint64_t keep_delivered_bytes = 256ull << 20;
  std::uint64_t rule_quota = 1'000'000;  // undelivered alerts of one rule
  DurationNs commit_interval_ns = 100'000'000;
};

struct Config {
  std::vector<std::string> rules;
  std::vector<std::string> pipelines;
  std::vector<std::string> tags;
  std::vector<std::string> exclude;
  std::map<std::string, std::vector<std::string>> placeholders;
  std::vector<std::string> value_files;  // what placeholders were read from, {file, column}
  std::vector<InputConfig> inputs;
  std::vector<SourceRow> source_rows;  // `logsources`: the field table
  std::vector<ReceiverConfig> receivers;
  std::vector<RouteConfig> routes;
  std::vector<RuleOverride> overrides;
  std::vector<std::string> redact;
  std::string state;  // folder; empty: none
  StoreConfig store;
  std::vector<std::string> geo_databases;
  DurationNs lateness_ns =
      15 * minute_ns;  // how late a record may come: CloudTrail's delivery, with reserve
  DurationNs idle_after_ns =
      5 * minute_ns;  // an input without records for this long holds no correlation back
  DurationNs shutdown_grace_ns = 10 * second_ns;
  WatchConfig watch;
  std::vector<std::string> secret_files;  // that secrets were read from
};

// Relative paths in the file are relative to its folder. Secrets are read from the environment and
// files here (a missing one is a diagnostic). What is wrong leaves its default; the caller looks at
// diagnostics.errors().
Config read_config(const std::string& path, Diagnostics& diagnostics);

// --placeholders FILE: a map of name to a list of values, one value, or {file, column}. They win
// over those of `config`; the files read are added to config.value_files.
void read_placeholders(const std::string& path, Config& config, Diagnostics& diagnostics);

}  // namespace tocsin
