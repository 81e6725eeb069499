// SPDX-License-Identifier: Apache-2.0
// JsonTree: a whole record as a tree, for the few records that matched: alerts, redaction, explain,
// envelopes. As tolerant as the reader in json.h, with the same texts. Not for the hot path. Thread
// rule: plain values. Cost: O(n) time and memory; no recursion (depth is bounded by
// limits::json_depth_max, what lies deeper is kept as raw text).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/result.h"

namespace tocsin {

struct JsonNode {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  bool too_deep = false;  // a string that is the raw text of what lay too deep
  std::string text;  // string: decoded; number, boolean: as written; too deep: raw text as a string
  std::vector<std::string> keys;   // object: decoded, in the record's order, repeated ones kept
  std::vector<JsonNode> children;  // object, array
  // The first child of that key, or nullptr. O(n).
  const JsonNode* get(std::string_view key) const;
};

// An Error says why it is malformed and at which byte ("byte 17: a key without a colon").
Result<JsonNode> parse_json(std::string_view text);

// Every value of a dotted path, as the decoder finds them (each reading of the path, array elements
// one by one, an object as a node). Pointers into `root`.
std::vector<const JsonNode*> find_values(const JsonNode& root, std::string_view path);

// Compact JSON: no white space, keys in order. Numbers as they were written; bare words that are no
// JSON as strings.
void append_json(const JsonNode& node, std::string& out);

// The text of a value as rules see it: DETECTION.md, choice 4, for objects (and arrays, as JSON).
std::string rule_text(const JsonNode& node);

// The 128-bit content hash of a record: over its text as choice 4 defines it. Two spellings of one
// record that differ in white space or escapes hash alike. `record` need not be valid JSON.
Hash128 record_hash(std::string_view record);

}  // namespace tocsin
