// SPDX-License-Identifier: Apache-2.0
// Helpers of yaml.cc that need no yaml-cpp: how a plain scalar is typed, and where a byte offset
// lies. Thread rule: a Locator belongs to one thread. Cost: O(1) per call while offsets ascend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/yaml.h"

namespace tocsin {

// YAML 1.2 core, but that digits with a leading zero are strings (DETECTION.md, choice 9).
YamlNode::Kind plain_scalar_kind(std::string_view text);

// From byte offsets to lines and columns. Offsets mostly ascend: the last answer is where the next
// search begins.
class Locator {
 public:
  explicit Locator(const SourceText& source) : source_(source), at_(source.line_begins.front()) {}
  // Sets the node's line and column; an offset past the end is the end.
  void place(std::size_t offset, YamlNode& node);

 private:
  const SourceText& source_;
  std::size_t line_ = 0;
  std::size_t at_;  // column_ is that of this offset
  std::uint32_t column_ = 1;
};

// An error at a byte offset.
Diagnostic diagnostic_at_offset(const SourceText& source,
                                std::size_t offset,
                                std::string code,
                                std::string message,
                                std::string hint = {});

// One document of a file, as bytes.
struct DocumentRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool marked = false;  // begins with `---`
};

// `---` and `...` at the start of a line end a document wherever they stand: no scalar of any style
// may hold such a line (YAML 1.2, production c-forbidden).
std::vector<DocumentRange> split_documents(const SourceText& source);

// yaml-cpp reads ahead over nested brackets before its first event, about 100 bytes each: a file of
// nothing else would take seconds and hundreds of megabytes. Brackets in text count too, so the
// bound is far above yaml_depth_max.
bool nests_absurdly(std::string_view text);

// Bytes that no YAML stream may hold: what is no UTF-8, and control characters (yaml-cpp takes
// U+0004 for the end of the file and would drop the rest in silence). text.size() if there are
// none.
std::size_t first_bad_byte(std::string_view text);

}  // namespace tocsin
