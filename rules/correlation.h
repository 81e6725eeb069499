// SPDX-License-Identifier: Apache-2.0
// The `correlation` key of a document: structure, types and values (conformance 21; DETECTION.md,
// "Stateful detectors"). What it refers to is resolved later: resolve.h. Thread rule: pure
// functions. Cost: O(size of the document).
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/flow/correlation_spec.h"
#include "rules/ast.h"
#include "rules/problems.h"
#include "rules/yaml.h"

namespace tocsin {

// A rule as a document names it: by id or name.
struct RuleReference {
  std::string text;
  SourceSpan place;
};

struct CorrelationAlias {
  std::string name;
  SourceSpan place;
  std::vector<std::pair<RuleReference, std::string>> fields;  // of the rule -> field
};

struct ParsedCorrelation {
  CorrelationSpec
      spec;  // without info and inputs; the operands of `condition` index condition_names
  std::vector<RuleReference> rules;
  std::vector<RuleReference> baseline;
  std::vector<CorrelationAlias> aliases;
  std::vector<RuleReference> condition_names;  // of an extended condition, each once
  bool ordered = false;                        // a rule listed twice is two steps
  std::string canonical;                       // what it means, but for the rules, for fingerprints
};

using Placeholders = std::map<std::string, std::vector<std::string>>;

// `root`: the whole document, since `generate` may stand at its top. nullopt if nothing more
// can be said of it; else the caller asks problems.rejected().
std::optional<ParsedCorrelation> parse_correlation(const YamlNode& root,
                                                   const Placeholders& placeholders,
                                                   Problems& problems);

// A positive integer and one of s, m, h, d, w, M, y (CORS-06); nullopt for anything else.
std::optional<DurationNs> parse_timespan(std::string_view text);

// An extended condition: `and`, `or`, `not` and parentheses over rule names. Fills `names` and
// returns postfix steps.
std::vector<ConditionStep> parse_extended_condition(const YamlNode& node,
                                                    std::vector<RuleReference>& names,
                                                    Problems& problems);

// One further key of a correlation type.
struct CorrelationOption {
  enum class Kind : std::uint8_t { duration, count, share, choice, values, distance, speed };
  std::string_view key;
  Kind kind = Kind::values;
  std::span<const std::string_view> choices;
};

enum class FieldPlace : std::uint8_t {
  none,       // the type reads no field
  condition,  // condition.field
  own,        // the key `field`
};

// A value of correlation.type.
struct CorrelationType {
  std::string_view name;
  FieldPlace field = FieldPlace::none;
  bool several_fields = false;
  bool takes_condition = true;
  bool needs_condition = true;
  bool extended = false;  // condition may be a text over rule names
  bool needs_timespan = true;
  bool takes_baseline = false;
  std::span<const CorrelationOption> options;
};
std::span<const CorrelationType> correlation_types();

// Has a correlation of this type the key of correlation_keys()?
bool takes_key(const CorrelationType& type, std::string_view key);

}  // namespace tocsin
