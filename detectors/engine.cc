// SPDX-License-Identifier: Apache-2.0
#include "detectors/engine.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "detectors/common.h"

namespace tocsin {

namespace {

constexpr TimeNs before_all_time = std::numeric_limits<TimeNs>::min();

}  // namespace

CorrelationEngine::CorrelationEngine(std::shared_ptr<const Ruleset> ruleset,
                                     CorrelationSettings settings)
    : ruleset_(std::move(ruleset)),
      settings_(std::move(settings)),
      records_(std::make_unique<RecordKeeper>(settings_.records_bytes_max)),
      seen_(settings_.duplicate_ids_max),
      folding_(settings_.detector.max_keys, settings_.detector.hash_seed),
      fields_(settings_.detector.geo),
      watermark_(before_all_time),
      latest_(before_all_time) {
  settings_.detector.records = [keeper = records_.get()](std::uint64_t sequence) {
    return keeper->find(sequence);
  };
  if (settings_.by_time) {
    settings_.detector.lateness_ns = 0;
  }
  build();
}

CorrelationEngine::~CorrelationEngine() = default;

void CorrelationEngine::build() {
  stages_.clear();
  problems_.clear();
  reach_ns_ = 0;
  rule_consumers_.assign(ruleset_->rules.size(), {});
  for (std::uint32_t spec = 0; spec < ruleset_->correlations.size(); ++spec) {
    stages_.push_back(make_stage(spec));
    const std::vector<CorrelationInput>& inputs = ruleset_->correlations[spec].inputs;
    for (std::uint32_t input = 0; input < inputs.size(); ++input) {
      // Inner correlations come before those that name them.
      (inputs[input].is_correlation ? stages_[inputs[input].rule].consumers
                                    : rule_consumers_[inputs[input].rule])
          .push_back({spec, input});
    }
  }
  rules_by_key_.clear();
  for (std::uint32_t rule = 0; rule < ruleset_->rules.size(); ++rule) {
    if (!rule_consumers_[rule].empty()) {
      rules_by_key_.emplace(ruleset_->rules[rule].key, rule);
    }
  }
  find_reach();
}

CorrelationEngine::Stage CorrelationEngine::make_stage(std::uint32_t spec_index) {
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
    }
  }
  for (const std::string& field : spec.fields) {
    stage.fields.push_back(fields_.intern(field));
  }
  if (stage.type->looks_back) {
    reach_ns_ = std::max(reach_ns_, add_saturating(spec.timespan_ns, stage.delay_ns));
  }
  return stage;
}

// --- in ---

void CorrelationEngine::consume(const BatchResult& result, Out& out) {
  const std::vector<Match>& matches = result.matches;
  for (std::size_t begin = 0; begin < matches.size();) {
    std::size_t end = begin;
    Held held{0, matches[begin].sequence, matches[begin].record, {}};
    for (; end < matches.size() && matches[end].sequence == held.sequence; ++end) {
      const std::uint32_t rule = index(matches[end].rule);
      if (!rule_consumers_[rule].empty()) {
        held.rules.push_back(rule);
      }
    }
    begin = end;
    if (held.rules.empty()) {
      continue;
    }
    if (!held.record->time) {
      ++counters_.without_time;
      continue;
    }
    held.time = *held.record->time;
    if (settings_.clamp_future && held.time > result.received_at) {
      held.time = result.received_at;
      ++counters_.future;
    }
    if (settings_.by_time) {
      held_.push_back(std::move(held));
    } else {
      take(result.source == nullptr ? std::string() : result.source->input, held, out);
    }
  }
}

void CorrelationEngine::take(const std::string& input, const Held& held, Out& out) {
  const auto [clock, is_new] = clocks_.try_emplace(input, InputClock{held.time, false});
  clock->second.latest = std::max(clock->second.latest, held.time);
  clock->second.idle = false;
  follow_inputs(out);
  const bool fed = feed(held, out);
  if (settings_.journal && !replaying_) {
    note_taken(input, held, fed);
  }
}

void CorrelationEngine::follow_inputs(Out& out) {
  TimeNs least = std::numeric_limits<TimeNs>::max();
  bool some = false;
  for (const auto& [input, clock] : clocks_) {
    if (!clock.idle) {
      least = std::min(least, clock.latest);
      some = true;
    }
  }
  if (some) {
    move_watermark(subtract_saturating(least, settings_.detector.lateness_ns), out);
  }
}

