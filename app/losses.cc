// SPDX-License-Identifier: Apache-2.0
#include "app/losses.h"

#include <utility>

namespace tocsin {
namespace {

struct LossKind {
  const char* code;
  std::uint64_t DetectorLosses::*count;
  const char* text;  // after the correlation's title
};

constexpr LossKind loss_kinds[] = {
    {"detector-evicting",
     &DetectorLosses::groups,
     "has more groups than it may hold and forgot some that had been seen more than once: a slow "
     "attack may be missed. Somebody may be filling it on purpose"},
    {"detector-dropping",
     &DetectorLosses::values,
     "has more values or events in one group than it may hold and forgot the oldest"},
    {"detector-deciding-early",
     &DetectorLosses::early,
     "has more events waiting for the watermark than it may hold and decided the oldest before "
     "--lateness was over: what comes later than they did is not in their windows. Somebody may be "
     "filling it on purpose"},
    {"record-late",
     &DetectorLosses::late,
     "met records that came later than --lateness allows, when their windows were gone"},
};

}  // namespace

std::vector<Loss> correlation_losses(const Ruleset& ruleset, const CorrelationEngine& engine) {
  std::vector<Loss> losses;
  for (std::uint32_t spec = 0; spec < ruleset.correlations.size(); ++spec) {
    const DetectorLosses own = engine.losses(spec);
    const RuleInfo& rule = ruleset.correlations[spec].info;
    for (const LossKind& kind : loss_kinds) {
      if (const std::uint64_t count = own.*kind.count; count > 0) {
        losses.push_back({kind.code,
                          rule.key,
                          Level::high,
                          count,
                          "correlation \"" + rule.title + "\" " + kind.text});
      }
    }
  }
  const CorrelationLosses all = engine.losses();
  if (all.hours_forgotten > 0) {
    losses.push_back({"duplicates-forgotten",
                      {},
                      Level::high,
                      all.hours_forgotten,
                      "more records feed correlations than are remembered to know their copies by, "
                      "and whole hours of them were forgotten: a copy from then counts once more. "
                      "Somebody may be flooding on purpose"});
  }
  if (all.streams_forgotten > 0) {
    losses.push_back(
        {"history-forgotten",
         {},
         Level::medium,
         all.streams_forgotten,
         "more files were learned from than are remembered: learning from the rest once "
         "more would count them twice"});
  }
  if (all.records_dropped > 0) {
    losses.push_back({"evidence-dropped",
                      {},
                      Level::medium,
                      all.records_dropped,
                      "records that reports of correlations may still name need more memory than "
                      "they may have: reports name fewer of them"});
  }
  return losses;
}

}  // namespace tocsin
