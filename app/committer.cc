// SPDX-License-Identifier: Apache-2.0
#include "app/committer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "app/record_numbers.h"
#include "engine/base/rows.h"

namespace tocsin {
namespace {

constexpr auto first_pause = std::chrono::milliseconds(100);
constexpr auto longest_pause = std::chrono::seconds(2);
constexpr auto told_every = std::chrono::minutes(1);
// An alert holds on to its records: about what it adds to a transaction.
constexpr std::size_t alert_bytes = 2048;
constexpr std::size_t raised_count_bytes = 128;

TimeNs steady_ns(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

// The last row of each key: a file that grows has one in every batch.
std::string merged_rows(std::string_view rows) {
  std::unordered_map<std::string_view, std::string_view> last;
  std::vector<std::string_view> order;
  RowReader reader(rows);
  for (TextRow row; reader.next(row);) {
    const auto [place, is_new] =
        last.insert_or_assign(row.key.empty() ? row.line : row.key, row.line);
    if (is_new) {
      order.push_back(place->first);
    }
  }
  std::string merged;
  for (const std::string_view key : order) {
    merged.append(last[key]).append("\n");
  }
  return merged;
}

std::string joined(std::vector<std::string>& pieces) {
  if (pieces.size() == 1) {
    return std::move(pieces.front());
  }
  std::size_t bytes = 0;
  for (const std::string& piece : pieces) {
    bytes += piece.size();
  }
  std::string all;
  all.reserve(bytes);
  for (std::string& piece : pieces) {
    all += piece;
    piece = {};
  }
  return all;
}

}  // namespace

Committer::Committer(Store& store, StateLog log, CommitterSettings settings)
    : store_(store), log_(std::move(log)), settings_(std::move(settings)) {
  wants_snapshot_ = log_.wants_snapshot(settings_.journal_bytes_min);
  thread_ = std::thread([this] { run(); });
}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    work_.notify_all();
  }
  thread_.join();
}

bool Committer::is_over_bounds() const {
  return pending_.bytes > settings_.bytes_max || pending_.alerts.size() > settings_.alerts_max;
}

void Committer::add(StagedCommit staged) {
  if (staged.is_empty()) {
    return;
  }
  Lock lock(mutex_);
  done_.wait(lock, [&] { return unbounded_ || !is_over_bounds(); });
  if (pending_.is_empty()) {
    pending_.first = Clock::now();
    if (waiting_since_ == 0) {
      waiting_since_ = steady_ns(*pending_.first);
    }
  }
  pending_.batch = staged.batch;
  pending_.now = staged.now;
  pending_.bytes += staged.alerts.size() * alert_bytes +
                    staged.raised_counts.size() * raised_count_bytes + staged.position.size() +
                    staged.journal.size();
  pending_.alerts.insert(pending_.alerts.end(),
                         std::make_move_iterator(staged.alerts.begin()),
                         std::make_move_iterator(staged.alerts.end()));
  for (const RaisedCount& raised : staged.raised_counts) {
    pending_.raised_counts[raised.alert] += raised.by;
  }
  if (!staged.position.empty()) {
    pending_.positions[staged.input] += staged.position;
  }
  if (!staged.record_numbers.empty()) {
    pending_.positions[RecordNumbers::input_name] += staged.record_numbers;
  }
  if (!staged.journal.empty()) {
    const bool cut = pending_.snapshot && pending_.snapshot_after == pending_.journals.size();
    if (pending_.journals.empty() || cut) {
      pending_.journals.emplace_back();
    }
    pending_.journals.back().push_back(std::move(staged.journal));  // joined by the thread
  }
  if (staged.snapshot) {
    pending_.snapshot = std::move(staged.snapshot);
    pending_.snapshot_after = pending_.journals.size();
    wants_snapshot_ = false;
  }
  work_.notify_all();
}

// When the next transaction begins. With the lock.
Committer::Clock::time_point Committer::due() const {
  if (pending_.is_empty()) {
    if (log_.is_writing()) {
      return Clock::now();
    }
    return log_.has_work() ? last_commit_ + std::chrono::nanoseconds(settings_.interval_ns)
                           : Clock::time_point::max();
  }
  if (hurry_ || log_.is_writing() || pending_.snapshot ||
      pending_.bytes >= settings_.bytes_at_once) {
    return Clock::now();
  }
  if (!pending_.alerts.empty()) {
    return last_alert_commit_ + std::chrono::nanoseconds(settings_.alert_interval_ns);
  }
  return *pending_.first + std::chrono::nanoseconds(settings_.interval_ns);
}

