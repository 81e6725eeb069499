// SPDX-License-Identifier: Apache-2.0
#include "app/options.h"

#include <algorithm>
#include <sstream>

#include <boost/program_options.hpp>

#include "engine/base/text.h"

namespace tocsin {
namespace {

namespace po = boost::program_options;
using Strings = std::vector<std::string>;

po::options_description describe(unsigned groups) {
  po::options_description all("Options");
  auto add = all.add_options();
  add("help,h", "print this");
  if ((groups & option_group::rules) != 0) {
    add("rules",
        po::value<Strings>()->composing(),
        "file or folder of Sigma rules; may be repeated");
    add("pipeline",
        po::value<Strings>()->composing(),
        "processing pipeline (YAML); may be repeated");
  }
  if ((groups & (option_group::rules | option_group::check | option_group::listing |
                 option_group::test)) != 0) {
    add("tag", po::value<Strings>()->composing(), "keep only rules with this tag; may be repeated");
    add("exclude",
        po::value<Strings>()->composing(),
        "drop rules with this id, title or tag; may be repeated");
    add("placeholders",
        po::value<std::string>(),
        "YAML file: name to list of values, for `expand`");
    add("strict", "problems in a rule's label reject it too");
    add("geo-database",
        po::value<Strings>()->composing(),
        "MaxMind database (.mmdb) for tocsin.source.*; may be repeated");
    add("cache",
        po::value<std::string>(),
        "folder for rules as parsed and compiled: what has not changed loads faster");
  }
  if ((groups & option_group::run) != 0) {
    add("config", po::value<std::string>(), "configuration (tocsin.yaml)");
    add("threads", po::value<std::string>(), "worker threads (default: the machine's cores)");
    add("logsource",
        po::value<std::string>(),
        "any, or product=..,service=..,category=..: the log source of every record");
    add("strict-json", "validate every record fully");
    add("filter",
        po::value<std::string>(),
        "auto, off or on: may records be rejected before they are parsed?");
    add("lateness", po::value<std::string>(), "how late a record may come (default 15m)");
    add("order",
        po::value<std::string>(),
        "time or arrival: how correlations see the records of a scan");
    add("since", po::value<std::string>(), "only records of this time or later (RFC 3339)");
    add("until", po::value<std::string>(), "only records before this time (RFC 3339)");
  }
  if ((groups & option_group::tail) != 0) {
    add("start",
        po::value<std::string>(),
        "end or beginning: where a first run starts in files that exist");
    add("state",
        po::value<std::string>(),
        "folder for positions, alerts and detector state: nothing is lost");
  }
  if ((groups & option_group::state) != 0) {
    add("state", po::value<std::string>(), "folder of the state that tail keeps");
    add("quiet,q", "no progress, no summary, no warnings");
  }
  if ((groups & option_group::one_rule) != 0) {
    add("config", po::value<std::string>(), "configuration (tocsin.yaml)");
    add("rule", po::value<std::string>(), "only this correlation: its id, name or title");
  }
  if ((groups & option_group::output) != 0) {
    add("format", po::value<std::string>(), "text, ndjson or none: how alerts are printed");
    add("min-level", po::value<std::string>(), "alerts of this level and above");
    add("fail-level",
        po::value<std::string>(),
        "exit with status 1 if an alert has this level or above");
    add("dead-letter", po::value<std::string>(), "file for records that could not be evaluated");
    add("no-fold", "report every firing of a correlation");
    add("profile-rules", "at the end, say on stderr what each rule's evaluation took");
    add("no-event", "leave the events out of alerts");
    add("stats", po::value<std::string>(), "json: print one JSON object on stderr at the end");
    add("quiet,q", "no progress, no summary, no warnings");
    add("verbose,v", "say more about what was chosen and why");
  }
  if ((groups & option_group::listing) != 0) {
    add("format", po::value<std::string>(), "text or ndjson (coverage: text or navigator)");
    add("config",
        po::value<std::string>(),
        "configuration (tocsin.yaml): placeholders; inputs, for which records rules are asked "
        "about");
  }
  if ((groups & option_group::check) != 0) {
    add("config", po::value<std::string>(), "configuration (tocsin.yaml) to check as well");
    add("explain", po::value<std::string>(), "explain a diagnostic's code");
    add("format", po::value<std::string>(), "text, json or sarif");
    add("quiet,q", "errors only");
  }
  if ((groups & option_group::explain) != 0) {
    add("rule", po::value<std::string>(), "id, name or title of the rule");
    add("event", po::value<std::string>(), "file with a record (- for stdin)");
    add("format", po::value<std::string>(), "text or json");
  }
  if ((groups & option_group::test) != 0) {
    add("config",
        po::value<std::string>(),
        "configuration (tocsin.yaml): placeholders, receivers, routes");
    add("junit", po::value<std::string>(), "file for a JUnit report");
    add("quiet,q", "failures only");
  }
  if ((groups & option_group::admin) != 0) {
    add("admin", po::value<std::string>(), "the admin socket of the running tocsin");
    add("config", po::value<std::string>(), "configuration (tocsin.yaml) that names the socket");
    add("format", po::value<std::string>(), "status: text or json");
  }
  return all;
}

Result<OutputFormat> parse_format(const std::string& text) {
  if (text == "text") {
    return OutputFormat::text;
  }
  if (text == "ndjson") {
    return OutputFormat::ndjson;
  }
  if (text == "none") {
    return OutputFormat::none;
  }
  return fail("--format is text, ndjson or none, not \"" + text + "\"");
}

// Reads options out of what Boost parsed; keeps the first error.
class Reader {
 public:
  explicit Reader(const po::variables_map& values) : values_(values) {}

  bool has(const char* name) const { return values_.count(name) != 0; }
  Strings list(const char* name) const {
    return has(name) ? values_[name].as<Strings>() : Strings{};
  }
  std::string text(const char* name) const {
    return has(name) ? values_[name].as<std::string>() : std::string();
  }
  // One of two words; `second` gives true.
  bool choice(const char* name, const std::string& first, const std::string& second) {
    const std::string given = text(name);
    if (has(name) && given != first && given != second) {
      error("--" + std::string(name) + " is " + first + " or " + second + ", not \"" + given +
            "\"");
    }
    return given == second;
  }
  FilterMode filter_mode() {
    const std::string given = text("filter");
    if (!has("filter") || given == "auto") {
      return FilterMode::automatic;
    }
    if (given != "off" && given != "on") {
      error("--filter is auto, off or on, not \"" + given + "\"");
    }
    return given == "on" ? FilterMode::on : FilterMode::off;
  }
  std::optional<Level> level(const char* name) {
    if (!has(name)) {
      return std::nullopt;
    }
    const std::optional<Level> parsed = parse_level(text(name));
    if (!parsed) {
      error("--" + std::string(name) + " is informational, low, medium, high or critical, not \"" +
            text(name) + "\"");
    }
    return parsed;
  }
  std::optional<TimeNs> time(const char* name) {
    if (!has(name)) {
      return std::nullopt;
    }
    const std::string given = text(name);
    std::optional<TimeNs> parsed = parse_rfc3339(given);
    if (!parsed) {
      parsed = parse_rfc3339(given + "T00:00:00Z");  // a date alone
    }
    if (!parsed) {
      error("--" + std::string(name) + " is a time such as 2026-01-31T08:00:00Z, not \"" + given +
            "\"");
    }
    return parsed;
  }
  std::optional<DurationNs> duration(const char* name) {
    if (!has(name)) {
      return std::nullopt;
    }
    const std::optional<DurationNs> parsed = parse_duration(text(name));
    if (!parsed) {
      error("--" + std::string(name) + " is a duration such as 15m, not \"" + text(name) + "\"");
    }
    return parsed;
  }
  std::uint32_t threads() {
    const std::string given = text("threads");
    if (given.empty()) {
      return 0;
    }
    constexpr unsigned long threads_max = 1024;
    const bool digits =
        given.size() <= 4 && given.find_first_not_of("0123456789") == std::string::npos;
    const unsigned long number = digits ? std::stoul(given) : 0;
    if (number == 0 || number > threads_max) {
      error("--threads is a number from 1 to " + std::to_string(threads_max) + ", not \"" + given +
            "\"");
    }
    return static_cast<std::uint32_t>(number);
  }
  void error(std::string message) {
    if (error_.empty()) {
      error_ = std::move(message);
    }
  }
  const std::string& first_error() const { return error_; }

 private:
  const po::variables_map& values_;
  std::string error_;
};

void read_rules(Reader& reader, Options& options) {
  options.rules = reader.list("rules");
  options.pipelines = reader.list("pipeline");
  options.tags = reader.list("tag");
  options.exclude = reader.list("exclude");
  options.placeholders = reader.text("placeholders");
  options.strict = reader.has("strict");
  options.geo_databases = reader.list("geo-database");
  options.cache = reader.text("cache");
}

void read_run(Reader& reader, Options& options) {
  options.config = reader.text("config");
  options.threads = reader.threads();
  options.strict_json = reader.has("strict-json");
  options.filter = reader.filter_mode();
  options.lateness = reader.duration("lateness");
  options.arrival_order = reader.choice("order", "time", "arrival");
  options.since = reader.time("since");
  options.until = reader.time("until");
  if (options.since && options.until && *options.since > *options.until) {
    reader.error("--since is later than --until: no record can be between them");
  }
  options.from_beginning = reader.choice("start", "end", "beginning");
  options.state = reader.text("state");
  if (reader.has("logsource")) {
    Result<LogSourceChoice> choice = parse_log_source(reader.text("logsource"));
    if (!choice) {
      reader.error(choice.error().message);
    } else if (choice->any) {
      options.any_log_source = true;
    } else {
      options.log_source = choice->source;
    }
  }
}

void read_output(Reader& reader, unsigned groups, Options& options) {
  options.format_text = reader.text("format");
  if (reader.has("format") && (groups & option_group::output) != 0) {
    const Result<OutputFormat> format = parse_format(options.format_text);
    if (format) {
      options.format = *format;
    } else {
      reader.error(format.error().message);
    }
  }
  options.min_level = reader.level("min-level");
  options.fail_level = reader.level("fail-level");
  options.dead_letter = reader.text("dead-letter");
  options.no_fold = reader.has("no-fold");
  options.profile_rules = reader.has("profile-rules");
  options.no_event = reader.has("no-event");
  options.stats_json = reader.has("stats");
  if (reader.has("stats") && reader.text("stats") != "json") {
    reader.error("--stats is json, not \"" + reader.text("stats") + "\"");
  }
  options.quiet = reader.has("quiet");
  options.verbose = reader.has("verbose");
  options.rule = reader.text("rule");
  options.event = reader.text("event");
  options.explain_code = reader.text("explain");
  options.junit = reader.text("junit");
  options.admin = reader.text("admin");
  options.help = reader.has("help");
}

// What Boost says of a bad command line, in our words.
std::string explain_error(const po::error& problem, const po::options_description& known) {
  if (const auto* unknown = dynamic_cast<const po::unknown_option*>(&problem)) {
    std::string name = unknown->get_option_name();
    if (name.starts_with('-') && !name.starts_with("--")) {
      return "there is no option " + name + "; see --help";
    }
    name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
    std::vector<std::string_view> names;
    for (const auto& option : known.options()) {
      names.emplace_back(option->long_name());
    }
    const std::optional<std::string> near = did_you_mean(name, names);
    return "there is no option --" + name +
           (near ? "; did you mean --" + *near + "?" : "; see --help");
  }
  return problem.what();
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments, unsigned groups) {
  const po::options_description visible = describe(groups);
  po::options_description all;
  all.add(visible);
  all.add_options()("operand", po::value<Strings>()->composing());
  po::positional_options_description operands;
  operands.add("operand", -1);
  po::variables_map values;
  try {
    constexpr int style =
        po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::store(
        po::command_line_parser(arguments).options(all).positional(operands).style(style).run(),
        values);
    po::notify(values);
  } catch (const po::error& problem) {
    return fail(explain_error(problem, visible));
  }
  Reader reader(values);
  Options options;
  options.operands = reader.list("operand");
  read_rules(reader, options);
  read_run(reader, options);
  read_output(reader, groups, options);
  if (!reader.first_error().empty() && !options.help) {
    return fail(reader.first_error());
  }
  return options;
}

std::string options_help(unsigned groups) {
  std::ostringstream out;
  out << describe(groups);
  return out.str();
}

Result<LogSourceChoice> parse_log_source(const std::string& text) {
  LogSourceChoice choice;
  if (text == "any") {
    choice.any = true;
    return choice;
  }
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    std::string* const target = name == "product"    ? &choice.source.product
                                : name == "service"  ? &choice.source.service
                                : name == "category" ? &choice.source.category
                                                     : nullptr;
    if (target == nullptr || value.empty()) {
      return fail("--logsource is any, or product=..,service=..,category=..; \"" + part +
                  "\" is neither");
    }
    *target = value;
  }
  if (choice.source == LogSource{}) {
    return fail("--logsource is any, or product=..,service=..,category=..; it is empty");
  }
  return choice;
}

}  // namespace tocsin
