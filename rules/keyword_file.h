// SPDX-License-Identifier: Apache-2.0
// `--cache DIR`: the matcher of all keywords as compiled, in a file of its own: it is compiled when
// a record first needs it, and most starts never do. Thread rule: MatcherStore's.
#pragma once

#include <memory>

#include "engine/match/matcher_store.h"
#include "rules/load.h"

namespace tocsin {

// nullptr: the options name no cache, or one that others may write to.
std::shared_ptr<MatcherStore> keyword_file(const LoadOptions& options);

}  // namespace tocsin
