// SPDX-License-Identifier: Apache-2.0
// Which log source a record belongs to (DETECTION.md, "Log sources").
// Thread rule: plain values. Cost: O(1) per record.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/event/event.h"
#include "engine/event/source_table.h"

namespace tocsin {

// A record's class: views into the event or into the input's settings. A CloudTrail record has two
// services.
struct SourceClass {
  enum class Kind : std::uint8_t {
    unknown,  // nothing classifies it: every rule but those that need nothing to be present
    any,      // --logsource any: every rule
    known,    // rules whose attributes equal these
  };
  Kind kind = Kind::unknown;
  bool cloudtrail = false;
  std::string_view category;
  std::string_view product;
  std::string_view service;
  std::string_view event_source;  // CloudTrail's; else empty

  // eventSource up to its first dot. Few rules ask for it: found when asked.
  std::string_view second_service() const { return event_source.substr(0, event_source.find('.')); }
};

// CloudTrail by its shape, else what the plan's field table says, else `unknown`. eventCategory is
// lower-cased into the event's arena; `management` if absent. Cost: O(1) for CloudTrail, else the
// rows of the table.
SourceClass classify(Event& event);

// The class of the records of a fixed source, or of a row of the field table. Views into `source`.
SourceClass class_of(const LogSource& source);

// Does `rule` apply to a record of class `record`? For `unknown`, true (the caller excludes rules
// that need nothing).
bool applies(const LogSource& rule, const SourceClass& record);

}  // namespace tocsin
