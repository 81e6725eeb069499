// SPDX-License-Identifier: Apache-2.0
// make_alert(): from a match (or a detector's report) to the alert of DETECTION.md: id, entities,
// one-line summary, evidence. Thread rule: pure functions. Cost: one parse of the record; only for
// records that matched.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/flow/alert.h"
#include "engine/flow/detector.h"
#include "engine/flow/ruleset.h"

namespace tocsin {

Alert make_alert(const Match& match,
                 const std::shared_ptr<const Ruleset>& ruleset,
                 TimeNs detected_at);
Alert make_alert(const Report& report,
                 const CorrelationSpec& spec,
                 const std::shared_ptr<const Ruleset>& ruleset,
                 TimeNs detected_at);
// The id of the alert that such a report became, of the group's values and the record that fired.
std::string alert_id(const CorrelationSpec& spec,
                     const std::vector<std::optional<std::string>>& group,
                     const Hash128& record);
// "recipientAccountId 111122223333": how a summary names one of a correlation's group values.
std::string group_text(std::string_view name, std::string_view value);

// An alert of tocsin about itself.
Alert make_system_alert(std::string code, Level level, std::string summary, TimeNs now);

}  // namespace tocsin
