// SPDX-License-Identifier: Apache-2.0
#include "detectors/engine.h"

#include <algorithm>
#include <limits>
#include <span>
#include <tuple>

#include "detectors/common.h"
#include "detectors/shard_threads.h"

namespace tocsin {

namespace {

constexpr TimeNs before_all_time = std::numeric_limits<TimeNs>::min();
// Steps that shards are given at a time where records come from a sorted run: enough to be worth
// waking a thread.
constexpr std::size_t steps_at_once = 4096;
// Records whose place among the seen ones is fetched before it is needed.
constexpr std::size_t prefetched_ahead = 8;
// The correlations take about a quarter of what a record costs: from so many threads on they are
// what the others wait for.
constexpr std::uint32_t threads_worth_helpers = 4;
// Copies have equal times; so few are found faster by looking at each.
constexpr std::size_t seen_now_max = 16;

bool comes_before(const ShardReport& a, const ShardReport& b) {
  return std::tie(a.step, a.by_record, a.spec, a.report.time, a.report.group) <
         std::tie(b.step, b.by_record, b.spec, b.report.time, b.report.group);
}

}  // namespace

CorrelationEngine::CorrelationEngine(std::shared_ptr<const Ruleset> ruleset,
                                     CorrelationSettings settings)
    : ruleset_(std::move(ruleset)),
      settings_(std::move(settings)),
      seen_(settings_.duplicate_ids_max),
      seen_again_(settings_.duplicate_ids_max),
      learned_(settings_.learned_streams_max),
      held_(settings_.held_bytes_max),
      watermark_(before_all_time),
      latest_(before_all_time),
      passed_(before_all_time) {
  if (settings_.by_time) {
    settings_.detector.lateness_ns = 0;
  }
  shards_ = make_shards(std::max(settings_.shards, 1u));
  threads_ = std::make_unique<ShardThreads>(
      std::min(settings_.threads, static_cast<std::uint32_t>(shards_.size())));
  follow_learners();
}

CorrelationEngine::~CorrelationEngine() = default;

std::vector<std::unique_ptr<CorrelationShard>> CorrelationEngine::make_shards(
    std::uint32_t count) const {
  std::vector<std::unique_ptr<CorrelationShard>> shards;
  for (std::uint32_t number = 0; number < count; ++number) {
    ShardSettings settings;
    settings.number = number;
    settings.shards = count;
    settings.fold = settings_.fold;
    settings.count_folded = settings_.count_folded;
    settings.records_bytes_max = settings_.records_bytes_max / count;
    settings.waiting_max = settings_.waiting_max / count;
    settings.detector = settings_.detector;
    settings.detector.max_keys = std::max<std::uint64_t>(settings.detector.max_keys / count, 1);
    shards.push_back(std::make_unique<CorrelationShard>(ruleset_, std::move(settings)));
  }
  return shards;
}

// --- in ---

bool CorrelationEngine::is_wanted(const FeedRecord& record) {
  if (!record.time) {
    ++counters_.without_time;
    return false;
  }
  return (!settings_.since || *record.time >= *settings_.since) &&
         (!settings_.until || *record.time < *settings_.until);
}

// Once, and not by each shard again.
void CorrelationEngine::find_owners(Feed& feed) const {
  if (shards_.size() > 1) {
    for (FeedEvent& event : feed.events) {
      event.shard = shards_.front()->owner_of(event.spec, feed.text(event.key));
    }
  }
}

void CorrelationEngine::follow_learners() {
  std::vector<std::string> keys;
  for (std::uint32_t spec = 0; spec < ruleset_->correlations.size(); ++spec) {
    const bool has_state = shards_.front()->detector(spec) != nullptr;
    keys.push_back(has_state ? correlation_state_key(ruleset_->correlations[spec].info)
                             : std::string());
  }
  learned_.follow(keys);
}

std::shared_ptr<Feed> CorrelationEngine::unlearned(const BatchResult& result) {
  if (result.source == nullptr) {
    return result.feed;
  }
  if (settings_.learning) {
    learned_.note(result.source->stream_id, result.stream_offset + result.counters.bytes);
  }
  if (result.feed == nullptr) {
    return nullptr;
  }
  const std::vector<LearnedHistory::Read> reads = learned_.reads(result.source->stream_id);
  if (reads.empty()) {
    return result.feed;
  }
  const Feed& all = *result.feed;
  auto part = std::make_shared<Feed>();
  part->texts = all.texts;
  part->values = all.values;
  for (FeedRecord record : all.records) {
    const auto first = static_cast<std::uint32_t>(part->events.size());
    const TimeNs time = record.time.value_or(0);
    for (std::uint32_t i = 0; i < record.event_count; ++i) {
      FeedEvent event = all.events[record.first_event + i];
      if (learned_.knows(event.spec, reads, record.offset, time)) {
        continue;
      }
      const auto fields = all.fields.begin() + event.first_field;
      const std::size_t count = ruleset_->correlations[event.spec].fields.size();
      event.first_field = static_cast<std::uint32_t>(part->fields.size());
      part->fields.insert(part->fields.end(), fields, fields + static_cast<std::ptrdiff_t>(count));
      part->events.push_back(event);
    }
    record.first_event = first;
    record.event_count = static_cast<std::uint32_t>(part->events.size()) - first;
    record.again = learned_.was_read(reads, record.offset, time);
    counters_.learned_before += record.event_count == 0 ? 1u : 0u;
    if (record.event_count > 0) {
      part->records.push_back(std::move(record));
    }
  }
  return part;
}

void CorrelationEngine::consume(const BatchResult& result, Out& out) {
  const std::shared_ptr<Feed> feed = unlearned(result);
  if (feed != nullptr) {
    find_owners(*feed);
  }
  if (settings_.by_time) {
    if (result.latest_time) {
      passed_ = std::max(passed_, bounded_time(*result.latest_time, result));
    }
    if (feed == nullptr) {
      return;
    }
    std::vector<std::uint32_t> wanted;
    for (std::uint32_t i = 0; i < feed->records.size(); ++i) {
      if (is_wanted(feed->records[i])) {
        wanted.push_back(i);
      }
    }
    const std::size_t runs = held_.runs();
    held_.add(feed, wanted);
    runs_on_disk_ += held_.runs() - runs;
    return;
  }
  const std::string input = result.source == nullptr ? std::string() : result.source->input;
  const std::span<const FeedRecord> records =
      feed == nullptr ? std::span<const FeedRecord>() : std::span<const FeedRecord>(feed->records);
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i + prefetched_ahead < records.size()) {
      const FeedRecord& ahead = records[i + prefetched_ahead];
      seen_.prefetch(ahead.identity, ahead.time.value_or(0));
    }
    const FeedRecord& record = records[i];
    pass_time(
        input,
        record.latest ? std::optional<TimeNs>(bounded_time(*record.latest, result)) : std::nullopt);
    if (!is_wanted(record)) {
      continue;
    }
    TimeNs time = *record.time;
    if (settings_.clamp_future && time > result.received_at) {
      time = result.received_at;
      ++counters_.future;
    }
    take_from(input, *feed, record, time);
  }
  if (result.latest_time) {
    const TimeNs time = bounded_time(*result.latest_time, result);
    passed_ = std::max(passed_, time);
    TimeNs& passing = passing_.try_emplace(input, before_all_time).first->second;
    passing = std::max(passing, time);
    if (settings_.prompt) {
      pass_time(input, std::nullopt);
    }
  }
  if (!steps_.empty()) {
    run_steps(out, Helpers::where_many);
  }
}

