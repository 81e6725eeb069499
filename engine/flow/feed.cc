// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/feed.h"

#include <algorithm>
#include <cstring>

#include "engine/base/limits.h"
#include "engine/base/prefetch.h"
#include "engine/base/text.h"
#include "engine/base/wire.h"

namespace tocsin {

namespace {

// Inputs are bits; a correlation with more of them is rejected where its detector is made.
constexpr std::size_t feed_inputs_max = 64;
constexpr std::size_t copied_at_once = 16;
// Shorter values are copied as fast as one would find out that they are there already.
constexpr std::size_t shared_bytes_min = 24;
static_assert(copied_at_once <= limits::padding_bytes);

// 7.0 and 7 are one value.
bool needs_shortest(const Value& value) {
  return value.kind == ValueKind::number && value.raw().find_first_of(".eE") != std::string::npos;
}

}  // namespace

void Feed::clear() {
  texts.clear();
  values.clear();
  fields.clear();
  events.clear();
  records.clear();
}

Feed::Size Feed::size() const {
  return {texts.size(), values.size(), fields.size(), events.size(), records.size()};
}

void Feed::reserve(const Size& size) {
  texts.reserve(size.texts);
  values.reserve(size.values);
  fields.reserve(size.fields);
  events.reserve(size.events);
  records.reserve(size.records);
}

std::size_t Feed::bytes() const {
  std::size_t bytes = texts.size() + values.size() * sizeof(FeedText) +
                      fields.size() * sizeof(FeedField) + events.size() * sizeof(FeedEvent) +
                      records.size() * sizeof(FeedRecord);
  for (const FeedRecord& record : records) {
    if (record.record != nullptr) {
      bytes += sizeof(RecordCopy) + record.record->json.size() + record.record->source.size();
    }
  }
  return bytes;
}

void append_group_value(const std::optional<std::string_view>& value, std::string& out) {
  // The size is one more, so that 0 is free to say "absent".
  WireWriter(out).number(value ? value->size() + 1 : 0);
  if (value) {
    out.append(*value);
  }
}

void append_group_key(std::span<const std::optional<std::string>> group, std::string& out) {
  for (const std::optional<std::string>& value : group) {
    append_group_value(value ? std::optional<std::string_view>(*value) : std::nullopt, out);
  }
}

namespace {

struct GroupValue {
  bool present = false;
  std::string_view text;
};

// Takes the next value off `key`; false at the end, or where it is no key.
bool next_value(std::string_view& key, GroupValue& value) {
  if (key.empty()) {
    return false;
  }
  WireReader reader(key);
  const std::uint64_t size = reader.number();
  key.remove_prefix(key.size() - reader.rest().size());
  value = {};
  if (size == 0) {
    return reader.ok();
  }
  if (size - 1 > key.size()) {
    return false;
  }
  value = {true, key.substr(0, static_cast<std::size_t>(size - 1))};
  key.remove_prefix(static_cast<std::size_t>(size - 1));
  return reader.ok();
}

}  // namespace

std::vector<std::optional<std::string>> parse_group_key(std::string_view key) {
  std::vector<std::optional<std::string>> group;
  GroupValue value;
  while (next_value(key, value)) {
    group.push_back(value.present ? std::optional<std::string>(value.text) : std::nullopt);
  }
  return group;
}

std::string_view parent_group_key(std::string_view key) {
  std::string_view rest = key;
  std::size_t last = 0;
  GroupValue value;
  while (true) {
    const std::size_t begin = key.size() - rest.size();
    if (!next_value(rest, value)) {
      return key.substr(0, last);
    }
    last = begin;
  }
}

std::string_view bounded_text(std::string_view text, std::string& room) {
  constexpr std::size_t kept = 256;
  if (text.size() <= limits::detector_text_bytes_max) {
    return text;
  }
  std::size_t end = kept;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
    --end;  // not in the middle of a character
  }
  room.assign(text.substr(0, end));
  room += "... ";
  room += to_hex(content_hash(text));
  return room;
}

// --- plan ---

FeedPlan::FeedPlan(const Ruleset& ruleset) {
  if (ruleset.correlations.empty()) {
    return;  // asked of each match: nothing to look up
  }
  consumers_.resize(ruleset.rules.size());
  shown_.resize(ruleset.rules.size(), false);
  const FieldPlan& plan = ruleset.program->plan();
  for (std::uint32_t spec = 0; spec < ruleset.correlations.size(); ++spec) {
    const CorrelationSpec& correlation = ruleset.correlations[spec];
    needs_watermark_ = needs_watermark_ || decides_by_watermark(correlation);
    std::vector<FieldId>& fields = fields_.emplace_back();
    for (const std::string& field : correlation.fields) {
      fields.push_back(plan.find(field));
    }
    const std::size_t inputs = correlation.inputs.size();
    for (std::uint32_t input = 0; inputs <= feed_inputs_max && input < inputs; ++input) {
      const CorrelationInput& from = correlation.inputs[input];
      if (from.is_correlation || from.rule >= consumers_.size()) {
        continue;
      }
      std::vector<FieldId> group;
      for (const std::string& field : from.group_fields) {
        group.push_back(plan.find(field));
      }
      consumers_[from.rule].push_back({spec, input, intern_group(std::move(group))});
      shown_[from.rule] = shown_[from.rule] || !from.baseline;
    }
  }
}

