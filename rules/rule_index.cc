// SPDX-License-Identifier: Apache-2.0
#include "rules/rule_index.h"

#include <algorithm>

#include "engine/base/text.h"

namespace tocsin {
namespace {

// Candidates compared in one load: a rule set of nothing but wrong references must not take for
// ever.
constexpr std::size_t comparisons_max = 200'000;

}  // namespace

void RuleIndex::add(std::uint32_t entry, const Metadata& metadata) {
  const RuleInfo& info = metadata.info;
  if (!info.id.empty()) {
    ids_[ascii_lower(info.id)].push_back(entry);
  }
  if (!info.name.empty()) {
    names_[info.name].push_back(entry);
  }
  if (metadata.has_title && info.kind != RuleKind::filter) {
    titles_[info.title].push_back(entry);
  }
}

const RuleIndex::Found& RuleIndex::look_up(const Table& table, const std::string& key) {
  static const Found none;
  const auto found = table.find(key);
  return found == table.end() ? none : found->second;
}

RuleIndex::Found RuleIndex::by_reference(std::string_view text) const {
  Found found = by_id(text);
  for (const std::uint32_t entry : by_name(text)) {
    if (std::find(found.begin(), found.end(), entry) == found.end()) {
      found.push_back(entry);
    }
  }
  return found;
}

const RuleIndex::Found& RuleIndex::by_id(std::string_view id) const {
  return look_up(ids_, ascii_lower(id));
}

const RuleIndex::Found& RuleIndex::by_name(std::string_view name) const {
  return look_up(names_, std::string(name));
}

const RuleIndex::Found& RuleIndex::by_title(std::string_view title) const {
  return look_up(titles_, std::string(title));
}

std::string RuleIndex::near(std::string_view text) {
  if (comparisons_ > comparisons_max) {
    return {};
  }
  std::vector<std::string_view> candidates;
  for (const Table* table : {&names_, &titles_, &ids_}) {
    for (const auto& row : *table) {
      candidates.push_back(row.first);
    }
  }
  comparisons_ += candidates.size();
  std::sort(candidates.begin(), candidates.end());  // the tables' order is no one's business
  std::string out;
  for (int i = 0; i < 3; ++i) {
    const std::optional<std::string> near = did_you_mean(text, candidates);
    if (!near) {
      break;
    }
    out += (i == 0 ? "did you mean `" : ", `") + *near + '`';
    candidates.erase(std::remove(candidates.begin(), candidates.end(), *near), candidates.end());
  }
  return out + (out.empty() ? "" : "?");
}

}  // namespace tocsin