// What a record's time says of how far time has come.
TimeNs CorrelationEngine::bounded_time(TimeNs time, const BatchResult& result) const {
  if (settings_.clamp_future) {
    time = std::min(time, result.received_at);
  }
  return settings_.until ? std::min(time, *settings_.until) : time;
}

// Moves the input's clock as a record does that feeds nothing: to `latest`, or to what is in
// passing_.
void CorrelationEngine::pass_time(const std::string& input, std::optional<TimeNs> latest) {
  const auto passing = passing_.empty() ? passing_.end() : passing_.find(input);
  if (passing != passing_.end()) {
    latest = std::max(latest, std::optional<TimeNs>(passing->second));
    passing_.erase(passing);
  }
  if (!latest) {
    return;
  }
  const TimeNs time = *latest;
  const bool is_last = clock_ != nullptr && clock_->first == input;
  const auto found = is_last ? clocks_.end() : clocks_.find(input);
  const InputClock* known =
      is_last ? &clock_->second : (found == clocks_.end() ? nullptr : &found->second);
  if (known != nullptr && !known->idle && time <= known->latest) {
    return;
  }
  move_clock(input, time);
  add_step(nullptr, nullptr, nullptr, time);
  if (notes()) {
    note_clock(input, time);
  }
}

void CorrelationEngine::take_from(const std::string& input,
                                  const Feed& feed,
                                  const FeedRecord& record,
                                  TimeNs time) {
  move_clock(input, time);
  const std::uint64_t duplicates = counters_.duplicates;
  take(feed, record, time);
  if (notes()) {
    const bool is_copy = counters_.duplicates > duplicates;
    const std::shared_ptr<const RecordCopy>* copy = steps_.back().copy;
    note_taken(input, feed, record, copy == nullptr ? nullptr : copy->get(), time, is_copy);
  }
}

void CorrelationEngine::move_clock(const std::string& input, TimeNs time) {
  if (clock_ == nullptr || clock_->first != input) {
    clock_ = &*clocks_.try_emplace(input, InputClock{time, false}).first;
  }
  InputClock& clock = clock_->second;
  const bool moves = time > clock.latest || clock.idle || watermark_ == before_all_time;
  clock.idle = false;
  clock.latest = std::max(clock.latest, time);
  if (moves) {
    follow_inputs();
  }
}

void CorrelationEngine::follow_inputs() {
  TimeNs least = std::numeric_limits<TimeNs>::max();
  bool some = false;
  for (const auto& [input, clock] : clocks_) {
    if (!clock.idle) {
      least = std::min(least, clock.latest);
      some = true;
    }
  }
  if (some) {
    move_watermark(subtract_saturating(least, settings_.detector.lateness_ns));
  }
}

void CorrelationEngine::move_watermark(TimeNs time) {
  if (time <= watermark_) {
    return;
  }
  watermark_ = time;
  if (settings_.duplicate_horizon_ns > 0) {
    const TimeNs horizon = subtract_saturating(watermark_, settings_.duplicate_horizon_ns);
    seen_.forget_before(horizon);
    seen_again_.forget_before(horizon);
  }
}

void CorrelationEngine::add_step(const Feed* feed,
                                 const FeedRecord* record,
                                 const std::shared_ptr<const RecordCopy>* copy,
                                 TimeNs time) {
  steps_.push_back({next_step_, watermark_, feed, record, copy, time, next_step_});
  ++next_step_;
}

void CorrelationEngine::take(const Feed& feed, const FeedRecord& record, TimeNs time) {
  if (has_sorted_copies() && time > latest_) {
    seen_now_.clear();
    seen_.clear();
  }
  latest_ = std::max(latest_, time);
  if (is_new(record)) {
    ++counters_.fed;
    add_step(&feed, &record, kept_copy(feed, record), time);
  } else {
    ++counters_.duplicates;
    add_step(nullptr, nullptr, nullptr, time);
  }
}

// The record as detectors may keep it: without its secrets.
const std::shared_ptr<const RecordCopy>* CorrelationEngine::kept_copy(const Feed& feed,
                                                                      const FeedRecord& record) {
  if (record.record == nullptr) {
    return nullptr;
  }
  if (!settings_.redact || replaying_) {
    return &record.record;
  }
  bool is_kept = false;
  for (std::uint32_t i = 0; i < record.event_count && !is_kept; ++i) {
    is_kept = shards_.front()->keeps(feed.events[record.first_event + i].spec);
  }
  std::optional<std::string> json;
  if (is_kept) {
    json = settings_.redact(record.record->json);
  }
  if (!json) {
    return &record.record;
  }
  auto copy = std::make_shared<RecordCopy>(*record.record);
  copy->json = std::move(*json);
  return &redacted_.emplace_back(std::move(copy));
}

bool CorrelationEngine::is_new(const FeedRecord& record) {
  if (has_sorted_copies() && seen_now_.size() < seen_now_max) {
    if (std::find(seen_now_.begin(), seen_now_.end(), record.identity) != seen_now_.end()) {
      return false;
    }
    seen_now_.push_back(record.identity);
    if (seen_now_.size() == seen_now_max) {
      for (const Hash128& identity : seen_now_) {
        seen_.insert(identity, *record.time);
      }
    }
    return true;
  }
  // By the record's own time: a clamped one differs between copies.
  return (record.again ? seen_again_ : seen_).insert(record.identity, *record.time);
}

void CorrelationEngine::set_idle(const std::string& input, bool idle, Out& out) {
  const auto found = clocks_.find(input);
  if (found != clocks_.end()) {
    if (notes() && found->second.idle != idle) {
      note_idle(input, idle);
    }
    found->second.idle = idle;
    follow_inputs();
    add_step(nullptr, nullptr, nullptr, 0);
    run_steps(out);
  }
}

void CorrelationEngine::advance(TimeNs time, Out& out) {
  const std::size_t reports = out.size();
  if (time > watermark_) {
    advanced_ = time;
  }
  move_watermark(time);
  add_step(nullptr, nullptr, nullptr, 0);
  run_steps(out);
  // What changed nothing that can be seen is noted with what follows it.
  if (out.size() > reports) {
    note_advance();
  }
}

void CorrelationEngine::finish(Out& out) {
  // What is read from disk is valid only until the next record: its steps are run one by one, but
  // those of memory together.
  const bool on_disk = held_.runs() > 0;
  std::vector<std::unique_ptr<Feed>> copies;
  const Result<void> sorted = held_.for_each([&](const Feed& feed, const FeedRecord& record) {
    move_watermark(*record.time);
    if (on_disk && feed.records.size() == 1) {
      copies.push_back(std::make_unique<Feed>(feed));
      find_owners(*copies.back());
      take(*copies.back(), copies.back()->records.front(), *record.time);
    } else {
      take(feed, record, *record.time);
    }
    if (steps_.size() >= steps_at_once) {
      run_steps(out);
      copies.clear();
    }
  });
  run_steps(out);
  held_.clear();
  if (settings_.learning) {
    learned_.complete({settings_.since, settings_.until});
  }
  problem_ = held_.problem();
  if (!sorted) {
    problem_ = sorted.error().message;
    incomplete_ = true;
  }
  if (latest_ != before_all_time) {
    // What is still open when the last event is over stays open.
    move_watermark(add_saturating(std::max(latest_, passed_), 1));
    add_step(nullptr, nullptr, nullptr, 0);
    run_steps(out);
    for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
      shards_[shard]->finish(next_step_, reports_[shard]);
    }
    ++next_step_;
    collect(out);
  }
}

// --- out ---

// Where records come batch by batch, a few threads have enough to do with reading them: shards that
// run beside would only take the state from one processor's cache to the other's.
void CorrelationEngine::run_steps(Out& out, Helpers helpers) {
  reports_.resize(shards_.size());
  const auto count = static_cast<std::uint32_t>(shards_.size());
  const auto run = [this](std::uint32_t shard) { shards_[shard]->run(steps_, reports_[shard]); };
  if (helpers == Helpers::all || settings_.threads >= threads_worth_helpers) {
    threads_->run(count, run);
  } else {
    for (std::uint32_t shard = 0; shard < count; ++shard) {
      run(shard);
    }
  }
  steps_.clear();
  redacted_.clear();
  collect(out);
}

void CorrelationEngine::collect(Out& out) {
  std::vector<ShardReport> all;
  for (std::vector<ShardReport>& reports : reports_) {
    all.insert(all.end(),
               std::make_move_iterator(reports.begin()),
               std::make_move_iterator(reports.end()));
    reports.clear();
  }
  // Of one group in one shard: in the order they were made.
  std::stable_sort(all.begin(), all.end(), comes_before);
  for (ShardReport& report : all) {
    out.push_back({report.spec, std::move(report.report)});
  }
}

std::vector<FoldedReports> CorrelationEngine::take_folded() {
  std::vector<FoldedReports> all;
  for (const auto& shard : shards_) {
    std::vector<FoldedReports> own = shard->take_folded();
    all.insert(all.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
  }
  return all;
}

// --- counters ---

DetectorLosses CorrelationEngine::losses(std::uint32_t spec) const {
  DetectorLosses sum;
  for (const auto& shard : shards_) {
    const DetectorLosses own = shard->losses(spec);
    sum.groups += own.groups;
    sum.values += own.values;
    sum.late += own.late;
    sum.early += own.early;
  }
  return sum;
}

CorrelationLosses CorrelationEngine::losses() const {
  CorrelationLosses losses;
  losses.hours_forgotten = seen_.forgotten_early() + seen_again_.forgotten_early();
  losses.streams_forgotten = learned_.not_remembered();
  for (const auto& shard : shards_) {
    losses.records_dropped += shard->records_dropped();
  }
  return losses;
}

DetectorCounters CorrelationEngine::counters(std::uint32_t spec) const {
  DetectorCounters sum;
  for (const auto& shard : shards_) {
    sum.add(shard->counters(spec));
  }
  return sum;
}

CorrelationCounters CorrelationEngine::counters() const {
  CorrelationCounters counters = counters_;
  counters.hours_forgotten = seen_.forgotten_early();
  counters.runs_on_disk = runs_on_disk_;
  for (const auto& shard : shards_) {
    const ShardCounters own = shard->counters();
    counters.folded += own.folded;
    counters.early += own.early;
    counters.records_dropped += own.records_dropped;
  }
  for (std::uint32_t spec = 0; spec < ruleset_->correlations.size(); ++spec) {
    counters.detectors.add(this->counters(spec));
  }
  return counters;
}

}  // namespace tocsin
