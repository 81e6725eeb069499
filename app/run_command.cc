// SPDX-License-Identifier: Apache-2.0
#include "app/run_command.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>

#include "alerts/redacted_alert.h"
#include "app/alert_stage.h"
#include "app/commands.h"
#include "app/committer.h"
#include "app/console.h"
#include "app/durable.h"
#include "app/filter_report.h"
#include "app/geo.h"
#include "app/outlets.h"
#include "app/profile_report.h"
#include "app/progress.h"
#include "app/reload.h"
#include "app/run_consumer.h"
#include "app/service_notify.h"
#include "app/services.h"
#include "app/session.h"
#include "app/signals.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

// Says which files held documents but not one readable record. True if there was one.
bool report_unreadable_sources(const AlertStage& stage) {
  bool any = false;
  for (const auto& [name, tally] : stage.sources()) {
    if (tally.events == 0 && tally.skipped == 0 && tally.bad > 0) {
      any = true;
      print_error(printable(name) +
                  ": nothing could be read: " + counted(tally.bad, "malformed record") +
                  "; the first: " + printable(tally.first_reason));
    }
  }
  return any;
}

std::uint32_t thread_count(const Options& options, RunMode mode) {
  // One core follows any log; more threads would only wait.
  return options.threads == 0 && mode == RunMode::tail ? 1 : thread_count(options);
}

AlertStageSettings stage_settings(const Session& session, RunMode mode, const Outlets& outlets) {
  const Options& options = session.options;
  AlertStageSettings settings;
  settings.format = options.format.value_or(OutputFormat::text);
  settings.colour = stdout_is_terminal();
  settings.with_event = !options.no_event;
  settings.follow = mode == RunMode::tail;
  settings.min_level = options.min_level;
  settings.since = options.since;
  settings.until = options.until;
  settings.duplicate_horizon_ns = mode == RunMode::tail ? day_ns : 0;
  settings.correlation.detector = detector_settings(session.geo);
  settings.correlation.since = options.since;
  settings.correlation.until = options.until;
  // A scan starts from nothing: its groups are split over as many shards as there are threads. What
  // is kept from one start to the next is of one shard.
  settings.correlation.threads = thread_count(options, mode);
  settings.correlation.shards = mode == RunMode::scan ? settings.correlation.threads : 1;
  settings.correlation.by_time = mode == RunMode::scan && !options.arrival_order;
  settings.correlation.fold = !options.no_fold;
  settings.correlation.clamp_future = mode == RunMode::tail;
  settings.correlation.prompt = mode == RunMode::tail;
  settings.correlation.duplicate_horizon_ns = settings.duplicate_horizon_ns;
  settings.correlation.detector.lateness_ns = options.lateness.value_or(session.config.lateness_ns);
  settings.idle_after_ns = session.config.idle_after_ns;
  settings.router = outlets.router();
  settings.store = outlets.store();
  settings.redactor = outlets.redactor();
  settings.on_error = [](const std::string& message) { print_error(message); };
  return settings;
}

// While stdout or the store takes nothing: often enough to open what is soon deleted.
constexpr DurationNs keep_up_interval_ns = second_ns / 10;

// One run, from opened session to exit status.
class Runner {
 public:
  Runner(std::shared_ptr<const Session> session, RunMode mode)
      : session_(std::move(session)),
        options_(session_->options),
        mode_(mode),
        watch_(options_, session_->config.watch, wall_clock_now()),
        notices_(watch_),
        store_alerts_(watch_),
        engine_{TOCSIN_VERSION, host_name()} {}

  int run() {
    if (const std::optional<int> status = open()) {
      return *status;
    }
    if (options_.verbose && !options_.quiet) {
      report_filter();
    }
    if (const std::optional<int> status = follow()) {
      return *status;
    }
    return close();
  }

  // From any thread. What was claimed is finished first.
  void stop() {
    stopped_.store(true);
    const std::lock_guard lock(running_mutex_);
    if (committer_ != nullptr) {
      committer_->stop_waiting();
    }
    if (running_ != nullptr) {
      running_->stop();
      input_->wake();
    }
  }

  // From any thread.
  void reload() {
    const std::lock_guard lock(running_mutex_);
    if (reloader_ != nullptr) {
      reloader_->request();
    }
  }

