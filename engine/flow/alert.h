// SPDX-License-Identifier: Apache-2.0
// Alert: what the engine has to say, as DETECTION.md defines it. Owns its bytes. Its id is a pure
// function of the rule's key, the group key and the identity of the record that fired it, so that a
// replay makes the same id. Thread rule: plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/time.h"
#include "engine/flow/rule_info.h"
#include "engine/match/program.h"

namespace tocsin {

struct Ruleset;

// A copy of a record that matched, shared by all that refer to it.
struct RecordCopy {
  std::string source;        // path, or "-"
  std::uint64_t record = 0;  // 0-based number in its source
  std::uint64_t offset = 0;  // in the decompressed stream
  std::string json;          // as received (or repaired)
  std::string event_id;      // CloudTrail's eventID, or empty
  bool cloudtrail = false;
  std::optional<TimeNs> time;  // event time
  Hash128 identity;
};

// One rule met by one record.
struct Match {
  RuleId rule{};
  bool alerts = false;         // a rule that the record meets raises alerts: the identity is known
  std::uint64_t sequence = 0;  // of the record: ascending in the order of the input
  std::optional<TimeNs> time;  // event time
  Hash128 identity;
  // Null: nobody wants it (RunOptions::want_evidence), and no correlation shows it; or no rule that
  // the record meets raises alerts.
  std::shared_ptr<const RecordCopy> record;
  std::vector<Evidence> evidence;  // empty if nobody wants it
};

enum class AlertKind : std::uint8_t { detection, correlation, system };

struct Alert {
  std::string id;
  AlertKind kind = AlertKind::detection;
  std::optional<TimeNs> time;  // event time
  TimeNs detected_at = 0;      // receive time
  Level level = Level::medium;
  std::shared_ptr<const Ruleset> ruleset;  // keeps `rule` alive
  const RuleInfo* rule = nullptr;          // null for system alerts: see system_rule
  std::string system_rule;                 // system: a stable code ("input-truncated")
  std::string summary;
  std::vector<std::pair<std::string, std::optional<std::string>>>
      group;  // group-by name -> text or absent
  std::uint64_t count = 1;
  std::vector<std::pair<std::string, std::string>>
      entities;  // principal, account, region, source_ip: those known
  std::optional<TimeNs> first_seen, last_seen;
  bool learning = false;
  std::vector<Evidence> matched;
  std::string evidence_json = "{}";  // a detector's own evidence: a JSON object
  std::vector<std::shared_ptr<const RecordCopy>>
      events;  // first 3 and last 7, ends with the one that fired
};

// The id of DETECTION.md, "Identity": 32 hexadecimal digits.
std::string alert_id(const std::string& rule_key,
                     const std::vector<std::pair<std::string, std::optional<std::string>>>& group,
                     const Hash128& record);

}  // namespace tocsin
