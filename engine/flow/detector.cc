// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/detector.h"

#include "engine/base/text.h"

namespace tocsin {

std::optional<std::string> FieldTexts::single() const {
  if (values.empty()) {
    return std::nullopt;
  }
  if (values.size() == 1) {
    return values.front();
  }
  std::string text = "[";
  for (const std::string& value : values) {
    if (text.size() > 1) {
      text.push_back(',');
    }
    append_json_string(value, text);
  }
  text.push_back(']');
  return text;
}

}  // namespace tocsin
