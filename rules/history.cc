// SPDX-License-Identifier: Apache-2.0
#include "rules/history.h"

#include <algorithm>
#include <utility>

namespace tocsin {
namespace {

using Rules = std::vector<const RememberedRule*>;

// The last version of a rejected document, or nullptr.
const RememberedRule* last_version(const RuleHistory& history, const RememberedRule& wanted) {
  const RememberedRule* by_title = nullptr;
  const RememberedRule* by_place = nullptr;
  for (const RememberedRule& rule : history.rules) {
    if (!wanted.id.empty() && rule.id == wanted.id) {
      return &rule;
    }
    if (rule.path != wanted.path) {
      continue;
    }
    if (!wanted.title.empty() && rule.title == wanted.title) {
      by_title = &rule;
    } else if (rule.ordinal == wanted.ordinal) {
      by_place = &rule;
    }
  }
  return by_title != nullptr ? by_title : by_place;
}

bool is_same(const RememberedRule& a, const RememberedRule& b) {
  return !a.id.empty() || !b.id.empty() ? a.id == b.id : a.path == b.path && a.title == b.title;
}

}  // namespace

bool Substitutes::keep(const RememberedRule& rule, const std::string& path) {
  if (std::find(kept_.begin(), kept_.end(), &rule) != kept_.end()) {
    return false;
  }
  kept_.push_back(&rule);
  by_file_.emplace(path, &rule);
  return true;
}

bool Substitutes::add(const RuleHistory& history,
                      const std::vector<DocumentOutcome>& documents,
                      const std::set<std::string>& broken) {
  bool added = keep_rejected(history, documents, false);
  for (const RememberedRule& rule : history.rules) {
    if (broken.count(rule.path) == 0) {
      continue;
    }
    const bool there =
        std::any_of(documents.begin(), documents.end(), [&](const DocumentOutcome& document) {
          return is_same(document.rule, rule);
        });
    added = (!there && keep(rule, rule.path)) || added;
  }
  // A correlation is rejected with the rules that it names: first these.
  return added || keep_rejected(history, documents, true);
}

bool Substitutes::keep_rejected(const RuleHistory& history,
                                const std::vector<DocumentOutcome>& documents,
                                bool refers) {
  bool added = false;
  for (const DocumentOutcome& document : documents) {
    if (!document.rejected || document.refers != refers) {
      continue;
    }
    const RememberedRule* const last = last_version(history, document.rule);
    // One that another document carries on (renamed, say) is not what is missing.
    const bool lives =
        last != nullptr &&
        std::any_of(documents.begin(), documents.end(), [&](const DocumentOutcome& other) {
          return !other.rejected && is_same(other.rule, *last);
        });
    if (last == nullptr || lives || !keep(*last, document.rule.path)) {
      continue;
    }
    replaced_.emplace(document.rule.path, document.rule.ordinal);
    added = true;
  }
  return added;
}

bool Substitutes::is_replaced(const std::string& path, std::size_t ordinal) const {
  return replaced_.count({path, ordinal}) != 0;
}

Rules Substitutes::for_file(const std::string& path) const {
  Rules out;
  const auto [begin, end] = by_file_.equal_range(path);
  for (auto at = begin; at != end; ++at) {
    out.push_back(at->second);
  }
  return out;
}

}  // namespace tocsin
