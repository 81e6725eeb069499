// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json_walk.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tocsin {

namespace {

std::uint32_t kinds_at(const char* from) {
  std::uint32_t four = 0;
  std::memcpy(&four, from, sizeof four);
  return four;
}
constexpr std::uint32_t kinds_of(char first, char second, char third = 0) {
  const auto byte = [](char c) { return std::uint32_t{static_cast<unsigned char>(c)}; };
  return byte(first) | byte(second) << 8 | byte(third) << 16;
}
static_assert(std::endian::native == std::endian::little);

constexpr std::uint32_t chunk_kinds = 16;
static_assert(chunk_kinds <= StructuralIndex::kinds_behind);

// The brackets among the 16 kinds at `from`: a bit each.
inline std::uint32_t brackets_of(const char* from) {
#if defined(__SSE2__)
  const __m128i kinds = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  // { [ } ] with bit 5 are { { } }.
  const __m128i curled = _mm_or_si128(kinds, _mm_set1_epi8(0x20));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_or_si128(
      _mm_cmpeq_epi8(curled, _mm_set1_epi8('{')), _mm_cmpeq_epi8(curled, _mm_set1_epi8('}')))));
#else
  std::uint32_t brackets = 0;
  for (std::uint32_t i = 0; i < chunk_kinds; ++i) {
    brackets |= is_json_open(from[i]) || is_json_close(from[i]) ? 1u << i : 0u;
  }
  return brackets;
#endif
}

}  // namespace

JsonWalk::JsonWalk() : frames_(limits::json_depth_max) {}

bool JsonWalk::fail(const char* what, std::uint32_t structural) {
  fault_ = {what, positions_[std::min(structural, last_)]};
  return false;
}

void JsonWalk::begin(const StructuralIndex& index) {
  text_ = index.text;
  kinds_of_ = index.kinds;
  positions_ = index.positions;
  next_ = index.first;
  last_ = index.last;
  depth_ = 0;
}

std::uint32_t JsonWalk::skip(const StructuralIndex& index, std::uint32_t structural) {
  begin(index);
  strict_ = false;
  next_ = structural;
  return next_ < last_ && skip_value() ? next_ : 0;
}

bool JsonWalk::read(const StructuralIndex& index,
                    const FieldPlan& plan,
                    FieldPlan::Extent extent,
                    bool strict,
                    Event& event,
                    WalkNotes* notes) {
  begin(index);
  strict_ = strict;
  refused_ = false;
  ascii_ = event.text_.ascii;
  plain_objects_ = ascii_ && event.text_.compact && event.text_.unescaped;
  plan_ = &plan;
  extent_ = extent;
  event_ = &event;
  notes_ = notes;
  if (next_ == last_) {
    return fail("no value", next_);
  }
  if (at(next_) == '{') {
    if (last_ - next_ >= 2 && at(next_ + 1) == '}') {
      next_ += 2;
    } else {
      ++next_;
      frames_[depth_++] = {0, no_field, no_entry, false};
      const bool read = notes == nullptr ? run_form<false>() : run_form<true>();
      if (!read) {
        return false;
      }
    }
  } else if (!skip_value()) {
    return false;
  }
  event.link_from(0);
  return next_ == last_ || fail("more text behind the value", next_);
}

template <bool notes_keys>
bool JsonWalk::run_form() {
  return !event_->text_.unescaped ? run<Form::escaped, notes_keys>()
         : event_->text_.compact  ? run<Form::compact, notes_keys>()
                                  : run<Form::loose, notes_keys>();
}

// Reads until the outermost container has closed.
template <JsonWalk::Form form, bool notes_keys>
bool JsonWalk::run() {
  bool at_separator = false;
  while (depth_ != 0) {
    const std::uint32_t depth = depth_;
    const bool array = frames_[depth - 1].array;
    if (!(array ? elements<form>(at_separator) : members<form, notes_keys>(at_separator))) {
      return false;
    }
    // Either a container has opened, which begins with its first value, or one has closed, and its
    // parent goes on behind it.
    at_separator = depth_ < depth;
  }
  return true;
}

// What is read often is in locals: the compiler must take every store into the event for a change
// of this object's members.
template <JsonWalk::Form form, bool notes_keys>
bool JsonWalk::members(bool at_separator) {
  constexpr bool has_backslash = form == Form::escaped;
  const char* const text = text_;
  const char* const kinds = kinds_of_;
  const std::uint32_t* const positions = positions_;
  const std::uint32_t depth = depth_;
  const FieldPlan::Node node = frames_[depth - 1].node;
  const FieldPlan::Stepper stepper(*plan_, node, extent_);
  Event& event = *event_;
  // Where a comma or the opening bracket stands.
  std::uint32_t at = next_ - (at_separator ? 0 : 1);
  // Four kinds at once. Those of the whole index end in zeros; those of a part of it, whose
  // brackets match, in a bracket that closes: neither is taken for a member.
  std::uint32_t four = kinds_at(kinds + at);
  if (at_separator && (four & 0xff) != ',') {
    next_ = at + 1;
    return (four & 0xff) == '}' ? close() : fail_separator(false);
  }
  for (;;) {
    const bool string = four >> 8 == kinds_of('"', ':', '"');
    if (!string && (four >> 8 & 0xffff) != kinds_of('"', ':')) {
      next_ = at + 1;
      return fail_member();
    }
    const std::uint32_t key = positions[at + 1] + 1;
    const std::uint32_t size = string_end<form>(text, positions[at + 2]) - key;
    const FieldPlan::Step to = has_backslash && std::memchr(text + key, '\\', size) != nullptr
                                   ? escaped_step(node, {text + key, size})
                                   : stepper.step(text + key, size);
    if (notes_keys) {
      notes_->keys.push_back({at + 1, node, to});
    }
    if (string) {
      if (to.field != no_field) {
        event.push(to.field, string_at<form>(at + 3));
      }
      at += 4;
    } else {
      next_ = at + 3;
      if (last_ - next_ < 2) {
        next_ = at + 1;
        return fail_member();
      }
      if (!(to.wanted() ? take<form>(to, false) : skip_value())) {
        return false;
      }
      if (depth_ > depth) {
        return true;
      }
      at = next_;
    }
    four = kinds_at(kinds + at);
    if ((four & 0xff) != ',') {
      next_ = at + 1;
      return (four & 0xff) == '}' ? close() : fail_separator(false);
    }
  }
}

// Says what is wrong with the member at next_, which lacks something.
bool JsonWalk::fail_member() {
  constexpr const char* ends = "the text ends inside an object";
  if (next_ == last_) {
    return fail(ends, last_);
  }
  if (at(next_) != '"') {
    return fail("a member without a key in quotes", next_);
  }
  if (next_ + 1 == last_) {
    return fail(ends, last_);
  }
  if (at(next_ + 1) != ':') {
    return fail("a key without a colon", next_);
  }
  const bool missing =
      next_ + 2 < last_ && is_json_operator(at(next_ + 2)) && !is_json_open(at(next_ + 2));
  return missing ? fail("a value is missing", next_ + 2) : fail(ends, last_);
}

template <JsonWalk::Form form>
bool JsonWalk::elements(bool at_separator) {
  const std::uint32_t depth = depth_;
  const Frame frame = frames_[depth - 1];
  for (;; at_separator = true) {
    if (at_separator) {
      const char c = next_ < last_ ? at(next_) : '\0';
      ++next_;
      if (c != ',') {
        return c == ']' ? close() : fail_separator(true);
      }
    }
    if (last_ - next_ < 2) {
      return fail("the text ends inside an array", last_);
    }
    if (!take<form>({frame.node, frame.field}, true)) {
      return false;
    }
    if (depth_ > depth) {
      return true;
    }
  }
}

// The structural character before next_ is neither a comma nor the closing bracket.
bool JsonWalk::fail_separator(bool array) {
  if (next_ > last_) {
    return fail("the text ends inside an object or array", last_);
  }
  return fail(array ? "no comma between two elements" : "no comma between two members", next_ - 1);
}

FieldPlan::Step JsonWalk::escaped_step(FieldPlan::Node node, std::string_view key) {
  key_.resize(key.size());
  const char* end = decode_json_string(key, key_.data());
  return plan_->step(node, {key_.data(), static_cast<std::size_t>(end - key_.data())}, extent_);
}

// The value at next_, which somebody wants.
template <JsonWalk::Form form>
inline bool JsonWalk::take(FieldPlan::Step to, bool in_array) {
  const char c = at(next_);
  if (c == '"') {
    if (to.field != no_field) {
      Value value = string_at<form>(next_);
      value.in_array = in_array;
      event_->push(to.field, value);
    }
    ++next_;
    return true;
  }
  if (is_json_open(c)) {
    return take_container<form>(to, in_array);
  }
  if (is_json_operator(c)) {
    return fail("a value is missing", next_);
  }
  return take_word(to.field, in_array);
}

// The string that begins there.
template <JsonWalk::Form form>
inline Value JsonWalk::string_at(std::uint32_t structural) const {
  return string_value<form>(text_, positions_[structural], positions_[structural + 1], ascii_);
}

bool JsonWalk::take_word(FieldId field, bool in_array) {
  const std::string_view word = bare_word(text_, positions_[next_], positions_[next_ + 1]);
  if (has_quote(word)) {
    return fail("a quote inside a bare word", next_);
  }
  if (notes_ != nullptr && field == no_field) {
    notes_->words.push_back(next_);
  }
  ++next_;
  refused_ = refused_ || (strict_ && !is_strict_json_word(word));
  Value value = word_value(word, ascii_);
  value.in_array = in_array;
  event_->push(field, value);
  return true;
}

template <JsonWalk::Form form>
bool JsonWalk::take_container(FieldPlan::Step to, bool in_array) {
  const std::uint32_t begin = positions_[next_];
  const bool array = text_[begin] == '[';
  const bool leaf = to.field != no_field;
  const bool deep = depth_ == limits::json_depth_max;
  refused_ = refused_ || deep;
  if (array && !deep && last_ - next_ >= 2 && at(next_ + 1) == ']') {
    if (leaf) {
      const std::uint32_t size = positions_[next_ + 1] + 1 - begin;
      event_->push(to.field, {text_ + begin, size, ValueKind::empty_array, false, in_array, false});
    }
    next_ += 2;
    return true;
  }
  const bool descends = !deep && (array || to.node != FieldPlan::no_node);
  EntryId entry = no_entry;
  if (leaf && (deep || !array)) {
    const ValueKind kind = deep ? ValueKind::string : ValueKind::object;
    const bool plain = plain_objects_ && !deep;
    entry = event_->push(to.field, {text_ + begin, 0, kind, false, in_array, plain});
  }
  if (descends && !(last_ - next_ >= 2 && at(next_ + 1) == '}')) {
    ++next_;
    frames_[depth_++] = {to.node, to.field, entry, array};
    return true;
  }
  if (!skip_container()) {
    return false;
  }
  if (entry != no_entry) {
    Value& value = event_->entries_[entry].value;
    value.size = positions_[next_ - 1] + 1 - begin;
    value.escaped = form == Form::escaped && !deep && value.raw().find('\\') != value.raw().npos;
  }
  return true;
}

// The container on top has ended with the structural character before next_.
bool JsonWalk::close() {
  const Frame& frame = frames_[--depth_];
  if (frame.entry != no_entry) {
    Value& value = event_->entries_[frame.entry].value;
    const char* end = text_ + positions_[next_ - 1] + 1;
    value.size = static_cast<std::uint32_t>(end - value.data);
    value.escaped = !event_->text_.unescaped && value.raw().find('\\') != value.raw().npos;
  }
  return true;
}

// The value at next_, which nobody wants.
inline bool JsonWalk::skip_value() {
  const char c = at(next_);
  if (is_json_open(c)) {
    return skip_container();
  }
  if (c != '"' && is_json_operator(c)) {
    return fail("a value is missing", next_);
  }
  if (strict_ && c != '"') {
    return take_word(no_field, false);
  }
  ++next_;
  return true;
}

bool JsonWalk::judge_container() {
  const StructuralIndex index{text_, positions_, kinds_of_, next_, last_};
  const JsonVerdict verdict = grammar_.value(index, false, depth_, next_);
  refused_ = refused_ || verdict == JsonVerdict::structural;
  if (verdict == JsonVerdict::broken) {
    fault_ = grammar_.fault();
  }
  return verdict != JsonVerdict::broken;
}

bool JsonWalk::skip_container() {
  if (strict_) {
    return judge_container();
  }
  const char* const kinds = kinds_of_;
  std::uint64_t arrays = at(next_) == '[' ? 1 : 0;  // the open brackets, the innermost in bit 0
  std::uint32_t depth = 1;
  for (std::uint32_t chunk = next_ + 1; chunk < last_; chunk += chunk_kinds) {
    for (std::uint32_t brackets = brackets_of(kinds + chunk); brackets != 0;
         brackets &= brackets - 1) {
      const std::uint32_t structural =
          chunk + static_cast<std::uint32_t>(std::countr_zero(brackets));
      const char c = kinds[structural];
      if (structural >= last_) {
        break;
      }
      if (is_json_open(c)) {
        if (depth == 64) {
          next_ = structural;
          return skip_deep(arrays);
        }
        ++depth;
        arrays = arrays << 1 | (c == '[' ? 1 : 0);
        continue;
      }
      if (((arrays & 1) != 0) != (c == ']')) {
        return fail("a bracket of the other kind", structural);
      }
      arrays >>= 1;
      if (--depth == 0) {
        next_ = structural + 1;
        return true;
      }
    }
  }
  return fail("the text ends inside an object or array", last_);
}

// Goes on at next_ where 64 containers are open.
bool JsonWalk::skip_deep(std::uint64_t kinds) {
  kinds_.assign(1, kinds);
  for (std::uint64_t depth = 64; next_ < last_; ++next_) {
    const char c = at(next_);
    if (is_json_open(c)) {
      if (depth++ % 64 == 0) {
        kinds_.push_back(0);
      }
      kinds_.back() = kinds_.back() << 1 | (c == '[' ? 1 : 0);
    } else if (is_json_close(c)) {
      if (((kinds_.back() & 1) != 0) != (c == ']')) {
        return fail("a bracket of the other kind", next_);
      }
      kinds_.back() >>= 1;
      if (--depth % 64 == 0) {
        kinds_.pop_back();
      }
      if (depth == 0) {
        ++next_;
        return true;
      }
    }
  }
  return fail("the text ends inside an object or array", last_);
}

void JsonWalk::scalars(const StructuralIndex& index, Event& event) {
  begin(index);
  strict_ = false;
  std::uint64_t depth = 0;
  const auto append = [&event](const Value& value) {
    event.scalars_.push_back(event.append(value));
  };
  while (next_ < last_) {
    const std::uint32_t begin = positions_[next_];
    const char c = text_[begin];
    if (c == '"') {
      const bool key = next_ + 1 < last_ && at(next_ + 1) == ':';
      if (!key) {
        const std::uint32_t size = closing_quote(text_, positions_[next_ + 1]) - begin - 1;
        const bool escaped = std::memchr(text_ + begin + 1, '\\', size) != nullptr;
        append({text_ + begin + 1, size, ValueKind::string, escaped, false, false});
      }
    } else if (is_json_open(c)) {
      if (depth == limits::json_depth_max) {
        if (!skip_container()) {
          return;
        }
        const std::uint32_t size = positions_[next_ - 1] + 1 - begin;
        append({text_ + begin, size, ValueKind::string, false, false, false});
        continue;
      }
      ++depth;
    } else if (is_json_close(c)) {
      --depth;
    } else if (c != ',' && c != ':') {
      const std::string_view word = bare_word(text_, begin, positions_[next_ + 1]);
      if (word != "null") {
        const ValueKind kind =
            word == "true" || word == "false" ? ValueKind::boolean : ValueKind::number;
        append({word.data(), static_cast<std::uint32_t>(word.size()), kind, false, false, false});
      }
    }
    ++next_;
  }
}

}  // namespace tocsin
