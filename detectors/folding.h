// SPDX-License-Identifier: Apache-2.0
// Folding: which reports repeat an earlier one (DETECTION.md, "Folding"): a Sigma correlation or
// absence reports once per (rule, group) and timespan; new_value and rare_value once per (rule,
// group, value) and 24 h; impossible_travel every time. Thread rule: one thread. Cost: O(1).
// Bounded: of forgotten keys the next report is shown again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detectors/key_table.h"
#include "detectors/registry.h"
#include "engine/base/wire.h"
#include "engine/flow/correlation_spec.h"
#include "engine/flow/detector.h"

namespace tocsin {

// Reports that were folded into one that was shown.
struct FoldedReports {
  std::uint32_t spec = 0;
  std::string group_key;
  Hash128 record;  // that fired the shown one
  std::uint64_t count = 0;
};

class Folding {
 public:
  // Instead of a correlation's number: nobody asks how many there were.
  static constexpr std::uint32_t uncounted = 0xffffffffu;

  Folding(std::uint64_t keys_max, std::uint64_t seed) : shown_(keys_max, seed) {}

  // Would a report be folded into one that was shown before? It is then. `type`: of the
  // specification; `number`: of the correlation, for take().
  bool repeats(const CorrelationSpec& spec,
               const DetectorType& type,
               std::string_view group_key,
               TimeNs time,
               std::string_view fold_value,
               std::uint32_t number = uncounted);
  // False: folded into a report that was shown before.
  bool shows(const CorrelationSpec& spec,
             const DetectorType& type,
             const Report& report,
             std::uint32_t number = uncounted);
  // What was folded and counted since the last call; each shown report at most once.
  std::vector<FoldedReports> take();

  void save(WireWriter& writer) const;
  // `with_records`: earlier versions did not know which record fired.
  void load(WireReader& reader, bool with_records);

 private:
  // The last report shown.
  struct Shown {
    TimeNs time = 0;  // of the event
    Hash128 record;   // that fired
    std::uint64_t round = 0;
    std::uint32_t place = 0;  // in folded_, in that round
  };
  void make_key(const CorrelationSpec& spec, const DetectorType& type, std::string_view fold_value);
  void count(Shown& shown, std::uint32_t number);

  KeyTable<Shown> shown_;
  std::vector<FoldedReports> folded_;
  std::uint64_t round_ = 1;   // of take()
  std::string key_;           // reused
  std::size_t group_at_ = 0;  // in key_
};

}  // namespace tocsin
