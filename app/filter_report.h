// SPDX-License-Identifier: Apache-2.0
// What the filter before the parse does, for --verbose: may it be used, why not, how much it
// rejected. Thread rule: pure functions.
#pragma once

#include <string>

#include "app/progress.h"
#include "app/session.h"
#include "engine/event/decode.h"

namespace tocsin {

// For the records of one input: one line without its end.
std::string filter_choice(const Session& session, const DecodeOptions& input, bool wants_time);

// After the run; empty if the filter was not used.
std::string filter_outcome(const RunCounters& run);

}  // namespace tocsin
