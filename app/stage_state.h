// SPDX-License-Identifier: Apache-2.0
// What AlertStage keeps in a StateLog: which alerts were raised already, and the detectors' state.
// A command that only looks at a state, or changes it, uses the same functions. Thread rule: pure
// functions. Errors: false for bytes that are not readable.
#pragma once

#include <string>
#include <string_view>

#include "app/duplicates.h"
#include "detectors/engine.h"
#include "engine/store/state_log.h"

namespace tocsin {

// `bytes_expected`: room that is made at once.
std::string stage_snapshot(const Duplicates& duplicates,
                           const CorrelationEngine& correlations,
                           std::size_t bytes_expected);
// `added`: what Duplicates::insert took, by append_added(); `fed`:
// CorrelationEngine::take_journal(). Empty if both are.
std::string stage_journal(std::string_view added, std::string_view fed);
void append_added(const Hash128& id, TimeNs event_time, std::string& added);

// Into new objects of the same settings as those that were saved. After false they hold a part.
bool restore_stage(const SavedState& saved,
                   Duplicates& duplicates,
                   CorrelationEngine& correlations);

}  // namespace tocsin
