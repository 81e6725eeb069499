// SPDX-License-Identifier: Apache-2.0
#include "detectors/shard.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "detectors/common.h"
#include "engine/base/hash.h"
#include "engine/base/limits.h"

namespace tocsin {

namespace {

constexpr TimeNs before_all_time = std::numeric_limits<TimeNs>::min();
constexpr TimeNs after_all_time = std::numeric_limits<TimeNs>::max();
// State is looked through for what is old this many times per timespan.
constexpr DurationNs expiries_per_timespan = 8;
// Steps whose memory is fetched together: what they need fits into the nearest caches.
constexpr std::size_t steps_fetched = 16;

}  // namespace

CorrelationShard::CorrelationShard(std::shared_ptr<const Ruleset> ruleset, ShardSettings settings)
    : ruleset_(std::move(ruleset)),
      settings_(std::move(settings)),
      records_(settings_.records_bytes_max),
      folding_(settings_.detector.max_keys, settings_.detector.hash_seed),
      fields_(settings_.detector.geo),
      watermark_(before_all_time),
      told_(before_all_time),
      next_attention_(before_all_time),
      sink_([this](Report&& report) { on_report(at_work_, std::move(report)); },
            [this](std::string_view group_key, TimeNs time, std::string_view fold_value) {
              return wants(at_work_, group_key, time, fold_value);
            }) {
  // One that is over may be there still, behind others that are not: it is not shown, for what else
  // the shard keeps must not be told by reports.
  settings_.detector.records = [this](std::uint64_t sequence) {
    std::shared_ptr<const RecordCopy> record = records_.find(sequence);
    const bool is_over =
        record != nullptr && record->time && *record->time < subtract_saturating(told_, reach_ns_);
    return is_over ? nullptr : record;
  };
  build();
}

CorrelationShard::~CorrelationShard() = default;

void CorrelationShard::build() {
  stages_.clear();
  problems_.clear();
  reach_ns_ = 0;
  next_attention_ = before_all_time;
  for (std::uint32_t spec = 0; spec < ruleset_->correlations.size(); ++spec) {
    stages_.push_back(make_stage(spec));
    const std::vector<CorrelationInput>& inputs = ruleset_->correlations[spec].inputs;
    for (std::uint32_t input = 0; input < inputs.size(); ++input) {
      // Inner correlations come before those that name them.
      if (inputs[input].is_correlation) {
        stages_[inputs[input].rule].consumers.push_back({spec, input});
      }
    }
  }
  pin_trees();
}

CorrelationShard::Stage CorrelationShard::make_stage(std::uint32_t spec_index) {
  const CorrelationSpec& spec = ruleset_->correlations[spec_index];
  Stage stage;
  stage.type = find_detector_type(spec.type);
  DetectorResult made = make_detector(spec, settings_.detector);
  if (!made) {
    problems_.push_back({spec_index, made.error()});
    return stage;
  }
  stage.detector = std::move(*made);
  stage.waits = spec.info.extensions.emit_watermark && !stage.type->emits_by_itself;
  stage.keeps_records = stage.type->looks_back;
  stage.by_parent = shares_with_parent(spec);
  stage.expire_every_ns = std::max(spec.timespan_ns / expiries_per_timespan, second_ns);
  stage.expire_at = before_all_time;
  for (const CorrelationInput& input : spec.inputs) {
    std::vector<std::uint32_t> fields;
    for (const std::string& field : input.group_fields) {
      fields.push_back(fields_.intern(field));
    }
    stage.group_fields.push_back(std::move(fields));
    if (input.is_correlation) {
      const Stage& inner = stages_[input.rule];
      const bool delays = inner.type != nullptr && inner.type->delays_reports;
      const DurationNs own = delays ? ruleset_->correlations[input.rule].timespan_ns : 0;
      stage.delay_ns = std::max(stage.delay_ns, add_saturating(inner.delay_ns, own));
      stage.meets_again = stage.meets_again || inner.reports_late;
    }
  }
  stage.reports_late = stage.waits || stage.meets_again || stage.type->delays_reports;
  for (const std::string& field : spec.fields) {
    stage.fields.push_back(fields_.intern(field));
  }
  if (stage.type->looks_back) {
    reach_ns_ = std::max(reach_ns_, add_saturating(spec.timespan_ns, stage.delay_ns));
  }
  return stage;
}

// Correlations that name one another are in one shard, that of the tree's first.
void CorrelationShard::pin_trees() {
  std::vector<std::uint32_t> root(stages_.size());
  std::iota(root.begin(), root.end(), 0u);
  const auto root_of = [&](std::uint32_t spec) {
    while (root[spec] != spec) {
      root[spec] = root[root[spec]];
      spec = root[spec];
    }
    return spec;
  };
  for (std::uint32_t spec = 0; spec < stages_.size(); ++spec) {
    for (const Consumer& consumer : stages_[spec].consumers) {
      const std::uint32_t a = root_of(spec);
      const std::uint32_t b = root_of(consumer.spec);
      root[std::max(a, b)] = std::min(a, b);
    }
  }
  std::vector<std::uint32_t> size(stages_.size());
  for (std::uint32_t spec = 0; spec < stages_.size(); ++spec) {
    ++size[root_of(spec)];
  }
  for (std::uint32_t spec = 0; spec < stages_.size(); ++spec) {
    if (size[root_of(spec)] > 1) {
      stages_[spec].pinned = root_of(spec) % settings_.shards;
    }
  }
}

std::uint32_t CorrelationShard::owner_of(std::uint32_t spec, std::string_view group_key) const {
  const Stage& stage = stages_[spec];
  if (stage.pinned) {
    return *stage.pinned;
  }
  const std::string_view key = stage.by_parent ? parent_group_key(group_key) : group_key;
  return static_cast<std::uint32_t>(content_hash(key).low % settings_.shards);
}

// --- steps ---

// Feeds and groups are all over the memory. What some steps need is asked for together, and while
// the steps before them are at work: their records first, then the events of these, what they refer
// to, and the groups.
void CorrelationShard::run(std::span<const ShardStep> steps, Out& out) {
  out_ = &out;
  const auto part = [&](std::size_t number) {
    const std::size_t begin = std::min(number * steps_fetched, steps.size());
    return steps.subspan(begin, std::min(steps_fetched, steps.size() - begin));
  };
  for (std::size_t number = 0; number < 3; ++number) {
    fetch_records(part(number));
  }
  fetch_events(part(0));
  fetch_events(part(1));
  collect(part(0), next_);
  for (std::size_t number = 0; !part(number).empty(); ++number) {
    std::swap(now_, next_);
    fetch_records(part(number + 3));
    fetch_events(part(number + 2));
    collect(part(number + 1), next_);
    fetch_groups(now_.events);
    run_part(part(number), now_);
  }
  out_ = nullptr;
}

void CorrelationShard::run_part(std::span<const ShardStep> steps, const Fetched& fetched) {
  std::size_t next = 0;
  for (std::size_t at = 0; at < steps.size(); ++at) {
    step_ = steps[at].number;
    by_record_ = false;
    move_watermark(steps[at].watermark);
    const std::size_t end = fetched.ends[at];
    if (end > next) {
      by_record_ = true;
      feed(steps[at], std::span(fetched.events).subspan(next, end - next));
      next = end;
    }
  }
}

void CorrelationShard::finish(std::uint64_t number, Out& out) {
  out_ = &out;
  step_ = number;
  by_record_ = false;
  for (std::uint32_t spec = 0; spec < stages_.size(); ++spec) {
    take(spec, nullptr, {});
    release(spec, after_all_time);
  }
  run_pending();
  out_ = nullptr;
}

void CorrelationShard::feed(const ShardStep& step, std::span<const FetchedEvent> mine) {
  const bool keeps = std::any_of(mine.begin(), mine.end(), [this](const FetchedEvent& fetched) {
    return stages_[fetched.event->spec].keeps_records;
  });
  if (keeps && step.copy != nullptr) {
    records_.add(step.sequence, *step.copy);
  }
  for (std::size_t begin = 0; begin < mine.size();) {
    const std::uint32_t spec = mine[begin].event->spec;
    while (!pending_.empty() && pending_.top() < spec) {
      const std::uint32_t inner = pending_.top();
      pending_.pop();
      take(inner, &step, {});
    }
    std::size_t end = begin;
    while (end < mine.size() && mine[end].event->spec == spec) {
      ++end;
    }
    take(spec, &step, mine.subspan(begin, end - begin));
    begin = end;
  }
  run_pending();
}

void CorrelationShard::run_pending() {
  while (!pending_.empty()) {
    const std::uint32_t spec = pending_.top();
    pending_.pop();
    take(spec, nullptr, {});
  }
}

// What this step brings to one correlation: of the record, and of inner correlations.
void CorrelationShard::take(std::uint32_t spec,
                            const ShardStep* step,
                            std::span<const FetchedEvent> direct) {
  Stage& stage = stages_[spec];
  stage.is_pending = false;
  if (stage.detector == nullptr) {
    stage.met.clear();
    return;
  }
  if (stage.met.empty() && !stage.waits) {
    for (const FetchedEvent& fetched : direct) {
      observe(spec, *step, fetched);
    }
  } else if (!stage.met.empty() || !direct.empty()) {
    std::vector<Event> events;
    for (const FetchedEvent& fetched : direct) {
      events.push_back(own(*step, *fetched.event));
    }
    for (Event& event : stage.met) {
      merge(std::move(event), events);
    }
    stage.met.clear();
    for (Event& event : events) {
      if (stage.waits) {
        wait(stage, std::move(event));
      } else {
        observe(spec, event);
      }
    }
    // One that is behind the watermark has nothing to wait for.
    release(spec, subtract_saturating(watermark_, stage.delay_ns));
  }
  next_attention_ = std::min(next_attention_, attention_of(stage));
}

CorrelationShard::Event CorrelationShard::own(const ShardStep& step, const FeedEvent& from) const {
  const Feed& feed = *step.feed;
  Event event;
  event.inputs = from.inputs;
  event.time = step.time;
  event.sequence = step.sequence;
  event.identity = step.record->identity;
  event.record = step.copy == nullptr ? nullptr : *step.copy;
  event.key = std::string(feed.text(from.key));
  const std::size_t fields = stages_[from.spec].fields.size();
  for (std::size_t i = 0; i < fields; ++i) {
    const FeedField& field = feed.fields[from.first_field + i];
    FieldTexts& texts = event.fields.emplace_back();
    for (std::uint32_t value = 0; value < field.count; ++value) {
      texts.values.emplace_back(feed.text(feed.values[field.first + value]));
    }
  }
  return event;
}

// One event per record and group, however many inputs it met: it counts once.
void CorrelationShard::merge(Event event, std::vector<Event>& events) const {
  const auto same = std::find_if(events.begin(), events.end(), [&](const Event& other) {
    return other.sequence == event.sequence && other.key == event.key;
  });
  if (same != events.end()) {
    same->inputs |= event.inputs;
  } else {
    events.push_back(std::move(event));
  }
}

// A record may be met by a rule now and by an inner correlation later: while it waits it is still
// one event.
void CorrelationShard::wait(Stage& stage, Event event) {
  const std::pair<TimeNs, Hash128> key(event.time, event.identity);
  const auto [begin, end] = stage.waiting.equal_range(key);
  const auto same = std::find_if(
      begin, end, [&](const Waiting::value_type& other) { return other.second.key == event.key; });
  if (same != end) {
    same->second.inputs |= event.inputs;
  } else {
    stage.waiting.emplace(key, std::move(event));
  }
}

void CorrelationShard::observe(std::uint32_t spec,
                               const ShardStep& step,
                               const FetchedEvent& fetched) {
  const Feed& feed = *step.feed;
  const FeedEvent& event = *fetched.event;
  texts_.clear();
  views_.clear();
  const std::size_t fields = stages_[spec].fields.size();
  for (std::size_t i = 0; i < fields; ++i) {
    const FeedField& field = feed.fields[event.first_field + i];
    for (std::uint32_t value = 0; value < field.count; ++value) {
      texts_.push_back(feed.text(feed.values[field.first + value]));
    }
  }
  const std::string_view* at = texts_.data();
  for (std::size_t i = 0; i < fields; ++i) {
    const std::uint32_t count = feed.fields[event.first_field + i].count;
    views_.push_back({{at, count}});
    at += count;
  }
  // All at once: what is set to zero first is written twice.
  Observation observation{event.inputs,
                          0,
                          step.time,
                          step.sequence,
                          step.record->identity,
                          feed.text(event.key),
                          fetched.hash,
                          views_,
                          value_hash(feed, event, stages_[spec]),
                          told(spec, step.time),
                          step.copy};
  observe(spec, observation);
}

void CorrelationShard::observe(std::uint32_t spec, const Event& event) {
  texts_.clear();
  views_.clear();
  for (const FieldTexts& field : event.fields) {
    texts_.insert(texts_.end(), field.values.begin(), field.values.end());
  }
  const std::string_view* at = texts_.data();
  for (const FieldTexts& field : event.fields) {
    views_.push_back({{at, field.values.size()}});
    at += field.values.size();
  }
  Observation observation;
  observation.inputs = event.inputs;
  observation.time = event.time;
  observation.sequence = event.sequence;
  observation.identity = event.identity;
  observation.group_key = event.key;
  observation.fields = views_;
  observation.watermark = told(spec, event.time);
  observation.record = event.record == nullptr ? nullptr : &event.record;
  observe(spec, observation);
}

void CorrelationShard::observe(std::uint32_t spec, Observation& observation) {
  Stage& stage = stages_[spec];
  if (!stage.meets_again || is_new(stage, observation)) {
    at_work_ = spec;
    stage.detector->on_match(observation, sink_);
  }
}

// An event that an inner correlation reports later than its record came counts once: what it met
// is remembered until no report of it can come any more.
bool CorrelationShard::is_new(Stage& stage, Observation& observation) const {
  std::uint64_t& met =
      stage.observed[{observation.time, observation.sequence, std::string(observation.group_key)}];
  observation.before = met;
  observation.inputs |= met;
  met = observation.inputs;
  if (stage.observed.size() > settings_.waiting_max) {
    stage.observed.erase(stage.observed.begin());
    ++stage.unobserved;
  }
  return observation.before == 0 ||
         (stage.type->tells_inputs_apart && observation.inputs != observation.before);
}

// What waited comes in the order of time, and has nothing to do with how far the watermark went
// meanwhile.
TimeNs CorrelationShard::told(std::uint32_t spec, TimeNs time) const {
  const TimeNs own = subtract_saturating(told_, stages_[spec].delay_ns);
  return stages_[spec].waits ? std::max(own, time) : own;
}

// --- time ---

void CorrelationShard::move_watermark(TimeNs time) {
  if (time <= watermark_) {
    return;
  }
  watermark_ = time;
  if (watermark_ >= next_attention_) {
    attend_all();
  }
  told_ = watermark_;
  records_.forget_before(subtract_saturating(watermark_, reach_ns_));
}

// Inner correlations come first: what they report now is delivered in the same move.
void CorrelationShard::attend_all() {
  for (std::uint32_t spec = 0; spec < stages_.size(); ++spec) {
    Stage& stage = stages_[spec];
    if (stage.detector == nullptr) {
      continue;
    }
    if (!stage.met.empty()) {
      take(spec, nullptr, {});
    }
    const TimeNs own = subtract_saturating(watermark_, stage.delay_ns);
    release(spec, own);
    if (own >= stage.expire_at || own > stage.detector->next_due()) {
      stage.expire_at = add_saturating(own, stage.expire_every_ns);
      at_work_ = spec;
      stage.detector->on_time(own, sink_);
    }
    // Reports of what is older were delivered above.
    stage.observed.erase(stage.observed.begin(), stage.observed.lower_bound({own, 0, {}}));
  }
  // All that was handed on was taken above.
  pending_ = {};
  next_attention_ = after_all_time;
  for (Stage& stage : stages_) {
    stage.is_pending = false;
    next_attention_ = std::min(next_attention_, attention_of(stage));
  }
}

// The watermark at which something becomes due.
TimeNs CorrelationShard::attention_of(const Stage& stage) const {
  if (stage.detector == nullptr) {
    return after_all_time;
  }
  TimeNs at = std::min(stage.expire_at, add_saturating(stage.detector->next_due(), 1));
  if (!stage.waiting.empty()) {
    at = std::min(at, add_saturating(stage.waiting.begin()->first.first, 1));
  }
  return add_saturating(at, stage.delay_ns);
}

void CorrelationShard::release(std::uint32_t spec, TimeNs before) {
  Waiting& waiting = stages_[spec].waiting;
  while (!waiting.empty() &&
         (waiting.begin()->first.first < before || waiting.size() > settings_.waiting_max)) {
    stages_[spec].early += waiting.begin()->first.first < before ? 0u : 1u;
    const Event event = std::move(waiting.begin()->second);
    waiting.erase(waiting.begin());
    observe(spec, event);
  }
}

// --- reports ---

// Outer correlations see every report.
bool CorrelationShard::wants(std::uint32_t spec_index,
                             std::string_view group_key,
                             TimeNs time,
                             std::string_view fold_value) {
  const Stage& stage = stages_[spec_index];
  if (!settings_.fold || !stage.consumers.empty() ||
      !folding_.repeats(ruleset_->correlations[spec_index],
                        *stage.type,
                        group_key,
                        time,
                        fold_value,
                        counted_as(spec_index))) {
    return true;
  }
  ++counters_.folded;
  return false;
}

std::uint32_t CorrelationShard::counted_as(std::uint32_t spec_index) const {
  const CorrelationSpec& spec = ruleset_->correlations[spec_index];
  const bool is_alert = spec.alerts_alone && spec.info.extensions.alert;
  return settings_.count_folded && is_alert ? spec_index : Folding::uncounted;
}

void CorrelationShard::on_report(std::uint32_t spec_index, Report&& report) {
  const CorrelationSpec& spec = ruleset_->correlations[spec_index];
  const Stage& stage = stages_[spec_index];
  if (!stage.consumers.empty()) {
    hand_on(spec, stage, report);
  }
  if (settings_.fold && !folding_.shows(spec, *stage.type, report, counted_as(spec_index))) {
    ++counters_.folded;
    return;
  }
  out_->push_back({step_, by_record_, spec_index, std::move(report)});
}

// A report is an event of the outer correlations: of the record that fired, with the group's values
// over the record's fields.
void CorrelationShard::hand_on(const CorrelationSpec& spec,
                               const Stage& stage,
                               const Report& report) {
  const std::shared_ptr<const RecordCopy> record =
      report.events.empty() ? nullptr : report.events.back();
  const auto value_of = [&](std::uint32_t number, const std::string& name) {
    for (std::size_t i = 0; i < spec.group_by.size() && i < report.group.size(); ++i) {
      if (spec.group_by[i] == name) {
        FieldTexts texts;
        if (report.group[i]) {
          texts.values.push_back(*report.group[i]);
        }
        return texts;
      }
    }
    fields_.use(record);
    FieldTexts texts = fields_.get(number);
    for (std::string& text : texts.values) {
      if (text.size() > limits::detector_text_bytes_max) {
        text = std::string(bounded_text(text, room_));
      }
    }
    return texts;
  };
  for (const Consumer& consumer : stage.consumers) {
    Stage& outer = stages_[consumer.spec];
    if (outer.detector == nullptr) {
      continue;
    }
    const CorrelationSpec& outer_spec = ruleset_->correlations[consumer.spec];
    Event event;
    event.inputs = std::uint64_t{1} << consumer.input;
    event.time = report.time;
    event.sequence = report.sequence;
    event.identity = report.identity;
    event.record = record;
    const std::vector<std::string>& names = outer_spec.inputs[consumer.input].group_fields;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::optional<std::string> text =
          value_of(outer.group_fields[consumer.input][i], names[i]).single();
      append_group_value(
          text ? std::optional<std::string_view>(bounded_text(*text, room_)) : std::nullopt,
          event.key);
    }
    for (std::size_t i = 0; i < outer.fields.size(); ++i) {
      event.fields.push_back(value_of(outer.fields[i], outer_spec.fields[i]));
    }
    merge(std::move(event), outer.met);
    if (!outer.is_pending) {
      outer.is_pending = true;
      pending_.push(consumer.spec);
    }
  }
}

bool CorrelationShard::keeps(std::uint32_t spec) const {
  const Stage& stage = stages_[spec];
  return stage.detector != nullptr &&
         (stage.type->looks_back || stage.type->emits_by_itself || stage.type->delays_reports ||
          stage.waits || !stage.consumers.empty());
}

// --- counters ---

DetectorCounters CorrelationShard::counters(std::uint32_t spec) const {
  return stages_[spec].detector == nullptr ? DetectorCounters{}
                                           : stages_[spec].detector->counters();
}

DetectorLosses CorrelationShard::losses(std::uint32_t spec) const {
  const Stage& stage = stages_[spec];
  DetectorLosses losses = stage.detector == nullptr ? DetectorLosses{} : stage.detector->losses();
  losses.early = stage.early;
  losses.values += stage.unobserved;
  return losses;
}

ShardCounters CorrelationShard::counters() const {
  ShardCounters counters = counters_;
  for (const Stage& stage : stages_) {
    counters.early += stage.early;
  }
  counters.records_dropped = records_.dropped();
  return counters;
}

}  // namespace tocsin
