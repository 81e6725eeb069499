// SPDX-License-Identifier: Apache-2.0
// The inside of a Program: predicates lowered to tests, expressions as nodes, all in flat pools
// with typed indices. Known in this room only. Thread rule: written by the builder, immutable
// afterwards. Cost: 32 bytes a predicate beside its text.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/cidr.h"
#include "engine/event/event.h"
#include "engine/match/builder.h"
#include "engine/match/pattern.h"
#include "engine/match/predicate.h"
#include "engine/match/regex.h"

namespace tocsin::compiled {

enum class PredicateId : std::uint32_t {};
inline constexpr std::uint32_t index(PredicateId id) {
  return static_cast<std::uint32_t>(id);
}
inline constexpr std::uint32_t index(ExprId id) {
  return static_cast<std::uint32_t>(id);
}

// What a predicate asks of one value.
enum class Test : std::uint8_t {
  equals,
  contains,
  starts_with,
  ends_with,
  present,  // `*`: any value but null and []
  pattern,
  number,
  boolean,
  is_null,
  exists,
  regex,
  cidr,
  less,
  less_equal,
  greater,
  greater_equal,
  field,
  time_part,
};

struct TextRef {
  std::uint32_t offset = 0;  // into Pools::texts
  std::uint32_t size = 0;
};

struct CompiledPredicate {
  FieldId field = no_field;  // no_field: a keyword
  Test test = Test::exists;
  bool cased = false;
  std::uint8_t detail =
      0;  // regex: flags i 1, m 2, s 4; field: FieldCompare; time_part: part * 8 + NumberCompare
  bool indexed = false;  // its literals are in its field's LiteralIndex
  bool grouped = false;  // it is a member of a Group
  TextRef operand;       // equals ... ends_with: what is compared, folded unless cased; else offset
                         // indexes the test's pool
  TextRef original;      // as the rule's author wrote it
  TextRef key;  // folded: the whole text (equals, number, boolean), or a literal that every match
                // contains
};

struct TimeOperand {
  TimePart part = TimePart::minute;
  NumberCompare compare = NumberCompare::equals;
  Number number;
};

struct Pools {
  std::string texts;
  std::vector<CompiledPredicate> predicates;
  std::vector<Pattern> patterns;
  std::vector<Number> numbers;
  std::vector<std::unique_ptr<const Regex>> regexes;
  std::vector<IpNetwork> networks;
  std::vector<TimeOperand> times;

  std::string_view text(TextRef ref) const {
    return std::string_view(texts).substr(ref.offset, ref.size);
  }
  const CompiledPredicate& operator[](PredicateId id) const { return predicates[index(id)]; }
};

// True tests by equality: found by one look-up in an ExactTable.
inline bool is_exact(Test test) {
  return test == Test::equals || test == Test::number || test == Test::boolean ||
         test == Test::cidr;
}

struct Node {
  enum class Kind : std::uint8_t {
    always,
    never,
    leaf,    // first: a PredicateId; evaluation only: count: field + 1 where it only has to exist
    all_of,  // children first .. first + count
    any_of,
    negation,  // first: the child
    group,     // evaluation only: some predicate of Expressions::groups[first] holds
  };
  Kind kind = Kind::never;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

// A leaf in a word.
class Leaf {
 public:
  Leaf() = default;
  explicit Leaf(const Node& leaf)
      : word_(leaf.count != 0 ? (leaf.count - 1) | presence : leaf.first) {}
  bool only_has_to_exist() const { return (word_ & presence) != 0; }
  FieldId field() const { return FieldId{word_ & ~presence}; }
  PredicateId predicate() const { return PredicateId{word_}; }
  // Neither number is as large as the bit between them.
  static bool fits(const Node& leaf) { return leaf.first < presence && leaf.count < presence; }

 private:
  static constexpr std::uint32_t presence = 1u << 31;
  std::uint32_t word_ = 0;
};

// Children have smaller indices than their parents.
struct Nodes {
  std::vector<Node> nodes;
  std::vector<ExprId> children;

  const Node& operator[](ExprId id) const { return nodes[index(id)]; }
  std::span<const ExprId> children_of(const Node& node) const {
    return std::span<const ExprId>(children).subspan(node.first, node.count);
  }
};

// Many exact or literal predicates of one field in one any_of: true if one of the field's hits is a
// member.
struct Group {
  std::uint32_t slot = 0;
  bool exact = false;
  bool literals = false;
  std::uint32_t first = 0;  // into Expressions::members, ascending
  std::uint32_t count = 0;
};

struct Expressions {
  Nodes written;    // in the author's order: explain, dump
  Nodes evaluated;  // the same ids; children in order of cost, groups behind them
  // By place in evaluated.children: the nodes themselves, so that those of a condition lie together
  // and none has to be looked up.
  std::vector<Node> child_nodes;
  std::vector<Group> groups;
  std::vector<PredicateId> members;
};

// One predicate on one value that it is about. Never allocates but in the event's arena.
bool holds(const Pools& pools, const CompiledPredicate& predicate, Event& event, EntryId entry);
// On a field without values.
inline bool holds_absent(const CompiledPredicate& predicate) {
  return predicate.test == Test::is_null;
}

std::string_view op_name(const CompiledPredicate& predicate);

}  // namespace tocsin::compiled
