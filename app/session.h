// SPDX-License-Identifier: Apache-2.0
// What every command that runs rules begins with: configuration, rules, and what is said about
// them. Thread rule: one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/options.h"
#include "app/routing.h"
#include "engine/event/geo.h"
#include "engine/flow/detector.h"
#include "rules/load.h"

namespace tocsin {

struct Session {
  Options options;
  Config config;
  std::shared_ptr<GeoFiles> geo;  // null: no database is configured
  LoadResult rules;
  bool lists_documents = true;  // LoadResult::documents are wanted
  bool reloads = false;         // what is loaded is remembered for the next load
  TimeNs begun_at = 0;          // when its files began to be read, on the wall clock
};

// Reads the configuration and the rules and prints what is wrong with them. An exit status if the
// command cannot go on: a configuration error, or no rule at all.
std::optional<int> open_session(const Options& options, Session& session);

// The configuration and the placeholders that the options name. What is wrong is in `problems`.
void read_settings(const Options& options, Config& config, Diagnostics& problems);

// Loads the rules of session.config into session.rules. `history`: of the set that runs, so that
// what no longer compiles keeps its last good version; may be null.
void load_session_rules(Session& session, std::shared_ptr<const RuleHistory> history);

// For commands whose operands are rules and not inputs.
Options with_rules_from_operands(const Options& options);

// --threads, or the machine's cores.
std::uint32_t thread_count(const Options& options);

// The load options that command line and configuration ask for together.
LoadOptions load_options(const Options& options, const Config& config);

// Tries each correlation's own options (detectors/ knows them, rules/ does not): what cannot run is
// a diagnostic and rejected.
void check_detectors(LoadResult& rules, const DetectorSettings& settings);

// The inputs of the command line, else those of the configuration.
std::vector<InputConfig> chosen_inputs(const Options& options, const Config& config);

// "3,779 rules: 3,754 loaded, 25 rejected"
std::string load_summary(const LoadResult& rules);

// Which rules meet the session's inputs.
Routing routing_of(const Session& session);

// "57 of 3,754 rules apply to aws/cloudtrail", or what --logsource says.
std::string routing_summary(const Session& session);

}  // namespace tocsin
