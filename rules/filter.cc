// SPDX-License-Identifier: Apache-2.0
#include "rules/filter.h"

#include "engine/base/text.h"
#include "rules/metadata.h"

namespace tocsin {

std::optional<ParsedFilter> parse_filter(const YamlNode& filter, Problems& problems) {
  constexpr const char* hint = "write `rules: any`, or a list of ids and names of rules";
  if (filter.kind != YamlNode::Kind::map) {
    problems.error(filter,
                   "filter-type",
                   "`filter` has to be a map",
                   "write `rules`, selections and a condition below it");
    return std::nullopt;
  }
  const YamlNode* rules = filter.get("rules");
  if (rules == nullptr) {
    constexpr std::string_view wanted = "rules";
    for (const YamlMember& member : filter.members) {
      if (!suggestion(member.first.text, std::span(&wanted, 1)).empty()) {
        problems.error(member.first,
                       "filter-rules",
                       "`filter` without `rules`",
                       misspelt(member.first, wanted));
        return std::nullopt;
      }
    }
    problems.error(filter, "filter-rules", "`filter` without `rules`", hint);
    return std::nullopt;
  }
  ParsedFilter out;
  if (rules->kind == YamlNode::Kind::string && !rules->text.empty()) {
    out.any = ascii_lower(rules->text) == "any";
    if (!out.any) {
      out.rules.push_back(RuleReference{rules->text, span_of(*rules)});
    }
    return out;
  }
  if (rules->kind != YamlNode::Kind::sequence) {
    problems.error(*rules, "filter-rules", "`rules` has to be a text or a list of texts", hint);
    return std::nullopt;
  }
  out.any = rules->items.empty();
  bool good = true;
  for (const YamlNode& item : rules->items) {
    if (item.kind != YamlNode::Kind::string || item.text.empty()) {
      problems.error(item, "filter-rules", "an element of `rules` has to be a text", hint);
      good = false;
    }
    out.rules.push_back(RuleReference{item.text, span_of(item)});
  }
  return good ? std::optional<ParsedFilter>(std::move(out)) : std::nullopt;
}

bool covers(const LogSource& filter, const LogSource& rule) {
  const auto fits = [](const std::string& wanted, const std::string& given) {
    return wanted.empty() || wanted == given;
  };
  return fits(filter.category, rule.category) && fits(filter.product, rule.product) &&
         fits(filter.service, rule.service);
}

}  // namespace tocsin
