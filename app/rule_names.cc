// SPDX-License-Identifier: Apache-2.0
#include "app/rule_names.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "app/console.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

std::string unknown(const std::string& kind,
                    const std::string& name,
                    const std::vector<std::string_view>& titles) {
  const std::optional<std::string> near = did_you_mean(name, titles);
  return "there is no " + kind + " with the id, name or title \"" + printable(name) + "\"" +
         (near ? "; did you mean \"" + printable(*near) + "\"?" : "");
}

}  // namespace

bool is_named(const RuleInfo& info, const std::string& name) {
  return info.id == name || info.name == name || info.title == name;
}

std::string no_such_detection(const Ruleset& ruleset, const std::string& name) {
  std::vector<std::string_view> titles;
  for (const CorrelationSpec& correlation : ruleset.correlations) {
    if (is_named(correlation.info, name)) {
      std::string inputs;
      for (const CorrelationInput& input : correlation.inputs) {
        inputs += (inputs.empty() ? "" : ", ") + printable(input.name);
      }
      return "\"" + printable(name) + "\" is a correlation (" + correlation.type +
             ") over: " + inputs +
             "; one record shows only whether a detection matches: explain those, and see tocsin "
             "state show for what a correlation knows";
    }
  }
  for (const RuleInfo& rule : ruleset.rules) {
    titles.emplace_back(rule.title);
  }
  return unknown("rule", name, titles);
}

std::string no_such_correlation(const Ruleset& ruleset, const std::string& name) {
  if (std::any_of(ruleset.rules.begin(), ruleset.rules.end(), [&](const RuleInfo& rule) {
        return is_named(rule, name);
      })) {
    return "\"" + printable(name) + "\" is a detection: only correlations have a state";
  }
  std::vector<std::string_view> titles;
  for (const CorrelationSpec& correlation : ruleset.correlations) {
    titles.emplace_back(correlation.info.title);
  }
  return unknown("correlation", name, titles);
}

}  // namespace tocsin
