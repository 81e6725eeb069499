// SPDX-License-Identifier: Apache-2.0
#include "app/session.h"

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "app/build_identity.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/diagnostic_formats.h"
#include "app/geo.h"
#include "detectors/registry.h"
#include "engine/base/free_memory.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// Why a correlation cannot be run, if it cannot.
std::optional<Diagnostic> detector_problem(const CorrelationSpec& spec,
                                           const DetectorSettings& settings) {
  const DetectorResult made = make_detector(spec, settings);
  if (made) {
    return std::nullopt;
  }
  Diagnostic problem;
  problem.code = "correlation-option";
  problem.file = spec.info.file;
  problem.line = made.error().line > 0 ? made.error().line : spec.info.line;
  problem.column = std::max(made.error().column, 1u);
  problem.message = made.error().message;
  problem.hint = made.error().hint;
  problem.source_line = line_of(problem.file, problem.line);
  return problem;
}

}  // namespace

void check_detectors(LoadResult& rules, const DetectorSettings& settings) {
  for (const CorrelationSpec& spec : rules.ruleset->correlations) {
    if (std::optional<Diagnostic> problem = detector_problem(spec, settings)) {
      rules.diagnostics.add(std::move(*problem));
      --rules.loaded;
      ++rules.rejected;
      const auto is_its = [&spec](const DocumentInfo& document) {
        return document.info.file == spec.info.file && document.info.line == spec.info.line;
      };
      const auto document = std::find_if(rules.documents.begin(), rules.documents.end(), is_its);
      if (document != rules.documents.end()) {
        document->loaded = false;
      }
    }
  }
}

void read_settings(const Options& options, Config& config, Diagnostics& problems) {
  if (!options.config.empty()) {
    config = read_config(options.config, problems);
  }
  if (!options.placeholders.empty()) {
    read_placeholders(options.placeholders, config, problems);
  }
}

void load_session_rules(Session& session, std::shared_ptr<const RuleHistory> history) {
  LoadOptions load = load_options(session.options, session.config);
  load.geo_fields = geo_fields(session.geo);
  const DetectorSettings settings = detector_settings(session.geo);
  std::map<std::pair<std::string, std::uint32_t>, Diagnostic> unable;  // by file and line
  load.remember = session.reloads;
  load.list_documents = session.lists_documents;
  load.history = std::move(history);
  load.can_run = [&](const CorrelationSpec& spec) {
    std::optional<Diagnostic> problem = detector_problem(spec, settings);
    if (!problem) {
      return true;
    }
    unable.insert_or_assign({spec.info.file, spec.info.line}, std::move(*problem));
    return false;
  };
  session.rules = load_rules(load);
  // Those that run in an earlier version are told of too; the others are rejected.
  for (const CorrelationSpec& spec : session.rules.ruleset->correlations) {
    if (detector_problem(spec, settings)) {
      unable.erase({spec.info.file, spec.info.line});
    }
  }
  check_detectors(session.rules, settings);
  for (auto& [place, problem] : unable) {
    session.rules.diagnostics.add(std::move(problem));
  }
  return_free_memory();
}

Options with_rules_from_operands(const Options& options) {
  Options out = options;
  out.rules = options.operands;
  out.operands.clear();
  out.rules_are_operands = true;
  return out;
}

std::uint32_t thread_count(const Options& options) {
  return options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
}

LoadOptions load_options(const Options& options, const Config& config) {
  LoadOptions load;
  load.paths = options.rules.empty() ? config.rules : options.rules;
  load.pipelines = options.pipelines.empty() ? config.pipelines : options.pipelines;
  load.placeholders = config.placeholders;
  load.value_files = config.value_files;
  load.tags = config.tags;
  append(load.tags, options.tags);
  load.exclude = config.exclude;
  append(load.exclude, options.exclude);
  load.overrides = config.overrides;
  load.strict = options.strict;
  load.threads = thread_count(options);
  load.cache = options.cache;
  load.cache_version = TOCSIN_VERSION;
  load.cache_build = options.cache.empty() ? std::string() : build_identity();
  load.begun_at = wall_clock_now();
  load.source_rows = config.source_rows;
  for (const InputConfig& input : chosen_inputs(options, config)) {
    if (input.log_source) {
      load.expected_sources.push_back(*input.log_source);
    }
  }
  return load;
}

