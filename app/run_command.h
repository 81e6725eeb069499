// SPDX-License-Identifier: Apache-2.0
// What scan and tail share: inputs, alert stage, receivers' lanes, the run, the last words and the
// exit status. Thread rule: called once, by the command.
#pragma once

#include "app/options.h"

namespace tocsin {

enum class RunMode : std::uint8_t { scan, tail };

// Returns the exit status.
int run_command(const Options& options, RunMode mode);

}  // namespace tocsin
