// SPDX-License-Identifier: Apache-2.0
// JsonReader: from the bytes of one record to an Event. The only door to simdjson.
//
// One walk serves every mode, so that a match never depends on the mode: a StructuralScan finds
// the structural characters (or, where it refuses the bytes, a tolerant scan that repairs them into
// a copy), and the walk over them picks the fields that the plan wants. Strict mode validates the
// whole grammar beside it.
//
// Thread rule: one thread each. Errors: none thrown. Cost: near that of the structural scan; no
// allocation in steady state. Precondition everywhere: limits::padding_bytes readable bytes follow
// the record.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"
#include "engine/event/json_index.h"

namespace tocsin {

enum class ReadStatus : std::uint8_t {
  ok,
  repaired,   // a strict parser refuses it (one bad byte, a huge number ...), structurally it is
              // JSON: evaluated all the same
  malformed,  // brackets or quotes do not balance, or a member is not key, colon, value: no event
};

// What a StructuralScan has found in a record.
struct ScannedRecord {
  StructuralIndex index;
  // As StructuralScan::Found has them, of this record or of a text that it is part of.
  bool has_backslash = false;
  bool ascii = false;
  bool compact = false;
};

class JsonReader {
 public:
  JsonReader();
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  // Reads `record` (one JSON value with optional white space around it) into `event`. A record that
  // is no object (a scalar, an array) is ok and has no fields. `strict`: every byte is validated,
  // so that `repaired` and `malformed` are exact; otherwise subtrees that nobody wants are only
  // checked for balance.
  ReadStatus read(std::string_view record, const FieldPlan& plan, bool strict, Event& event);
  // The same for a record whose structural characters are known, and stay known while the event is
  // used. With Extent::pivots only those fields are read, and what none of them lies in is only
  // checked for balance: Event::complete() reads the rest, while nothing else is read.
  ReadStatus read(std::string_view record,
                  const ScannedRecord& scanned,
                  const FieldPlan& plan,
                  bool strict,
                  Event& event,
                  FieldPlan::Extent extent = FieldPlan::Extent::whole);

  // How many records were read by the shape of another one (RecordShapes).
  std::uint64_t reads_by_shape() const;

  // Of the last read() that was malformed: what is wrong, and at which byte of the record.
  std::string_view fault() const;
  std::uint32_t fault_offset() const;

  // --- documents that hold many records ---
  // An element of the array that is the value of `document` (`key` empty) or of its only member
  // `key`. `indexed`: read it with read_element() while nothing else was split or read in between
  // but such elements; else with read().
  struct Element {
    std::string_view json;
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    bool indexed = false;
    bool broken = false;  // its brackets or quotes do not balance: `json` is where the next one was
                          // found, or the rest
  };
  // Fills `elements` in the document's order. False: it is no such document. One pass for a sound
  // document; a broken element costs its neighbours nothing where they can be told apart.
  bool split(std::string_view document, std::string_view key, std::vector<Element>& elements);
  // Not strict. `element` is from the last split(), `indexed`.
  ReadStatus read_element(const Element& element,
                          const FieldPlan& plan,
                          Event& event,
                          FieldPlan::Extent extent = FieldPlan::Extent::whole);

 private:
  friend class Event;
  void collect_scalars(Event& event);
  bool read_rest(Event& event);
  // Of the record that was read last, which is `json`: the number of its structural characters; its
  // scalars' texts as they are written.
  std::uint32_t structurals() const;
  void gather(std::string_view json, ScalarTexts& texts) const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

bool is_valid_utf8(std::string_view text);

// Writes `json` without the white space outside its strings to `out`, which has room for
// json.size() + limits::padding_bytes. False (and nothing is said of `out`) if a string does not
// end. Cost: several bytes a cycle.
bool strip_white_space(std::string_view json, char* out, std::size_t& size);

// The name of the kernel that simdjson has chosen for this machine (or was told to take):
// "icelake", "haswell" ...
std::string json_kernel();

}  // namespace tocsin
