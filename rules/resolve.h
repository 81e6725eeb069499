// SPDX-License-Identifier: Apache-2.0
// Resolves what correlations refer to and orders them, inner ones first. Iterative: a chain of
// 60,000 correlations fits into one rule file and must not exhaust the stack. Thread rule: one
// thread. Cost: O(references).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/flow/correlation_spec.h"
#include "rules/problems.h"
#include "rules/rule_index.h"

namespace tocsin {

class CorrelationResolver {
 public:
  struct Callbacks {
    std::function<Problems(const RuleEntry&)> problems;  // of the entry's file
    // Compiles an excluded entry that a correlation needs; its state is then loaded or rejected.
    std::function<void(RuleEntry&)> activate;
    // May change a correlation whose inputs, of these entries, are known; false after an error.
    std::function<bool(RuleEntry&, CorrelationSpec&, const std::vector<std::uint32_t>& inputs)>
        change;
  };
  CorrelationResolver(RuleEntries& entries, RuleIndex& index, Callbacks callbacks);

  // Finds what each loaded correlation names; activates excluded entries. Rejects correlations with
  // references that fit nothing or several.
  void resolve_references();

  // To be called when the fingerprints of detection rules are known and `position` of detection
  // entries is set. Rejects cycles and correlations of rejected rules; returns the specifications,
  // inner before outer, and sets `position` of their entries, and `silenced` and `feeds` of what
  // they read.
  std::vector<CorrelationSpec> finish();

 private:
  struct Target {
    std::uint32_t entry = 0;
    bool baseline = false;
    RuleReference reference;
  };
  enum class Mark : std::uint8_t { fresh, open, done };
  struct Node {
    std::vector<Target> targets;
    Mark mark = Mark::fresh;
  };

  std::optional<std::uint32_t> resolve(const RuleReference& reference, Problems& problems);
  void resolve_entry(std::uint32_t entry);
  void walk(std::uint32_t entry);
  bool accept(std::uint32_t outer, const Target& target);
  void complete(std::uint32_t entry);
  bool fill_inputs(const ParsedCorrelation& parsed,
                   const Node& node,
                   std::vector<std::uint32_t>& inputs,
                   CorrelationSpec& spec,
                   Problems& problems);
  bool fill_condition(const ParsedCorrelation& parsed,
                      const std::vector<std::uint32_t>& inputs,
                      CorrelationSpec& spec,
                      Problems& problems);
  bool fill_aliases(const ParsedCorrelation& parsed,
                    const std::vector<std::uint32_t>& inputs,
                    CorrelationSpec& spec,
                    Problems& problems);

  RuleEntries& entries_;
  RuleIndex& index_;
  Callbacks callbacks_;
  std::vector<Node> nodes_;           // by entry
  std::vector<std::uint32_t> queue_;  // correlations whose references are to be resolved
  std::vector<CorrelationSpec> specs_;
};

}  // namespace tocsin