 private:
  // Everything that can be wrong is found here, before the first record is read.
  std::optional<int> open() {
    const auto redactor = std::make_shared<const Redactor>(session_->config.redact);
    const std::string folder = mode_ == RunMode::tail ? state_folder(*session_) : std::string();
    if (!folder.empty()) {
      Result<DurableState> durable = open_durable(*session_, folder, redactor, store_alerts_);
      if (!durable) {
        return give_up(durable.error().message);
      }
      durable_ = std::move(*durable);
    }
    if (!open_inputs()) {
      return exit_status::incomplete;
    }
    outlets_ = std::make_unique<Outlets>(
        Outlets::Settings{engine_, !options_.no_event, &watch_.log, durable_.store.get()});
    if (const Result<void> opened = outlets_->open(session_->config); !opened) {
      return give_up(opened.error().message);
    }
    if (!options_.dead_letter.empty()) {
      Result<std::unique_ptr<DeadLetterFile>> opened = DeadLetterFile::open(options_.dead_letter);
      if (!opened) {
        return give_up(opened.error().message);
      }
      dead_letter_ = std::move(*opened);
    }
    AlertStageSettings settings = stage_settings(*session_, mode_, *outlets_);
    settings.engine = engine_;
    settings.dead_letter = dead_letter_.get();
    settings.system_alerts = mode_ == RunMode::tail ? &watch_.system_alerts : nullptr;
    settings.on_output_closed = [this] {
      output_closed_.store(true);
      stop();
    };
    if (durable_.store != nullptr) {
      start_committer();
      settings.committer = committer_.get();
      record_numbers_.load(durable_.store->positions());
      settings.record_numbers = &record_numbers_;
      settings.correlation.journal = true;
      settings.correlation.redact = [cleaner = std::make_shared<RecordCleaner>(redactor)](
                                        const std::string& json) { return cleaner->clean(json); };
    }
    stage_ = std::make_unique<AlertStage>(std::move(settings), session_->rules.ruleset);
    if (durable_.store != nullptr) {
      restore();
    }
    const LoadResult& rules = session_->rules;
    watch_.telemetry.on_rules({rules.loaded, rules.rejected, rules.kept.size()});
    if (mode_ == RunMode::tail && rules.rejected > 0) {
      // One of them may have run until now, in its last good version.
      watch_.system_alerts.raise("rules-rejected",
                                 {},
                                 Level::medium,
                                 counted(rules.rejected, "rule") +
                                     (rules.rejected == 1 ? " is" : " are") +
                                     " rejected: " + first_error(rules.diagnostics));
    }
    return std::nullopt;
  }

  bool open_inputs() {
    std::vector<NamedInput> inputs;
    for (const InputConfig& config : chosen_inputs(options_, session_->config)) {
      InputStart start = input_start(durable_.store.get(), config);
      InputConfig first = config;
      first.from_beginning = start.from_beginning;
      Result<std::unique_ptr<Input>> input =
          open_input(first, options_, mode_, notices_, std::move(start.rows));
      if (!input) {
        print_error(printable(input.error().message));
        return false;
      }
      inputs.push_back({config.id, std::move(*input)});
    }
    if (mode_ == RunMode::scan && inputs.size() == 1) {
      input_ = std::move(inputs.front().input);
      return true;
    }
    auto several = std::make_shared<MultiInput>(std::move(inputs));
    several_ = several.get();
    input_ = std::move(several);
    return true;
  }

  // Once for inputs that are read alike.
  void report_filter() const {
    std::set<std::string> said;
    const bool wants_time = FeedPlan(*session_->rules.ruleset).needs_watermark();
    for (const InputConfig& input : chosen_inputs(options_, session_->config)) {
      const std::string line =
          filter_choice(*session_, decode_options(input, options_), wants_time);
      if (said.insert(line).second) {
        watch_.log.write(LogLevel::info, {}, line);
      }
    }
  }

  void start_committer() {
    CommitterSettings settings;
    settings.interval_ns = session_->config.store.commit_interval_ns;
    settings.on_problem = [this](const std::string& message) {
      store_alerts_.raise("state-unwritable", Level::critical, message + ": the inputs wait");
    };
    settings.on_recovered = [this] {
      watch_.log.write(LogLevel::notice, "state-written", "the state is written again");
    };
    settings.on_damaged = [this] {
      store_alerts_.raise("state-damaged",
                          Level::critical,
                          "the state is damaged or was removed: tocsin ends, and the next start "
                          "sets aside what is left of it and reads everything from the beginning");
      stop();
    };
    const std::lock_guard lock(running_mutex_);
    committer_ =
        std::make_unique<Committer>(*durable_.store, std::move(durable_.log), std::move(settings));
  }

  void restore() {
    if (durable_.saved && !stage_->restore(*durable_.saved, wall_clock_now())) {
      store_alerts_.raise("detector-state-unreadable",
                          Level::high,
                          "the detectors' state cannot be read: correlations and baselines that "
                          "it held begin anew");
    }
    durable_.saved.reset();
  }

  // Said once what exists at the start is known for good: what is written from now on is read.
  void say_ready() {
    if (mode_ != RunMode::tail) {
      return;
    }
    if (committer_ != nullptr) {
      committer_->flush(session_->config.shutdown_grace_ns);
    }
    if (!options_.quiet) {
      watch_.log.write(
          LogLevel::info, {}, load_summary(session_->rules) + "; " + routing_summary(*session_));
    }
    notify_service("READY=1");
  }

  void note_geo(const GeoFiles::Change& change) {
    if (change.swapped) {
      watch_.log.write(LogLevel::info, {}, change.path + ": the new database is in use");
      return;
    }
    const std::string text = change.problem + "; the old database stays in use";
    watch_.log.write(LogLevel::warning, "geo-database", text);
    watch_.system_alerts.raise("geo-database", change.path, Level::medium, text);
  }

  std::optional<int> give_up(const std::string& why) {
    print_error(printable(why));
    return exit_status::usage;
  }

  // An exit status: it could not begin.
  std::optional<int> follow() {
    RunOptions run_options;
    run_options.threads = thread_count(options_, mode_);
    // What comes with a reload may want it.
    run_options.want_evidence = mode_ == RunMode::tail || stage_->wants_evidence();
    run_options.filter = options_.filter;
    run_options.profile_clock = options_.profile_rules ? &profile_ticks : nullptr;
    run_options.now = &wall_clock_now;
    run_options.records_before = [this](const SourceInfo& source) {
      return record_numbers_.before(source.stream_id);
    };
    run_options.keep_up_ns = mode_ == RunMode::tail ? keep_up_interval_ns : 0;
    // The databases of the start: a reload does not change which files they are.
    const std::shared_ptr<GeoFiles> geo = session_->geo;
    run_options.geo = [geo] { return current_geo(geo); };
    const GeoWatch geo_watch(mode_ == RunMode::tail ? geo : nullptr,
                             [this](const GeoFiles::Change& change) { note_geo(change); });
    RulesetSlot rules(session_->rules.ruleset);
    Run run(*input_, rules, run_options);
    const TimeNs started = steady_now();
    {
      Progress progress(mode_ == RunMode::scan && stderr_is_terminal() && !options_.quiet, *input_);
      RunConsumer consumer(*stage_, progress, watch_, *input_, *outlets_, [this] { say_ready(); });
      if (committer_ != nullptr) {
        consumer.watch_store(*durable_.store, [this] { return committer_->waiting_since(); });
      }
      std::unique_ptr<Reloader> reloader;
      std::unique_ptr<Services> services;
      if (mode_ == RunMode::tail) {
        consumer.expect(chosen_inputs(options_, session_->config));
        reloader =
            std::make_unique<Reloader>(session_, watch_, [&](const auto& before, const auto& next) {
              return apply(*before, *next, rules, consumer);
            });
        Result<std::unique_ptr<Services>> begun =
            Services::start(session_->config, watch_, *reloader);
        if (!begun) {
          return give_up(begun.error().message);
        }
        services = std::move(*begun);
      }
      set_running(&run, reloader.get());
      if (stopped_.load()) {
        run.stop();
      }
      outcome_.run = run.run(consumer);
      profile_ = run.profile();
      notify_service("STOPPING=1");
      set_running(nullptr, nullptr);
      services.reset();
      if (reloader) {
        session_ = reloader->current();
      }
    }
    stage_->finish(wall_clock_now());
    if (committer_ != nullptr && !committer_->flush(session_->config.shutdown_grace_ns)) {
      watch_.log.write(
          LogLevel::error,
          "state-unwritable",
          "not everything could be written to the state: the next start reads these records again");
      uncommitted_ = true;
    }
    outcome_.elapsed_ns = steady_now() - started;
    return std::nullopt;
  }

