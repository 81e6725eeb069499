// SPDX-License-Identifier: Apache-2.0
// The JSON Schema of a rule, correlation or filter document, with what tocsin adds to Sigma: from
// the tables that the checks use (rules/keys.h, modifiers.h, correlation.h). It accepts what is
// accepted, but for mistakes that no schema can see (references, the grammar of conditions). Thread
// rule: pure function.
#pragma once

#include "app/json_schema.h"

namespace tocsin {

Json rule_schema();

}  // namespace tocsin
