// SPDX-License-Identifier: Apache-2.0
#include "app/run_command.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "alerts/redacted_alert.h"
#include "app/alert_stage.h"
#include "app/commands.h"
#include "app/committer.h"
#include "app/console.h"
#include "app/durable.h"
#include "app/filter_report.h"
#include "app/progress.h"
#include "app/session.h"
#include "app/signals.h"
#include "engine/base/text.h"
#include "engine/input/inputs.h"
#include "engine/input/multi_input.h"

namespace tocsin {
namespace {

// Notices of inputs, said once each on stderr; those that mean lost or unread data change the exit
// status.
class Notices {
 public:
  explicit Notices(const Options& options) : options_(options) {}
  void operator()(const InputNotice& notice) {
    const std::lock_guard lock(mutex_);
    const bool grave =
        notice.kind == InputNotice::Kind::unreadable || notice.kind == InputNotice::Kind::lost;
    incomplete_ = incomplete_ || grave;
    const bool shown =
        grave || (notice.kind == InputNotice::Kind::warning && !options_.quiet) || options_.verbose;
    if (shown && said_.insert(notice.code + '\0' + notice.source).second) {
      print_error((notice.source.empty() ? "" : printable(notice.source) + ": ") +
                  printable(notice.message) + " [" + notice.code + "]");
    }
    if (said_.size() > said_max) {
      said_.clear();
    }
  }
  bool incomplete() const {
    const std::lock_guard lock(mutex_);
    return incomplete_;
  }

 private:
  static constexpr std::size_t said_max =
      10'000;  // of months of tail; then a notice may be said again
  const Options& options_;
  mutable std::mutex mutex_;
  std::set<std::string> said_;
  bool incomplete_ = false;
};

DecodeOptions decode_options(const InputConfig& input, const Options& options) {
  DecodeOptions decode;
  decode.format = input.format;
  decode.strict_json = options.strict_json;
  decode.any_log_source = input.any_log_source;
  decode.log_source = input.log_source;
  return decode;
}

// `store`: where tail goes on; null without --state.
Result<std::unique_ptr<Input>> open_inputs(const Session& session,
                                           RunMode mode,
                                           const Store* store,
                                           const NoticeSink& notice) {
  std::vector<NamedInput> inputs;
  for (const InputConfig& config : chosen_inputs(session.options, session.config)) {
    FileInputOptions files;
    files.id = config.id;
    files.paths = config.paths;
    files.exclude = config.exclude;
    files.follow_links = config.follow_links;
    files.decode = decode_options(config, session.options);
    files.notice = notice;
    files.now = &wall_clock_now;
    Result<std::unique_ptr<Input>> input = fail("");
    if (mode == RunMode::scan) {
      input = make_scan_input(std::move(files));
    } else {
      TailOptions tail;
      InputStart start = input_start(store, config);
      tail.from_beginning = start.from_beginning;
      input = make_tail_input(std::move(files), tail, std::move(start.rows));
    }
    if (!input) {
      return input;
    }
    inputs.push_back({config.id, std::move(*input)});
  }
  return combine_inputs(std::move(inputs));
}

// Receivers, their routes and lanes; nothing where the configuration has none.
struct Outlets {
  std::unique_ptr<Store> store;  // in memory; null with --state
  std::unique_ptr<Router> router;
  std::unique_ptr<Lanes> lanes;
};

Result<Outlets> open_outlets(const Session& session,
                             const EngineInfo& engine,
                             std::shared_ptr<const Redactor> redactor,
                             Store* durable) {
  Outlets outlets;
  if (session.config.receivers.empty()) {
    return outlets;
  }
  std::vector<std::string> names;
  for (const ReceiverConfig& receiver : session.config.receivers) {
    names.push_back(receiver.name);
  }
  if (durable == nullptr) {
    outlets.store = make_memory_store();
  }
  outlets.router = std::make_unique<Router>(session.config.routes, names);
  LaneSettings settings;
  settings.jitter_seed = std::random_device()();
  settings.now = &wall_clock_now;
  settings.with_event = !session.options.no_event;
  Result<std::unique_ptr<Lanes>> lanes = Lanes::start(
      session.config.receivers,
      durable != nullptr ? *durable : *outlets.store,
      engine,
      std::move(redactor),
      [](const std::string& line) { print_error(printable(line)); },
      std::move(settings));
  if (!lanes) {
    return Unexpected<Error>{lanes.error()};
  }
  outlets.lanes = std::move(*lanes);
  return outlets;
}

// Ends the lanes and says what they could not deliver. True if everything was delivered.
bool close_outlets(Outlets& outlets, DurationNs grace_ns, bool quiet, bool durable) {
  if (!outlets.lanes) {
    return true;
  }
  outlets.lanes->drain(grace_ns);
  bool complete = true;
  for (const LaneStatus& lane : outlets.lanes->status()) {
    const std::uint64_t kept = durable ? lane.pending : 0;
    const std::uint64_t missing = lane.pending + lane.failed + lane.shed - kept;
    complete = complete && missing + kept == 0;
    if (missing + kept > 0) {
      print_error(
          "receiver " + lane.receiver + ": " + with_thousands(missing + kept) +
          " alert(s) not delivered" +
          (kept > 0 ? ", " + with_thousands(kept) + " of them kept for the next start" : "") +
          (lane.last_error.empty() ? "" : ": " + printable(lane.last_error)));
    } else if (!quiet) {
      print_error("receiver " + lane.receiver + ": " + with_thousands(lane.delivered) +
                  " alert(s) delivered");
    }
  }
  return complete;
}

// Says which files held documents but not one readable record. True if there was one.
bool report_unreadable_sources(const AlertStage& stage) {
  bool any = false;
  for (const auto& [name, tally] : stage.sources()) {
    if (tally.events == 0 && tally.skipped == 0 && tally.bad > 0) {
      any = true;
      print_error(printable(name) + ": nothing could be read: " + with_thousands(tally.bad) +
                  " malformed record(s); the first: " + printable(tally.first_reason));
    }
  }
  return any;
}

class ProgressingConsumer final : public ResultConsumer {
 public:
  // `on_first`: once, after the first call.
  ProgressingConsumer(AlertStage& stage, Progress& progress, std::function<void()> on_first)
      : stage_(stage), progress_(progress), on_first_(std::move(on_first)) {}
  void consume(BatchResult& result) override {
    stage_.consume(result);
    progress_.add(result.counters);
    note_first();
  }
  void idle(TimeNs now) override {
    stage_.idle(now);
    note_first();
  }

 private:
  void note_first() {
    if (const auto first = std::exchange(on_first_, nullptr)) {
      first();
    }
  }

  AlertStage& stage_;
  Progress& progress_;
  std::function<void()> on_first_;
};

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
  settings.correlation.by_time = mode == RunMode::scan && !options.arrival_order;
  settings.correlation.fold = !options.no_fold;
  settings.correlation.clamp_future = mode == RunMode::tail;
  settings.correlation.duplicate_horizon_ns = settings.duplicate_horizon_ns;
  settings.correlation.detector.lateness_ns = options.lateness.value_or(session.config.lateness_ns);
  settings.idle_after_ns = session.config.idle_after_ns;
  settings.router = outlets.router.get();
  settings.store = outlets.store.get();
  settings.on_error = [](const std::string& message) { print_error(message); };
  return settings;
}

std::uint32_t thread_count(const Options& options, RunMode mode) {
  if (options.threads != 0) {
    return options.threads;
  }
  const std::uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  return mode == RunMode::tail ? 1
                               : cores;  // one core follows any log; more threads would only wait
}

// One run, from opened session to exit status.
class Runner {
 public:
  Runner(const Session& session, RunMode mode)
      : session_(session),
        options_(session.options),
        mode_(mode),
        notices_(options_),
        store_alerts_(options_.quiet) {}

  int run() {
    if (const std::optional<int> status = open()) {
      return *status;
    }
    if (options_.verbose && !options_.quiet) {
      report_filter();
    }
    follow();
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

 private:
  // Everything that can be wrong is found here, before the first record is read.
  std::optional<int> open() {
    const EngineInfo engine{TOCSIN_VERSION, host_name()};
    const auto redactor = std::make_shared<const Redactor>(session_.config.redact);
    const std::string folder = mode_ == RunMode::tail ? state_folder(session_) : std::string();
    if (!folder.empty()) {
      Result<DurableState> durable = open_durable(session_, folder, redactor, store_alerts_);
      if (!durable) {
        print_error(printable(durable.error().message));
        return exit_status::usage;
      }
      durable_ = std::move(*durable);
    }
    Result<std::unique_ptr<Input>> input =
        open_inputs(session_, mode_, durable_.store.get(), std::ref(notices_));
    if (!input) {
      print_error(printable(input.error().message));
      return exit_status::incomplete;
    }
    input_ = std::move(*input);
    Result<Outlets> outlets = open_outlets(session_, engine, redactor, durable_.store.get());
    if (!outlets) {
      print_error(printable(outlets.error().message));
      return exit_status::usage;
    }
    outlets_ = std::move(*outlets);
    if (!options_.dead_letter.empty()) {
      Result<std::unique_ptr<DeadLetterFile>> opened = DeadLetterFile::open(options_.dead_letter);
      if (!opened) {
        print_error(printable(opened.error().message));
        return exit_status::usage;
      }
      dead_letter_ = std::move(*opened);
    }
    AlertStageSettings settings = stage_settings(session_, mode_, outlets_);
    settings.engine = engine;
    settings.redactor = redactor;
    settings.dead_letter = dead_letter_.get();
    settings.on_output_closed = [this] {
      output_closed_.store(true);
      stop();
    };
    if (durable_.store != nullptr) {
      start_committer();
      settings.committer = committer_.get();
      settings.correlation.journal = true;
      settings.correlation.redact = [redactor](const std::string& json) {
        return record_without_secrets(json, *redactor);
      };
    }
    stage_ = std::make_unique<AlertStage>(std::move(settings), session_.rules.ruleset);
    if (durable_.store != nullptr) {
      restore();
    }
    return std::nullopt;
  }

  // Once for inputs that are read alike.
  void report_filter() const {
    std::set<std::string> said;
    for (const InputConfig& input : chosen_inputs(options_, session_.config)) {
      const std::string line = filter_choice(session_, decode_options(input, options_), false);
      if (said.insert(line).second) {
        print_error(line);
      }
    }
  }

  void start_committer() {
    CommitterSettings settings;
    settings.interval_ns = session_.config.store.commit_interval_ns;
    settings.on_problem = [this](const std::string& message) {
      store_alerts_.raise("state-unwritable", Level::critical, message + ": the inputs wait");
    };
    settings.on_recovered = [](std::uint64_t) { print_error("the state is written again"); };
    const std::lock_guard lock(running_mutex_);
    committer_ =
        std::make_unique<Committer>(*durable_.store, std::move(durable_.log), std::move(settings));
  }

  void restore() {
    store_alerts_.connect([this](Alert alert) { stage_->raise_later(std::move(alert)); });
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
      committer_->flush(session_.config.shutdown_grace_ns);
    }
    if (!options_.quiet) {
      print_error(load_summary(session_.rules) + "; " + routing_summary(session_));
    }
  }

  void follow() {
    RunOptions run_options;
    run_options.threads = thread_count(options_, mode_);
    run_options.want_evidence = stage_->wants_evidence();
    run_options.filter = options_.filter;
    run_options.now = &wall_clock_now;
    const RulesetSlot rules(session_.rules.ruleset);
    Run run(*input_, rules, run_options);
    set_running(&run);
    if (stopped_.load()) {
      run.stop();
    }
    const TimeNs started = steady_now();
    {
      Progress progress(mode_ == RunMode::scan && stderr_is_terminal() && !options_.quiet, *input_);
      ProgressingConsumer consumer(*stage_, progress, [this] { say_ready(); });
      outcome_.run = run.run(consumer);
    }
    set_running(nullptr);
    stage_->finish(wall_clock_now());
    if (committer_ != nullptr && !committer_->flush(session_.config.shutdown_grace_ns)) {
      print_error(
          "not everything could be written to the state: the next start reads these records again");
      uncommitted_ = true;
    }
    outcome_.elapsed_ns = steady_now() - started;
  }

  int close() {
    const bool unreadable = report_unreadable_sources(*stage_);
    const bool delivered = close_outlets(
        outlets_, session_.config.shutdown_grace_ns, options_.quiet, durable_.store != nullptr);
    store_alerts_.disconnect();
    if (durable_.store != nullptr) {
      durable_.store->stop();  // a commit that waits for room would keep the committer's thread
    }
    const bool letters_lost = dead_letter_ && !dead_letter_->problem().empty();
    if (letters_lost) {
      print_error(printable(dead_letter_->problem()));
    }
    // A reader that has seen enough (head) is no news.
    if (stage_->output_error() != 0 && stage_->output_error() != EPIPE) {
      print_error("cannot write to stdout: " + std::string(std::strerror(stage_->output_error())));
    }
    if (const std::string filtered = filter_outcome(outcome_.run);
        options_.verbose && !options_.quiet && !filtered.empty()) {
      print_error(filtered);
    }
    if (!options_.quiet) {
      print_error(summary(session_, outcome_, stage_->counters()));
    }
    if (options_.stats_json) {
      print_error(stats_json(session_, outcome_, stage_->counters()));
    }
    if (notices_.incomplete() || unreadable || !delivered || letters_lost || uncommitted_ ||
        output_closed_.load()) {
      return exit_status::incomplete;
    }
    const std::optional<Level> highest = stage_->highest_level();
    const bool failed = options_.fail_level && highest && *highest >= *options_.fail_level;
    return failed ? exit_status::alerts : exit_status::ran;
  }

  void set_running(Run* run) {
    const std::lock_guard lock(running_mutex_);
    running_ = run;
  }

  const Session& session_;
  const Options& options_;
  RunMode mode_;
  Notices notices_;
  StoreAlerts store_alerts_;
  std::unique_ptr<Input> input_;
  std::unique_ptr<DeadLetterFile> dead_letter_;
  DurableState durable_;  // outlives those that use its store
  Outlets outlets_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<AlertStage> stage_;
  bool uncommitted_ = false;
  RunOutcome outcome_;
  std::atomic<bool> output_closed_{false};
  std::atomic<bool> stopped_{false};
  std::mutex running_mutex_;
  Run* running_ = nullptr;
};

}  // namespace

int run_command(const Options& options, RunMode mode) {
  Session session;
  if (const std::optional<int> status = open_session(options, session)) {
    return *status;
  }
  if (chosen_inputs(options, session.config).empty()) {
    print_error(
        "no input: name files, folders or globs (or - for stdin), or set inputs: in the "
        "configuration");
    return exit_status::usage;
  }
  Runner runner(session, mode);
  // Before any other thread exists: from here on signals go to a thread of their own.
  const StopSignals signals([&] { runner.stop(); });
  return runner.run();
}

int run_scan(const Options& options) {
  return run_command(options, RunMode::scan);
}
int run_tail(const Options& options) {
  return run_command(options, RunMode::tail);
}

}  // namespace tocsin