std::vector<InputConfig> chosen_inputs(const Options& options, const Config& config) {
  std::vector<InputConfig> inputs = config.inputs;
  if (!options.operands.empty()) {
    InputConfig given;
    given.id = "command-line";
    given.paths = options.operands;
    inputs = {given};
  }
  for (InputConfig& input : inputs) {
    if (options.any_log_source) {
      input.any_log_source = true;
      input.log_source.reset();
    } else if (options.log_source) {
      input.any_log_source = false;
      input.log_source = options.log_source;
    }
    input.from_beginning = input.from_beginning || options.from_beginning;
    input.state = options.state.empty() ? config.state : options.state;
  }
  return inputs;
}

namespace {

// ": ..." behind "no rule could be loaded"; empty where diagnostics have said it.
std::string why_no_rule(const Session& session) {
  if (session.rules.excluded > 0) {
    return ": " + counted(session.rules.excluded, "rule") +
           " excluded by --tag, --exclude or overrides";
  }
  if (session.rules.files > 0 || session.rules.paths_failed) {
    return {};
  }
  std::string paths;
  for (const std::string& path : load_options(session.options, session.config).paths) {
    paths += (paths.empty() ? "" : ", ") + printable(path);
  }
  return ": no file in " + paths + " ends in .yml or .yaml";
}

}  // namespace

std::optional<int> open_session(const Options& options, Session& session) {
  session.options = options;
  session.begun_at = wall_clock_now();
  Diagnostics problems;
  read_settings(options, session.config, problems);
  print_diagnostics(problems, !options.quiet);
  if (problems.errors() > 0) {
    print_error("the configuration has " + counted(problems.errors(), "error") +
                "; nothing was started");
    return exit_status::usage;
  }
  Result<std::shared_ptr<GeoFiles>> geo = open_geo(options, session.config);
  if (!geo) {
    print_error(printable(geo.error().message) + "; nothing was started");
    return exit_status::usage;
  }
  session.geo = std::move(*geo);
  if (load_options(options, session.config).paths.empty()) {
    print_error(options.rules_are_operands
                    ? "no rules: name files or folders of rules, or a --config that has rules:"
                    : "no rules: name files or folders with --rules PATH, or under rules: in the "
                      "configuration");
    return exit_status::usage;
  }
  load_session_rules(session, nullptr);
  Diagnostics shown;
  std::size_t warnings = 0;  // not shown
  for (const Diagnostic& problem : session.rules.diagnostics.list()) {
    // What the user said on the command line or in the configuration is his to mend at once.
    const bool now =
        problem.severity == Severity::error || options.verbose || problem.code == "names-no-rule";
    warnings += now ? 0 : 1;
    if (now) {
      shown.add(problem);
    }
  }
  print_diagnostics(shown, !options.quiet);
  if (warnings > 0 && !options.verbose && !options.quiet) {
    print_error(counted(warnings, "warning") + " about rules: `tocsin check` shows " +
                (warnings == 1 ? "it" : "them"));
  }
  if (session.rules.loaded == 0 ||
      (options.strict && session.rules.diagnostics.strict_errors() > 0)) {
    print_error(session.rules.loaded == 0
                    ? "no rule could be loaded" + why_no_rule(session) + "; nothing was started"
                    : "problems in rules are fatal under --strict; nothing was started");
    return exit_status::usage;
  }
  return std::nullopt;
}

std::string load_summary(const LoadResult& rules) {
  std::string out = counted(rules.loaded + rules.rejected, "rule") + ": " +
                    with_thousands(rules.loaded) + " loaded, " + with_thousands(rules.rejected) +
                    " rejected";
  if (rules.excluded > 0) {
    out += ", " + with_thousands(rules.excluded) + " excluded";
  }
  return out;
}

Routing routing_of(const Session& session) {
  return routing_of(chosen_inputs(session.options, session.config), session.config.source_rows);
}

std::string routing_summary(const Session& session) {
  return routing_summary(*session.rules.ruleset, routing_of(session));
}

}  // namespace tocsin
