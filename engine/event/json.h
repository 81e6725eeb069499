// SPDX-License-Identifier: Apache-2.0
// JsonReader: from the bytes of one record to an Event. The only door to simdjson.
//
// One walk serves every mode, so that a match never depends on the mode: simdjson's stage 1 finds
// the structural characters (or, where it refuses the bytes, a tolerant scan of our own that
// repairs them into a copy), and the walk over them picks the fields that the plan wants. Strict
// mode validates the whole grammar beside it.
//
// Thread rule: one thread each. Errors: none thrown. Cost: near that of simdjson's stage 1; no
// allocation in steady state. Precondition everywhere: limits::padding_bytes readable bytes follow
// the record.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/event/event.h"

namespace tocsin {

enum class ReadStatus : std::uint8_t {
  ok,
  repaired,   // a strict parser refuses it (one bad byte, a huge number ...), structurally it is
              // JSON: evaluated all the same
  malformed,  // brackets or quotes do not balance, or a member is not key, colon, value: no event
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

 private:
  friend class Event;
  void collect_scalars(Event& event);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin
