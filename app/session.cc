// SPDX-License-Identifier: Apache-2.0
#include "app/session.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <utility>

#include "app/commands.h"
#include "app/console.h"
#include "app/geo.h"
#include "detectors/registry.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

// Is this rule meant for CloudTrail records? An AWS rule may name any service (eventSource) and an
// eventCategory; a rule without product must not name the service of something else.
bool is_for_cloudtrail(const LogSource& rule) {
  constexpr std::array<std::string_view, 5> categories = {
      "", "management", "data", "insight", "networkactivity"};
  const bool product =
      rule.product == "aws" ||
      (rule.product.empty() && (rule.service.empty() || rule.service == "cloudtrail"));
  return product &&
         std::find(categories.begin(), categories.end(), rule.category) != categories.end();
}

std::string describe(const LogSource& source) {
  std::string out;
  for (const std::string* part : {&source.product, &source.service, &source.category}) {
    if (!part->empty()) {
      out += (out.empty() ? "" : "/") + *part;
    }
  }
  return out;
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// The text of a line of a file, for a diagnostic; empty if it cannot be read.
std::string line_of(const std::string& path, std::uint32_t number) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  for (std::uint32_t at = 0; at < number; ++at) {
    if (!std::getline(file, line)) {
      return {};
    }
  }
  return line;
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
  load.have_geo = load.geo_fields.any();
  const DetectorSettings settings = detector_settings(session.geo);
  std::map<std::pair<std::string, std::uint32_t>, Diagnostic> unable;  // by file and line
  load.remember = true;
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
}

Options with_rules_from_operands(const Options& options) {
  Options out = options;
  out.rules = options.operands;
  out.operands.clear();
  return out;
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
  }
  return inputs;
}

std::optional<int> open_session(const Options& options, Session& session) {
  session.options = options;
  Diagnostics problems;
  read_settings(options, session.config, problems);
  print_diagnostics(problems, !options.quiet);
  if (problems.errors() > 0) {
    print_error("the configuration has " + std::to_string(problems.errors()) +
                " error(s); nothing was started");
    return exit_status::usage;
  }
  Result<std::shared_ptr<GeoFiles>> geo = open_geo(options, session.config);
  if (!geo) {
    print_error(printable(geo.error().message) + "; nothing was started");
    return exit_status::usage;
  }
  session.geo = std::move(*geo);
  if (load_options(options, session.config).paths.empty()) {
    print_error(
        "no rules: name files or folders with --rules PATH, or under rules: in the configuration");
    return exit_status::usage;
  }
  load_session_rules(session, nullptr);
  print_diagnostics(session.rules.diagnostics, options.verbose && !options.quiet);
  const std::size_t warnings = session.rules.diagnostics.warnings();
  if (warnings > 0 && !options.verbose && !options.quiet) {
    print_error(with_thousands(warnings) + " warning(s) about rules: `tocsin check` shows them");
  }
  if (session.rules.loaded == 0 ||
      (options.strict && session.rules.diagnostics.strict_errors() > 0)) {
    print_error(session.rules.loaded == 0
                    ? "no rule could be loaded; nothing was started"
                    : "problems in rules are fatal under --strict; nothing was started");
    return exit_status::usage;
  }
  return std::nullopt;
}

std::string load_summary(const LoadResult& rules) {
  std::string out = with_thousands(rules.loaded + rules.rejected) +
                    " rules: " + with_thousands(rules.loaded) + " loaded, " +
                    with_thousands(rules.rejected) + " rejected";
  if (rules.excluded > 0) {
    out += ", " + with_thousands(rules.excluded) + " excluded";
  }
  return out;
}

std::string routing_summary(const Session& session) {
  const Ruleset& ruleset = *session.rules.ruleset;
  const std::string total = with_thousands(ruleset.rules.size());
  std::string out;
  std::vector<InputConfig> inputs = chosen_inputs(session.options, session.config);
  if (inputs.empty()) {
    inputs.emplace_back();  // what any input would get
  }
  for (const InputConfig& input : inputs) {
    std::string line;
    if (input.any_log_source) {
      line = "every record meets every rule (log source any)";
    } else if (input.log_source &&
               !(input.log_source->product == "aws" && input.log_source->service == "cloudtrail")) {
      SourceClass source;
      source.kind = SourceClass::Kind::known;
      source.product = input.log_source->product;
      source.service = input.log_source->service;
      source.category = input.log_source->category;
      const auto count =
          std::count_if(ruleset.rules.begin(), ruleset.rules.end(), [&](const RuleInfo& rule) {
            return applies(rule.log_source, source);
          });
      line = with_thousands(static_cast<std::uint64_t>(count)) + " of " + total +
             " rules apply to " + describe(*input.log_source);
    } else {
      const auto count =
          std::count_if(ruleset.rules.begin(), ruleset.rules.end(), [](const RuleInfo& rule) {
            return is_for_cloudtrail(rule.log_source);
          });
      line = with_thousands(static_cast<std::uint64_t>(count)) + " of " + total +
             " rules apply to aws/cloudtrail";
    }
    if (out.find(line) == std::string::npos) {
      out += (out.empty() ? "" : "; ") + line;
    }
  }
  return out;
}

}  // namespace tocsin
