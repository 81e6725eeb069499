// SPDX-License-Identifier: Apache-2.0
#include "engine/event/record_shapes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/limits.h"
#include "engine/event/json_values.h"
#include "engine/event/json_walk.h"
#include "engine/event/shape_kernels.h"

namespace tocsin {
namespace {

// Structural characters of a record: a larger one is seldom built like another, and walked at a
// small part of what its bytes cost.
constexpr std::uint32_t structurals_min = 4;
constexpr std::uint32_t structurals_max = 512;
// Different keys, as limits::shape_bytes_max.
constexpr std::size_t patterns_max = 4096;
// That have the same structure and other fields: more are not compared with a record.
constexpr std::uint32_t same_kinds_max = 8;
// In one place of the table. Nobody's records fill it but those of who wants it to be slow.
constexpr std::uint32_t in_place_max = 32;
// Learning takes as long as ten walks. Records that are like none before must not pay for it each.
constexpr std::uint32_t credit_max = 64u << 10;
constexpr std::uint32_t credit_of_known = 8;
constexpr std::uint32_t credit_of_unknown = 1;
constexpr std::uint32_t learning_cost = 256;

// Where few records are like one before, most of them are walked without a look here.
constexpr std::uint32_t sample_records = 512;
constexpr std::uint32_t known_min = sample_records / 4;
constexpr std::uint32_t rest_records = 16 * sample_records;

constexpr std::uint32_t no_shape = 0xffffffffu;
constexpr unsigned head_bits = 11;

// A string that becomes an entry of the event. Small numbers: a shape is read anew from the
// second-level cache for each record.
struct Take {
  std::uint16_t structural = 0;  // where it begins, counted from the record's first
  std::uint16_t entry = 0;
};

// Another value.
struct OtherTake {
  Take take;
  std::uint16_t last = 0;  // of an object or array: its closing bracket
  bool in_array = false;
};

// An entry whose field has a further one.
struct Link {
  std::uint16_t entry = 0;
  std::uint16_t next = 0;
};

struct Present {
  FieldId field = no_field;
  std::uint16_t first = 0;  // its entries
  std::uint16_t last = 0;
};

// What a key leads to from where it stands.
struct Lead {
  FieldPlan::Node node = FieldPlan::no_node;
  FieldPlan::Step to;
};

using Key = ShapeKernels::Key;
using Pattern = ShapeKernels::Pattern;
using Record = ShapeKernels::Record;

constexpr std::size_t whole_blocks(std::size_t kinds) {
  return (kinds + ShapeKernels::block_kinds - 1) / ShapeKernels::block_kinds *
         ShapeKernels::block_kinds;
}

// All of a shape is in one piece of memory, in the order in which it is needed: this, the kinds,
// the keys, the values, the fields, the bare words, and where the keys lead.
struct alignas(64) Shape {
  std::uint64_t hash = 0;
  std::uint32_t next = no_shape;  // in the same place of the table
  std::uint16_t structurals = 0;
  FieldPlan::Extent extent = FieldPlan::Extent::whole;
  bool strict = false;
  // The first `exact` keys are known by their bytes; of the others, which differ from record to
  // record or are long, it is asked each time where they lead.
  std::uint16_t exact = 0;
  std::uint16_t keys = 0;
  std::uint16_t strings = 0;  // that are no elements of arrays
  std::uint16_t others = 0;   // further values
  std::uint16_t links = 0;
  std::uint16_t present = 0;
  std::uint16_t words = 0;  // that are judged, but no entries
  std::uint16_t entries = 0;

  const char* kinds() const { return reinterpret_cast<const char*>(this + 1); }
  const Key* key_data() const {
    return reinterpret_cast<const Key*>(kinds() + whole_blocks(structurals));
  }
  std::span<const Take> string_takes() const {
    return {reinterpret_cast<const Take*>(key_data() + keys), strings};
  }
  std::span<const OtherTake> other_takes() const {
    return {reinterpret_cast<const OtherTake*>(string_takes().data() + strings), others};
  }
  std::span<const Link> entry_links() const {
    return {reinterpret_cast<const Link*>(other_takes().data() + others), links};
  }
  std::span<const Present> fields() const {
    return {reinterpret_cast<const Present*>(entry_links().data() + links), present};
  }
  const Lead* leads() const { return reinterpret_cast<const Lead*>(fields().data() + present); }
  std::span<const std::uint16_t> word_places() const {
    return {reinterpret_cast<const std::uint16_t*>(leads() + keys), words};
  }
};
static_assert(alignof(Key) <= alignof(Lead) && alignof(Take) <= alignof(Lead));

// Found by a view, without a copy of it.
struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
};

// A shape in the making.
struct Draft {
  std::vector<Key> keys;
  std::vector<Lead> leads;
  std::vector<Take> strings;
  std::vector<OtherTake> others;
  std::vector<Link> links;
  std::vector<Present> present;
  std::vector<std::uint16_t> words;
};

bool same_step(const FieldPlan::Step& a, const FieldPlan::Step& b) {
  return a.node == b.node && a.field == b.field;
}

template <class T>
void append(std::vector<char>& bytes, const std::vector<T>& values) {
  const auto* const begin = reinterpret_cast<const char*>(values.data());
  bytes.insert(bytes.end(), begin, begin + values.size() * sizeof(T));
}

}  // namespace

struct RecordShapes::Impl {
  Impl() : heads(std::size_t{1} << head_bits, no_shape), normal(structurals_max) {}

  void forget();
  // A record was looked at: was its shape known?
  void note(bool is_known) {
    credit = std::min(credit + (is_known ? credit_of_known : credit_of_unknown), credit_max);
    known += is_known ? 1 : 0;
    if (++looked_at == sample_records) {
      resting = known < known_min ? rest_records : 0;
      looked_at = known = 0;
    }
  }
  // In the place of a hash: the shape that was learned last.
  std::uint32_t& head(std::uint64_t of) { return heads[of >> (64 - head_bits)]; }
  Shape& shape(std::uint32_t at) { return *reinterpret_cast<Shape*>(&memory[at]); }
  bool has_structure(const Shape& shape) const {
    return shape.hash == hash && shape.structurals == count && shape.extent == extent &&
           shape.strict == strict && kernels.same_kinds(shape.kinds(), normal.data(), count);
  }
  bool has_keys(std::span<const Key> keys, const Record& record) const {
    return kernels.has_keys(keys, patterns.data(), record);
  }
  template <JsonForm form>
  Answer read_by(Shape& shape, const Record& record, const FieldPlan& plan, Event& event);
  template <JsonForm form>
  bool leads_alike(Shape& shape, const Record& record, const FieldPlan& plan);
  template <JsonForm form>
  static bool fill(const Shape& shape, const Record& record, Event& event);
  bool draft_keys(const Record& record, std::uint32_t first, Draft& draft, std::uint16_t& exact);
  static bool draft_takes(const Record& record, const Event& event, Draft& draft);
  std::uint16_t pattern_of(std::string_view key);
  void add(Shape& shape, const Draft& draft);

  struct alignas(64) Line {
    char bytes[64];
  };

  ShapeKernels kernels = ShapeKernels::chosen();
  std::shared_ptr<const char> plan_identity;
  std::vector<std::uint32_t> heads;
  std::vector<Line> memory;
  std::vector<Pattern> patterns;
  std::unordered_map<std::string, std::uint16_t, KeyHash, std::equal_to<>> pattern_numbers;
  std::uint32_t credit = credit_max;
  std::uint32_t looked_at = 0;  // of a sample
  std::uint32_t known = 0;
  std::uint32_t resting = 0;

  // Of the record that was read last.
  std::vector<char> normal;
  std::uint64_t hash = 0;
  std::uint32_t count = 0;
  FieldPlan::Extent extent = FieldPlan::Extent::whole;
  bool strict = false;
  WalkNotes notes;
};

RecordShapes::RecordShapes() : impl_(std::make_unique<Impl>()) {}
RecordShapes::~RecordShapes() = default;

WalkNotes& RecordShapes::notes() {
  return impl_->notes;
}

void RecordShapes::Impl::forget() {
  std::fill(heads.begin(), heads.end(), no_shape);
  memory.clear();
  patterns.clear();
  pattern_numbers.clear();
}

RecordShapes::Answer RecordShapes::read(const StructuralIndex& index,
                                        const FieldPlan& plan,
                                        FieldPlan::Extent extent,
                                        bool strict,
                                        Event& event) {
  Impl& impl = *impl_;
  wants_to_learn_ = false;
  const std::uint32_t count = index.last - index.first;
  if (count < structurals_min || count > structurals_max || index.kinds[index.first] != '{') {
    return Answer::unknown;
  }
  if (impl.resting > 0) {
    --impl.resting;
    impl.credit = std::min(impl.credit + credit_of_unknown, credit_max);
    return Answer::unknown;
  }
  if (impl.plan_identity != plan.identity()) {
    impl.forget();
    impl.plan_identity = plan.identity();
  }
  impl.count = count;
  impl.extent = extent;
  impl.strict = strict;
  impl.hash = impl.kernels.normalize(index.kinds + index.first, count, impl.normal.data()) ^
              (static_cast<std::uint64_t>(extent) << 63 | std::uint64_t{strict} << 62);
  const Record record{index.text, index.positions + index.first, count};
  std::uint32_t alike = 0;
  std::uint32_t seen = 0;
  for (std::uint32_t at = impl.head(impl.hash); at != no_shape && seen < in_place_max;
       at = impl.shape(at).next, ++seen) {
    Shape& shape = impl.shape(at);
    if (!impl.has_structure(shape)) {
      continue;
    }
    const Answer answer =
        !event.text_.unescaped ? impl.read_by<JsonForm::escaped>(shape, record, plan, event)
        : event.text_.compact  ? impl.read_by<JsonForm::compact>(shape, record, plan, event)
                               : impl.read_by<JsonForm::loose>(shape, record, plan, event);
    if (answer != Answer::unknown) {
      impl.note(true);
      return answer;
    }
    ++alike;
  }
  impl.note(false);
  wants_to_learn_ = alike < same_kinds_max && impl.credit >= learning_cost;
  if (wants_to_learn_) {
    impl.notes.keys.clear();
    impl.notes.words.clear();
  }
  return Answer::unknown;
}

namespace {

// An entry is three words: where the value is; how long, and what kind; what comes next. Written
// as such they are three stores, of which the compiler makes eight, or a detour over the stack that
// takes longer than all else here.
std::uint64_t second_word(const Value& value) {
  return std::bit_cast<std::array<std::uint64_t, 2>>(value)[1];
}
template <class Entry>
void put_words(Entry& entry, const char* data, std::uint64_t second) {
  static_assert(sizeof(Entry) == 3 * sizeof(std::uint64_t));
  static_assert(std::endian::native == std::endian::little);
  const auto put = [bytes = reinterpret_cast<char*>(&entry)](std::size_t word,
                                                             std::uint64_t value) {
    std::memcpy(bytes + word * sizeof value, &value, sizeof value);
  };
  put(0, static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(data)));
  put(1, second);
  put(2, no_entry);
}

// False: the record is broken.
bool judge_words(const Shape& shape, const Record& record, bool& refused) {
  for (const std::uint16_t structural : shape.word_places()) {
    const std::string_view word =
        bare_word(record.text, record.positions[structural], record.positions[structural + 1]);
    if (has_quote(word)) {
      return false;
    }
    refused = refused || (shape.strict && !is_strict_json_word(word));
  }
  return true;
}

}  // namespace

template <JsonForm form>
RecordShapes::Answer RecordShapes::Impl::read_by(Shape& shape,
                                                 const Record& record,
                                                 const FieldPlan& plan,
                                                 Event& event) {
  const bool exact = has_keys({shape.key_data(), shape.exact}, record);
  if ((!exact || shape.exact < shape.keys) && !leads_alike<form>(shape, record, plan)) {
    return Answer::unknown;
  }
  bool refused = false;
  if (!judge_words(shape, record, refused) || !fill<form>(shape, record, event)) {
    return Answer::unknown;
  }
  return refused ? Answer::refused : Answer::ok;
}

// Do all keys lead where the shape's do? One that does so with other bytes is known by where it
// leads from now on.
template <JsonForm form>
bool RecordShapes::Impl::leads_alike(Shape& shape, const Record& record, const FieldPlan& plan) {
  auto* const keys = const_cast<Key*>(shape.key_data());
  auto* const leads = const_cast<Lead*>(shape.leads());
  for (std::uint32_t i = 0; i < shape.keys;) {
    const bool exact = i < shape.exact;
    if (exact && has_keys({&keys[i], 1}, record)) {
      ++i;
      continue;
    }
    const std::uint32_t begin = record.positions[keys[i].structural] + 1;
    const std::uint32_t end =
        string_end<form>(record.text, record.positions[keys[i].structural + 1]);
    const std::string_view key(record.text + begin, end - begin);
    if (form == JsonForm::escaped && key.find('\\') != key.npos) {
      return false;
    }
    const FieldPlan::Stepper stepper(plan, leads[i].node, shape.extent);
    if (!same_step(stepper.step(key.data(), key.size()), leads[i].to)) {
      return false;
    }
    if (exact) {  // and what stands here then is still to be looked at
      --shape.exact;
      std::swap(keys[i], keys[shape.exact]);
      std::swap(leads[i], leads[shape.exact]);
      continue;
    }
    ++i;
  }
  return true;
}

// False: the record is broken, and nothing of the event is in use.
template <JsonForm form>
bool RecordShapes::Impl::fill(const Shape& shape, const Record& record, Event& event) {
  const char* const text = record.text;
  const std::uint32_t* const positions = record.positions;
  const bool ascii = event.text_.ascii;
  while (event.entry_capacity_ < shape.entries) {
    event.grow();
  }
  Event::Entry* const entries = event.entries_.data();
  const std::uint64_t string_words =
      second_word({nullptr, 0, ValueKind::string, false, false, ascii});
  const auto put = [entries](const Take& take, const Value& value) {
    entries[take.entry] = {value, no_entry, 0};
  };
  for (const Take& take : shape.string_takes()) {
    const std::uint32_t begin = positions[take.structural];
    const std::uint32_t behind = positions[take.structural + 1];
    if (form == JsonForm::compact) {
      put_words(entries[take.entry], text + begin + 1, string_words | (behind - begin - 2));
    } else {
      put(take, string_value<form>(text, begin, behind, ascii));
    }
  }
  for (const auto& [take, last, in_array] : shape.other_takes()) {
    const std::uint32_t begin = positions[take.structural];
    const std::uint32_t behind = positions[take.structural + 1];
    Value value;
    if (text[begin] == '"') {
      value = string_value<form>(text, begin, behind, ascii);
    } else if (is_json_open(text[begin])) {
      const bool object = text[begin] == '{';
      const std::uint32_t size = positions[last] + 1 - begin;
      const bool escaped =
          object && form == JsonForm::escaped && std::memchr(text + begin, '\\', size) != nullptr;
      value = {text + begin,
               size,
               object ? ValueKind::object : ValueKind::empty_array,
               escaped,
               false,
               object && ascii && form == JsonForm::compact};
    } else {
      const std::string_view word = bare_word(text, begin, behind);
      if (has_quote(word)) {
        return false;
      }
      value = word_value(word, ascii);
    }
    value.in_array = in_array;
    put(take, value);
  }
  for (const Link& link : shape.entry_links()) {
    entries[link.entry].next = link.next;
  }
  FieldId* to = event.present_.data();
  Event::Slot* const slots = event.slots_.data();
  const std::uint32_t epoch = event.epoch_;
  for (const Present& field : shape.fields()) {
    Event::Slot& slot = slots[tocsin::index(field.field)];
    slot.epoch = epoch;
    slot.first = field.first;
    slot.last = field.last;
    *to++ = field.field;
  }
  event.entry_count_ = shape.entries;
  event.present_count_ = shape.present;
  return true;
}

void RecordShapes::learn(const StructuralIndex& index, const FieldPlan& plan, const Event& event) {
  Impl& impl = *impl_;
  wants_to_learn_ = false;
  if (impl.plan_identity != plan.identity() || index.last - index.first != impl.count) {
    return;
  }
  impl.credit -= learning_cost;
  if (impl.memory.size() * sizeof(Impl::Line) >= limits::shape_bytes_max ||
      impl.patterns.size() + structurals_max > patterns_max) {
    impl.forget();
  }
  const Record record{index.text, index.positions + index.first, impl.count};
  Shape shape;
  Draft draft;
  if (!impl.draft_keys(record, index.first, draft, shape.exact) ||
      !Impl::draft_takes(record, event, draft)) {
    return;
  }
  if (impl.strict) {
    for (std::uint32_t i = 0; i < impl.count; ++i) {
      const char c = index.kinds[index.first + i];
      if (c != '"' && !is_json_operator(c)) {
        draft.words.push_back(static_cast<std::uint16_t>(i));
      }
    }
  } else {
    for (const std::uint32_t structural : impl.notes.words) {
      draft.words.push_back(static_cast<std::uint16_t>(structural - index.first));
    }
  }
  shape.hash = impl.hash;
  shape.structurals = static_cast<std::uint16_t>(impl.count);
  shape.extent = impl.extent;
  shape.strict = impl.strict;
  shape.entries = static_cast<std::uint16_t>(event.entry_count_);
  impl.add(shape, draft);
}

// False: a key is written with an escape.
bool RecordShapes::Impl::draft_keys(const Record& record,
                                    std::uint32_t first,
                                    Draft& draft,
                                    std::uint16_t& exact) {
  std::vector<VisitedKey> others;
  const auto put = [&draft, first](const VisitedKey& key, std::uint16_t pattern) {
    draft.keys.push_back({static_cast<std::uint16_t>(key.structural - first), pattern});
    draft.leads.push_back({key.node, key.to});
  };
  for (const VisitedKey& visit : notes.keys) {
    const std::uint32_t structural = visit.structural - first;
    const std::uint32_t begin = record.positions[structural] + 1;
    const std::uint32_t end = closing_quote(record.text, record.positions[structural + 1]);
    const std::string_view key(record.text + begin, end - begin);
    if (key.find('\\') != key.npos) {
      return false;
    }
    if (key.size() < ShapeKernels::key_bytes) {
      put(visit, pattern_of(key));
    } else {
      others.push_back(visit);
    }
  }
  exact = static_cast<std::uint16_t>(draft.keys.size());
  for (const VisitedKey& visit : others) {
    put(visit, 0);
  }
  return true;
}

std::uint16_t RecordShapes::Impl::pattern_of(std::string_view key) {
  const auto found = pattern_numbers.find(key);
  if (found != pattern_numbers.end()) {
    return found->second;
  }
  const auto number = static_cast<std::uint16_t>(patterns.size());
  Pattern pattern;
  std::copy(key.begin(), key.end(), pattern.text);
  pattern.text[key.size()] = '"';
  patterns.push_back(pattern);
  pattern_numbers.emplace(key, number);
  return number;
}

// False: a value stands where none is known to begin.
bool RecordShapes::Impl::draft_takes(const Record& record, const Event& event, Draft& draft) {
  const auto find = [&record](std::uint32_t from, std::uint32_t position) {
    while (from < record.count && record.positions[from] != position) {
      ++from;
    }
    return from;
  };
  std::uint32_t at = 0;  // entries are in the order of the text
  for (EntryId i = 0; i < event.entry_count_; ++i) {
    const Event::Entry& entry = event.entries_[i];
    const Value& value = entry.value;
    const bool string = value.kind == ValueKind::string;
    const auto begin = static_cast<std::uint32_t>(value.data - record.text);
    at = find(at, begin - (string ? 1 : 0));
    if (at >= record.count || (record.text[record.positions[at]] == '"') != string) {
      return false;
    }
    const bool nested = value.kind == ValueKind::object || value.kind == ValueKind::empty_array;
    const std::uint32_t last = nested ? find(at, begin + value.size - 1) : at;
    if (last >= record.count) {
      return false;
    }
    const Take take{static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(i)};
    if (entry.next != no_entry) {
      draft.links.push_back({take.entry, static_cast<std::uint16_t>(entry.next)});
    }
    if (string && !value.in_array) {
      draft.strings.push_back(take);
    } else {
      draft.others.push_back({take, static_cast<std::uint16_t>(last), value.in_array});
    }
  }
  for (const FieldId field : event.present()) {
    const Event::Slot& slot = event.slots_[tocsin::index(field)];
    draft.present.push_back(
        {field, static_cast<std::uint16_t>(slot.first), static_cast<std::uint16_t>(slot.last)});
  }
  return true;
}

void RecordShapes::Impl::add(Shape& shape, const Draft& draft) {
  shape.keys = static_cast<std::uint16_t>(draft.keys.size());
  shape.strings = static_cast<std::uint16_t>(draft.strings.size());
  shape.others = static_cast<std::uint16_t>(draft.others.size());
  shape.links = static_cast<std::uint16_t>(draft.links.size());
  shape.present = static_cast<std::uint16_t>(draft.present.size());
  shape.words = static_cast<std::uint16_t>(draft.words.size());
  std::uint32_t& first = head(shape.hash);
  shape.next = first;
  first = static_cast<std::uint32_t>(memory.size());
  std::vector<char> bytes(sizeof shape);
  std::memcpy(bytes.data(), &shape, sizeof shape);
  bytes.insert(bytes.end(), normal.data(), normal.data() + whole_blocks(count));
  append(bytes, draft.keys);
  append(bytes, draft.strings);
  append(bytes, draft.others);
  append(bytes, draft.links);
  append(bytes, draft.present);
  append(bytes, draft.leads);
  append(bytes, draft.words);
  const std::size_t from = memory.size();
  memory.resize(from + (bytes.size() + sizeof(Line) - 1) / sizeof(Line));
  std::memcpy(&memory[from], bytes.data(), bytes.size());
}

}  // namespace tocsin
