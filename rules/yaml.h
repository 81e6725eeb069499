// SPDX-License-Identifier: Apache-2.0
// YAML as a tree with positions, read through yaml-cpp's event interface: the only door to
// yaml-cpp, for rules and for the configuration. YAML 1.2 core scalars with the changes of
// DETECTION.md, choice 9; duplicate keys are errors; `<<` merges. Thread rule: plain values.
// Errors: diagnostics; a broken document costs only itself. Limits: limits.h (yaml_*).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/diagnostic.h"

namespace tocsin {

struct YamlMember;

struct YamlNode {
  enum class Kind : std::uint8_t { null, boolean, integer, real, string, sequence, map };
  Kind kind = Kind::null;
  bool quoted = false;              // a quoted or block scalar
  std::string text;                 // scalar: as written (strings: the value)
  std::uint32_t line = 0;           // 1-based; of the scalar's first character, or the collection's
  std::uint32_t column = 0;         // 1-based, in code points
  std::uint32_t length = 1;         // code points to underline
  std::vector<YamlNode> items;      // sequence
  std::vector<YamlMember> members;  // map: in order, keys distinct

  bool is_scalar() const { return kind < Kind::sequence; }
  const YamlNode* get(std::string_view key) const;  // map: the value of that key, or nullptr; O(n)
  const YamlNode* key(std::string_view key) const;  // map: the key's own node
};

// What a node without its children counts towards yaml_nodes_max: a long text is worth many values,
// or copies of it would be free.
inline std::size_t weight_of(const YamlNode& node) {
  constexpr std::size_t text_bytes_each = 64;
  return 1 + node.text.size() / text_bytes_each;
}

// A member of a map. A struct and not a pair, which may not be named while YamlNode is incomplete.
struct YamlMember {
  YamlNode first;   // the key, a scalar
  YamlNode second;  // its value
};

struct YamlDocument {
  YamlNode root;
  bool empty = false;      // nothing but white space and comments
  std::uint32_t line = 1;  // where it begins
};

// A source file: its name as the user wrote it, its text, and where its lines begin, for
// diagnostics.
struct SourceText {
  std::string name;
  std::string text;
  std::vector<std::size_t> line_begins;
  static SourceText make(std::string name, std::string text);
  std::string_view line(std::uint32_t number) const;  // 1-based; without its end
};

// All documents of a file that could be read; a problem per document that could not, and the line
// where each of those begins in `broken`, if given.
std::vector<YamlDocument> parse_yaml(const SourceText& source,
                                     Diagnostics& diagnostics,
                                     std::vector<std::uint32_t>* broken = nullptr);

// A diagnostic at a node, with the source line filled in.
Diagnostic diagnostic_at(const SourceText& source,
                         const YamlNode& node,
                         Severity severity,
                         std::string code,
                         std::string message,
                         std::string hint = {});

// A node as compact JSON (custom attributes, `rules list`).
std::string to_json(const YamlNode& node);

}  // namespace tocsin