void CorrelationEngine::set_idle(const std::string& input, bool idle, Out& out) {
  const auto found = clocks_.find(input);
  if (found != clocks_.end()) {
    if (settings_.journal && !replaying_ && found->second.idle != idle) {
      note_idle(input, idle);
    }
    found->second.idle = idle;
    follow_inputs(out);
  }
}

void CorrelationEngine::advance(TimeNs time, Out& out) {
  const std::size_t reports = out.size();
  if (time > watermark_) {
    advanced_ = time;
  }
  move_watermark(time, out);
  // What changed nothing that can be seen is noted with what follows it.
  if (out.size() > reports) {
    note_advance();
  }
}

void CorrelationEngine::finish(Out& out) {
  std::sort(held_.begin(), held_.end(), [](const Held& a, const Held& b) {
    return std::tie(a.time, a.sequence) < std::tie(b.time, b.sequence);
  });
  for (const Held& held : held_) {
    if (held.time > latest_) {
      seen_.clear();  // copies have equal times
    }
    move_watermark(held.time, out);
    feed(held, out);
  }
  held_.clear();
  held_.shrink_to_fit();
  if (latest_ != before_all_time) {
    // What is still open when the last event is over stays open.
    move_watermark(add_saturating(latest_, 1), out);
    for (std::uint32_t spec = 0; spec < stages_.size(); ++spec) {
      deliver(spec, out);
      release(spec, std::numeric_limits<TimeNs>::max(), out);
    }
  }
}

// False: a copy of a record that was fed before.
bool CorrelationEngine::feed(const Held& held, Out& out) {
  latest_ = std::max(latest_, held.time);
  // By the record's own time: a clamped one differs between copies.
  if (!seen_.insert(held.record->identity, *held.record->time)) {
    ++counters_.duplicates;
    return false;
  }
  ++counters_.fed;
  kept_ = kept(held);
  auto source = std::make_shared<Source>();
  source->time = held.time;
  source->sequence = records_->add(reaches(held, &Reach::looks_back) ? kept_ : nullptr);
  source->identity = held.record->identity;
  source->record = kept_;
  current_ = held.record;
  current_sequence_ = source->sequence;
  for (const std::uint32_t rule : held.rules) {
    for (const Consumer& consumer : rule_consumers_[rule]) {
      stages_[consumer.spec].met.push_back({consumer.input, source});
    }
  }
  run_stages(out);
  current_.reset();
  return true;
}

// --- time ---

void CorrelationEngine::move_watermark(TimeNs time, Out& out) {
  if (time <= watermark_) {
    return;
  }
  watermark_ = time;
  for (std::uint32_t spec = 0; spec < stages_.size(); ++spec) {
    Stage& stage = stages_[spec];
    deliver(spec, out);
    const TimeNs own = subtract_saturating(watermark_, stage.delay_ns);
    release(spec, own, out);
    if (stage.detector != nullptr) {
      stage.detector->on_time(own,
                              [&](Report&& report) { on_report(spec, std::move(report), out); });
    }
  }
  records_->forget_before(subtract_saturating(watermark_, reach_ns_));
  if (settings_.duplicate_horizon_ns > 0) {
    seen_.forget_before(subtract_saturating(watermark_, settings_.duplicate_horizon_ns));
  }
}

void CorrelationEngine::release(std::uint32_t spec, TimeNs before, Out& out) {
  Waiting& waiting = stages_[spec].waiting;
  while (!waiting.empty() &&
         (waiting.begin()->first.first < before || waiting.size() > settings_.waiting_max)) {
    counters_.early += waiting.begin()->first.first < before ? 0u : 1u;
    const Event event = std::move(waiting.begin()->second);
    waiting.erase(waiting.begin());
    observe(spec, event, out);
  }
}

// --- stages ---

void CorrelationEngine::run_stages(Out& out) {
  for (std::uint32_t spec = 0; spec < stages_.size(); ++spec) {
    deliver(spec, out);
  }
}

// What this step brought to one correlation.
void CorrelationEngine::deliver(std::uint32_t spec, Out& out) {
  Stage& stage = stages_[spec];
  if (stage.met.empty()) {
    return;
  }
  if (stage.detector == nullptr || (replaying_ && !stage.known)) {
    stage.met.clear();
    return;
  }
  std::vector<Event> events = events_of(spec);
  stage.met.clear();
  for (Event& event : events) {
    if (stage.waits) {
      wait(stage, std::move(event));
    } else {
      observe(spec, event, out);
    }
  }
  if (stage.waits) {
    // One that is behind the watermark has nothing to wait for.
    release(spec, subtract_saturating(watermark_, stage.delay_ns), out);
  }
}

// A record may be met by a rule now and by an inner correlation later: while it waits it is still
// one event.
void CorrelationEngine::wait(Stage& stage, Event event) {
  const std::pair<TimeNs, Hash128> key(event.source->time, event.source->identity);
  const auto [begin, end] = stage.waiting.equal_range(key);
  const auto same = std::find_if(begin, end, [&](const Waiting::value_type& other) {
    return other.second.group == event.group;
  });
  if (same != end) {
    same->second.inputs |= event.inputs;
  } else {
    stage.waiting.emplace(key, std::move(event));
  }
}

// One event per record and group, however many inputs it met: it counts once.
std::vector<CorrelationEngine::Event> CorrelationEngine::events_of(std::uint32_t spec_index) {
  const CorrelationSpec& spec = ruleset_->correlations[spec_index];
  const Stage& stage = stages_[spec_index];
  std::vector<Event> events;
  for (const Met& met : stage.met) {
    Event event;
    event.inputs = std::uint64_t{1} << met.input;
    event.source = met.source;
    const std::vector<std::uint32_t>& group_fields = stage.group_fields[met.input];
    for (std::size_t i = 0; i < group_fields.size(); ++i) {
      event.group.push_back(
          field_of(*met.source, group_fields[i], spec.inputs[met.input].group_fields[i]).single());
    }
    const auto same = std::find_if(events.begin(), events.end(), [&](const Event& other) {
      return other.source->sequence == met.source->sequence && other.group == event.group;
    });
    if (same != events.end()) {
      same->inputs |= event.inputs;
      continue;
    }
    for (std::size_t i = 0; i < stage.fields.size(); ++i) {
      event.fields.push_back(field_of(*met.source, stage.fields[i], spec.fields[i]));
    }
    events.push_back(std::move(event));
  }
  return events;
}

FieldTexts CorrelationEngine::field_of(const Source& source,
                                       std::uint32_t field,
                                       const std::string& name) {
  for (const auto& [key, value] : source.overlay) {
    if (key == name) {
      FieldTexts texts;
      if (value) {
        texts.values.push_back(*value);
      }
      return texts;
    }
  }
  fields_.use(current_ != nullptr && source.sequence == current_sequence_ ? current_
                                                                          : source.record);
  return fields_.get(field);
}

void CorrelationEngine::observe(std::uint32_t spec, const Event& event, Out& out) {
  Observation observation;
  observation.inputs = event.inputs;
  observation.time = event.source->time;
  observation.sequence = event.source->sequence;
  observation.identity = event.source->identity;
  observation.group = event.group;
  observation.fields = event.fields;
  observation.record = event.source->record;
  stages_[spec].detector->on_match(
      observation, [&](Report&& report) { on_report(spec, std::move(report), out); });
}

void CorrelationEngine::on_report(std::uint32_t spec_index, Report&& report, Out& out) {
  const CorrelationSpec& spec = ruleset_->correlations[spec_index];
  const Stage& stage = stages_[spec_index];
  if (!stage.consumers.empty()) {
    auto source = std::make_shared<Source>();
    source->time = report.time;
    source->sequence = report.sequence;
    source->identity = report.identity;
    source->record = report.events.empty() ? nullptr : report.events.back();
    for (std::size_t i = 0; i < spec.group_by.size() && i < report.group.size(); ++i) {
      source->overlay.emplace_back(spec.group_by[i], report.group[i]);
    }
    for (const Consumer& consumer : stage.consumers) {
      stages_[consumer.spec].met.push_back({consumer.input, source});
    }
  }
  if (settings_.fold && !folding_.shows(spec, report)) {
    ++counters_.folded;
    return;
  }
  out.push_back({spec_index, std::move(report)});
}

// --- counters ---

DetectorCounters CorrelationEngine::counters(std::uint32_t spec) const {
  return stages_[spec].detector == nullptr ? DetectorCounters{}
                                           : stages_[spec].detector->counters();
}

CorrelationCounters CorrelationEngine::counters() const {
  CorrelationCounters counters = counters_;
  counters.hours_forgotten = seen_.forgotten_early();
  for (std::uint32_t spec = 0; spec < stages_.size(); ++spec) {
    const DetectorCounters one = this->counters(spec);
    counters.detectors.keys += one.keys;
    counters.detectors.bytes += one.bytes;
    counters.detectors.evicted_keys += one.evicted_keys;
    counters.detectors.dropped_values += one.dropped_values;
    counters.detectors.late += one.late;
    counters.detectors.duplicates += one.duplicates;
    counters.detectors.open += one.open;
    counters.detectors.skipped += one.skipped;
  }
  return counters;
}

}  // namespace tocsin
