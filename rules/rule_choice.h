// SPDX-License-Identifier: Apache-2.0
// RuleChoice: which documents --tag, --exclude and overrides keep, and what overrides change; and
// which of these name nothing, most likely for being misspelt. Thread rule: one load's. Cost of
// excludes(): O(names given).
#pragma once

#include <string>
#include <vector>

#include "engine/base/diagnostic.h"
#include "rules/load.h"
#include "rules/rule_index.h"

namespace tocsin {

class RuleChoice {
 public:
  // Borrows `options`.
  explicit RuleChoice(const LoadOptions& options);

  // Applies overrides to the entry's metadata. True: the document is not loaded for itself.
  bool excludes(RuleEntry& entry);

  // Warnings for what named no document of the load.
  void report_unused(const RuleEntries& entries, RuleIndex& index, Diagnostics& diagnostics) const;

 private:
  const LoadOptions& options_;
  std::vector<bool> tag_used_, exclude_used_, override_used_;  // as in the options
};

}  // namespace tocsin
