// SPDX-License-Identifier: Apache-2.0
#include "rules/yaml_number.h"

#include <charconv>
#include <cstdint>
#include <string>

namespace tocsin {

bool parse_yaml_number(std::string_view text, Number& number) {
  const bool signed_text = text.starts_with('+') || text.starts_with('-');
  const bool negative = text.starts_with('-');
  std::string_view digits = text.substr(signed_text ? 1 : 0);
  std::string json = negative ? "-" : "";
  if (digits.starts_with("0x") || digits.starts_with("0o")) {
    std::uint64_t integer = 0;
    const int base = digits[1] == 'x' ? 16 : 8;
    const char* end = digits.data() + digits.size();
    const auto [stop, problem] = std::from_chars(digits.data() + 2, end, integer, base);
    if (problem != std::errc() || stop != end) {
      return false;
    }
    return parse_number(json + std::to_string(integer), number);
  }
  // YAML allows a bare point at either side; JSON does not.
  const std::size_t point = digits.find('.');
  if (point == std::string_view::npos) {
    return parse_number(json.append(digits), number);
  }
  const std::string_view whole = digits.substr(0, point);
  std::string_view fraction = digits.substr(point + 1);
  json.append(whole.empty() ? "0" : whole).append(".");
  if (fraction.empty() || fraction.front() == 'e' || fraction.front() == 'E') {
    json.append("0");
  }
  return parse_number(json.append(fraction), number);
}

}  // namespace tocsin
