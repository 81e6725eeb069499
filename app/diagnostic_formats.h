// SPDX-License-Identifier: Apache-2.0
// Diagnostics for machines: JSON (one array) and SARIF 2.1.0, which code hosts show beside the
// lines they speak of. Thread rule: pure functions. Source: OASIS SARIF 2.1.0.
#pragma once

#include <string>

#include "engine/base/diagnostic.h"

namespace tocsin {

std::string diagnostics_json(const Diagnostics& diagnostics, bool strict);
std::string diagnostics_sarif(const Diagnostics& diagnostics, bool strict);

// The text of a line of a file, for a diagnostic; empty if it cannot be read. Cost: reads the file
// up to there.
std::string line_of(const std::string& path, std::uint32_t number);

}  // namespace tocsin
