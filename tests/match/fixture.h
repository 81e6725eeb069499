// SPDX-License-Identifier: Apache-2.0
// Shorthands for tests of predicates and programs.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/limits.h"
#include "engine/event/json.h"
#include "engine/match/builder.h"
#include "engine/match/program.h"

namespace tocsin::testing {

// `*`, `?` and `~` (a dash) are elements; everything else is literal.
inline Pattern pattern(std::string_view text) {
  Pattern out;
  for (const char c : text) {
    if (c == '*') {
      out.add(PatternElement::Kind::any_run);
    } else if (c == '?') {
      out.add(PatternElement::Kind::any_one);
    } else if (c == '~') {
      out.add(PatternElement::Kind::dash);
    } else {
      out.add_literal({&c, 1});
    }
  }
  return out;
}

inline Predicate with_op(std::string_view field, Op op) {
  Predicate out;
  out.field = field;
  out.op = op;
  return out;
}

inline Predicate text(std::string_view field, std::string_view wanted) {
  Predicate out = with_op(field, Op::text);
  out.pattern = pattern(wanted);
  return out;
}

inline Predicate cased(Predicate predicate) {
  predicate.cased = true;
  return predicate;
}

// The operand as written; a number must be one.
inline Predicate number(std::string_view field, std::string_view wanted, Op op = Op::number) {
  Predicate out = with_op(field, op);
  out.text = wanted;
  parse_number(wanted, out.number);
  return out;
}

inline Predicate boolean(std::string_view field, bool wanted) {
  Predicate out = with_op(field, Op::boolean);
  out.text = wanted ? "true" : "false";
  return out;
}

inline Predicate regex(std::string_view field,
                       std::string_view wanted,
                       std::string_view flags = "") {
  Predicate out = with_op(field, Op::regex);
  out.text = wanted;
  out.regex_flags = flags;
  return out;
}

inline Predicate cidr(std::string_view field, std::string_view network) {
  Predicate out = with_op(field, Op::cidr);
  out.network = parse_network(network).value();
  return out;
}

inline Predicate reference(std::string_view field,
                           std::string_view other,
                           FieldCompare how = FieldCompare::equals) {
  Predicate out = with_op(field, Op::field);
  out.other_field = other;
  out.field_compare = how;
  return out;
}

inline Predicate part(std::string_view field,
                      TimePart which,
                      std::string_view wanted,
                      NumberCompare how = NumberCompare::equals) {
  Predicate out = number(field, wanted, Op::time_part);
  out.text.clear();
  out.part = which;
  out.part_compare = how;
  return out;
}

// A record read into an event, with room behind it as readers require.
class Record {
 public:
  Record(const FieldPlan& plan, std::string_view json)
      : bytes_(std::string(json) + std::string(limits::padding_bytes, '\0')), size_(json.size()) {
    read(plan);
  }
  ReadStatus read(const FieldPlan& plan) {
    return reader_.read(std::string_view(bytes_).substr(0, size_), plan, false, event_);
  }
  Event& event() { return event_; }

 private:
  std::string bytes_;
  std::size_t size_;
  JsonReader reader_;
  Event event_;
};

inline SourceClass any_source() {
  SourceClass source;
  source.kind = SourceClass::Kind::any;
  return source;
}

// A builder whose predicates are all well-formed.
class Rules {
 public:
  ExprId leaf(const Predicate& predicate) { return builder.predicate(predicate).value(); }
  ExprId all(std::initializer_list<ExprId> children) {
    return builder.all_of({children.begin(), children.size()});
  }
  ExprId any(std::initializer_list<ExprId> children) {
    return builder.any_of({children.begin(), children.size()});
  }
  ExprId no(ExprId child) { return builder.negate(child); }
  RuleId rule(ExprId condition, const LogSource& source = {}) {
    return builder.rule(condition, source, {});
  }

  ProgramBuilder builder;
};

inline std::vector<std::uint32_t> matches(const Program& program,
                                          std::string_view json,
                                          const SourceClass& source = any_source()) {
  Record record(program.plan(), json);
  Scratch scratch(program);
  std::vector<std::uint32_t> out;
  for (const RuleId rule : program.match(record.event(), source, scratch)) {
    out.push_back(index(rule));
  }
  return out;
}

}  // namespace tocsin::testing
