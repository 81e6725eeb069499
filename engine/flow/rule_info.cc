// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/rule_info.h"

#include <array>

namespace tocsin {

namespace {

constexpr std::array<std::string_view, level_count> level_texts = {
    "informational", "low", "medium", "high", "critical"};

char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equals_any_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (ascii_lower(text[i]) != lower[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string_view to_text(Level level) {
  return level_texts[static_cast<std::size_t>(level)];
}

std::optional<Level> parse_level(std::string_view text) {
  for (std::size_t i = 0; i < level_texts.size(); ++i) {
    if (equals_any_case(text, level_texts[i])) {
      return static_cast<Level>(i);
    }
  }
  return std::nullopt;
}

std::string_view to_text(RuleKind kind) {
  switch (kind) {
    case RuleKind::detection:
      return "detection";
    case RuleKind::correlation:
      return "correlation";
    case RuleKind::filter:
      return "filter";
  }
  return {};
}

}  // namespace tocsin
