// SPDX-License-Identifier: Apache-2.0
// tocsin learn, tocsin state: what detectors know, filled from history, and looked at. Both open
// the state folder that tail keeps, so tail must not run on it meanwhile.
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "alerts/redacted_alert.h"
#include "alerts/render.h"
#include "app/alert_stage.h"
#include "app/commands.h"
#include "app/committer.h"
#include "app/console.h"
#include "app/durable.h"
#include "app/geo.h"
#include "app/learned.h"
#include "app/losses.h"
#include "app/progress.h"
#include "app/rule_names.h"
#include "app/session.h"
#include "app/signals.h"
#include "app/watch.h"
#include "engine/base/text.h"
#include "engine/flow/run.h"
#include "engine/input/inputs.h"
#include "engine/input/multi_input.h"

namespace tocsin {
namespace {

// The state folder with the detectors in it, between opening and keeping.
class KeptState {
 public:
  explicit KeptState(const Session& session)
      : session_(session),
        watch_(session.options, session.config.watch, wall_clock_now()),
        alerts_(watch_) {}

  // An exit status if it cannot be opened. Nothing is set aside here: only tail, which alerts,
  // does.
  std::optional<int> open(bool learning) {
    const std::string folder = state_folder(session_);
    if (folder.empty()) {
      print_error("no state: name its folder with --state DIR, or state: in the configuration");
      return exit_status::usage;
    }
    std::error_code error;
    if (!learning && !std::filesystem::exists(folder + "/" + state_file_name, error)) {
      print_error("there is no state in " + printable(folder) +
                  (error ? ": " + error.message() : std::string()) +
                  "; tocsin tail and tocsin learn make one");
      return exit_status::usage;
    }
    redactor_ = std::make_shared<const Redactor>(session_.config.redact);
    Result<DurableState> durable =
        open_durable(session_, folder, redactor_, alerts_, IfDamaged::refuse);
    if (!durable) {
      print_error(printable(durable.error().message));
      return exit_status::usage;
    }
    durable_ = std::move(*durable);
    CommitterSettings committing;
    committing.on_problem = [](const std::string& message) { print_error(printable(message)); };
    committer_ = std::make_unique<Committer>(
        *durable_.store, std::move(durable_.log), std::move(committing));
    stage_ = std::make_unique<AlertStage>(stage_settings(learning), session_.rules.ruleset);
    if (durable_.saved && !stage_->restore(*durable_.saved, wall_clock_now())) {
      print_error("the detectors' state in " + printable(folder) +
                  " cannot be read: nothing was changed; tocsin tail begins it anew");
      return exit_status::usage;
    }
    durable_.saved.reset();
    return std::nullopt;
  }

  // As a receiver would get them now.
  Result<void> print_alerts(const std::string& rule) const {
    const EngineInfo engine{TOCSIN_VERSION, host_name()};
    return durable_.store->for_each_alert([&](const Alert& alert) {
      const bool is_meant =
          alert.rule == nullptr ? rule == alert.system_rule : is_named(*alert.rule, rule);
      if (rule.empty() || is_meant) {
        std::printf("%s\n", render_ndjson(alert, engine, *redactor_, true).c_str());
      }
    });
  }

  AlertStage& stage() { return *stage_; }
  CorrelationEngine& engine() { return stage_->correlations(); }
  const Ruleset& ruleset() const { return *session_.rules.ruleset; }

  // Waits until what was kept is written. False: it could not be.
  bool flush() {
    const bool written = committer_->flush(session_.config.shutdown_grace_ns);
    if (!written) {
      print_error("the state could not be written");
    }
    durable_.store->stop();
    return written;
  }
  bool keep() {
    stage_->keep_state(wall_clock_now());
    return flush();
  }

 private:
  AlertStageSettings stage_settings(bool learning) {
    AlertStageSettings settings;
    settings.format = OutputFormat::none;
    settings.learning = learning;
    settings.duplicate_horizon_ns = day_ns;
    settings.engine = EngineInfo{TOCSIN_VERSION, host_name()};
    settings.redactor = redactor_;
    settings.committer = committer_.get();
    settings.correlation.detector = detector_settings(session_.geo);
    settings.correlation.by_time = learning;
    settings.correlation.learning = learning;
    settings.correlation.since = session_.options.since;
    settings.correlation.until = session_.options.until;
    settings.correlation.duplicate_horizon_ns = settings.duplicate_horizon_ns;
    settings.correlation.redact = [cleaner = std::make_shared<RecordCleaner>(redactor_)](
                                      const std::string& json) { return cleaner->clean(json); };
    settings.on_error = [](const std::string& message) { print_error(printable(message)); };
    return settings;
  }

