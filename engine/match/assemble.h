// SPDX-License-Identifier: Apache-2.0
// From what the builder interned to a Program: drops what no rule reaches, numbers fields, orders
// children by cost, groups lists, finds witnesses and builds the indexes. Thread rule: one thread.
// Cost: O(total size of the rules).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/match/matcher_store.h"
#include "engine/match/program_data.h"

namespace tocsin::compiled {

// The builder's numbering: fields and predicates of rules that were given up in between are still
// in it.
struct Draft {
  Pools pools;  // fields of predicates: indices into `fields`
  std::vector<std::string> fields;
  Nodes nodes;
  std::vector<CompiledRule> rules;
  std::vector<NamedSelection> selections;
  std::vector<std::string> wanted_fields;
  std::vector<LogSource> log_sources;
  std::vector<LogSource> expected_sources;
  std::vector<SourceRow> source_rows;
  std::shared_ptr<MatcherStore> keyword_store;  // may be null
};

void assemble(Draft draft, ProgramData& out);

}  // namespace tocsin::compiled
