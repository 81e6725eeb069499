// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/detector.h"

#include "engine/base/text.h"

namespace tocsin {

namespace {

template <typename Text>
std::optional<std::string> single_of(std::span<const Text> values) {
  if (values.empty()) {
    return std::nullopt;
  }
  if (values.size() == 1) {
    return std::string(values.front());
  }
  std::string text = "[";
  for (const Text& value : values) {
    if (text.size() > 1) {
      text.push_back(',');
    }
    append_json_string(value, text);
  }
  text.push_back(']');
  return text;
}

}  // namespace

std::optional<std::string> FieldTexts::single() const {
  return single_of(std::span<const std::string>(values));
}

std::optional<std::string> FieldView::single() const {
  return single_of(values);
}

Result<void> Detector::import_group(std::string_view, std::string_view) {
  return fail("a correlation of this type has no baseline that could be imported");
}

void DetectorCounters::add(const DetectorCounters& more) {
  keys += more.keys;
  bytes += more.bytes;
  evicted_keys += more.evicted_keys;
  dropped_values += more.dropped_values;
  late += more.late;
  duplicates += more.duplicates;
  open += more.open;
  skipped += more.skipped;
  evicted_protected += more.evicted_protected;
}

}  // namespace tocsin
