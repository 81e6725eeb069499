// SPDX-License-Identifier: Apache-2.0
// Alerts and rules as bytes, so that an alert can be delivered by a later process that has never
// seen its ruleset. The bytes begin with their version; a rule's `tocsin.tests` are left out.
// Thread rule: pure functions. Cost: O(size). Errors: null for bytes that are not readable.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/flow/alert.h"
#include "engine/flow/rule_info.h"
#include "engine/flow/ruleset.h"

namespace tocsin {

std::string rule_record(const RuleInfo& rule);
// The rule alone, as a ruleset that cannot match anything: what Alert::ruleset keeps alive.
std::shared_ptr<const Ruleset> read_rule_record(std::string_view bytes);

// Everything but the rule.
std::string alert_record(const Alert& alert);
// `rule` from read_rule_record(), or null for alerts that have none.
std::shared_ptr<const Alert> read_alert_record(std::string_view bytes,
                                               std::shared_ptr<const Ruleset> rule);

}  // namespace tocsin
