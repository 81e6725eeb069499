// SPDX-License-Identifier: Apache-2.0
// The walk over the structural characters of a record: picks the values that a FieldPlan wants into
// an Event, and checks the structure where it goes: every member is key, colon, value; elements are
// separated by commas; brackets match in kind, in what nobody wants too.
//
// Thread rule: one thread each. Errors: none thrown; fault() says what is wrong. Cost: one hash
// probe per visited key, about a nanosecond per structural character; no recursion, no allocation
// in steady state.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/limits.h"
#include "engine/event/event.h"
#include "engine/event/json_grammar.h"
#include "engine/event/json_index.h"
#include "engine/event/json_values.h"

namespace tocsin {

// A key that a walk came by: it stands at a structural character, and led from a node to `to`.
struct VisitedKey {
  std::uint32_t structural = 0;
  FieldPlan::Node node = FieldPlan::no_node;
  FieldPlan::Step to;
};

// What a walk looked at, beside the values that became entries.
struct WalkNotes {
  std::vector<VisitedKey> keys;
  std::vector<std::uint32_t>
      words;  // bare words that are no field's, where other records have more
};

class JsonWalk {
 public:
  JsonWalk();

  // Reads the one value whose structural characters are `index` into `event`, which has been reset
  // for `plan` and told what is known of its text. False: it is malformed.
  // `strict`: what nobody wants is judged too, and refused() says whether a strict parser would
  // refuse the value, but for its escapes. `notes`: where not nullptr, what was looked at is added
  // to it.
  bool read(const StructuralIndex& index,
            const FieldPlan& plan,
            FieldPlan::Extent extent,
            bool strict,
            Event& event,
            WalkNotes* notes = nullptr);
  bool refused() const { return refused_; }

  // The structural character behind the value that begins at `structural`, or 0: its brackets do
  // not match.
  std::uint32_t skip(const StructuralIndex& index, std::uint32_t structural);

  // Appends every scalar but null, at any depth, to the event's scalars.
  void scalars(const StructuralIndex& index, Event& event);

  // Valid after a call that returned false.
  const JsonFault& fault() const { return fault_; }

 private:
  // A container that is being read; everything around it is on the stack too.
  struct Frame {
    FieldPlan::Node node = FieldPlan::no_node;
    FieldId field = no_field;
    EntryId entry = no_entry;  // an object's own value, whose end is not known yet
    bool array = false;
  };

  using Form = JsonForm;
  template <bool notes_keys>
  bool run_form();
  template <Form form, bool notes_keys>
  bool run();
  template <Form form, bool notes_keys>
  bool members(bool at_separator);
  template <Form form>
  bool elements(bool at_separator);
  template <Form form>
  bool take(FieldPlan::Step to, bool in_array);
  template <Form form>
  bool take_container(FieldPlan::Step to, bool in_array);
  template <Form form>
  Value string_at(std::uint32_t structural) const;
  bool take_word(FieldId field, bool in_array);
  FieldPlan::Step escaped_step(FieldPlan::Node node, std::string_view key);
  bool fail_member();
  bool fail_separator(bool array);
  void begin(const StructuralIndex& index);
  bool skip_value();
  bool skip_container();
  bool judge_container();
  bool skip_deep(std::uint64_t kinds);
  bool close();
  bool fail(const char* what, std::uint32_t at);

  char at(std::uint32_t structural) const { return kinds_of_[structural]; }

  const char* text_ = nullptr;
  const char* kinds_of_ = nullptr;
  const std::uint32_t* positions_ = nullptr;
  std::uint32_t next_ = 0;  // the structural character that is read next
  std::uint32_t last_ = 0;  // behind the last one
  std::uint32_t depth_ = 0;
  bool ascii_ = false;
  bool strict_ = false;
  bool refused_ = false;
  bool plain_objects_ = false;  // what is an object's JSON is its text too
  const FieldPlan* plan_ = nullptr;
  FieldPlan::Extent extent_ = FieldPlan::Extent::whole;
  Event* event_ = nullptr;
  WalkNotes* notes_ = nullptr;
  JsonFault fault_;
  std::vector<Frame> frames_;  // limits::json_depth_max of them
  std::vector<std::uint64_t> kinds_;
  std::vector<char> key_;
  JsonGrammar grammar_;
};

}  // namespace tocsin
