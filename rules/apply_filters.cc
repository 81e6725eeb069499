// SPDX-License-Identifier: Apache-2.0
#include "rules/apply_filters.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/base/text.h"

namespace tocsin {
namespace {

class Filters {
 public:
  Filters(RuleEntries& entries, RuleIndex& index, const ProblemsOf& problems)
      : entries_(entries), index_(index), problems_(problems) {}

  std::vector<FilterUse> run() {
    std::vector<FilterUse> uses;
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      RuleEntry& filter = entries_[i];
      if (filter.info().kind != RuleKind::filter || filter.state != EntryState::loaded) {
        continue;
      }
      FilterUse use{filter.info().title, filter.info().file, filter.info().line, 0};
      if (filter.filter->any) {
        for (RuleEntry& rule : entries_) {
          use.rules += apply_filter(i, rule);
        }
      } else {
        use.rules = apply_to_named(i);
      }
      if (filter.state == EntryState::loaded) {
        uses.push_back(std::move(use));
      }
    }
    return uses;
  }

 private:
  std::uint64_t apply_to_named(std::uint32_t number) {
    RuleEntry& filter = entries_[number];
    Problems problems = problems_(filter);
    std::vector<std::uint32_t> targets;
    for (const RuleReference& reference : filter.filter->rules) {
      std::string shown(1, '`');
      shown += shorten(reference.text, 80);
      shown += '`';
      const RuleIndex::Found found = index_.by_reference(reference.text);
      if (found.empty()) {
        problems.warning(reference.place,
                         "filter-unknown-rule",
                         "no rule has the id or name " + shown + "; the filter has no effect there",
                         index_.near(reference.text));
      } else if (found.size() > 1) {
        problems.error(reference.place,
                       "ambiguous-reference",
                       std::to_string(found.size()) + " documents are called " + shown,
                       "give each its own `name` and refer to that");
      } else if (entries_[found[0]].info().kind != RuleKind::detection) {
        problems.warning(reference.place,
                         "filter-on-correlation",
                         shown + " is no detection rule; a filter has no effect on it",
                         "name the rules that it refers to");
      } else {
        targets.push_back(found[0]);
      }
    }
    if (problems.rejected()) {
      filter.state = EntryState::rejected;
      return 0;
    }
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    std::uint64_t touched = 0;
    for (const std::uint32_t target : targets) {
      touched += apply_filter(number, entries_[target]);
    }
    return touched;
  }

  // 1 if the filter applies to the rule.
  std::uint64_t apply_filter(std::uint32_t filter, RuleEntry& rule) {
    if (rule.info().kind != RuleKind::detection || rule.state != EntryState::loaded ||
        !covers(entries_[filter].info().log_source,
                rule.trace ? rule.trace->written : rule.info().log_source)) {
      return 0;
    }
    rule.filters.push_back(filter);
    return 1;
  }

  RuleEntries& entries_;
  RuleIndex& index_;
  const ProblemsOf& problems_;
};

}  // namespace

std::vector<FilterUse> apply_filters(RuleEntries& entries,
                                     RuleIndex& index,
                                     const ProblemsOf& problems) {
  return Filters(entries, index, problems).run();
}

}  // namespace tocsin
