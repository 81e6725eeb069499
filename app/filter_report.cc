// SPDX-License-Identifier: Apache-2.0
#include "app/filter_report.h"

#include "app/console.h"
#include "engine/base/text.h"
#include "engine/match/filter.h"

namespace tocsin {
namespace {

std::string mode_text(FilterMode mode) {
  return mode == FilterMode::on ? "on" : "automatic, while few records pass it";
}

std::string name_of(const RuleInfo& rule) {
  return '"' + printable(rule.title) + "\" (" + printable(rule.file) + ":" +
         std::to_string(rule.line) + ")";
}

}  // namespace

std::string filter_choice(const Session& session, const DecodeOptions& input, bool wants_time) {
  const std::string begin = "filter before the parse: ";
  if (session.options.filter == FilterMode::off) {
    return begin + "off: --filter off";
  }
  const Ruleset& ruleset = *session.rules.ruleset;
  const FilterChoice choice = Filter::choice(*ruleset.program, input, wants_time);
  if (!choice.usable) {
    return begin + "off: " +
           (choice.rule ? "rule " + name_of(ruleset.rules[index(*choice.rule)]) + " " : "") +
           choice.reason;
  }
  if (session.options.filter == FilterMode::automatic && !Filter::pays(Filter::best_path())) {
    return begin + "off: without AVX2 it takes longer than parsing; --filter on insists";
  }
  std::string keys;
  for (const std::string& key : choice.keys) {
    keys += (keys.empty() ? "" : ", ") + printable(key);
  }
  return begin + mode_text(session.options.filter) +
         (keys.empty() ? "; no rule applies" : "; decided by " + keys);
}

std::string filter_outcome(const RunCounters& run) {
  const std::uint64_t records = run.events + run.malformed + run.oversized;
  if (run.unvalidated == 0 || records == 0) {
    return {};
  }
  const std::uint64_t permille = run.unvalidated * 1000 / records;
  return "filter before the parse: rejected " + with_thousands(run.unvalidated) + " of " +
         with_thousands(records) + " records (" + std::to_string(permille / 10) + "." +
         std::to_string(permille % 10) + " %)";
}

}  // namespace tocsin
