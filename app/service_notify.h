// SPDX-License-Identifier: Apache-2.0
// Tells systemd how the service is, by its notification protocol (sd_notify(3)); does nothing where
// systemd did not start the program. Thread rule: any thread. Errors: none; who does not listen is
// not told.
#pragma once

#include <string_view>

namespace tocsin {

// "READY=1", "STOPPING=1".
void notify_service(std::string_view state);

}  // namespace tocsin
