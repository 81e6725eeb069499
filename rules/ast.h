// SPDX-License-Identifier: Apache-2.0
// The detection of a rule as it is written: selections, field items with their modifiers still
// unapplied, values with their YAML types, condition trees; each with its place in the file.
// compile.h lowers it to predicates; the naive oracle of the tests interprets it on its own;
// pipelines may change it in between. Thread rule: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tocsin {

// Where something stands in its file: 1-based, columns and length in code points. line 0: made by
// tocsin, in no file.
struct SourceSpan {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 1;
};

// A value as YAML typed it (DETECTION.md, choice 9).
struct DetectionValue {
  enum class Kind : std::uint8_t { null, boolean, integer, real, string };
  Kind kind = Kind::string;
  std::string text;  // as written; a string's value
  SourceSpan span;
};

struct ModifierUse {
  std::string name;  // as written, not yet known to exist
  SourceSpan span;
};

// `field|modifier|...: value` or a list of values; keywords have no field.
struct FieldItem {
  std::string field;                   // empty: keywords
  std::vector<ModifierUse> modifiers;  // left to right
  std::vector<DetectionValue> values;  // at least one
  SourceSpan span;                     // of the key; of the first value where there is none
  std::vector<std::uint32_t> processed_by = {};  // pipeline.h: the marks of what changed it
};

// A map is all_of over its items; a list is any_of over its elements; runs of plain values in a
// list are one keyword item.
struct DetectionNode {
  enum class Kind : std::uint8_t { all_of, any_of, item };
  Kind kind = Kind::all_of;
  FieldItem item;                       // kind item
  std::vector<DetectionNode> children;  // all_of, any_of: at least one
  SourceSpan span;
};

struct DetectionSelection {
  std::string name;
  DetectionNode root;
  SourceSpan span;  // of the name
};

struct ConditionNode {
  enum class Kind : std::uint8_t {
    all_of,      // children joined by `and`: at least two
    any_of,      // children joined by `or`: at least two
    negation,    // `not` child
    identifier,  // `name`
    one_of,      // `1 of name`, `any of name`: name is a pattern or `them`
    each_of,     // `all of name`
  };
  Kind kind = Kind::identifier;
  std::string name;
  std::vector<ConditionNode> children;
  SourceSpan span;
};

struct Detection {
  std::vector<DetectionSelection> selections;  // names distinct, in the order of the file
  std::vector<ConditionNode> conditions;       // at least one; several are alternatives
  SourceSpan span;
};

}  // namespace tocsin