std::uint32_t FeedPlan::intern_group(std::vector<FieldId> group) {
  const auto known = std::find(groups_.begin(), groups_.end(), group);
  const auto number = static_cast<std::uint32_t>(known - groups_.begin());
  if (known == groups_.end()) {
    groups_.push_back(std::move(group));
  }
  return number;
}

// --- builder ---

// Room behind the record's texts, and a block more: texts are copied block by block.
char* FeedBuilder::room(std::size_t size) {
  if (texts_.size() - used_ < size + copied_at_once) {
    texts_.resize(2 * texts_.size() + size + copied_at_once);
  }
  char* begin = texts_.data() + used_;
  used_ += size;
  return begin;
}

void FeedBuilder::append(const One& one) {
  const std::size_t size = one.text.size();
  char* to = room(size);
  if (!one.is_padded) {
    std::copy_n(one.text.data(), size, to);
    return;
  }
  for (std::size_t at = 0; at < size; at += copied_at_once) {
    std::memcpy(to + at, one.text.data() + at, copied_at_once);
  }
}

// As append_group_value() does.
void FeedBuilder::append_sized(const One& one) {
  const std::uint64_t size = one.is_present ? one.text.size() + 1 : 0;
  if (size < 0x80) {
    *room(1) = static_cast<char>(size);
  } else {
    joined_.clear();
    WireWriter(joined_).number(size);
    append({joined_, true, false});
  }
  if (one.is_present) {
    append(one);
  }
}

// The usual case: no value, or one short text that is kept as it stands. False: see read().
bool FeedBuilder::read_one(Event& event, FieldId field, One& one) {
  const EntryId entry = field == no_field ? no_entry : event.first(field);
  one.is_present = entry != no_entry;
  if (entry == no_entry) {
    return true;
  }
  const Value& value = event.value(entry);
  if (value.kind != ValueKind::string || event.next(entry) != no_entry) {
    return false;
  }
  one.is_padded = value.plain;
  one.text = value.plain ? value.raw() : event.text(entry);
  return one.text.size() <= limits::detector_text_bytes_max;
}

// The field's texts: null and [] are no values.
void FeedBuilder::read(Event& event, FieldId field) {
  read_.clear();
  if (field == no_field) {
    return;
  }
  std::size_t made = 0;
  for (EntryId entry = event.first(field); entry != no_entry; entry = event.next(entry)) {
    const Value& value = event.value(entry);
    if (value.kind == ValueKind::null || value.kind == ValueKind::empty_array) {
      continue;
    }
    std::string_view text = event.text(entry);
    const bool shortens = needs_shortest(value);
    if (shortens || text.size() > limits::detector_text_bytes_max) {
      if (made == kept_.size()) {
        kept_.emplace_back();
      }
      std::string& room = kept_[made++];
      const std::optional<double> number = shortens ? parse_real(text) : std::nullopt;
      if (number) {
        room = number_text(*number);
        text = room;
      } else {
        text = bounded_text(text, room);
      }
    }
    read_.push_back(text);
  }
}

// One value as it is, several as the JSON text of all of them (DETECTION.md, choice 13).
void FeedBuilder::append_key(Event& event, const std::vector<FieldId>& group) {
  for (const FieldId field : group) {
    One one;
    if (read_one(event, field, one)) {
      append_sized(one);
      continue;
    }
    read(event, field);
    if (read_.size() < 2) {
      append_sized(read_.empty() ? One() : One{read_.front(), true, false});
      continue;
    }
    std::string all = "[";
    for (const std::string_view text : read_) {
      all += all.size() > 1 ? "," : "";
      append_json_string(text, all);
    }
    all += ']';
    std::string bounded;
    append_sized({bounded_text(all, bounded), true, false});
  }
}

const FeedText& FeedBuilder::key_of(Event& event, std::uint32_t group) {
  Key& key = keys_[group];
  if (key.record != record_number_) {
    const std::size_t begin = end();
    append_key(event, plan_->groups_[group]);
    key = {record_number_, {begin, static_cast<std::uint32_t>(end() - begin)}};
  }
  return key.text;
}

FeedField FeedBuilder::values_of(Event& event, FieldId field, Feed& feed) {
  for (const Values& known : values_) {
    if (known.field == field) {
      return known.slice;
    }
  }
  values_.push_back({field, append_values(event, field, feed)});
  return values_.back().slice;
}

