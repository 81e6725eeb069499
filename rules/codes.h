// SPDX-License-Identifier: Apache-2.0
// Every code that a diagnostic about rules can have, with what it means: for `tocsin check
// --explain CODE`, for the manual, and for silencing. Stable names. Thread rule: constants.
#pragma once

#include <string_view>
#include <vector>

#include "rules/detection_codes.h"

namespace tocsin {

// All of them, by name.
std::vector<DiagnosticCode> diagnostic_codes();

// What `code` means, or an empty text if there is no such code.
std::string_view explain_code(std::string_view code);

}  // namespace tocsin