void Committer::run() {
  Lock lock(mutex_);
  while (!ended_) {
    const Clock::time_point at = due();
    if (at == Clock::time_point::max()) {
      work_.wait(lock);
    } else if (at > Clock::now()) {
      work_.wait_until(lock, at);
    } else {
      commit_next(lock);
    }
  }
}

void Committer::commit_next(Lock& lock) {
  Pending next = std::exchange(pending_, Pending{});
  committing_ = true;
  if (!next.alerts.empty()) {
    last_alert_commit_ = Clock::now();
  }
  lock.unlock();
  std::vector<Position> positions;
  for (const auto& [input, rows] : next.positions) {
    positions.push_back({input, merged_rows(rows)});
  }
  std::vector<StateRow> rows;
  for (std::size_t i = 0; i < next.journals.size(); ++i) {
    if (next.snapshot && i == next.snapshot_after) {
      log_.start_snapshot(std::move(*next.snapshot));
      next.snapshot.reset();
    }
    log_.append(joined(next.journals[i]), rows);
  }
  if (next.snapshot) {
    log_.start_snapshot(std::move(*next.snapshot));
  }
  if (log_.has_work()) {
    log_.step(rows);
  }
  Commit commit;
  commit.batch = next.batch;
  commit.alerts = next.alerts;
  commit.positions = positions;
  commit.detector_state = rows;
  std::vector<RaisedCount> raised_counts;
  for (const auto& [alert, by] : next.raised_counts) {
    raised_counts.push_back({alert, by});
  }
  commit.raised_counts = raised_counts;
  commit.now = next.now;
  try_until_done(commit);
  lock.lock();
  ++commits_;
  last_commit_ = Clock::now();
  writing_snapshot_ = log_.is_writing();
  committing_ = false;
  failing_ = false;
  wants_snapshot_ = !pending_.snapshot && log_.wants_snapshot(settings_.journal_bytes_min);
  waiting_since_ = pending_.is_empty() ? 0 : steady_ns(*pending_.first);
  done_.notify_all();
}

void Committer::try_until_done(const Commit& commit) {
  std::chrono::milliseconds pause = first_pause;
  for (bool failed = false;; failed = true) {
    const Result<void> done = store_.commit(commit);
    if (done) {
      if (failed && settings_.on_recovered) {
        settings_.on_recovered();
      }
      return;
    }
    note_failure(done.error().message);
    if (!damage_told_ && settings_.on_damaged && store_.is_damaged()) {
      damage_told_ = true;
      settings_.on_damaged();
    }
    Lock lock(mutex_);
    failing_ = true;
    hopeless_ = damage_told_;
    done_.notify_all();
    const bool at_once = work_.wait_for(lock, pause, [&] { return ended_ || retry_at_once_; });
    if (ended_) {
      return;
    }
    retry_at_once_ = false;
    pause = at_once ? first_pause : std::min<std::chrono::milliseconds>(2 * pause, longest_pause);
  }
}

void Committer::note_failure(const std::string& message) {
  const Clock::time_point now = Clock::now();
  if ((!told_ || now - *told_ >= told_every) && settings_.on_problem) {
    told_ = now;
    settings_.on_problem(message);
  }
}

bool Committer::flush(DurationNs patience_ns) {
  Lock lock(mutex_);
  const Clock::time_point until = Clock::now() + std::chrono::nanoseconds(patience_ns);
  hurry_ = true;
  retry_at_once_ = failing_;
  work_.notify_all();
  const auto is_done = [&] { return pending_.is_empty() && !committing_ && !writing_snapshot_; };
  done_.wait_until(lock, until, [&] { return hopeless_ || is_done(); });
  hurry_ = false;
  return is_done();
}

void Committer::stop_waiting() {
  const std::lock_guard lock(mutex_);
  unbounded_ = true;
  done_.notify_all();
}

}  // namespace tocsin
