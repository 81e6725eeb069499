// SPDX-License-Identifier: Apache-2.0
#include "app/options.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "app/commands.h"

using namespace tocsin;

namespace {

constexpr unsigned scan_groups = option_group::rules | option_group::run | option_group::output;

Options parsed(const std::vector<std::string>& arguments) {
  const Result<Options> options = parse_options(arguments, scan_groups);
  REQUIRE(options.has_value());
  return *options;
}

}  // namespace

TEST_CASE("options are read in any order and may be repeated") {
  const Options options = parsed({"a.json",
                                  "--rules",
                                  "r1",
                                  "--rules=r2",
                                  "--format",
                                  "ndjson",
                                  "b.json",
                                  "--lateness",
                                  "4000d",
                                  "--no-fold",
                                  "--no-event",
                                  "-q",
                                  "--order",
                                  "arrival",
                                  "--threads",
                                  "3",
                                  "-"});
  CHECK(options.operands == std::vector<std::string>{"a.json", "b.json", "-"});
  CHECK(options.rules == std::vector<std::string>{"r1", "r2"});
  CHECK(options.format == OutputFormat::ndjson);
  CHECK(options.lateness == 4000 * day_ns);
  CHECK(options.no_fold);
  CHECK(options.no_event);
  CHECK(options.quiet);
  CHECK(options.arrival_order);
  CHECK(options.threads == 3);
}

TEST_CASE("what follows -- is an operand") {
  CHECK(parsed({"--rules", "r", "--", "--format"}).operands ==
        std::vector<std::string>{"--format"});
}

TEST_CASE("a log source is any or attributes") {
  CHECK(parsed({"--logsource", "any"}).any_log_source);
  const Options options = parsed({"--logsource", "product=windows,category=process_creation"});
  REQUIRE(options.log_source.has_value());
  CHECK(options.log_source->product == "windows");
  CHECK(options.log_source->category == "process_creation");
  CHECK(options.log_source->service.empty());
}

TEST_CASE("times are RFC 3339 or dates") {
  CHECK(parsed({"--since", "2026-01-31"}).since == parse_rfc3339("2026-01-31T00:00:00Z"));
  CHECK(parsed({"--until", "2026-01-31T08:00:00+01:00"}).until ==
        parse_rfc3339("2026-01-31T07:00:00Z"));
}

TEST_CASE("a wrong option says what it takes") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> table = {
      {{"--fromat", "ndjson"}, "did you mean --format?"},
      {{"--format", "xml"}, "text, ndjson or none"},
      {{"--min-level", "huge"}, "informational, low, medium, high or critical"},
      {{"--threads", "0"}, "from 1 to"},
      {{"--threads", "-1"}, "from 1 to"},
      {{"--threads", "99999999999999999999"}, "from 1 to"},
      {{"--lateness", "5min"}, "such as 15m"},
      {{"--logsource", "colour=red"}, "product=..,service=..,category=.."},
      {{"--logsource", "product="}, "product=..,service=..,category=.."},
      {{"--logsource", ""}, "any, or product"},
      {{"--since", "yesterday"}, "such as 2026-01-31T08:00:00Z"},
      {{"--stats", "yaml"}, "--stats is json"},
      {{"--filter", "maybe"}, "auto, off or on"},
      {{"--since", "2026-02-01", "--until", "2026-01-01"}, "--since is later than --until"},
      {{"-Q"}, "there is no option -Q;"},
      {{"--Q"}, "there is no option --Q;"},
      {{"--rules"}, "rules"},
      {{"--format", "text", "--format", "none"}, "format"},
  };
  for (const auto& row : table) {
    const auto& arguments = row.first;
    const auto& message = row.second;
    CAPTURE(message);
    const Result<Options> options = parse_options(arguments, scan_groups);
    REQUIRE_FALSE(options.has_value());
    CAPTURE(options.error().message);
    CHECK(options.error().message.find(message) != std::string::npos);
  }
}

TEST_CASE("an option of another command is unknown") {
  CHECK_FALSE(parse_options({"--start", "end"}, scan_groups).has_value());
  CHECK(parse_options({"--start", "end"}, scan_groups | option_group::tail).has_value());
}

TEST_CASE("every command has a name, help and options that can be described") {
  for (const Command& command : commands()) {
    CAPTURE(command.name);
    CHECK_FALSE(command.about.empty());
    const bool runs = command.run != nullptr;
    CHECK(runs);
    CHECK(options_help(command.groups).find("--help") != std::string::npos);
    CHECK(parse_options({"--help"}, command.groups)->help);
  }
}
