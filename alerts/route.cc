// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "alerts/receivers.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

// "attack.t1078" is met by itself and by "attack.t1078.004". Tags are compared without case.
bool has_tag(const RuleInfo& rule, const std::string& wanted) {
  const std::string prefix = ascii_lower(wanted);
  return std::any_of(rule.tags.begin(), rule.tags.end(), [&](const std::string& tag) {
    const std::string text = ascii_lower(tag);
    return text.compare(0, prefix.size(), prefix) == 0 &&
           (text.size() == prefix.size() || text[prefix.size()] == '.');
  });
}

bool is_rule(const Alert& alert, const std::string& wanted) {
  if (alert.rule == nullptr) {
    return wanted == alert.system_rule;
  }
  return wanted == alert.rule->id || wanted == alert.rule->name || wanted == alert.rule->title;
}

bool matches(const RouteConfig& route, const Alert& alert) {
  if (route.min_level && alert.level < *route.min_level) {
    return false;
  }
  const bool tagged = route.tags.empty() ||
                      (alert.rule != nullptr &&
                       std::any_of(route.tags.begin(), route.tags.end(), [&](const auto& tag) {
                         return has_tag(*alert.rule, tag);
                       }));
  const bool named = route.rules.empty() ||
                     std::any_of(route.rules.begin(), route.rules.end(), [&](const auto& rule) {
                       return is_rule(alert, rule);
                     });
  return tagged && named;
}

}  // namespace

Router::Router(std::vector<RouteConfig> routes, std::vector<std::string> receivers)
    : routes_(std::move(routes)), receivers_(std::move(receivers)) {}

std::vector<std::string> Router::receivers_for(const Alert& alert) const {
  const auto known = [&](const std::string& name) {
    return std::find(receivers_.begin(), receivers_.end(), name) != receivers_.end();
  };
  // A receiver that a rule names and nobody configured must not swallow the alert: then the routes
  // decide.
  if (alert.rule != nullptr && known(alert.rule->extensions.receiver)) {
    return {alert.rule->extensions.receiver};
  }
  if (routes_.empty()) {
    return receivers_;
  }
  std::vector<std::string> chosen;
  for (const RouteConfig& route : routes_) {
    if (!matches(route, alert)) {
      continue;
    }
    for (const std::string& name : route.receivers) {
      if (std::find(chosen.begin(), chosen.end(), name) == chosen.end()) {
        chosen.push_back(name);
      }
    }
    if (!route.continue_matching) {
      break;
    }
  }
  return chosen;
}

}  // namespace tocsin
