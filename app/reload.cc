// SPDX-License-Identifier: Apache-2.0
#include "app/reload.h"

#include <chrono>
#include <utility>

#include "app/console.h"
#include "app/file_watch.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

// Of a rule set that is broken all over, the first problems are enough for the log.
constexpr std::size_t diagnostics_logged_max = 100;

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

std::string first_line(const Diagnostic& problem) {
  return problem.file + ":" + std::to_string(problem.line) + ": " + problem.message + " [" +
         problem.code + "]";
}

// The first error of a file.
std::string problem_of(const Diagnostics& problems, const std::string& file) {
  for (const Diagnostic& problem : problems.list()) {
    if (problem.severity == Severity::error && problem.file == file) {
      return first_line(problem);
    }
  }
  return file;
}

void log_errors(const Log& log, const Diagnostics& problems) {
  std::size_t told = 0;
  for (const Diagnostic& problem : problems.list()) {
    if (problem.severity == Severity::error && told++ < diagnostics_logged_max) {
      log.write(LogLevel::error, problem.code, format_text(problem, false));
    }
  }
}

}  // namespace

std::string first_error(const Diagnostics& problems) {
  for (const Diagnostic& problem : problems.list()) {
    if (problem.severity == Severity::error) {
      return first_line(problem);
    }
  }
  return {};
}

std::vector<std::string> files_of(const Session& session) {
  std::vector<std::string> out;
  if (!session.options.config.empty()) {
    out.push_back(session.options.config);
  }
  const LoadOptions load = load_options(session.options, session.config);
  append(out, load.paths);
  append(out, ruleset_dependencies(load));
  append(out, session.config.secret_files);
  return out;
}

Reloader::Reloader(std::shared_ptr<const Session> first, Watch& watch, Apply apply)
    : watch_(watch), apply_(std::move(apply)), current_(std::move(first)) {
  paths_ = files_of(*current_);
  seen_ = fingerprint_of(paths_);
  seen_at_ = steady_now();
  // What changed while the first set was loaded is loaded again.
  loaded_ = changed_since(paths_, current_->begun_at) ? Hash128{} : seen_;
  thread_ = std::thread([this] { run(); });
}

Reloader::~Reloader() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::shared_ptr<const Session> Reloader::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void Reloader::request() {
  {
    const std::lock_guard lock(mutex_);
    ++asked_;
  }
  changed_.notify_all();
}

Reloader::Outcome Reloader::reload() {
  std::unique_lock lock(mutex_);
  const std::uint64_t mine = ++asked_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return done_ >= mine || ending_; });
  return done_ >= mine ? outcome_ : Outcome{false, "tocsin is ending"};
}

void Reloader::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const ReloadConfig& config = current_->config.watch.reload;
    const bool asked = changed_.wait_for(
        lock, std::chrono::nanoseconds(config.poll_ns), [&] { return ending_ || asked_ > done_; });
    const std::uint64_t asked_now = asked_;
    if (ending_ || (!asked && !config.watch)) {
      continue;
    }
    lock.unlock();
    // Changes that come to rest soon are loaded then, and not with the next look.
    const bool due = asked || look();
    Outcome outcome;
    if (due) {
      outcome = load_and_apply();
    }
    lock.lock();
    if (due) {
      outcome_ = std::move(outcome);
      done_ = asked_now;
      changed_.notify_all();
    }
  }
}

// True: the files changed, and have been at rest for long enough.
bool Reloader::look() {
  const DurationNs debounce_ns = current()->config.watch.reload.debounce_ns;
  const Hash128 now = fingerprint_of(paths_);
  if (!(now == seen_)) {
    seen_ = now;
    seen_at_ = steady_now();
  }
  while (!(seen_ == loaded_)) {
    const DurationNs rest = debounce_ns - (steady_now() - seen_at_);
    if (rest <= 0) {
      return true;
    }
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(
            lock, std::chrono::nanoseconds(rest), [&] { return ending_ || asked_ > done_; })) {
      return false;  // asked, or ending: run() sees to it
    }
    lock.unlock();
    const Hash128 again = fingerprint_of(paths_);
    if (!(again == seen_)) {
      seen_ = again;
      seen_at_ = steady_now();
    }
  }
  return false;
}

