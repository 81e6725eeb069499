// SPDX-License-Identifier: Apache-2.0
// What a running tocsin says of itself: for `tocsin status` and the health endpoint. Thread rule:
// pure functions. No secret is in it: receivers are named, never their URLs.
#pragma once

#include <string>

#include "app/telemetry.h"

namespace tocsin {

std::string status_text(const Numbers& numbers, const std::string& unhealthy, TimeNs now);
std::string status_json(const Numbers& numbers, const std::string& unhealthy, TimeNs now);

}  // namespace tocsin
