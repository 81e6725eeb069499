// SPDX-License-Identifier: Apache-2.0
// tocsin check: every problem of rules and configuration, with its place.
#include <algorithm>
#include <cstdio>
#include <iterator>

#include "app/commands.h"
#include "app/config_codes.h"
#include "app/console.h"
#include "app/diagnostic_formats.h"
#include "app/geo.h"
#include "app/session.h"
#include "engine/base/text.h"
#include "rules/codes.h"

namespace tocsin {
namespace {

int print_explanation(const std::string& code) {
  std::vector<DiagnosticCode> known = diagnostic_codes();
  known.insert(known.end(), std::begin(config_codes), std::end(config_codes));
  if (code == "all") {
    std::sort(known.begin(), known.end(), [](const DiagnosticCode& a, const DiagnosticCode& b) {
      return a.code < b.code;
    });
    for (const DiagnosticCode& row : known) {
      std::printf("%s: %s\n", std::string(row.code).c_str(), std::string(row.explanation).c_str());
    }
    return exit_status::ran;
  }
  std::vector<std::string_view> codes;
  for (const DiagnosticCode& row : known) {
    if (row.code == code) {
      std::printf("%s\n\n%s\n", code.c_str(), std::string(row.explanation).c_str());
      return exit_status::ran;
    }
    codes.push_back(row.code);
  }
  const std::optional<std::string> near = did_you_mean(code, codes);
  print_error("there is no code \"" + printable(code) + "\"" +
              (near ? "; did you mean \"" + *near + "\"?" : ""));
  return exit_status::usage;
}

}  // namespace

int run_check(const Options& options) {
  if (!options.explain_code.empty()) {
    return print_explanation(options.explain_code);
  }
  const std::string& format = options.format_text;
  if (!format.empty() && format != "text" && format != "json" && format != "sarif") {
    print_error("--format is text, json or sarif, not \"" + printable(format) + "\"");
    return exit_status::usage;
  }
  Diagnostics problems;
  Config config;
  if (!options.config.empty()) {
    config = read_config(options.config, problems);
  }
  if (!options.placeholders.empty()) {
    read_placeholders(options.placeholders, config, problems);
  }
  const Result<std::shared_ptr<GeoFiles>> geo = open_geo(options, config);
  if (!geo) {
    print_error(printable(geo.error().message));
    return exit_status::usage;
  }
  const Options with_paths = with_rules_from_operands(options);
  LoadOptions load = load_options(with_paths, config);
  load.lint = true;
  load.geo_fields = geo_fields(*geo);
  if (load.paths.empty() && options.config.empty()) {
    print_error("nothing to check: name files or folders of rules, or --config FILE");
    return exit_status::usage;
  }
  LoadResult rules;
  if (!load.paths.empty()) {
    rules = load_rules(load);
    check_detectors(rules, detector_settings(*geo));
    const std::vector<InputConfig> inputs = chosen_inputs(with_paths, config);
    if (!inputs.empty()) {
      warn_unreachable(*rules.ruleset, routing_of(inputs, config.source_rows), rules.diagnostics);
    }
    for (const Diagnostic& diagnostic : rules.diagnostics.list()) {
      problems.add(diagnostic);
    }
  }
  if (format == "json") {
    std::printf("%s\n", diagnostics_json(problems, options.strict).c_str());
  } else if (format == "sarif") {
    std::printf("%s\n", diagnostics_sarif(problems, options.strict).c_str());
  } else {
    print_diagnostics(problems, !options.quiet || options.strict);
  }
  const std::size_t errors = options.strict ? problems.strict_errors() : problems.errors();
  if (!options.quiet) {
    const std::string what = load.paths.empty()
                                 ? "configuration"
                                 : counted(rules.files, "file") + ", " + load_summary(rules);
    print_error(what + "; " + counted(errors, "error") + ", " +
                counted(problems.list().size() - errors, "warning"));
  }
  return errors > 0 ? exit_status::usage : exit_status::ran;
}

}  // namespace tocsin
