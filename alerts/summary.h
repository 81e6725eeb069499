// SPDX-License-Identifier: Apache-2.0
// The one line that tells a person what a record says: who did what, on what, from where. And the
// entities of an alert. Thread rule: pure functions. Cost: a few walks over the record; only for
// records that matched.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/event/json_tree.h"

namespace tocsin {

struct RecordSummary {
  std::string line;  // one line, at most 400 code points, no control characters; secrets are not
                     // looked for here
  std::vector<std::pair<std::string, std::string>>
      entities;  // principal, account, region, source_ip: those known
};

RecordSummary summarize(const JsonNode& record, bool cloudtrail);

}  // namespace tocsin
