// SPDX-License-Identifier: Apache-2.0
// Which rules meet which inputs: for summaries, for `tocsin rules list`, and for warnings of rules
// that never can or never did match. Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/options.h"
#include "engine/flow/run.h"
#include "rules/load.h"

namespace tocsin {

// A class of records that the inputs can bring.
struct Audience {
  enum class Kind : std::uint8_t { cloudtrail, any, named };
  Kind kind = Kind::cloudtrail;
  LogSource source;  // named
  bool meets(const LogSource& rule) const;
  std::string name() const;  // "aws/cloudtrail"
};

struct Routing {
  std::vector<Audience> audiences;  // distinct
  // Some input takes records that nothing classifies: these meet every rule but those that need
  // nothing to be present.
  bool unclassified = false;
  bool can_match(const LogSource& rule) const;
};

// Of the inputs, or of any one input if there is none.
Routing routing_of(const std::vector<InputConfig>& inputs, const std::vector<SourceRow>& rows);

// "57 of 3,754 rules apply to aws/cloudtrail; 3,697 rules can never match: no input has their log
// source"
std::string routing_summary(const Ruleset& ruleset, const Routing& routing);

// A warning for each log source of rules that no input can have, at the first such rule.
void warn_unreachable(const Ruleset& ruleset, const Routing& routing, Diagnostics& diagnostics);

// After a run: lines that name the rules which met records, but none of whose fields was in any
// record that was decoded, and the rules that unclassified records were spared. `all`: every rule,
// else the first few.
std::string unseen_rules(const Ruleset& ruleset,
                         const Routing& routing,
                         const RunCounters& run,
                         bool all);

}  // namespace tocsin