  const Session& session_;
  Watch watch_;
  StoreAlerts alerts_;
  std::shared_ptr<const Redactor> redactor_;
  DurableState durable_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<AlertStage> stage_;
};

class LearningConsumer final : public ResultConsumer {
 public:
  LearningConsumer(AlertStage& stage, Progress& progress) : stage_(stage), progress_(progress) {}
  void consume(BatchResult& result) override {
    stage_.consume(result);
    progress_.add(result.counters);
  }

 private:
  AlertStage& stage_;
  Progress& progress_;
};

Result<std::unique_ptr<Input>> history(const Session& session, bool& unreadable) {
  std::vector<NamedInput> inputs;
  for (const InputConfig& config : chosen_inputs(session.options, session.config)) {
    FileInputOptions files;
    files.id = config.id;
    files.paths = config.paths;
    files.exclude = config.exclude;
    files.follow_links = config.follow_links;
    files.decode.format = config.format;
    files.decode.strict_json = session.options.strict_json;
    files.decode.any_log_source = config.any_log_source;
    files.decode.log_source = config.log_source;
    files.now = &wall_clock_now;
    files.notice = [&unreadable](const InputNotice& notice) {
      if (notice.kind == InputNotice::Kind::unreadable || notice.kind == InputNotice::Kind::lost) {
        unreadable = true;
        print_error(printable(notice.source) + ": " + printable(notice.message));
      }
    };
    Result<std::unique_ptr<Input>> input = make_scan_input(std::move(files));
    if (!input) {
      return input;
    }
    inputs.push_back({config.id, std::move(*input)});
  }
  return std::unique_ptr<Input>(std::make_unique<MultiInput>(std::move(inputs)));
}

// Opens rules and state; then `work`.
template <typename Work>
int with_state(const Options& options, bool learning, Work work) {
  Session session;
  // The operands are keys and files here, not inputs.
  Options for_session = options;
  if (!learning) {
    for_session.operands.clear();
  }
  if (const std::optional<int> status = open_session(for_session, session)) {
    return *status;
  }
  const std::vector<CorrelationSpec>& correlations = session.rules.ruleset->correlations;
  if (!options.rule.empty() && std::none_of(correlations.begin(), correlations.end(), [&](auto& c) {
        return is_named(c.info, options.rule);
      })) {
    print_error(no_such_correlation(*session.rules.ruleset, options.rule));
    return exit_status::usage;
  }
  KeptState state(session);
  if (const std::optional<int> status = state.open(learning)) {
    return *status;
  }
  return work(session, state);
}

int learn(const Session& session, KeptState& state) {
  if (chosen_inputs(session.options, session.config).empty()) {
    print_error("no input: name the files and folders that hold the history");
    return exit_status::usage;
  }
  bool unreadable = false;
  Result<std::unique_ptr<Input>> input = history(session, unreadable);
  if (!input) {
    print_error(printable(input.error().message));
    return exit_status::incomplete;
  }
  RunOptions run_options;
  run_options.threads = thread_count(session.options);
  run_options.want_evidence = false;
  run_options.now = &wall_clock_now;
  run_options.geo = [&session] { return current_geo(session.geo); };
  const RulesetSlot rules(session.rules.ruleset);
  Run run(**input, rules, run_options);
  RunCounters counters;
  {
    const StopSignals signals([&] { run.stop(); });
    Progress progress(stderr_is_terminal() && !session.options.quiet, **input);
    LearningConsumer consumer(state.stage(), progress);
    counters = run.run(consumer);
  }
  state.stage().finish(wall_clock_now());
  const bool written = state.flush();
  const CorrelationCounters fed = state.engine().counters();
  if (!session.options.quiet) {
    print_error(counted(counters.events, "record") + " read, " + with_thousands(fed.fed) +
                " fed correlations");
  }
  if (fed.learned_before > 0) {
    print_error(counted(fed.learned_before, "record") +
                " had been learned from before and counted no second time" +
                (fed.fed == 0 ? std::string("; a new --state DIR learns anew") : std::string()));
  }
  for (const Loss& loss : correlation_losses(state.ruleset(), state.engine())) {
    print_error(printable(loss.text) + " (" + with_thousands(loss.count) + " so far)");
  }
  const std::vector<std::string> lines = learned_summary(state.ruleset(), state.engine());
  for (const std::string& line : lines) {
    std::printf("%s\n", line.c_str());
  }
  if (lines.empty()) {
    print_error(
        "no loaded correlation has a baseline (new_value, rare_value): nothing was learned");
  }
  return unreadable || !written ? exit_status::incomplete : exit_status::ran;
}

void print_lines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    std::printf("%s\n", line.c_str());
  }
}

// One operand, or a usage error.
std::optional<std::string> one_operand(const Options& options, const std::string& what) {
  if (options.operands.size() != 1) {
    print_error("one " + what + " is needed");
    return std::nullopt;
  }
  return options.operands.front();
}

int import_file(const std::string& path, KeptState& state) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::istream& in = path == "-" ? std::cin : file;
  if (path != "-" && (!file || (file.peek() == EOF && errno != 0))) {
    print_error(cannot_read(path));
    return exit_status::incomplete;
  }
  file.clear();
  std::uint64_t number = 0;
  std::uint64_t taken = 0;
  std::uint64_t refused = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty()) {
      continue;
    }
    const Result<void> done = state_import(state.ruleset(), state.engine(), line);
    taken += done ? 1u : 0u;
    if (!done) {
      ++refused;
      print_error(printable(path) + ":" + std::to_string(number) + ": " +
                  printable(done.error().message));
    }
  }
  const bool written = taken == 0 ? state.flush() : state.keep();
  print_error(counted(taken, "group") + " taken over, " + with_thousands(refused) + " refused");
  return refused > 0 || !written ? exit_status::incomplete : exit_status::ran;
}

}  // namespace

int run_learn(const Options& options) {
  return with_state(options, true, [](const Session& session, KeptState& state) {
    return learn(session, state);
  });
}

int run_state_list(const Options& options) {
  return with_state(options, false, [&](const Session&, KeptState& state) {
    print_lines(state_list(state.ruleset(), state.engine(), {options.rule, std::nullopt}));
    return state.flush() ? exit_status::ran : exit_status::incomplete;
  });
}

int run_state_alerts(const Options& options) {
  return with_state(options, false, [&](const Session&, KeptState& state) {
    const Result<void> printed = state.print_alerts(options.rule);
    if (!printed) {
      print_error(printable(printed.error().message));
    }
    return state.flush() && printed ? exit_status::ran : exit_status::incomplete;
  });
}

int run_state_show(const Options& options) {
  const std::optional<std::string> key = one_operand(options, "KEY (a value of the group)");
  if (!key) {
    return exit_status::usage;
  }
  return with_state(options, false, [&](const Session&, KeptState& state) {
    const std::vector<std::string> lines =
        state_export(state.ruleset(), state.engine(), {options.rule, key}, false);
    print_lines(lines);
    if (lines.empty()) {
      print_error("no group has the value " + printable(*key));
    }
    return state.flush() && !lines.empty() ? exit_status::ran : exit_status::incomplete;
  });
}

int run_state_export(const Options& options) {
  return with_state(options, false, [&](const Session&, KeptState& state) {
    const Ruleset& ruleset = state.ruleset();
    for (std::uint32_t spec = 0; spec < ruleset.correlations.size(); ++spec) {
      const CorrelationSpec& correlation = ruleset.correlations[spec];
      if (!options.rule.empty() && is_named(correlation.info, options.rule) &&
          !state.engine().has_baseline(spec)) {
        print_error("\"" + printable(correlation.info.title) + "\" is of type " + correlation.type +
                    ", which has no baseline to export (new_value and rare_value have); tocsin "
                    "state show prints what it holds");
        static_cast<void>(state.flush());
        return exit_status::usage;
      }
    }
    print_lines(state_export(ruleset, state.engine(), {options.rule, std::nullopt}, true));
    return state.flush() ? exit_status::ran : exit_status::incomplete;
  });
}

int run_state_import(const Options& options) {
  const std::optional<std::string> path = one_operand(options, "FILE of an export (- for stdin)");
  if (!path) {
    return exit_status::usage;
  }
  return with_state(
      options, false, [&](const Session&, KeptState& state) { return import_file(*path, state); });
}

int run_state_forget(const Options& options) {
  const std::optional<std::string> key = one_operand(options, "KEY (a value of the group)");
  if (!key) {
    return exit_status::usage;
  }
  return with_state(options, false, [&](const Session&, KeptState& state) {
    const std::uint64_t forgotten =
        state_forget(state.ruleset(), state.engine(), {options.rule, key});
    const bool written = forgotten == 0 ? state.flush() : state.keep();
    print_error(counted(forgotten, "group") + " forgotten");
    return written && forgotten > 0 ? exit_status::ran : exit_status::incomplete;
  });
}

}  // namespace tocsin
