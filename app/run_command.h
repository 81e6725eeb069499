// SPDX-License-Identifier: Apache-2.0
// What scan and tail share: inputs, alert stage, receivers' lanes, the run, the last words and the
// exit status. Thread rule: called once, by the command.
#pragma once

#include "app/options.h"
#include "app/run_inputs.h"

namespace tocsin {

// Returns the exit status.
int run_command(const Options& options, RunMode mode);

}  // namespace tocsin
