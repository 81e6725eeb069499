// SPDX-License-Identifier: Apache-2.0
// What a Program holds and what a Scratch holds. Known in this room only.
// Thread rule: ProgramData is immutable once built and shared; ScratchData belongs to one thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/event/scalar_texts.h"
#include "engine/match/compiled.h"
#include "engine/match/filter_plan.h"
#include "engine/match/foreign_services.h"
#include "engine/match/multi.h"
#include "engine/match/prefilter.h"
#include "engine/match/program.h"

namespace tocsin::compiled {

struct CompiledRule {
  ExprId condition{};
  std::uint32_t log_source = 0;  // into ProgramData::log_sources
  bool needs_nothing = false;
  std::uint32_t selection_first = 0;
  std::uint32_t selection_count = 0;
};

// What is read of a rule whenever it is a candidate, in one cache line: with a thousand rules it is
// seldom in a near cache, and nothing else is to be waited for.
struct alignas(64) Candidate {
  Node root;                            // of Expressions::evaluated: `condition`
  std::uint32_t log_source = 0;         // into ProgramData::log_sources
  bool meets_every_cloudtrail = false;  // whatever service made the record
  std::uint8_t leaf_count = 0;          // more than 0: all that root has are these
  std::array<Leaf, 11> leaves{};
};
static_assert(sizeof(Candidate) == 64);

struct NamedSelection {
  ExprId expr{};
  std::string name;
};

struct FixedAudience {
  LogSource source;
  Audience audience;
};

struct ProgramData {
  Pools pools;
  Expressions expressions;
  FieldPlan plan;
  Slots slots;
  std::vector<FieldIndex> indexes;  // by slot
  // The literals of all indexed keyword predicates: looked for in all values at once.
  MultiLiteral keywords;
  // Indexed keyword predicates that are too short for a LiteralIndex.
  std::vector<PredicateId> short_keywords;
  std::vector<CompiledRule> rules;
  std::vector<Candidate> candidates;  // by rule
  std::vector<NamedSelection> selections;
  std::vector<LogSource> log_sources;
  std::vector<Witnesses> witnesses;  // by rule: for dump
  std::vector<Audience> general;     // [0]: every rule; [1]: those a CloudTrail record can meet
  // Services of rules that name no product and are left out of [1]: see
  // meets_cloudtrail.
  ForeignServices foreign_services;
  std::vector<FixedAudience> fixed;
  // For the filter before the parse, one for each of `general` and `fixed`.
  std::vector<FilterPlan> general_filters;
  std::vector<FilterPlan> fixed_filters;

  const Audience& audience_of(const SourceClass& source) const;
  const FilterPlan& filter_of(const Audience& audience) const;
};

// Is this rule for records of product aws and of one of CloudTrail's categories? Rules for a
// service of no product (nginx, sshd) are left out, though a record whose eventSource begins with
// that name meets them: it takes the general audience instead.
bool meets_cloudtrail(const LogSource& rule);
bool is_foreign_service(const LogSource& rule);

struct SlotState {
  std::uint32_t epoch = 0;
  bool exact_done = false;
  bool literals_done = false;
  std::uint8_t asked = 0;       // exact predicates that were tested one by one
  std::uint32_t first_hit = 0;  // into ScratchData::hits
};

struct Hit {
  PredicateId predicate{};
  std::uint32_t next = 0;
};
inline constexpr std::uint32_t no_hit = 0xffffffffu;

// Which log sources apply to records of one class.
struct Route {
  bool used = false;
  std::string category, product, service, second_service;
  std::vector<std::uint8_t> applies;  // by log source
};

struct ScratchData {
  explicit ScratchData(const ProgramData& program);

  // Forgets the record before: O(1) but once in 2^31 records.
  void next_record();

  const ProgramData* program;
  std::uint32_t epoch = 0;
  std::uint32_t value_serial = 0;
  std::vector<std::uint32_t> memo;    // by predicate: epoch * 2 + its truth
  std::vector<std::uint32_t> tested;  // by predicate: serial of the value it was tested on last
  std::vector<std::uint32_t> rule_epochs;  // by rule: when it was a candidate last
  std::vector<SlotState> slot_states;
  std::vector<Hit> hits;
  MultiLiteral::Scratch keywords;
  // Keyword predicates one of whose literals was found, and where it ends in the record's json().
  struct Suspect {
    PredicateId predicate{};
    std::size_t end = 0;
    friend auto operator<=>(const Suspect&, const Suspect&) = default;
  };
  std::vector<Suspect> suspects;
  std::vector<RuleId> candidates;
  std::vector<RuleId> matches;
  std::array<Route, 64> routes;
  MatchStatistics statistics;
  std::uint64_t (*clock)() = nullptr;
  std::vector<RuleProfile> profile;  // by rule; empty: nobody measures
  ScalarTexts texts;                 // that keywords are looked for in
};

// Precondition: source.kind is known; else every rule applies.
const Route& route_of(const SourceClass& source, ScratchData& scratch);

}  // namespace tocsin::compiled

namespace tocsin {

struct Program::Impl : compiled::ProgramData {};
struct Scratch::Impl : compiled::ScratchData {
  using ScratchData::ScratchData;
};

}  // namespace tocsin
