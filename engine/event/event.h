// SPDX-License-Identifier: Apache-2.0
// Event: one record as values by FieldId. A worker thread keeps one and reuses it for every record:
// in steady state nothing is allocated. Everything it hands out is valid until the next decode, and
// while the batch lives; whoever keeps longer copies. Thread rule: one thread. Cost: O(1) per
// access; text() and folded() are computed once per value and record.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/field_plan.h"
#include "engine/event/value.h"

namespace tocsin {

class GeoSet;        // geo.h
class JsonReader;    // json.h: fills an Event
class JsonWalk;      // json_walk.h: the walk that does it
class RecordShapes;  // record_shapes.h: what makes most walks unnecessary
class ScalarTexts;   // scalar_texts.h

// A position in the chain of values that a field has in one record.
using EntryId = std::uint32_t;
inline constexpr EntryId no_entry = 0xffffffffu;

class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // The record's JSON text: as received, or the repaired copy of a record that a strict parser
  // refuses.
  std::string_view json() const { return json_; }
  const FieldPlan& plan() const { return *plan_; }
  // json() as DETECTION.md, choice 4, has it, where that is found fast; else empty. Cost: nothing
  // for most records.
  std::string_view compact_json();

  // The values of a field, in the record's order: for (e = first(f); e != no_entry; e = next(e))
  // value(e).
  EntryId first(FieldId field) const {
    const Slot& slot = slots_[index(field)];
    return slot.epoch == epoch_ ? slot.first : no_entry;
  }
  EntryId next(EntryId entry) const { return entries_[entry].next; }
  const Value& value(EntryId entry) const { return entries_[entry].value; }
  // Fields that have at least one value in this record, in the order of their first one.
  std::span<const FieldId> present() const { return {present_.data(), present_count_}; }

  // Reads all of the record's fields, if only those that decide were read so far
  // (FieldPlan::Extent): every entry is a new one then. False: what the others lie in is broken;
  // the event is of no use any more, and the reader says what is wrong.
  bool complete() { return extent_ == FieldPlan::Extent::whole || read_rest(); }
  bool is_broken() const { return broken_; }
  // Of a broken one: at which byte, and what.
  std::string fault() const;
  // Did complete() take another look at the record?
  bool was_completed() const { return completed_; }
  bool is_whole() const { return extent_ == FieldPlan::Extent::whole; }
  // Fills in the derived fields, once all fields are read. `geo` must live as long as the record.
  void derive(const GeoSet* geo);

  // Has the field had a value in any record since this plan was first read with?
  bool has_seen(FieldId field) const {
    return index(field) < slots_.size() && slots_[index(field)].epoch != 0;
  }

  // A value's text: a string with its escapes decoded, a number or bool as written, an object as
  // DETECTION.md, choice 4, says. Empty for null and []. Valid UTF-8.
  std::string_view text(EntryId entry) {
    const Value& value = entries_[entry].value;
    return value.plain ? value.raw() : decoded_text(entry);
  }
  // fold(text(entry)), see engine/base/fold.h.
  std::string_view folded(EntryId entry);

  // Every scalar value at any depth but null (keywords), in the record's order, as entries of their
  // own; found at the first call for a record. Cost: one more walk over the record.
  std::span<const EntryId> scalars();

  // Gathers the texts of scalars(). False: a literal may be in a scalar's folded text without being
  // in these bytes, whatever its case, or the other way round: there are escapes, what is not
  // ASCII, or too much depth. Cost: a copy of the texts, at 32 bytes a step.
  bool gather(ScalarTexts& texts) const;

  // Adds a value that is not in the record (derived fields). `text` must outlive the record: keep()
  // copies it for that long.
  void add(FieldId field, const Value& value);
  std::string_view keep(std::string_view text) { return keep(text, {}, {}); }
  std::string_view keep(std::string_view first, std::string_view second, std::string_view third);

 private:
  friend class JsonReader;
  friend class JsonWalk;
  friend class RecordShapes;
  struct Slot {
    std::uint32_t epoch = 0;
    EntryId first = no_entry;
    EntryId last = no_entry;
  };
  struct Entry {
    Value value;
    EntryId next = no_entry;
    std::uint32_t text_state = 0;  // index + 1 into texts_, 0: not computed
  };
  struct Text {
    std::string_view decoded;
    std::string_view folded;
    bool has_decoded = false;
    bool has_folded = false;
  };
  // Bytes that live until the next record: chunks are kept and reused.
  class Arena;

  std::string_view decoded_text(EntryId entry);
  void reset(const FieldPlan& plan, std::string_view json);
  void forget_values();
  bool read_rest();
  // An entry of no field.
  EntryId append(const Value& value) {
    if (entry_count_ == entry_capacity_) {
      grow();
    }
    entries_[entry_count_] = {value, no_entry, 0};
    return entry_count_++;
  }
  // A value of `field`, or of nobody if that is no_field: no branch on what cannot be predicted.
  // It is found once link_from() was called.
  EntryId push(FieldId field, const Value& value) {
    if (entry_count_ == entry_capacity_) {
      grow();
    }
    const EntryId entry = entry_count_;
    entries_[entry] = {value, no_entry, 0};
    entry_fields_[entry] = field;
    entry_count_ += field != no_field ? 1 : 0;
    return entry;
  }
  // Gives the entries from `first` on to their fields.
  void link_from(EntryId first);
  void grow();
  // Without white space outside strings, in the arena; empty: a string does not end.
  std::string_view stripped(std::string_view json);
  Text& text_of(EntryId entry);

  const FieldPlan* plan_ = nullptr;
  std::string_view json_;
  std::uint32_t epoch_ = 0;
  std::vector<Slot> slots_;
  // Vectors of their greatest size so far, the first so many of which are in use: cheaper than
  // push_back.
  std::vector<Entry> entries_;
  std::vector<FieldId> entry_fields_;
  std::vector<FieldId> present_;
  std::uint32_t entry_count_ = 0;
  std::uint32_t entry_capacity_ = 0;  // entries_.size(), which takes a division
  std::uint32_t present_count_ = 0;
  std::vector<Text> texts_;
  std::vector<EntryId> scalars_;
  bool has_scalars_ = false;
  // What is known of json_. Where values are concerned: of the bytes that they are views of.
  struct Known {
    bool unescaped = false;  // no backslash
    bool ascii = false;
    bool compact = false;  // neither white space nor a backslash outside strings
    bool utf8 = false;
  };
  Known text_;
  FieldPlan::Extent extent_ = FieldPlan::Extent::whole;
  bool broken_ = false;
  bool completed_ = false;
  JsonReader* reader_ = nullptr;
  const GeoSet* geo_ = nullptr;  // what fields that were not derived yet are derived from
  std::unique_ptr<Arena> arena_;
};

}  // namespace tocsin
