// SPDX-License-Identifier: Apache-2.0
// Program: all rules, compiled; the stateless hot path. match() finds the candidates of a record
// (Prefilter: may over-approximate, never under-approximate), then evaluates their conditions, each
// distinct predicate at most once. Thread rule: immutable, shared by any number of threads; one
// Scratch per thread. Cost of match(): near nothing for a record without candidates; no allocation
// in steady state, no virtual call, no lock but RE2's own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"
#include "engine/event/log_source.h"
#include "engine/match/builder.h"
#include "engine/match/predicate.h"

namespace tocsin {

// What varies from record to record, one per thread and program.
class Scratch {
 public:
  explicit Scratch(const Program& program);
  ~Scratch();
  Scratch(Scratch&&) noexcept;

 private:
  friend class Program;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One leaf that held in a record: `matched` of an alert.
struct Evidence {
  std::string selection;
  std::string field;  // empty: a keyword
  std::string op;
  std::string pattern;
  std::string value;
};

// A node of explain's tree.
struct Explanation {
  enum class Kind : std::uint8_t { all_of, any_of, negation, selection, predicate };
  Kind kind = Kind::predicate;
  bool holds = false;
  std::string name;                 // selection: its name
  std::string field, op, pattern;   // predicate
  std::vector<std::string> values;  // predicate: what the field held (at most 8)
  std::string reason;  // predicate that does not hold: "absent", "differs", "differs in case", "not
                       // an address" ...
  std::vector<Explanation> children;
};

struct MatchStatistics {
  std::uint64_t candidates = 0;  // rules evaluated
  std::uint64_t predicates = 0;  // predicates evaluated
};

// What one rule took, while its scratch was told to measure.
struct RuleProfile {
  std::uint64_t ticks = 0;       // of the clock that was given
  std::uint64_t candidates = 0;  // times its condition was evaluated
  std::uint64_t matches = 0;
};

class Program {
 public:
  ~Program();

  const FieldPlan& plan() const;
  std::size_t rule_count() const;
  std::size_t predicate_count() const;
  const LogSource& log_source(RuleId rule) const;

  // The rules that `event` matches, ascending; the span lives until the next call with this
  // scratch. Precondition: event was decoded with plan(). It is completed if there is a candidate:
  // then it may turn out to be broken, and matches nothing.
  std::span<const RuleId> match(Event& event, const SourceClass& source, Scratch& scratch) const;

  // Which leaves of `rule` held. For a record that matched; allocates.
  std::vector<Evidence> evidence(RuleId rule, Event& event, Scratch& scratch) const;
  // Why it holds or not. For explain; allocates.
  Explanation explain(RuleId rule, Event& event, Scratch& scratch) const;

  // Rules that hold on a record with nothing in it (a negation alone): never met by records that
  // nothing classifies.
  bool needs_nothing(RuleId rule) const;
  // Fields that a rule's predicates read, ascending by path; keywords as "".
  std::vector<std::string> fields(RuleId rule) const;

  MatchStatistics statistics(const Scratch& scratch) const;

  // From now on match() measures what each rule's condition takes, by `clock`, which is read twice
  // for each candidate. What finds the candidates is shared by all rules and not measured.
  void measure(Scratch& scratch, std::uint64_t (*clock)()) const;
  // By RuleId; empty unless measure() was called.
  std::span<const RuleProfile> profile(const Scratch& scratch) const;

  // A stable text of the whole program, for golden tests.
  std::string dump() const;

 private:
  friend class ProgramBuilder;
  friend class Scratch;
  friend class Filter;
  struct Impl;
  explicit Program(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin
