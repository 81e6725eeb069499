// SPDX-License-Identifier: Apache-2.0
// Folding: which reports repeat an earlier one (DETECTION.md, "Folding"): a Sigma correlation or
// absence reports once per (rule, group) and timespan; new_value and rare_value once per (rule,
// group, value) and 24 h; impossible_travel every time. Thread rule: one thread. Cost: O(1).
// Bounded: of forgotten keys the next report is shown again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "detectors/key_table.h"
#include "detectors/registry.h"
#include "engine/base/wire.h"
#include "engine/flow/correlation_spec.h"
#include "engine/flow/detector.h"

namespace tocsin {

class Folding {
 public:
  Folding(std::uint64_t keys_max, std::uint64_t seed) : shown_(keys_max, seed) {}

  // Would a report be folded into one that was shown before? `type`: of the specification.
  bool repeats(const CorrelationSpec& spec,
               const DetectorType& type,
               std::string_view group_key,
               TimeNs time,
               std::string_view fold_value);
  // False: folded into a report that was shown before.
  bool shows(const CorrelationSpec& spec, const DetectorType& type, const Report& report);

  void save(WireWriter& writer) const;
  void load(WireReader& reader);

 private:
  void make_key(const CorrelationSpec& spec, const DetectorType& type, std::string_view fold_value);

  KeyTable<TimeNs> shown_;  // event time of the last report shown
  std::string key_;         // reused
};

}  // namespace tocsin
