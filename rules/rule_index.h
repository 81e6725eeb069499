// SPDX-License-Identifier: Apache-2.0
// The documents of a load, and the index by which they refer to one another: by id or name, and,
// with a warning, by title (choice 11 of DETECTION.md). Thread rule: one thread. Cost: O(1) per
// look-up; suggestions O(rules), a bounded number of them per load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/flow/correlation_spec.h"
#include "rules/compile.h"
#include "rules/correlation.h"
#include "rules/filter.h"
#include "rules/metadata.h"
#include "rules/pipeline.h"

namespace tocsin {

enum class EntryState : std::uint8_t {
  loaded,    // so far
  rejected,  // its problems are in the diagnostics
  excluded,  // by --tag, --exclude or an override
};

// One document on its way into the ruleset.
struct RuleEntry {
  std::size_t file = 0;
  EntryState state = EntryState::loaded;
  Metadata metadata;

  std::optional<CompiledDetection> detection;  // detection rules and filters
  std::string canonical;                       // what the detection means
  std::optional<ParsedFilter> filter;
  std::unique_ptr<ParsedCorrelation> correlation;  // large, and few have one
  std::vector<std::uint32_t> filters;  // detection rules: the filters that apply, as entries

  // With pipelines only: what they did to a detection rule; a filter's detection as written.
  std::optional<PipelineTrace> trace;
  std::optional<Detection> written;

  // Excluded documents, in case that a correlation needs them.
  YamlNode root;
  Diagnostics held;               // their problems, not told while nobody needs them
  bool feeder_only = false;       // excluded, but needed: never alerts by itself
  bool excluded_by_name = false;  // by --exclude or an override, not by --tag

  bool silenced = false;       // by a correlation without `generate`
  bool feeds = false;          // some correlation reads it
  std::uint32_t position = 0;  // in Ruleset::rules or Ruleset::correlations

  const RuleInfo& info() const { return metadata.info; }
};

// All of a load; indices stay valid, and nothing is moved when it grows.
using RuleEntries = std::deque<RuleEntry>;

class RuleIndex {
 public:
  using Found = std::vector<std::uint32_t>;

  void add(std::uint32_t entry, const Metadata& metadata);

  // The entries with that id (UUIDs compare by value) or name.
  Found by_reference(std::string_view text) const;
  const Found& by_id(std::string_view id) const;
  const Found& by_name(std::string_view name) const;
  const Found& by_title(std::string_view title) const;  // filters have none here

  // Up to three names and titles that are near, as a hint; empty if there are none.
  std::string near(std::string_view text);

 private:
  using Table = std::unordered_map<std::string, Found>;
  static const Found& look_up(const Table& table, const std::string& key);

  Table ids_, names_, titles_;
  std::size_t comparisons_ = 0;
};

}  // namespace tocsin
