// SPDX-License-Identifier: Apache-2.0
#include "app/commands.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "app/console.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

using namespace option_group;

constexpr std::array<Command, 19> command_table = {{
    {"scan",
     "--rules PATH [OPTION...] INPUT...",
     "read files, folders, globs or - (stdin) once",
     rules | run | output,
     &run_scan},
    {"tail",
     "--rules PATH [OPTION...] INPUT...",
     "follow files and folders for ever",
     rules | run | output | option_group::tail,
     &run_tail},
    {"status",
     "--admin SOCKET | --config FILE",
     "what a running tail says of itself",
     option_group::admin,
     &run_status},
    {"reload",
     "--admin SOCKET | --config FILE",
     "make a running tail load its rules and configuration again",
     option_group::admin,
     &run_reload},
    {"learn",
     "--rules PATH --state DIR [OPTION...] INPUT...",
     "replay history into baselines without alerting",
     rules | run | option_group::state,
     &run_learn},
    {"state list",
     "--rules PATH --state DIR [OPTION...]",
     "the groups that correlations hold",
     rules | option_group::state | one_rule,
     &run_state_list},
    {"state show",
     "--rules PATH --state DIR [OPTION...] KEY",
     "what is known of one group: KEY is one of its values",
     rules | option_group::state | one_rule,
     &run_state_show},
    {"state export",
     "--rules PATH --state DIR [OPTION...]",
     "print all baselines, a JSON object each",
     rules | option_group::state | one_rule,
     &run_state_export},
    {"state import",
     "--rules PATH --state DIR [OPTION...] FILE",
     "take over baselines that were exported",
     rules | option_group::state | one_rule,
     &run_state_import},
    {"state forget",
     "--rules PATH --state DIR [OPTION...] KEY",
     "forget a group",
     rules | option_group::state | one_rule,
     &run_state_forget},
    {"state alerts",
     "--rules PATH --state DIR [OPTION...]",
     "print the stored alerts, a JSON object each",
     rules | option_group::state | one_rule,
     &run_state_alerts},
    {"check",
     "[OPTION...] PATH...",
     "report every problem of rules and configuration",
     check,
     &run_check},
    {"test", "[OPTION...] PATH...", "run the tests inside rules", option_group::test, &run_test},
    {"explain",
     "--rules PATH --rule RULE --event FILE",
     "why a rule matches a record, or why not",
     rules | explain,
     &run_explain},
    {"rules list",
     "[OPTION...] PATH...",
     "list rules, correlations and filters",
     listing,
     &run_rules_list},
    {"rules fields",
     "[OPTION...] PATH...",
     "the fields that a rule set reads",
     listing,
     &run_rules_fields},
    {"rules coverage",
     "[OPTION...] PATH...",
     "the ATT&CK techniques of a rule set; --format navigator gives a layer",
     listing,
     &run_rules_coverage},
    {"schema rule", "", "print the JSON Schema of rules, for editors", 0, &run_schema_rule},
    {"schema config", "", "print the JSON Schema of tocsin.yaml", 0, &run_schema_config},
}};

std::string usage() {
  std::string out =
      "tocsin: rule-based security alerting over log streams\n\nUsage: tocsin COMMAND "
      "[OPTION...]\n\nCommands:\n";
  for (const Command& command : command_table) {
    std::string name(command.name);
    name.resize(std::max<std::size_t>(name.size(), 16), ' ');
    out += "  " + name + std::string(command.about) + "\n";
  }
  return out + "\ntocsin COMMAND --help says more; tocsin --version prints the version.\n";
}

// The command that `arguments` begins with, and how many words its name takes.
const Command* find_command(const std::vector<std::string>& arguments, std::size_t& words) {
  for (const Command& command : command_table) {
    const std::string two = arguments.size() > 1 ? arguments[0] + " " + arguments[1] : "";
    if (command.name == two || command.name == arguments[0]) {
      words = command.name == two ? 2 : 1;
      return &command;
    }
  }
  return nullptr;
}

int unknown_command(const std::vector<std::string>& arguments) {
  std::vector<std::string_view> names;
  std::string within;
  for (const Command& command : command_table) {
    names.push_back(command.name);
    if (command.name.substr(0, arguments[0].size() + 1) == arguments[0] + " ") {
      within += (within.empty() ? "" : ", ") + std::string(command.name);
    }
  }
  std::string message = "there is no command \"" + printable(arguments[0]) + "\"";
  if (!within.empty()) {
    message = "\"" + arguments[0] + "\" needs a second word: " + within;
  } else if (const std::optional<std::string> near = did_you_mean(arguments[0], names)) {
    message += "; did you mean \"" + *near + "\"?";
  }
  print_error(message + "\ntocsin --help lists the commands");
  return exit_status::usage;
}

}  // namespace

std::span<const Command> commands() {
  return command_table;
}

int run_program(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    print_error(usage());
    return exit_status::usage;
  }
  if (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    std::fputs(usage().c_str(), stdout);
    return exit_status::ran;
  }
  if (arguments[0] == "--version") {
    std::printf("tocsin %s\n", TOCSIN_VERSION);
    return exit_status::ran;
  }
  std::size_t words = 0;
  const Command* const command = find_command(arguments, words);
  if (command == nullptr) {
    return unknown_command(arguments);
  }
  const Result<Options> options = parse_options(
      {arguments.begin() + static_cast<std::ptrdiff_t>(words), arguments.end()}, command->groups);
  if (!options) {
    print_error("tocsin " + std::string(command->name) + ": " + printable(options.error().message));
    return exit_status::usage;
  }
  if (options->help) {
    std::printf("Usage: tocsin %s %s\n\n%s: %s.\n\n%s",
                std::string(command->name).c_str(),
                std::string(command->usage).c_str(),
                std::string(command->name).c_str(),
                std::string(command->about).c_str(),
                options_help(command->groups).c_str());
    return exit_status::ran;
  }
  return command->run(*options);
}

}  // namespace tocsin
