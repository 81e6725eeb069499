// SPDX-License-Identifier: Apache-2.0
// Members of the JSON that `tocsin state` shows of a group, read back. Thread rule: pure functions.
// Errors: nullopt where the member is missing or of another type.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/time.h"
#include "engine/event/json_tree.h"

namespace tocsin {

std::optional<TimeNs> time_at(const JsonNode& node, std::string_view key);
std::optional<std::uint64_t> number_at(const JsonNode& node, std::string_view key);

}  // namespace tocsin
