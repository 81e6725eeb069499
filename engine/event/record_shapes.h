// SPDX-License-Identifier: Apache-2.0
// RecordShapes: logs are written by programs, so that most records are built like one before: the
// same brackets, commas and strings in the same order, the same keys at the same places, other
// values. What the walk found out about one of them then holds for the others, and is not found out
// again: where the fields' values are, which fields are there, that the grammar is kept. A record
// is read by its shape only if all of its structure is the shape's and each key that the walk would
// look at leads where the shape's leads; everything else is walked.
//
// Thread rule: one thread each. Errors: none. Cost of a record whose shape is known: some fifteen
// instructions for each 64 structural characters, eight for each key, a dozen for each value. Of
// another one: a tenth more than its walk, and one in 256 of those is learned, which takes
// microseconds; where most are such, only a sample of them is looked at. Memory: bounded, see the
// constants in record_shapes.cc. As in speculative parsers (Li et al., "Mison: A Fast JSON Parser
// for Data Analytics", 2017), but exact.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/event/event.h"
#include "engine/event/field_plan.h"
#include "engine/event/json_index.h"

namespace tocsin {

class RecordShapes {
 public:
  enum class Answer : std::uint8_t {
    unknown,  // the walk must read it; nothing was done to the event
    ok,
    refused,  // asked of strict reading only: read, but a strict parser would refuse a bare word
  };

  RecordShapes();
  ~RecordShapes();
  RecordShapes(const RecordShapes&) = delete;
  RecordShapes& operator=(const RecordShapes&) = delete;

  // Fills `event`, which has been reset for `plan` and told what is known of its text, as a walk
  // would: with the same values in the same order.
  Answer read(const StructuralIndex& index,
              const FieldPlan& plan,
              FieldPlan::Extent extent,
              bool strict,
              Event& event);

  // After `unknown`: should the walk note what it looks at, and learn() be called?
  bool wants_to_learn() const { return wants_to_learn_; }
  struct WalkNotes& notes();
  // The record was walked, and neither broken nor refused.
  void learn(const StructuralIndex& index, const FieldPlan& plan, const Event& event);

 private:
  bool wants_to_learn_ = false;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin
