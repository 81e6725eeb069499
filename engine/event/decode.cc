// SPDX-License-Identifier: Apache-2.0
#include "engine/event/decode.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "engine/base/limits.h"
#include "engine/event/cloudtrail.h"
#include "engine/event/envelope.h"
#include "engine/event/json_text.h"
#include "engine/event/structural_scan.h"

namespace tocsin {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view records_key = "Records";

// Could it be {"Records":[...]}? Exact about what it refuses: that shape has no other key.
bool begins_with_records(std::string_view text) {
  if (text.size() < 3 || text[0] != '{' || (text[1] != '"' && !is_json_space(text[1])) ||
      (text[1] == '"' && text[2] != records_key.front())) {
    return false;
  }
  const std::string_view rest = trim_json_space(text.substr(1, 64));
  return rest.starts_with('"') && rest.substr(1).starts_with(records_key) &&
         rest.substr(1 + records_key.size()).starts_with('"');
}

// What a document that is being looked at is wanted for.
enum class Purpose : std::uint8_t {
  evaluate,  // it is a record, or holds records: tell the visitor
  unwrap,    // tell the visitor only if it is or holds a CloudTrail record
  judge,     // only say whether it does
};

}  // namespace

struct RecordDecoder::Impl {
  // A document inside another one: an element, or the contents of an envelope.
  struct Part {
    JsonReader::Element element;
    bool is_string = false;  // its JSON is the text of a JSON string
    bool escaped = false;    // which has a backslash
    const ScannedRecord* scanned = nullptr;
  };
  // What is needed once for each document around the one that is read: a document at depth d is
  // read by levels[d], but an indexed element by the reader that has split the document around it.
  struct Level {
    JsonReader reader;
    std::vector<JsonReader::Element> elements;
    std::vector<Part> parts;
    std::string text;
  };
  // A top-level array is around its records too, without being an envelope.
  static constexpr std::size_t levels_max = limits::envelope_depth_max + 2;

  explicit Impl(DecodeOptions decode_options)
      : options(std::move(decode_options)),
        unwraps(options.format != InputFormat::json &&
                (!options.log_source || (options.log_source->product == "aws" &&
                                         options.log_source->service == "cloudtrail"))) {}

  void decode(std::string_view document, const ScannedRecord* scanned);
  bool document(const Part& part, std::size_t depth, Purpose purpose);
  bool parts(std::size_t depth, Purpose purpose);
  bool split(std::string_view text, std::string_view key, std::size_t depth);
  bool open_envelope(std::size_t depth);
  std::string_view text_of(const Part& part, std::size_t depth);
  ReadStatus read(const Part& part, std::string_view text, std::size_t depth);
  void apply_settings(SourceClass& source) const;
  void emit(ReadStatus status, SourceClass& source);
  void malformed(const Part& part, std::string_view text, std::size_t depth);
  Level& level(std::size_t depth) {
    if (levels[depth] == nullptr) {
      levels[depth] = std::make_unique<Level>();
    }
    return *levels[depth];
  }
  bool has_room_below(std::size_t depth) const { return depth < depth_max; }

  DecodeOptions options;
  bool unwraps;
  StructuralScan scan;
  Event event;
  std::array<std::unique_ptr<Level>, levels_max> levels;
  std::size_t depth_max = 0;
  const FieldPlan* plan = nullptr;
  RecordVisitor* visitor = nullptr;
  const GeoSet* geo = nullptr;
  FieldPlan::Extent extent = FieldPlan::Extent::whole;
  std::uint64_t offset = 0;
};

RecordDecoder::RecordDecoder(DecodeOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
RecordDecoder::~RecordDecoder() = default;

void RecordDecoder::decode(std::string_view document,
                           std::uint64_t offset,
                           const FieldPlan& plan,
                           RecordVisitor& visitor) {
  impl_->plan = &plan;
  impl_->visitor = &visitor;
  impl_->offset = offset;
  impl_->decode(document, nullptr);
}

void RecordDecoder::use_geo(const GeoSet* geo) {
  impl_->geo = geo;
}

void RecordDecoder::use_extent(FieldPlan::Extent extent) {
  impl_->extent = extent;
}

std::size_t RecordDecoder::decode_line(std::string_view bytes,
                                       std::size_t at,
                                       const FieldPlan& plan,
                                       RecordVisitor& visitor) {
  Impl& impl = *impl_;
  impl.plan = &plan;
  impl.visitor = &visitor;
  impl.offset = at;
  const StructuralScan::Found line = impl.scan.line(bytes.data() + at, bytes.data() + bytes.size());
  const auto end = static_cast<std::size_t>(line.end - bytes.data());
  const ScannedRecord scanned{impl.scan.index(), line.has_backslash, line.ascii, line.compact};
  impl.decode(bytes.substr(at, end - at), line.sound ? &scanned : nullptr);
  return end;
}

// `scanned`: what is known of all of it, or nullptr.
void RecordDecoder::Impl::decode(std::string_view document, const ScannedRecord* scanned) {
  document = trim_json_space(document);
  if (!document.empty() && document.front() == byte_order_mark.front() &&
      document.starts_with(byte_order_mark)) {
    document = trim_json_space(document.substr(byte_order_mark.size()));
    scanned = nullptr;
  }
  if (document.empty()) {
    return;
  }
  if (document.front() == '[' && split(document, {}, 0)) {
    depth_max = limits::envelope_depth_max + 1;
    for (const Part& part : level(1).parts) {
      this->document(part, 1, Purpose::evaluate);
    }
    return;
  }
  depth_max = limits::envelope_depth_max;
  Part part;
  part.element.json = document;
  part.scanned = scanned;
  this->document(part, 0, Purpose::evaluate);
}

void RecordDecoder::note_fields_seen(std::vector<bool>& seen) const {
  if (impl_->plan == nullptr) {
    return;
  }
  seen.resize(impl_->plan->size());
  for (std::uint32_t field = 0; field < seen.size(); ++field) {
    seen[field] = seen[field] || impl_->event.has_seen(FieldId{field});
  }
}

// Returns whether the visitor was told of it (for `judge`: whether it would be).
bool RecordDecoder::Impl::document(const Part& part, std::size_t depth, Purpose purpose) {
  const bool evaluate = purpose == Purpose::evaluate;
  const std::string_view text = text_of(part, depth);
  if (unwraps && has_room_below(depth) && begins_with_records(text) &&
      split(text, records_key, depth) && parts(depth + 1, purpose)) {
    return true;
  }
  if (text.size() > limits::record_bytes_max) {
    if (evaluate) {
      visitor->on_problem(RecordProblem::oversized,
                          text.substr(0, limits::dead_letter_record_bytes_max),
                          offset,
                          "larger than a record may be");
    }
    return evaluate;
  }
  ReadStatus status = read(part, text, depth);
  if (status == ReadStatus::malformed) {
    if (evaluate) {
      malformed(part, text, depth);
    }
    return evaluate;
  }
  SourceClass source = classify(event);
  if (source.cloudtrail) {
    if (purpose != Purpose::judge) {
      emit(status, source);
    }
    return true;
  }
  if (unwraps && has_room_below(depth) && open_envelope(depth)) {
    if (parts(depth + 1, purpose)) {
      return true;
    }
    // Nothing of CloudTrail in it: it is evaluated as it stands, and has to be read again.
    status = read(part, text, depth);
    source = classify(event);
  }
  if (!evaluate) {
    return false;
  }
  if (unwraps) {
    if (const std::string_view what = no_record(event); !what.empty()) {
      visitor->on_skipped(what, offset);
      return true;
    }
  }
  emit(status, source);
  return true;
}

// The parts of a document, at `depth`: they are records of their own if at least one of them is or
// holds a CloudTrail record.
bool RecordDecoder::Impl::parts(std::size_t depth, Purpose purpose) {
  const std::vector<Part>& all = level(depth).parts;
  const auto holds_record = [this, depth](const Part& part) {
    return document(part, depth, Purpose::judge);
  };
  if (purpose == Purpose::judge) {
    return std::any_of(all.begin(), all.end(), holds_record);
  }
  if (all.empty()) {
    return false;
  }
  std::size_t next = 1;
  if (!document(all.front(), depth, Purpose::unwrap)) {
    if (!std::any_of(all.begin() + 1, all.end(), holds_record)) {
      return false;
    }
    next = 0;
  }
  for (; next < all.size(); ++next) {
    document(all[next], depth, Purpose::evaluate);
  }
  return true;
}

// Finds the parts of a document at `depth` that is an array, or an object with an array under its
// only key.
bool RecordDecoder::Impl::split(std::string_view text, std::string_view key, std::size_t depth) {
  Level& around = level(depth);
  if (!around.reader.split(text, key, around.elements)) {
    return false;
  }
  std::vector<Part>& inside = level(depth + 1).parts;
  inside.clear();
  for (const JsonReader::Element& element : around.elements) {
    inside.push_back({element, false, false, nullptr});
    // Validating a record needs an index of its own.
    inside.back().element.indexed = element.indexed && !options.strict_json;
  }
  return true;
}

// The parts of the envelope that `event` is, read at `depth`. False: it is none.
bool RecordDecoder::Impl::open_envelope(std::size_t depth) {
  std::vector<Value> contents;
  if (!envelope_contents(event, contents)) {
    return false;
  }
  std::vector<Part>& inside = level(depth + 1).parts;
  inside.clear();
  for (const Value& value : contents) {
    Part part;
    part.element.json = value.raw();
    part.is_string = value.kind == ValueKind::string;
    part.escaped = value.escaped;
    inside.push_back(part);
  }
  return true;
}

std::string_view RecordDecoder::Impl::text_of(const Part& part, std::size_t depth) {
  const std::string_view json = part.element.json;
  if (!part.is_string) {
    return json;
  }
  std::string& text = level(depth).text;
  text.resize(json.size() + limits::padding_bytes);
  char* end = text.data();
  if (part.escaped) {
    end = decode_json_string(json, end);
  } else {
    end = std::copy(json.begin(), json.end(), end);
  }
  std::fill_n(end, limits::padding_bytes, ' ');
  return trim_json_space({text.data(), static_cast<std::size_t>(end - text.data())});
}

ReadStatus RecordDecoder::Impl::read(const Part& part, std::string_view text, std::size_t depth) {
  if (part.element.indexed) {
    return level(depth - 1).reader.read_element(part.element, *plan, event, extent);
  }
  if (part.scanned != nullptr) {
    return level(depth).reader.read(text, *part.scanned, *plan, options.strict_json, event, extent);
  }
  return level(depth).reader.read(text, *plan, options.strict_json, event);
}

// What the input's settings say goes before what the record looks like.
void RecordDecoder::Impl::apply_settings(SourceClass& source) const {
  if (options.any_log_source) {
    source.kind = SourceClass::Kind::any;
  } else if (options.log_source) {
    const bool adds = source.cloudtrail && unwraps;
    source.kind = SourceClass::Kind::known;
    source.product = options.log_source->product;
    source.service = options.log_source->service;
    if (!adds || !options.log_source->category.empty()) {
      source.category = options.log_source->category;
    }
    if (!adds) {
      source.event_source = {};
    }
  }
}

void RecordDecoder::Impl::emit(ReadStatus status, SourceClass& source) {
  event.derive(geo);
  apply_settings(source);
  visitor->on_event(event, source, status == ReadStatus::repaired, offset);
}

void RecordDecoder::Impl::malformed(const Part& part, std::string_view text, std::size_t depth) {
  const JsonReader& reader = level(part.element.indexed ? depth - 1 : depth).reader;
  const std::string reason =
      "byte " + std::to_string(reader.fault_offset()) + ": " + std::string(reader.fault());
  visitor->on_problem(RecordProblem::malformed,
                      text.substr(0, limits::dead_letter_record_bytes_max),
                      offset,
                      reason);
}

}  // namespace tocsin
