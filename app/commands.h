// SPDX-License-Identifier: Apache-2.0
// The commands of tocsin: one row each. Thread rule: run() is called once, by main().
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/options.h"

namespace tocsin {

// Exit statuses (DETECTION.md, "The command line"). Of several, usage wins over input, input over
// alerts.
namespace exit_status {
inline constexpr int ran = 0;
inline constexpr int alerts = 1;  // --fail-level; `test`: a test failed
inline constexpr int usage = 2;  // usage, configuration, no rule could be loaded; `check`: an error
inline constexpr int incomplete = 3;  // input unreadable, stdout closed early, alerts undelivered
}  // namespace exit_status

struct Command {
  std::string_view name;   // "scan", "rules list"
  std::string_view usage;  // what follows the name
  std::string_view about;
  unsigned groups;  // option_group
  int (*run)(const Options& options);
};

std::span<const Command> commands();

// The whole program: finds the command, reads its options, runs it. `arguments` without the
// program's name.
int run_program(const std::vector<std::string>& arguments);

int run_scan(const Options& options);
int run_tail(const Options& options);
int run_status(const Options& options);
int run_reload(const Options& options);
int run_learn(const Options& options);
int run_state_list(const Options& options);
int run_state_show(const Options& options);
int run_state_export(const Options& options);
int run_state_import(const Options& options);
int run_state_forget(const Options& options);
int run_state_alerts(const Options& options);
int run_check(const Options& options);
int run_test(const Options& options);
int run_rules_list(const Options& options);
int run_rules_fields(const Options& options);
int run_rules_coverage(const Options& options);
int run_explain(const Options& options);
int run_schema_rule(const Options& options);
int run_schema_config(const Options& options);

}  // namespace tocsin
