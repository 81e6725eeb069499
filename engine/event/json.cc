// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <simdjson.h>

#include "engine/base/limits.h"
#include "engine/event/json_elements.h"
#include "engine/event/json_grammar.h"
#include "engine/event/json_tolerant.h"
#include "engine/event/json_walk.h"
#include "engine/event/record_shapes.h"
#include "engine/event/scalar_texts.h"
#include "engine/event/structural_scan.h"

namespace tocsin {
namespace {

// Positions are 32 bits, and a repaired copy may be three times as long.
constexpr std::size_t bytes_max = 1u << 30;

}  // namespace

struct JsonReader::Impl {
  StructuralScan scan;
  StructuralScan::Found split;  // of the document that was split last
  TolerantScan tolerant;
  JsonWalk walk;
  RecordShapes shapes;
  JsonGrammar grammar;
  JsonFault fault;
  // What the last event was read from, for its scalars.
  StructuralIndex current;
  std::uint64_t reads_by_shape = 0;

  // Reads `current` into the event by its shape, or walks it. False: it is malformed. `refused`: a
  // strict parser would refuse it, but for its escapes.
  bool fill(
      const FieldPlan& plan, FieldPlan::Extent extent, bool strict, Event& event, bool& refused) {
    const RecordShapes::Answer answer = shapes.read(current, plan, extent, strict, event);
    if (answer != RecordShapes::Answer::unknown) {
      refused = answer == RecordShapes::Answer::refused;
      ++reads_by_shape;
      return true;
    }
    const bool learns = shapes.wants_to_learn();
    const bool read =
        walk.read(current, plan, extent, strict, event, learns ? &shapes.notes() : nullptr);
    refused = walk.refused();
    if (learns && read && !refused) {
      shapes.learn(current, plan, event);
    }
    return read;
  }

  ReadStatus judge(bool strict, bool has_backslash) {
    if (!strict) {
      return ReadStatus::ok;
    }
    switch (grammar.judge(current, has_backslash)) {
      case JsonVerdict::valid:
        return ReadStatus::ok;
      case JsonVerdict::structural:
        return ReadStatus::repaired;
      case JsonVerdict::broken:
        fault = grammar.fault();
        return ReadStatus::malformed;
    }
    return ReadStatus::malformed;
  }

  // False: something is broken, or (`other_shape`) it is no such document.
  bool split_soundly(const StructuralIndex& index,
                     std::string_view key,
                     std::vector<Element>& elements,
                     bool& other_shape);

  // Over the tolerant scan. What is not malformed is `repaired`: a strict parser refuses it.
  ReadStatus read_tolerantly(std::string_view record,
                             const FieldPlan& plan,
                             bool strict,
                             Event& event);
};

bool JsonReader::Impl::split_soundly(const StructuralIndex& index,
                                     std::string_view key,
                                     std::vector<Element>& elements,
                                     bool& other_shape) {
  const auto at = [&index](std::uint32_t structural) {
    return structural < index.last ? index.text[index.positions[structural]] : '\0';
  };
  std::uint32_t next = 0;
  if (!key.empty()) {
    other_shape = at(0) != '{' || at(1) != '"' || at(2) != ':' || index.string(1) != key;
    next = 3;
  }
  other_shape = other_shape || at(next) != '[';
  if (other_shape) {
    return false;
  }
  bool more = at(++next) != ']';
  next += more ? 0 : 1;
  while (more) {
    const std::uint32_t first = next;
    next = walk.skip(index, first);
    if (next == 0 || (at(next) != ',' && at(next) != ']')) {
      return false;
    }
    const std::uint32_t begin = index.positions[first];
    const std::uint32_t end =
        is_json_open(at(first)) ? index.positions[next - 1] + 1 : index.positions[next];
    const std::string_view json(index.text + begin, end - begin);
    elements.push_back({trim_json_space(json), first, next, true, false});
    more = at(next++) == ',';
  }
  if (!key.empty()) {
    other_shape = at(next) == ',' && at(next + 1) == '"';
    if (at(next++) != '}') {
      return false;
    }
  }
  return next == index.last;
}

JsonReader::JsonReader() : impl_(std::make_unique<Impl>()) {}
JsonReader::~JsonReader() = default;

std::uint64_t JsonReader::reads_by_shape() const {
  return impl_->reads_by_shape;
}
std::string_view JsonReader::fault() const {
  return impl_->fault.what;
}
std::uint32_t JsonReader::fault_offset() const {
  return impl_->fault.at;
}

ReadStatus JsonReader::read(std::string_view record,
                            const FieldPlan& plan,
                            bool strict,
                            Event& event) {
  if (record.size() > bytes_max) {
    event.reset(plan, record);
    impl_->fault = {"too large", 0};
    return ReadStatus::malformed;
  }
  const StructuralScan::Found found = impl_->scan.document(record);
  if (found.sound) {
    const ScannedRecord scanned{
        impl_->scan.index(), found.has_backslash, found.ascii, found.compact};
    return read(record, scanned, plan, strict, event);
  }
  event.reset(plan, trim_json_space(record));
  event.reader_ = this;
  return impl_->read_tolerantly(record, plan, strict, event);
}

ReadStatus JsonReader::read(std::string_view record,
                            const ScannedRecord& scanned,
                            const FieldPlan& plan,
                            bool strict,
                            Event& event,
                            FieldPlan::Extent extent) {
  Impl& impl = *impl_;
  event.reset(plan, trim_json_space(record));
  event.reader_ = this;
  impl.current = scanned.index;
  event.text_ = {!scanned.has_backslash, scanned.ascii, scanned.compact, true};
  // Of a record with escapes the tolerant reader may find something else: it is read at once.
  if (scanned.has_backslash || !plan.has_pivots()) {
    extent = FieldPlan::Extent::whole;
  }
  event.extent_ = extent;
  // The walk judges by the way all but escapes; and where a string ends none goes on.
  bool refused = false;
  if (impl.fill(plan, extent, strict, event, refused)) {
    const bool repaired =
        strict && (refused || (scanned.has_backslash && !is_strict_json_string(record)));
    return repaired ? ReadStatus::repaired : ReadStatus::ok;
  }
  return impl.read_tolerantly(record, plan, strict, event);
}

ReadStatus JsonReader::Impl::read_tolerantly(std::string_view record,
                                             const FieldPlan& plan,
                                             bool strict,
                                             Event& event) {
  const auto malformed = [this, record](const JsonFault& what) {
    fault = {what.what, tolerant.original_offset(record, what.at)};
    return ReadStatus::malformed;
  };
  if (!tolerant.scan(record)) {
    return malformed({"a string that does not end", tolerant.open_quote()});
  }
  event.reset(plan, trim_json_space(tolerant.text()));
  current = tolerant.index();
  const bool has_backslash = tolerant.text().find('\\') != std::string_view::npos;
  event.text_.unescaped = !has_backslash;
  if (!walk.read(current, plan, FieldPlan::Extent::whole, false, event)) {
    return malformed(walk.fault());
  }
  if (judge(strict, has_backslash) == ReadStatus::malformed) {
    return malformed(grammar.fault());
  }
  return ReadStatus::repaired;
}

bool JsonReader::split(std::string_view document,
                       std::string_view key,
                       std::vector<Element>& elements) {
  Impl& impl = *impl_;
  elements.clear();
  if (document.size() <= bytes_max) {
    impl.split = impl.scan.document(document);
  }
  if (document.size() > bytes_max || !impl.split.sound) {
    return document.size() <= bytes_max && split_tolerantly(document, key, elements);
  }
  bool other_shape = false;
  if (impl.split_soundly(impl.scan.index(), key, elements, other_shape)) {
    return true;
  }
  elements.clear();
  return !other_shape && split_tolerantly(document, key, elements);
}

bool JsonReader::read_rest(Event& event) {
  Impl& impl = *impl_;
  bool refused = false;
  const bool read = impl.fill(event.plan(), FieldPlan::Extent::whole, false, event, refused);
  if (!read) {
    const auto begin = static_cast<std::uint32_t>(event.json().data() - impl.current.text);
    const JsonFault& fault = impl.walk.fault();
    impl.fault = {fault.what, fault.at - std::min(fault.at, begin)};
  }
  return read;
}

ReadStatus JsonReader::read_element(const Element& element,
                                    const FieldPlan& plan,
                                    Event& event,
                                    FieldPlan::Extent extent) {
  ScannedRecord scanned{impl_->scan.index(), false, impl_->split.ascii, impl_->split.compact};
  scanned.index.first = element.first;
  scanned.index.last = element.last;
  scanned.has_backslash = element.json.find('\\') != std::string_view::npos;
  return read(element.json, scanned, plan, false, event, extent);
}

void JsonReader::collect_scalars(Event& event) {
  Impl& impl = *impl_;
  impl.walk.scalars(impl.current, event);
}

std::uint32_t JsonReader::structurals() const {
  return impl_->current.last - impl_->current.first;
}

void JsonReader::gather(std::string_view json, ScalarTexts& texts) const {
  texts.fill(impl_->current, json);
}

bool is_valid_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

bool strip_white_space(std::string_view json, char* out, std::size_t& size) {
  return simdjson::minify(json.data(), json.size(), out, size) == simdjson::SUCCESS;
}

std::string json_kernel() {
  return simdjson::get_active_implementation()->name();
}

}  // namespace tocsin
