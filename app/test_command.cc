// SPDX-License-Identifier: Apache-2.0
// tocsin test: the tests inside rules. Each is run through the whole engine with every loaded rule,
// and what the rule under test says is compared with what its author expects.
#include <algorithm>
#include <cstdio>
#include <fstream>

#include "alerts/make_alert.h"
#include "alerts/sinks/markup.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/explain_text.h"
#include "app/geo.h"
#include "app/session.h"
#include "detectors/engine.h"
#include "engine/base/text.h"
#include "engine/flow/worker.h"

namespace tocsin {
namespace {

struct TestOutcome {
  std::string rule;
  std::string name;
  std::string place;                 // file:line
  std::string failure;               // empty: passed
  std::vector<std::string> details;  // what did not hold, and the values found
};

// Runs records through decode, match and correlations, as a scan of a file of them would.
class Bench {
 public:
  explicit Bench(const Session& session)
      : ruleset_(session.rules.ruleset), geo_files_(session.geo), geo_(current_geo(session.geo)) {
    auto source = std::make_shared<SourceInfo>();
    source->name = "test";
    source->decode.any_log_source = true;
    source_ = source;
    worker_.copy_all_records();
  }

  BatchResult match(const std::vector<std::string>& events) {
    Batch batch;
    batch.source = source_;
    batch.ruleset = ruleset_;
    batch.geo = geo_;
    batch.lines = true;
    batch.first_of_source = true;
    batch.last_of_source = true;
    std::string text;
    for (const std::string& event : events) {
      text += event + '\n';
    }
    batch.buffer.assign(text.begin(), text.end());
    batch.buffer.resize(text.size() + limits::padding_bytes);
    batch.bytes = {batch.buffer.data(), text.size()};
    return worker_.process(batch).result;
  }

  std::vector<CorrelationReport> correlate(const BatchResult& result) const {
    CorrelationSettings settings;
    settings.by_time = true;
    settings.detector = detector_settings(geo_files_);
    CorrelationEngine engine(ruleset_, settings);
    std::vector<CorrelationReport> reports;
    engine.consume(result, reports);
    engine.finish(reports);
    return reports;
  }

 private:
  std::shared_ptr<const Ruleset> ruleset_;
  std::shared_ptr<GeoFiles> geo_files_;
  std::shared_ptr<const GeoSet> geo_;
  std::shared_ptr<const SourceInfo> source_;
  Worker worker_{true};
};

// What is wrong with `found` alerts, or an empty text.
std::string compare(const RuleTest& test, const std::vector<Alert>& found, const Router* router) {
  if (test.alerts && found.size() != *test.alerts) {
    return counted(*test.alerts, "alert") + " expected, " + counted(found.size(), "alert") +
           " raised";
  }
  if (!test.alerts && found.empty()) {
    return "an alert expected, none raised";
  }
  if (test.receivers.empty()) {
    return {};
  }
  if (router == nullptr) {
    return "receivers are asserted, but there is no --config with receivers";
  }
  for (const Alert& alert : found) {
    std::vector<std::string> got = router->receivers_for(alert);
    std::vector<std::string> wanted = test.receivers;
    std::sort(got.begin(), got.end());
    std::sort(wanted.begin(), wanted.end());
    if (got != wanted) {
      std::string names;
      for (const std::string& name : got) {
        names += (names.empty() ? "" : ", ") + name;
      }
      return "the alert goes to " + (names.empty() ? "nobody" : names);
    }
  }
  return {};
}

class TestRun {
 public:
  TestRun(const Session& session, const Router* router)
      : ruleset_(session.rules.ruleset), router_(router), bench_(session) {}

  std::vector<TestOutcome> run() {
    for (std::uint32_t i = 0; i < ruleset_->rules.size(); ++i) {
      for (const RuleTest& test : ruleset_->rules[i].extensions.tests) {
        run_detection(RuleId{i}, test);
      }
    }
    for (std::uint32_t i = 0; i < ruleset_->correlations.size(); ++i) {
      for (const RuleTest& test : ruleset_->correlations[i].info.extensions.tests) {
        run_correlation(i, test);
      }
    }
    return std::move(outcomes_);
  }

 private:
  void run_detection(RuleId rule, const RuleTest& test) {
    const BatchResult result = bench_.match(test.events);
    std::vector<Alert> found;
    for (const Match& match : result.matches) {
      if (match.rule == rule) {
        found.push_back(make_alert(match, ruleset_, 0));
      }
    }
    TestOutcome outcome = judge(ruleset_->rules[index(rule)], test, found);
    if (!outcome.failure.empty()) {
      for (const std::string& event : test.events) {
        const std::vector<std::string> lines = explain_lines(*ruleset_->program, rule, event);
        outcome.details.insert(outcome.details.end(), lines.begin(), lines.end());
      }
    }
    outcomes_.push_back(std::move(outcome));
  }

  void run_correlation(std::uint32_t spec, const RuleTest& test) {
    const BatchResult result = bench_.match(test.events);
    std::vector<Alert> found;
    for (const CorrelationReport& report : bench_.correlate(result)) {
      if (report.spec == spec) {
        found.push_back(make_alert(report.report, ruleset_->correlations[spec], ruleset_, 0));
      }
    }
    TestOutcome outcome = judge(ruleset_->correlations[spec].info, test, found);
    if (!outcome.failure.empty()) {
      for (const Match& match : result.matches) {
        outcome.details.push_back("record " + std::to_string(match.record->record) + " meets \"" +
                                  ruleset_->rules[index(match.rule)].title + "\"" +
                                  (match.record->time ? " at " + format_rfc3339(*match.record->time)
                                                      : ", but has no usable time"));
      }
      if (result.matches.empty()) {
        outcome.details.emplace_back("no record meets any rule");
      }
    }
    outcomes_.push_back(std::move(outcome));
  }

  TestOutcome judge(const RuleInfo& rule,
                    const RuleTest& test,
                    const std::vector<Alert>& found) const {
    TestOutcome outcome;
    outcome.rule = rule.title;
    outcome.name = test.name.empty() ? "test" : test.name;
    outcome.place = rule.file + ":" + std::to_string(test.line);
    outcome.failure = compare(test, found, router_);
    return outcome;
  }

  std::shared_ptr<const Ruleset> ruleset_;
  const Router* router_;
  Bench bench_;
  std::vector<TestOutcome> outcomes_;
};

std::string xml(const std::string& text) {
  std::string out;
  for (const char c : entities_escaped(printable(text))) {
    if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

bool write_junit(const std::string& path,
                 const std::vector<TestOutcome>& outcomes,
                 std::size_t failed) {
  std::ofstream file(path);
  file << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"tocsin\" "
          "tests=\""
       << outcomes.size() << "\" failures=\"" << failed << "\">\n";
  for (const TestOutcome& outcome : outcomes) {
    file << "<testcase classname=\"" << xml(outcome.rule) << "\" name=\"" << xml(outcome.name)
         << "\"";
    if (outcome.failure.empty()) {
      file << "/>\n";
      continue;
    }
    file << ">\n<failure message=\"" << xml(outcome.failure) << "\">" << xml(outcome.place);
    for (const std::string& line : outcome.details) {
      file << "\n" << xml(line);
    }
    file << "</failure>\n</testcase>\n";
  }
  file << "</testsuite>\n</testsuites>\n";
  file.flush();
  return file.good();
}

}  // namespace

int run_test(const Options& options) {
  const Options with_paths = with_rules_from_operands(options);
  Session session;
  if (const std::optional<int> status = open_session(with_paths, session)) {
    return *status;
  }
  std::unique_ptr<Router> router;
  if (!session.config.receivers.empty()) {
    std::vector<std::string> names;
    for (const ReceiverConfig& receiver : session.config.receivers) {
      names.push_back(receiver.name);
    }
    router = std::make_unique<Router>(session.config.routes, names);
  }
  const std::vector<TestOutcome> outcomes = TestRun(session, router.get()).run();
  if (outcomes.empty()) {
    print_error("no test found: write tests under `tocsin:` in a rule");
    return exit_status::usage;
  }
  Output output;
  std::size_t failed = 0;
  for (const TestOutcome& outcome : outcomes) {
    const bool passed = outcome.failure.empty();
    failed += passed ? 0 : 1;
    if (passed && options.quiet) {
      continue;
    }
    output.write_line(
        (passed ? "ok    " : "FAIL  ") + printable(outcome.rule) + ": " + printable(outcome.name) +
        (passed ? "" : " (" + printable(outcome.place) + "): " + printable(outcome.failure)));
    for (const std::string& line : outcome.details) {
      output.write_line("      " + printable(line));
    }
  }
  output.write_line(counted(outcomes.size(), "test") + ": " +
                    with_thousands(outcomes.size() - failed) + " passed, " +
                    with_thousands(failed) + " failed");
  output.flush();
  if (!options.junit.empty() && !write_junit(options.junit, outcomes, failed)) {
    print_error("cannot write " + printable(options.junit));
    return exit_status::usage;
  }
  return session.rules.rejected > 0 ? exit_status::usage
         : failed > 0               ? exit_status::alerts
                                    : exit_status::ran;
}

}  // namespace tocsin
