// SPDX-License-Identifier: Apache-2.0
#include "rules/rule_choice.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "engine/base/text.h"

namespace tocsin {
namespace {

bool has_tag(const RuleInfo& info, std::string_view tag) {
  return std::any_of(info.tags.begin(), info.tags.end(), [&](const std::string& own) {
    return ascii_lower(own) == ascii_lower(tag);
  });
}

bool has_id(const RuleInfo& info, std::string_view id) {
  return !info.id.empty() && ascii_lower(info.id) == ascii_lower(id);
}

std::string near_tag(const RuleEntries& entries, const std::string& tag) {
  std::set<std::string> tags;
  for (const RuleEntry& entry : entries) {
    tags.insert(entry.info().tags.begin(), entry.info().tags.end());
  }
  const std::vector<std::string_view> candidates(tags.begin(), tags.end());
  return suggestion(tag, candidates);
}

Diagnostic names_nothing(const std::string& file, std::string message, std::string hint) {
  Diagnostic problem;
  problem.severity = Severity::warning;
  problem.code = "names-no-rule";
  problem.file = file;
  problem.message = std::move(message);
  problem.hint = std::move(hint);
  return problem;
}

std::string quoted(const std::string& text) {
  return "\"" + printable(shorten(text, 80)) + "\"";
}

}  // namespace

RuleChoice::RuleChoice(const LoadOptions& options)
    : options_(options),
      tag_used_(options.tags.size()),
      exclude_used_(options.exclude.size()),
      override_used_(options.overrides.size()) {}

bool RuleChoice::excludes(RuleEntry& entry) {
  RuleInfo& info = entry.metadata.info;
  for (std::size_t i = 0; i < options_.exclude.size(); ++i) {
    const std::string& name = options_.exclude[i];
    if (has_id(info, name) || info.title == name || (!info.name.empty() && info.name == name) ||
        has_tag(info, name)) {
      entry.excluded_by_name = true;
      exclude_used_[i] = true;
    }
  }
  for (std::size_t i = 0; i < options_.overrides.size(); ++i) {
    const RuleOverride& change = options_.overrides[i];
    const bool meant = (!change.id.empty() && has_id(info, change.id)) ||
                       (!change.title.empty() && change.title == info.title) ||
                       (!change.tag.empty() && has_tag(info, change.tag));
    if (!meant) {
      continue;
    }
    override_used_[i] = true;
    info.level = change.level ? change.level : info.level;
    info.extensions.receiver = change.receiver.value_or(info.extensions.receiver);
    info.extensions.alert = change.alert.value_or(info.extensions.alert);
    entry.excluded_by_name = change.enabled ? !*change.enabled : entry.excluded_by_name;
  }
  // Filters bear no tags as a rule, and dropping one in silence would raise false alerts.
  bool wanted = options_.tags.empty() || info.kind == RuleKind::filter;
  for (std::size_t i = 0; i < options_.tags.size(); ++i) {
    if (has_tag(info, options_.tags[i])) {
      tag_used_[i] = true;
      wanted = true;
    }
  }
  return entry.excluded_by_name || !wanted;
}

void RuleChoice::report_unused(const RuleEntries& entries,
                               RuleIndex& index,
                               Diagnostics& diagnostics) const {
  for (std::size_t i = 0; i < tag_used_.size(); ++i) {
    if (!tag_used_[i]) {
      diagnostics.add(names_nothing("--tag",
                                    "no rule has the tag " + quoted(options_.tags[i]),
                                    near_tag(entries, options_.tags[i])));
    }
  }
  for (std::size_t i = 0; i < exclude_used_.size(); ++i) {
    const std::string& name = options_.exclude[i];
    if (!exclude_used_[i]) {
      std::string hint = index.near(name);
      diagnostics.add(names_nothing("--exclude",
                                    "no rule has the id, name, title or tag " + quoted(name),
                                    hint.empty() ? near_tag(entries, name) : std::move(hint)));
    }
  }
  for (std::size_t i = 0; i < override_used_.size(); ++i) {
    const RuleOverride& change = options_.overrides[i];
    if (override_used_[i]) {
      continue;
    }
    const bool by_tag = !change.tag.empty();
    const std::string& name = by_tag ? change.tag : !change.id.empty() ? change.id : change.title;
    const std::string what = by_tag ? "tag " : !change.id.empty() ? "id " : "title ";
    Diagnostic problem =
        names_nothing(change.file,
                      "this override changes nothing: no rule has the " + what + quoted(name),
                      by_tag ? near_tag(entries, name) : index.near(name));
    problem.line = change.line;
    problem.column = change.column;
    diagnostics.add(std::move(problem));
  }
}

}  // namespace tocsin