FeedField FeedBuilder::append_values(Event& event, FieldId field, Feed& feed) {
  const auto first = static_cast<std::uint32_t>(feed.values.size());
  One one;
  if (!read_one(event, field, one)) {
    read(event, field);
    for (const std::string_view text : read_) {
      feed.values.push_back(append_value({text, true, false}, feed));
    }
  } else if (one.is_present) {
    feed.values.push_back(append_value(one, feed));
  }
  return {first, static_cast<std::uint32_t>(feed.values.size()) - first};
}

// A few long values make up most of a feed: a user agent, an ARN.
FeedText FeedBuilder::append_value(const One& one, const Feed& feed) {
  FeedText text{end(), static_cast<std::uint32_t>(one.text.size()), 0};
  if (text.size < shared_bytes_min) {
    append(one);
    return text;
  }
  text.hash = text_hash(one.text);
  Known& known = known_[text.hash % known_values];
  const auto is_same = [&] {
    return (known.text.offset < base_ ? feed.text(known.text) : view(known.text)) == one.text;
  };
  if (known.feed != feed_number_ || known.text.hash != text.hash || !is_same()) {
    append(one);
    known = {feed_number_, text};
  }
  return known.text;
}

// What comes next goes to memory that was not looked at for long.
void FeedBuilder::expect_next(const Feed& feed) const {
  constexpr std::size_t line = 64;
  const auto expect = [](const void* end, std::size_t size) {
    for (std::size_t at = 0; at < size; at += line) {
      prefetch_write(static_cast<const char*>(end) + line + at);
    }
  };
  expect(feed.records.data() + feed.records.size(), sizeof(FeedRecord));
  expect(feed.events.data() + feed.events.size(), 2 * sizeof(FeedEvent));
  expect(feed.fields.data() + feed.fields.size(), sizeof(FeedField));
  expect(feed.values.data() + feed.values.size(), sizeof(FeedText));
  expect(feed.texts.data() + feed.texts.size(), used_);
}

// A record that meets several inputs counts once per group.
void FeedBuilder::draft(Event& event, const FeedPlan::Consumer& consumer) {
  const FeedText& key = key_of(event, consumer.group);
  std::uint64_t& drafted_in = drafted_in_[consumer.spec];
  const auto same = drafted_in != record_number_
                        ? drafts_.end()
                        : std::find_if(drafts_.begin(), drafts_.end(), [&](const Draft& draft) {
                            return draft.spec == consumer.spec && view(draft.key) == view(key);
                          });
  drafted_in = record_number_;
  if (same != drafts_.end()) {
    same->inputs |= std::uint64_t{1} << consumer.input;
  } else {
    drafts_.push_back({consumer.spec, std::uint64_t{1} << consumer.input, key});
  }
}

void FeedBuilder::add(Event& event,
                      std::span<const RuleId> rules,
                      const std::optional<TimeNs>& time,
                      const Hash128& identity,
                      std::uint64_t sequence,
                      std::shared_ptr<const RecordCopy> record,
                      Feed& feed) {
  drafts_.clear();
  values_.clear();
  drafted_in_.resize(plan_->fields_.size());
  keys_.resize(plan_->groups_.size());
  ++record_number_;
  feed_number_ += feed.records.empty() ? 1u : 0u;
  base_ = feed.texts.size();
  used_ = 0;
  for (const RuleId rule : rules) {
    if (plan_->feeds(rule)) {
      for (const FeedPlan::Consumer& consumer : plan_->consumers_[index(rule)]) {
        draft(event, consumer);
      }
    }
  }
  if (drafts_.empty()) {
    return;
  }
  // Usually they are in order, and a stable sort asks for memory.
  const auto by_spec = [](const Draft& a, const Draft& b) { return a.spec < b.spec; };
  if (!std::is_sorted(drafts_.begin(), drafts_.end(), by_spec)) {
    std::stable_sort(drafts_.begin(), drafts_.end(), by_spec);
  }
  FeedRecord& entry = feed.records.emplace_back();
  entry.time = time;
  entry.sequence = sequence;
  entry.identity = identity;
  entry.record = std::move(record);
  entry.first_event = static_cast<std::uint32_t>(feed.events.size());
  entry.event_count = static_cast<std::uint32_t>(drafts_.size());
  for (const Draft& draft : drafts_) {
    const auto first_field = static_cast<std::uint32_t>(feed.fields.size());
    feed.events.push_back({draft.spec, first_field, draft.inputs, draft.key});
    for (const FieldId field : plan_->fields_[draft.spec]) {
      feed.fields.push_back(values_of(event, field, feed));
    }
  }
  feed.texts.append(texts_.data(), used_);
  expect_next(feed);
}

}  // namespace tocsin
