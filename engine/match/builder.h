// SPDX-License-Identifier: Apache-2.0
// ProgramBuilder: the compiler's back end. Takes predicates and conditions of rules and makes one
// immutable Program: interns equal predicates and equal expressions over all rules, orders children
// by cost, finds what each rule necessarily needs (its witnesses) and builds the candidate index
// from it. Thread rule: one thread. Cost: build() is O(total size of the rules) but for regex
// compilation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/event/log_source.h"
#include "engine/match/matcher_store.h"
#include "engine/match/predicate.h"

namespace tocsin {

class Program;

enum class RuleId : std::uint32_t {};  // indexes Program::rules, in the order they were added
inline constexpr std::uint32_t index(RuleId id) {
  return static_cast<std::uint32_t>(id);
}
enum class ExprId : std::uint32_t {};

class ProgramBuilder {
 public:
  ProgramBuilder();
  ~ProgramBuilder();

  // A regex that RE2 refuses (syntax, look-around, back-reference, size) is an Error that says so.
  // Everything else succeeds.
  Result<ExprId> predicate(const Predicate& predicate);
  ExprId all_of(std::span<const ExprId> children);  // empty: true
  ExprId any_of(std::span<const ExprId> children);  // empty: false
  ExprId negate(ExprId child);

  struct Selection {
    std::string name;
    ExprId expr;
  };
  // `selections` are named for evidence and explain; `condition` is built from them.
  RuleId rule(ExprId condition, const LogSource& log_source, std::span<const Selection> selections);

  // Asks that this field be extracted although no predicate reads it (group-by of correlations,
  // templates).
  void want_field(std::string_view path);

  // Log sources that inputs are fixed to: each gets a candidate index of its own. CloudTrail,
  // unknown and any always have one.
  void expect_source(const LogSource& source);

  // The field table by which records are classified; its sources are expected ones too.
  void classify_by(std::span<const SourceRow> rows);

  // Keeps the matcher of all keywords; may be null.
  void keep_keywords_in(std::shared_ptr<MatcherStore> store);

  // What was added so far, for restore() by the same build of tocsin and of the libraries it runs
  // with; but expected sources, field tables and the store of keywords, which are
  // added anew.
  void save(std::string& bytes) const;
  // False: these are no such bytes, and the builder is as new. Afterwards no more rules can be
  // added, and build() gives what it would have given then. Precondition: nothing was added yet.
  bool restore(std::string_view bytes);

  std::shared_ptr<const Program> build();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin
