// SPDX-License-Identifier: Apache-2.0
// The command line as a struct. The only door to Boost.Program_options.
// Thread rule: plain values. Errors: Result with a sentence for the user.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/event/log_source.h"
#include "engine/flow/rule_info.h"
#include "engine/match/filter.h"

namespace tocsin {

enum class OutputFormat : std::uint8_t { text, ndjson, none };

struct Options {
  std::vector<std::string>
      operands;                     // inputs, or rule paths: what the command takes without a name
  bool rules_are_operands = false;  // `rules` were such operands

  // rules
  std::vector<std::string> rules;
  std::vector<std::string> pipelines;
  std::vector<std::string> tags;
  std::vector<std::string> exclude;
  std::string placeholders;
  bool strict = false;
  std::vector<std::string> geo_databases;
  std::string cache;

  // run
  std::string config;
  std::uint32_t threads = 0;  // 0: the machine's cores
  bool any_log_source = false;
  std::optional<LogSource> log_source;
  bool strict_json = false;
  FilterMode filter = FilterMode::automatic;
  std::optional<DurationNs> lateness;
  bool arrival_order = false;
  std::optional<TimeNs> since;
  std::optional<TimeNs> until;
  bool from_beginning = false;
  std::string state;

  // output
  std::optional<OutputFormat> format;
  std::string format_text;  // as given, for commands with formats of their own
  std::optional<Level> min_level;
  std::optional<Level> fail_level;
  std::string dead_letter;
  bool no_fold = false;
  bool no_event = false;
  bool profile_rules = false;
  bool stats_json = false;
  bool quiet = false;
  bool verbose = false;

  // explain, check
  std::string rule;
  std::string event;
  std::string explain_code;
  std::string junit;

  std::string admin;  // status, reload: the admin socket

  bool help = false;
};

// Groups of options that a command takes; a command's row names them.
namespace option_group {
inline constexpr unsigned rules =
    1u << 0;  // --rules --pipeline --tag --exclude --placeholders --strict
inline constexpr unsigned run = 1u
                                << 1;  // --config --threads --logsource ... --order --since --until
inline constexpr unsigned output =
    1u << 2;  // --format --min-level --fail-level --dead-letter --no-fold --no-event --stats
inline constexpr unsigned tail = 1u << 3;       // --start --state
inline constexpr unsigned check = 1u << 4;      // --strict --explain
inline constexpr unsigned explain = 1u << 5;    // --rule --event
inline constexpr unsigned listing = 1u << 6;    // --format of its own
inline constexpr unsigned test = 1u << 7;       // --junit
inline constexpr unsigned admin = 1u << 8;      // --admin
inline constexpr unsigned state = 1u << 9;      // --state; learn and state
inline constexpr unsigned one_rule = 1u << 10;  // --config --rule: of `state`
}  // namespace option_group

// Reads what stands behind the command's name. An unknown option is an Error with the nearest one
// that exists.
Result<Options> parse_options(const std::vector<std::string>& arguments, unsigned groups);

// The options of these groups, as --help prints them.
std::string options_help(unsigned groups);

// "any", or "product=aws,service=cloudtrail": what --logsource takes.
struct LogSourceChoice {
  bool any = false;
  LogSource source;
};
Result<LogSourceChoice> parse_log_source(const std::string& text);

}  // namespace tocsin