  // Between two batches the run goes on with `next`: its rules, receivers, routes and inputs.
  Result<void> apply(const Session& before,
                     const Session& next,
                     RulesetSlot& rules,
                     RunConsumer& consumer) {
    Result<AlertStage::Change> change = outlets_->change(next.config);
    if (!change) {
      return Unexpected<Error>{change.error()};
    }
    change->ruleset = next.rules.ruleset;
    rules.set(next.rules.ruleset);
    stage_->prepare(std::move(*change));
    watch_.system_alerts.set_interval(next.config.watch.system_alert_interval_ns);
    const std::vector<InputConfig> inputs = chosen_inputs(options_, next.config);
    consumer.expect(inputs);
    std::vector<InputPlan> plan =
        plan_inputs(chosen_inputs(options_, before.config), inputs, options_, notices_);
    several_->replace(std::move(plan), [this](const std::string& why) {
      watch_.log.write(LogLevel::error, "input-refused", printable(why));
    });
    outlets_->retire(before.config.shutdown_grace_ns);
    return {};
  }

  int close() {
    const bool unreadable = report_unreadable_sources(*stage_);
    const bool delivered = outlets_->close(session_->config.shutdown_grace_ns, options_.quiet);
    if (durable_.store != nullptr) {
      durable_.store->stop();  // a commit that waits for room would keep the committer's thread
    }
    const bool letters_lost = dead_letter_ && !dead_letter_->problem().empty();
    if (letters_lost) {
      watch_.log.write(LogLevel::error, "dead-letters-lost", printable(dead_letter_->problem()));
    }
    // A reader that has seen enough (head) is no news.
    if (stage_->output_error() != 0 && stage_->output_error() != EPIPE) {
      watch_.log.write(
          LogLevel::error,
          "stdout-closed",
          "cannot write to stdout: " + std::string(std::strerror(stage_->output_error())));
    }
    if (options_.profile_rules) {
      print_error(profile_report(*session_->rules.ruleset, profile_));
    }
    if (const std::string filtered = filter_outcome(outcome_.run);
        options_.verbose && !options_.quiet && !filtered.empty()) {
      watch_.log.write(LogLevel::info, {}, filtered);
    }
    if (!options_.quiet) {
      watch_.log.write(LogLevel::info, {}, summary(*session_, outcome_, stage_->counters()));
    }
    if (options_.stats_json) {
      print_error(stats_json(*session_, outcome_, stage_->counters()));
    }
    if (notices_.incomplete() || unreadable || stage_->counters().incomplete || !delivered ||
        letters_lost || uncommitted_ || output_closed_.load()) {
      return exit_status::incomplete;
    }
    const std::optional<Level> highest = stage_->highest_level();
    const bool failed = options_.fail_level && highest && *highest >= *options_.fail_level;
    return failed ? exit_status::alerts : exit_status::ran;
  }

  void set_running(Run* run, Reloader* reloader) {
    const std::lock_guard lock(running_mutex_);
    running_ = run;
    reloader_ = reloader;
  }

  std::shared_ptr<const Session> session_;  // after the run: the one that was loaded last
  const Options options_;
  const RunMode mode_;
  Watch watch_;
  Notices notices_;
  StoreAlerts store_alerts_;
  const EngineInfo engine_;
  std::shared_ptr<Input> input_;
  MultiInput* several_ = nullptr;  // input_, if it is that
  std::unique_ptr<DeadLetterFile> dead_letter_;
  DurableState durable_;  // outlives those that use its store
  std::unique_ptr<Outlets> outlets_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<AlertStage> stage_;
  RecordNumbers record_numbers_;
  bool uncommitted_ = false;
  RunOutcome outcome_;
  std::vector<RuleProfile> profile_;
  std::atomic<bool> output_closed_{false};
  std::atomic<bool> stopped_{false};
  std::mutex running_mutex_;
  Run* running_ = nullptr;
  Reloader* reloader_ = nullptr;
};

}  // namespace

int run_command(const Options& options, RunMode mode) {
  const auto session = std::make_shared<Session>();
  session->lists_documents = false;
  session->reloads = mode == RunMode::tail;
  if (const std::optional<int> status = open_session(options, *session)) {
    return *status;
  }
  if (chosen_inputs(options, session->config).empty()) {
    print_error(
        "no input: name files, folders or globs (or - for stdin), or set inputs: in the "
        "configuration");
    return exit_status::usage;
  }
  Runner runner(session, mode);
  // Before any other thread exists: from here on signals go to a thread of their own.
  const StopSignals signals([&] { runner.stop(); },
                            mode == RunMode::tail ? std::function<void()>([&] { runner.reload(); })
                                                  : std::function<void()>());
  return runner.run();
}

int run_scan(const Options& options) {
  return run_command(options, RunMode::scan);
}
int run_tail(const Options& options) {
  return run_command(options, RunMode::tail);
}

}  // namespace tocsin
