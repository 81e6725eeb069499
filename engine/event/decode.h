// SPDX-License-Identifier: Apache-2.0
// RecordDecoder: from one framed document (a line, an element of Records) to the events in it:
// unwraps {"Records":[...]}, and EventBridge, SNS and CloudWatch Logs envelopes, nested up to
// limits::envelope_depth_max, by the rules of DETECTION.md.
//
// Thread rule: one thread each. Errors: none thrown; a bad record is reported to the visitor with
// its reason. Cost: that of JsonReader::read for a plain record.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/time.h"
#include "engine/event/event.h"
#include "engine/event/geo.h"
#include "engine/event/json.h"
#include "engine/event/log_source.h"

namespace tocsin {

enum class InputFormat : std::uint8_t {
  automatic,   // unwrap what holds CloudTrail records
  cloudtrail,  // the same
  json,        // unwrap nothing
};

struct DecodeOptions {
  InputFormat format = InputFormat::automatic;
  bool strict_json = false;
  bool any_log_source = false;          // --logsource any
  std::optional<LogSource> log_source;  // --logsource product=..,...: wins over the record's shape
                                        // and unwraps nothing unless it is aws/cloudtrail
};

enum class RecordProblem : std::uint8_t { malformed, oversized };

// What the decoder tells of each record, in order. Virtual calls are per document with a problem;
// events go through on_event, once per record.
class RecordVisitor {
 public:
  virtual ~RecordVisitor() = default;
  // `offset`: of the record (the outermost document that holds it) in its batch. The event is valid
  // during the call.
  virtual void on_event(Event& event,
                        const SourceClass& source,
                        bool repaired,
                        std::uint64_t offset) = 0;
  // A record that cannot be evaluated: `bytes` as received (perhaps cut at
  // limits::dead_letter_record_bytes_max).
  virtual void on_problem(RecordProblem problem,
                          std::string_view bytes,
                          std::uint64_t offset,
                          std::string_view reason) = 0;
  // A CloudTrail digest file's document, or a CloudWatch control message: not a log record.
  virtual void on_skipped(std::string_view what, std::uint64_t offset) = 0;
};

class RecordDecoder {
 public:
  explicit RecordDecoder(DecodeOptions options);
  ~RecordDecoder();

  // `document`: one JSON document (white space around it allowed), padded by limits::padding_bytes;
  // empty or blank: nothing. A top-level array is one record per element. `plan` must live until
  // the next call.
  void decode(std::string_view document,
              std::uint64_t offset,
              const FieldPlan& plan,
              RecordVisitor& visitor);

  // The same for the document that begins at bytes[at] and ends at the first newline or with
  // `bytes`, found in the same pass. Returns its end; `at` is its offset.
  std::size_t decode_line(std::string_view bytes,
                          std::size_t at,
                          const FieldPlan& plan,
                          RecordVisitor& visitor);

  // What is read of the records from now on; at first, and of records that are not read so, all. An
  // event that is not whole must be complete()d before it is asked for more than that. May be
  // called by a visitor: it holds from the next record on.
  void use_extent(FieldPlan::Extent extent);
  // Where derived fields are looked up from now on; null: nowhere. Must live until the next call.
  void use_geo(const GeoSet* geo);
  // Marks the fields of the plan that had a value in some record so far. Resizes to the plan.
  void note_fields_seen(std::vector<bool>& seen) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The event time of a record, from the fields DETECTION.md names ("Time"), or nullopt. For records
// that matched.
std::optional<TimeNs> event_time(std::string_view record_json);

// The same from a decoded record; cheaper where it has an eventTime.
std::optional<TimeNs> event_time(Event& event);

// What identifies a record: (eventID, recipientAccountId, content) for CloudTrail, else (stream,
// offset, content). DETECTION.md, "Identity". For records that matched. Cost: O(n).
Hash128 record_identity(std::string_view record_json,
                        bool cloudtrail,
                        const Hash128& stream_id,
                        std::uint64_t stream_offset);

// The same from a decoded record.
Hash128 record_identity(Event& event,
                        bool cloudtrail,
                        const Hash128& stream_id,
                        std::uint64_t stream_offset);

}  // namespace tocsin
