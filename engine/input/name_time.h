// SPDX-License-Identifier: Apache-2.0
// The time in a file's name, as CloudTrail and many rotations write it: 20260102T0304Z,
// 20260102-0304, 2026-01-02. Thread rule: a pure function. Cost: O(length of the name).
#pragma once

#include <optional>
#include <string_view>

#include "engine/base/time.h"

namespace tocsin {

// Of the last component of `path`; the first date in it, with hours and minutes if they follow.
std::optional<TimeNs> name_time(std::string_view path);

}  // namespace tocsin
