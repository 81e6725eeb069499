// SPDX-License-Identifier: Apache-2.0
// Feed: what the records of one batch bring to the correlations, read by the workers while the
// records are decoded: per record, and per correlation and group, one event with the group's key
// and the texts of the fields that are counted. The consumer needs no JSON any more.
//
// Thread rule: FeedPlan is immutable; FeedBuilder one per thread; a Feed is plain values. Cost: a
// few copies of short texts per event; long texts are replaced by their beginning and a hash, so
// that state per value is bounded; values that repeat within a feed are in it about once.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/time.h"
#include "engine/event/event.h"
#include "engine/flow/alert.h"
#include "engine/flow/ruleset.h"

namespace tocsin {

struct FeedText {
  std::size_t offset = 0;  // into Feed::texts
  std::uint32_t size = 0;
  std::uint32_t hash = 0;  // text_hash() of it; 0: not known
};

// One correlation's view of one record.
struct FeedEvent {
  std::uint32_t spec = 0;         // into Ruleset::correlations
  std::uint32_t first_field = 0;  // into Feed::fields; as many as the specification has
  std::uint64_t inputs = 0;       // bit i: met CorrelationSpec::inputs[i]
  FeedText key;                   // see append_group_key
  std::uint32_t shard = 0;        // that has the group; whoever has shards sets it
};

struct FeedField {
  std::uint32_t first = 0;  // into Feed::values
  std::uint32_t count = 0;
};

struct FeedRecord {
  std::optional<TimeNs> time;
  // Where a correlation needs the watermark: the greatest event time so far in this batch, of
  // records that feed nothing too.
  std::optional<TimeNs> latest;
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;  // in the decompressed stream
  Hash128 identity;
  // Correlations that are not in its events took it before; whether it is a copy is judged anew.
  bool again = false;
  std::shared_ptr<const RecordCopy> record;  // null: no report will show it
  std::uint32_t first_event = 0;             // into Feed::events, by correlation
  std::uint32_t event_count = 0;
};

struct Feed {
  std::string texts;
  std::vector<FeedText> values;
  std::vector<FeedField> fields;
  std::vector<FeedEvent> events;
  std::vector<FeedRecord> records;

  std::string_view text(const FeedText& slice) const {
    return {texts.data() + slice.offset, slice.size};
  }
  void clear();
  struct Size {
    std::size_t texts = 0, values = 0, fields = 0, events = 0, records = 0;
  };
  Size size() const;
  void reserve(const Size& size);
  std::size_t bytes() const;  // records' texts included; an estimate
};

// A group as bytes, unambiguous: per value absent, or its size and text.
void append_group_value(const std::optional<std::string_view>& value, std::string& out);
void append_group_key(std::span<const std::optional<std::string>> group, std::string& out);
std::vector<std::optional<std::string>> parse_group_key(std::string_view key);
// The key of the group without its last value: the beginning of `key`.
std::string_view parent_group_key(std::string_view key);

// A text that may be kept for long: itself, or its beginning and a hash where it is longer than
// limits::detector_text_bytes_max.
std::string_view bounded_text(std::string_view text, std::string& room);

// Which rules feed which correlations, and with which fields.
class FeedPlan {
 public:
  explicit FeedPlan(const Ruleset& ruleset);

  bool feeds(RuleId rule) const {
    return index(rule) < consumers_.size() && !consumers_[index(rule)].empty();
  }
  // Does some correlation decide by the watermark, which every record's time moves?
  bool needs_watermark() const { return needs_watermark_; }
  // May a report show the record of this rule's match?
  bool is_shown(RuleId rule) const { return index(rule) < shown_.size() && shown_[index(rule)]; }

 private:
  friend class FeedBuilder;
  struct Consumer {
    std::uint32_t spec;
    std::uint32_t input;
    std::uint32_t group;  // into groups_
  };
  std::uint32_t intern_group(std::vector<FieldId> group);

  std::vector<std::vector<Consumer>> consumers_;  // by rule
  std::vector<bool> shown_;                       // by rule
  std::vector<std::vector<FieldId>> groups_;      // different ones
  std::vector<std::vector<FieldId>> fields_;      // by correlation
  bool needs_watermark_ = false;
};

class FeedBuilder {
 public:
  explicit FeedBuilder(std::shared_ptr<const FeedPlan> plan) : plan_(std::move(plan)) {}

  // Appends what the record brings. `record` may be null.
  void add(Event& event,
           std::span<const RuleId> rules,
           const std::optional<TimeNs>& time,
           const Hash128& identity,
           std::uint64_t sequence,
           std::shared_ptr<const RecordCopy> record,
           Feed& feed);

 private:
  struct Draft {
    std::uint32_t spec;
    std::uint64_t inputs;
    FeedText key;
  };
  // Of the record at hand, once it was made: many correlations ask for the same.
  struct Key {
    std::uint64_t record = 0;
    FeedText text;
  };
  struct Values {
    FieldId field = no_field;
    FeedField slice;
  };
  // A value's text as it is kept.
  struct One {
    std::string_view text;
    bool is_present = false;
    bool is_padded = false;  // bytes behind it may be read
  };
  void draft(Event& event, const FeedPlan::Consumer& consumer);
  const FeedText& key_of(Event& event, std::uint32_t group);
  void append_key(Event& event, const std::vector<FieldId>& group);
  FeedField values_of(Event& event, FieldId field, Feed& feed);
  FeedField append_values(Event& event, FieldId field, Feed& feed);
  FeedText append_value(const One& one, const Feed& feed);
  void expect_next(const Feed& feed) const;
  bool read_one(Event& event, FieldId field, One& one);
  void read(Event& event, FieldId field);
  char* room(std::size_t size);
  void append(const One& one);
  void append_sized(const One& one);
  std::size_t end() const { return base_ + used_; }
  std::string_view view(const FeedText& slice) const {
    return {texts_.data() + (slice.offset - base_), slice.size};
  }

  std::shared_ptr<const FeedPlan> plan_;
  std::vector<Draft> drafts_;              // reused, as all below
  std::vector<std::string_view> read_;     // texts of one field
  std::deque<std::string> kept_;           // of texts that had to be made
  std::vector<std::uint64_t> drafted_in_;  // by correlation: the last record with a draft of it
  std::vector<Key> keys_;                  // by group of the plan
  std::vector<Values> values_;
  // The record's texts: they go to the feed together.
  std::vector<char> texts_;
  std::size_t base_ = 0;  // where in Feed::texts they will begin
  std::size_t used_ = 0;
  std::uint64_t record_number_ = 0;
  std::string joined_;
  // Values of the feed at hand, by their hash: the last of each.
  struct Known {
    std::uint64_t feed = 0;
    FeedText text;
  };
  static constexpr std::size_t known_values = 256;
  std::array<Known, known_values> known_;
  std::uint64_t feed_number_ = 0;
};

}  // namespace tocsin
