// SPDX-License-Identifier: Apache-2.0
// Helpers of the event room's tests: records with padding, an event's values as text, the real
// data.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/limits.h"
#include "engine/event/event.h"
#include "engine/event/field_plan.h"
#include "engine/event/json.h"
#include "engine/event/json_tree.h"

namespace tocsin::testing {

// Text with the padding that the reader needs. What stands behind a record must not matter: it
// looks like more JSON.
class Padded {
 public:
  explicit Padded(std::string_view text) : bytes_(text), size_(text.size()) {
    while (bytes_.size() < size_ + limits::padding_bytes) {
      bytes_ += "\",\"x\":1}]";
    }
  }
  operator std::string_view() const { return view(); }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::string bytes_;
  std::size_t size_;
};

// A value as one word: its kind, then its text; "*" behind the kind for an element of an array.
inline std::string describe(Event& event, EntryId entry) {
  constexpr std::string_view names[] = {"null", "bool", "num", "str", "obj", "[]"};
  const Value& value = event.value(entry);
  std::string text(names[static_cast<std::size_t>(value.kind)]);
  text += value.in_array ? "*:" : ":";
  text += event.text(entry);
  return text;
}

inline std::vector<std::string> values(Event& event, FieldId field) {
  std::vector<std::string> all;
  for (EntryId entry = event.first(field); entry != no_entry; entry = event.next(entry)) {
    all.push_back(describe(event, entry));
  }
  return all;
}

inline std::vector<std::string> values(Event& event, std::string_view path) {
  return values(event, event.plan().find(path));
}

// All values of all fields of the plan.
inline std::vector<std::vector<std::string>> all_values(Event& event) {
  std::vector<std::vector<std::string>> all;
  for (std::size_t at = 0; at < event.plan().size(); ++at) {
    all.push_back(values(event, FieldId{static_cast<std::uint32_t>(at)}));
  }
  return all;
}

inline FieldPlan plan_of(const std::vector<std::string>& paths) {
  return FieldPlan(paths);
}

inline std::string shared_path(std::string_view name) {
  const char* folder = std::getenv("TOCSIN_SHARED");
  std::string path = folder != nullptr ? folder : TOCSIN_SOURCE_DIR "/../shared";
  return path.append("/").append(name);
}

// The lines of a file, or none, with a note, where it does not exist.
inline std::vector<std::string> shared_lines(std::string_view name) {
  std::ifstream file(shared_path(name));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  if (lines.empty()) {
    std::cout << "skipped: no " << shared_path(name) << '\n';
  }
  return lines;
}

}  // namespace tocsin::testing
