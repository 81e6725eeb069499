// SPDX-License-Identifier: Apache-2.0
#include "tests/support/replay.h"

#include "alerts/make_alert.h"

namespace tocsin::testing {

namespace {

class Collector final : public ResultConsumer {
 public:
  Collector(const std::shared_ptr<const Ruleset>& ruleset, const ReplayOptions& options)
      : engine_(ruleset, options.correlation), ruleset_(ruleset) {}

  void consume(BatchResult& result) override {
    for (const Match& match : result.matches) {
      replay.matches.emplace_back(index(match.rule), match.sequence);
      if (ruleset_->alerts_alone[index(match.rule)]) {
        replay.alerts.push_back(make_alert(match, ruleset_, result.received_at));
      }
    }
    std::vector<CorrelationReport> reports;
    engine_.consume(result, reports);
    take(reports);
  }
  void finish() {
    std::vector<CorrelationReport> reports;
    engine_.finish(reports);
    replay.problem = engine_.problem();
    take(reports);
    replay.correlations = engine_.counters();
  }
  Replay replay;

 private:
  void take(const std::vector<CorrelationReport>& reports) {
    for (const CorrelationReport& report : reports) {
      const CorrelationSpec& spec = ruleset_->correlations[report.spec];
      if (spec.alerts_alone && spec.info.extensions.alert) {
        replay.alerts.push_back(make_alert(report.report, spec, ruleset_, 0));
      }
    }
  }
  CorrelationEngine engine_;
  std::shared_ptr<const Ruleset> ruleset_;
};

}  // namespace

Replay replay(const std::shared_ptr<const Ruleset>& ruleset,
              std::vector<MemorySource> sources,
              const ReplayOptions& options) {
  MemoryInputOptions input_options;
  input_options.batch_lines = options.batch;
  MemoryInput input(std::move(sources), input_options);
  const RulesetSlot slot(ruleset);
  RunOptions run_options;
  run_options.threads = options.threads;
  run_options.want_evidence = options.want_evidence;
  Run run(input, slot, run_options);
  Collector collector(ruleset, options);
  const RunCounters counters = run.run(collector);
  collector.finish();
  collector.replay.counters = counters;
  return std::move(collector.replay);
}

Replay replay(const std::shared_ptr<const Ruleset>& ruleset,
              const std::string& lines,
              const ReplayOptions& options) {
  MemorySource source;
  source.text = lines;
  source.decode.any_log_source = true;
  return replay(ruleset, {std::move(source)}, options);
}

}  // namespace tocsin::testing
