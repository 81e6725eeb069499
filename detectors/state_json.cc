// SPDX-License-Identifier: Apache-2.0
#include "detectors/state_json.h"

#include <charconv>
#include <system_error>

namespace tocsin {

std::optional<TimeNs> time_at(const JsonNode& node, std::string_view key) {
  const JsonNode* found = node.get(key);
  return found == nullptr || found->kind != JsonNode::Kind::string ? std::nullopt
                                                                   : parse_rfc3339(found->text);
}

std::optional<std::uint64_t> number_at(const JsonNode& node, std::string_view key) {
  const JsonNode* found = node.get(key);
  std::uint64_t number = 0;
  if (found == nullptr || found->kind != JsonNode::Kind::number) {
    return std::nullopt;
  }
  const char* end = found->text.data() + found->text.size();
  const std::from_chars_result result = std::from_chars(found->text.data(), end, number);
  return result.ec == std::errc() && result.ptr == end ? std::optional<std::uint64_t>(number)
                                                       : std::nullopt;
}

}  // namespace tocsin
