// SPDX-License-Identifier: Apache-2.0
#include "engine/event/event.h"

#include <algorithm>

#include "engine/base/fold.h"
#include "engine/base/limits.h"
#include "engine/event/cloudtrail.h"
#include "engine/event/json.h"
#include "engine/event/json_text.h"

namespace tocsin {

class Event::Arena {
 public:
  // Room for `size` bytes that stays until clear(). shrink() gives back what the last room did not
  // need.
  char* room(std::size_t size) {
    while (chunk_ < chunks_.size() && chunks_[chunk_].size - used_ < size) {
      ++chunk_;
      used_ = 0;
    }
    if (chunk_ == chunks_.size()) {
      const std::size_t bytes = std::max(size, chunk_bytes);
      chunks_.push_back({std::make_unique<char[]>(bytes), bytes});
    }
    char* begin = chunks_[chunk_].bytes.get() + used_;
    used_ += size;
    return begin;
  }
  void shrink(std::size_t unused) { used_ -= unused; }

  void clear() {
    // One large record must not pin its memory for ever.
    if (chunks_.size() > chunks_kept_max) {
      chunks_.clear();
    }
    chunk_ = 0;
    used_ = 0;
  }

 private:
  static constexpr std::size_t chunk_bytes = 16u << 10;
  static constexpr std::size_t chunks_kept_max = 256;
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };
  std::vector<Chunk> chunks_;
  std::size_t chunk_ = 0;
  std::size_t used_ = 0;
};

Event::Event() : arena_(std::make_unique<Arena>()) {}
Event::~Event() = default;

void Event::reset(const FieldPlan& plan, std::string_view json) {
  if (plan_ != &plan) {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    plan_ = &plan;
  }
  json_ = json;
  if (slots_.size() < plan.size()) {
    slots_.resize(plan.size());
    present_.resize(plan.size());
  }
  forget_values();
  text_ = {};
  extent_ = FieldPlan::Extent::whole;
  broken_ = false;
  completed_ = false;
  arena_->clear();
}

void Event::forget_values() {
  if (++epoch_ == 0) {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    epoch_ = 1;
  }
  entry_count_ = 0;
  present_count_ = 0;
  texts_.clear();
  scalars_.clear();
  has_scalars_ = false;
}

// What is in the arena stays: somebody may have a view of it.
bool Event::read_rest() {
  forget_values();
  completed_ = true;
  broken_ = !reader_->read_rest(*this);
  extent_ = FieldPlan::Extent::whole;
  if (!broken_) {
    derive_fields(*this, geo_);
  }
  return !broken_;
}

void Event::derive(const GeoSet* geo) {
  geo_ = geo;
  if (is_whole()) {
    derive_fields(*this, geo);
  }
}

std::string Event::fault() const {
  return "byte " + std::to_string(reader_->fault_offset()) + ": " + std::string(reader_->fault());
}

void Event::grow() {
  entry_capacity_ = std::max(64u, entry_capacity_ * 2);
  entries_.resize(entry_capacity_);
  entry_fields_.resize(entry_capacity_);
}

void Event::link_from(EntryId first) {
  Entry* const entries = entries_.data();
  Slot* const slots = slots_.data();
  const std::uint32_t epoch = epoch_;
  std::uint32_t present = present_count_;
  for (EntryId entry = first; entry < entry_count_; ++entry) {
    const FieldId field = entry_fields_[entry];
    Slot& slot = slots[index(field)];
    if (slot.epoch != epoch) {
      slot = {epoch, entry, entry};
      present_[present++] = field;
    } else {
      entries[slot.last].next = entry;
      slot.last = entry;
    }
  }
  present_count_ = present;
}

std::string_view Event::stripped(std::string_view json) {
  const std::size_t room = json.size() + limits::padding_bytes;
  char* begin = arena_->room(room);
  std::size_t size = 0;
  if (!strip_white_space(json, begin, size)) {
    arena_->shrink(room);
    return {};
  }
  arena_->shrink(room - size);
  return {begin, size};
}

std::string_view Event::compact_json() {
  if (!text_.utf8) {
    return {};
  }
  if (!text_.compact) {
    return text_.unescaped ? stripped(json_) : std::string_view();
  }
  if (text_.unescaped) {
    return json_;
  }
  char* begin = arena_->room(json_.size());
  const auto size = static_cast<std::size_t>(decode_json_string(json_, begin) - begin);
  arena_->shrink(json_.size() - size);
  return {begin, size};
}

Event::Text& Event::text_of(EntryId entry) {
  Entry& at = entries_[entry];
  if (at.text_state == 0) {
    texts_.emplace_back();
    at.text_state = static_cast<std::uint32_t>(texts_.size());
  }
  return texts_[at.text_state - 1];
}

std::string_view Event::decoded_text(EntryId entry) {
  const Value value = entries_[entry].value;
  switch (value.kind) {
    case ValueKind::null:
    case ValueKind::empty_array:
      return {};
    case ValueKind::boolean:
    case ValueKind::number:
      return value.raw();
    case ValueKind::string:
      if (!value.escaped) {
        return value.raw();
      }
      break;
    case ValueKind::object:
      break;
  }
  Text& text = text_of(entry);
  if (!text.has_decoded && value.kind == ValueKind::object && !value.escaped) {
    text.decoded = stripped(value.raw());
    text.has_decoded = !text.decoded.empty();
  }
  if (!text.has_decoded) {
    char* begin = arena_->room(value.size);
    char* end = value.kind == ValueKind::object ? minify_json(value.raw(), begin)
                                                : decode_json_string(value.raw(), begin);
    const auto size = static_cast<std::size_t>(end - begin);
    arena_->shrink(value.size - size);
    text.decoded = {begin, size};
    text.has_decoded = true;
  }
  return text.decoded;
}

std::string_view Event::folded(EntryId entry) {
  const std::uint32_t state = entries_[entry].text_state;
  if (state != 0 && texts_[state - 1].has_folded) {
    return texts_[state - 1].folded;
  }
  const std::string_view plain = text(entry);
  Text& text = text_of(entry);
  if (is_plain_folded(plain)) {
    text.folded = plain;
  } else {
    char* begin = arena_->room(plain.size() * 3);
    const std::size_t size = fold_to(plain, begin);
    arena_->shrink(plain.size() * 3 - size);
    text.folded = {begin, size};
  }
  text.has_folded = true;
  return text.folded;
}

std::span<const EntryId> Event::scalars() {
  if (!has_scalars_) {
    has_scalars_ = true;
    if (reader_ != nullptr) {
      reader_->collect_scalars(*this);
    }
  }
  return scalars_;
}

bool Event::gather(ScalarTexts& texts) const {
  if (!text_.unescaped || !text_.ascii || reader_ == nullptr ||
      reader_->structurals() > 2 * limits::json_depth_max) {
    return false;  // what may lie too deep is a scalar as a whole
  }
  reader_->gather(json_, texts);
  return true;
}

void Event::add(FieldId field, const Value& value) {
  link_from(push(field, value));
}

std::string_view Event::keep(std::string_view first,
                             std::string_view second,
                             std::string_view third) {
  const std::size_t size = first.size() + second.size() + third.size();
  char* begin = arena_->room(size);
  char* end = begin;
  for (const std::string_view part : {first, second, third}) {
    end = std::copy(part.begin(), part.end(), end);
  }
  return {begin, size};
}

}  // namespace tocsin
