// SPDX-License-Identifier: Apache-2.0
// CorrelationEngine's journal: what was fed to it, in order, so that a saved state and the journals
// after it give the state again. A record is noted with the texts that correlations read of it, and
// with its JSON only where a detector may still show it. A journal is a list of segments; each
// names its correlations by what their state belongs to, since a restart may number them anew.
#include <algorithm>
#include <map>
#include <utility>

#include "detectors/engine.h"
#include "detectors/feed_state.h"

namespace tocsin {

namespace {

constexpr std::uint64_t format_version = 3;

// A copy of a record that was taken before, and time that passes, move the clocks only.
enum class Entry : std::uint8_t { taken = 1, copy = 2, idle = 3, advance = 4 };

void begin_entry(Entry entry, WireWriter& writer) {
  writer.number(static_cast<std::uint64_t>(entry));
}

}  // namespace

// --- writing ---

void CorrelationEngine::note_taken(const std::string& input,
                                   const Feed& feed,
                                   const FeedRecord& record,
                                   const RecordCopy* copy,
                                   TimeNs time,
                                   bool is_copy) {
  note_advance();
  WireWriter writer(segment_);
  begin_entry(is_copy ? Entry::copy : Entry::taken, writer);
  writer.text(input);
  writer.signed_number(time);
  if (is_copy) {
    return;  // it moves the clocks only
  }
  noted_.resize(ruleset_->correlations.size());
  bool is_kept = false;
  for (std::uint32_t i = 0; i < record.event_count; ++i) {
    const std::uint32_t spec = feed.events[record.first_event + i].spec;
    noted_[spec] = true;
    is_kept = is_kept || shards_.front()->keeps(spec);
  }
  save_feed_record(feed, record, is_kept ? copy : nullptr, writer);
}

void CorrelationEngine::note_clock(const std::string& input, TimeNs time) {
  note_advance();
  WireWriter writer(segment_);
  begin_entry(Entry::copy, writer);
  writer.text(input);
  writer.signed_number(time);
}

void CorrelationEngine::note_idle(const std::string& input, bool idle) {
  note_advance();
  WireWriter writer(segment_);
  begin_entry(Entry::idle, writer);
  writer.text(input);
  writer.flag(idle);
}

void CorrelationEngine::note_advance() {
  if (advanced_ && notes()) {
    WireWriter writer(segment_);
    begin_entry(Entry::advance, writer);
    writer.signed_number(*advanced_);
  }
  advanced_.reset();
}

void CorrelationEngine::close_segment() {
  if (segment_.empty()) {
    return;
  }
  std::string head;
  WireWriter writer(head);
  writer.number(format_version);
  writer.number(static_cast<std::uint64_t>(std::count(noted_.begin(), noted_.end(), true)));
  for (std::uint32_t spec = 0; spec < noted_.size(); ++spec) {
    if (noted_[spec]) {
      writer.number(spec);
      writer.hash(content_hash(correlation_state_key(ruleset_->correlations[spec].info)));
    }
  }
  // As one text: a segment may be megabytes, and is not put together first.
  journal_.reserve(journal_.size() + head.size() + segment_.size() + WireWriter::number_bytes_max);
  WireWriter(journal_).number(head.size() + segment_.size());
  journal_ += head;
  journal_ += segment_;
  segment_.clear();
  noted_.clear();
}

std::string CorrelationEngine::take_journal() {
  close_segment();
  return std::exchange(journal_, {});
}

// --- reading ---

bool CorrelationEngine::replay(std::string_view journal) {
  WireReader reader(journal);
  replaying_ = true;
  Out reported_before;
  bool whole = true;
  while (whole && reader.ok() && !reader.at_end()) {
    const std::string_view segment = reader.text();
    whole = reader.ok() && replay_segment(segment, reported_before);
  }
  replaying_ = false;
  take_folded();
  advanced_.reset();
  counters_ = {};
  return whole && reader.ok();
}

bool CorrelationEngine::replay_segment(std::string_view bytes, Out& reported_before) {
  WireReader reader(bytes);
  if (reader.number() != format_version) {
    return false;
  }
  std::map<Hash128, std::uint32_t> by_key;
  for (std::uint32_t spec = 0; spec < ruleset_->correlations.size(); ++spec) {
    if (shards_.front()->knows(spec)) {
      by_key.emplace(content_hash(correlation_state_key(ruleset_->correlations[spec].info)), spec);
    }
  }
  // By the numbers of the segment: ours, or none.
  std::vector<std::optional<std::uint32_t>> specs;
  for (std::size_t count = reader.count(17); count > 0 && reader.ok(); --count) {
    const std::uint64_t number = reader.number();
    const auto found = by_key.find(reader.hash());
    if (number < specs.size() || number > 1'000'000) {
      return false;
    }
    specs.resize(static_cast<std::size_t>(number) + 1);
    if (found != by_key.end()) {
      specs[static_cast<std::size_t>(number)] = found->second;
    }
  }
  while (reader.ok() && !reader.at_end()) {
    const std::uint64_t entry = reader.number();
    if (entry == static_cast<std::uint64_t>(Entry::taken)) {
      if (!replay_taken(reader, specs, reported_before)) {
        return false;
      }
    } else if (entry == static_cast<std::uint64_t>(Entry::copy)) {
      const std::string input(reader.text());
      const TimeNs time = reader.signed_number();
      if (reader.ok()) {
        passed_ = std::max(passed_, time);
        move_clock(input, time);
        add_step(nullptr, nullptr, nullptr, time);
        run_steps(reported_before);
      }
    } else if (entry == static_cast<std::uint64_t>(Entry::idle)) {
      const std::string input(reader.text());
      const bool idle = reader.flag();
      if (reader.ok()) {
        set_idle(input, idle, reported_before);
      }
    } else if (entry == static_cast<std::uint64_t>(Entry::advance)) {
      const TimeNs time = reader.signed_number();
      if (reader.ok()) {
        advance(time, reported_before);
      }
    } else {
      return false;
    }
    reported_before.clear();
  }
  return reader.ok();
}

bool CorrelationEngine::replay_taken(WireReader& reader,
                                     const std::vector<std::optional<std::uint32_t>>& specs,
                                     Out& reported_before) {
  const std::string input(reader.text());
  const TimeNs time = reader.signed_number();
  Feed feed;
  if (!reader.ok() || !load_feed_record(reader, feed)) {
    return false;
  }
  // Events of correlations that are gone, or that the state did not know, are left out; the others
  // go on in the order of today's numbers.
  std::vector<FeedEvent> events;
  for (FeedEvent& event : feed.events) {
    if (event.spec < specs.size() && specs[event.spec]) {
      const std::size_t at = static_cast<std::size_t>(&event - feed.events.data());
      const std::size_t end =
          at + 1 < feed.events.size() ? feed.events[at + 1].first_field : feed.fields.size();
      event.spec = *specs[event.spec];
      if (end - event.first_field == ruleset_->correlations[event.spec].fields.size()) {
        events.push_back(event);
      }
    }
  }
  std::stable_sort(events.begin(), events.end(), [](const FeedEvent& a, const FeedEvent& b) {
    return a.spec < b.spec;
  });
  feed.events = std::move(events);
  FeedRecord& record = feed.records.front();
  record.event_count = static_cast<std::uint32_t>(feed.events.size());
  find_owners(feed);
  take_from(input, feed, record, time);
  run_steps(reported_before);
  return true;
}

bool CorrelationEngine::knows_all() const {
  for (std::uint32_t spec = 0; spec < ruleset_->correlations.size(); ++spec) {
    if (!shards_.front()->knows(spec)) {
      return false;
    }
  }
  return true;
}

std::vector<std::string> CorrelationEngine::inputs() const {
  std::vector<std::string> names;
  for (const auto& entry : clocks_) {
    names.push_back(entry.first);
  }
  return names;
}

}  // namespace tocsin
