// SPDX-License-Identifier: Apache-2.0
// What is known of a rule beside its condition: what alerts, lists and routes show of it.
// Thread rule: plain values; immutable inside a Ruleset.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/time.h"
#include "engine/event/log_source.h"

namespace tocsin {

enum class Level : std::uint8_t { informational, low, medium, high, critical };
std::string_view to_text(Level level);
std::optional<Level> parse_level(std::string_view text);  // any case
inline constexpr std::size_t level_count = 5;

enum class RuleKind : std::uint8_t { detection, correlation, filter };
std::string_view to_text(RuleKind kind);

struct RelatedRule {
  std::string id;
  std::string type;
};

// One of `tocsin.tests`: records, and what the rule must say of them.
struct RuleTest {
  std::string name;
  std::vector<std::string> events;      // JSON texts, in order
  std::optional<std::uint64_t> alerts;  // exactly so many; absent: at least one
  std::vector<std::string> receivers;   // where the alerts must go; empty: not asserted
  std::uint32_t line = 1;
};

// The `tocsin:` key of a rule (DETECTION.md, "Extensions inside a rule").
struct RuleExtensions {
  bool alert = true;  // false: feeds correlations only
  std::vector<std::string> fold_by;
  std::optional<DurationNs> repeat_interval;
  std::string receiver;             // empty: as the routes say
  std::vector<std::string> fields;  // shown first in notifications
  std::string runbook;
  bool emit_watermark = false;  // correlations
  bool emit_given = false;
  std::vector<RuleTest> tests;
};

struct RuleInfo {
  RuleKind kind = RuleKind::detection;
  std::string title;
  std::string id;
  std::string name;
  std::optional<Level> level;  // absent or unknown counts as medium: see level_or_medium()
  std::string status;
  std::string description;
  std::string author;
  std::string date;
  std::string modified;
  std::string license;
  std::string taxonomy;
  std::vector<std::string> tags;
  std::vector<std::string> references;
  std::vector<std::string> falsepositives;
  std::vector<std::string> fields;
  std::vector<std::string> scope;
  std::vector<RelatedRule> related;
  LogSource log_source;
  std::string log_source_definition;
  std::map<std::string, std::string> custom;  // other top-level keys: their value as JSON text
  RuleExtensions extensions;
  std::string file;
  std::uint32_t line = 1;
  Hash128 fingerprint;  // of what the rule means: reload keeps detector state while it is unchanged
  std::string
      key;  // its id, else its title, with the fingerprint where either is missing or used twice

  Level level_or_medium() const { return level.value_or(Level::medium); }
};

}  // namespace tocsin