Reloader::Outcome Reloader::refuse(const std::string& why, const Diagnostics& problems) {
  log_errors(watch_.log, problems);
  std::string text = "reload refused, the old set stays: " + why;
  if (problems.errors() > 0) {
    text += "; the first: " + first_error(problems);
  }
  watch_.log.write(LogLevel::error, "reload-refused", text);
  watch_.system_alerts.raise("reload-refused", {}, Level::high, text);
  watch_.telemetry.on_reload(false, text, wall_clock_now());
  return {false, std::move(text)};
}

Reloader::Outcome Reloader::load_and_apply() {
  const std::shared_ptr<const Session> before = current();
  // Taken before the files are read: what changes meanwhile is loaded next time.
  loaded_ = seen_ = fingerprint_of(paths_);
  const auto next = std::make_shared<Session>();
  next->options = before->options;
  next->lists_documents = before->lists_documents;
  next->reloads = before->reloads;
  next->geo = before->geo;  // whose files are swapped when they change
  Diagnostics problems;
  read_settings(next->options, next->config, problems);
  if (problems.errors() > 0) {
    return refuse("the configuration has " + counted(problems.errors(), "error"), problems);
  }
  load_session_rules(*next, before->rules.history);
  const LoadResult& rules = next->rules;
  if (rules.pipelines_failed || rules.paths_failed || rules.loaded == 0 ||
      (next->options.strict && rules.diagnostics.strict_errors() > 0)) {
    return refuse(rules.pipelines_failed ? "a pipeline is broken"
                  : rules.paths_failed   ? "a path of the rules cannot be read"
                  : rules.loaded == 0    ? "no rule could be loaded"
                                         : "problems in rules are fatal under --strict",
                  rules.diagnostics);
  }
  const Result<void> applied = apply_(before, next);
  if (!applied) {
    return refuse(printable(applied.error().message), rules.diagnostics);
  }
  tell_rules(*before, *next);
  paths_ = files_of(*next);
  if (paths_ != files_of(*before)) {
    loaded_ = seen_ = fingerprint_of(paths_);
  }
  std::string text = "reloaded: " + load_summary(rules);
  if (!rules.kept.empty()) {
    text += ", " + with_thousands(rules.kept.size()) + " kept in an earlier version";
  }
  watch_.log.write(LogLevel::notice, "reloaded", text);
  watch_.telemetry.on_rules({rules.loaded, rules.rejected, rules.kept.size()});
  watch_.telemetry.on_reload(true, text, wall_clock_now());
  const std::lock_guard lock(mutex_);
  current_ = next;
  return {true, std::move(text)};
}

// What does not compile is said with its diagnostics, and as an alert.
void Reloader::tell_rules(const Session& before, const Session& next) {
  const LoadResult& rules = next.rules;
  if (rules.kept.empty() && rules.rejected <= before.rules.rejected) {
    return;
  }
  log_errors(watch_.log, rules.diagnostics);
  for (const KeptRule& kept : rules.kept) {
    const std::string name = kept.title.empty() ? kept.file : kept.title;
    watch_.system_alerts.raise("rule-kept",
                               kept.id.empty() ? kept.file + kept.title : kept.id,
                               Level::medium,
                               "rule \"" + name +
                                   "\" no longer compiles, its last good version goes on: " +
                                   problem_of(rules.diagnostics, kept.file));
  }
  if (rules.rejected > before.rules.rejected) {
    watch_.system_alerts.raise(
        "rules-rejected",
        {},
        Level::medium,
        counted(rules.rejected, "rule") + (rules.rejected == 1 ? " is" : " are") +
            " rejected since the reload, " + with_thousands(before.rules.rejected) + " before");
  }
}

}  // namespace tocsin
