// SPDX-License-Identifier: Apache-2.0
#include "app/learned.h"

#include <algorithm>

#include "app/console.h"
#include "app/rule_names.h"
#include "engine/base/text.h"
#include "engine/base/time.h"
#include "engine/event/json_tree.h"
#include "engine/flow/feed.h"

namespace tocsin {
namespace {

std::string joined(const std::vector<std::optional<std::string>>& group) {
  std::string text;
  for (const std::optional<std::string>& value : group) {
    text += (text.empty() ? "" : "/") + value.value_or("(absent)");
  }
  return text;
}

bool is_meant(const std::vector<std::optional<std::string>>& group,
              const std::optional<std::string>& key) {
  return !key || joined(group) == *key ||
         std::any_of(group.begin(), group.end(), [&](const std::optional<std::string>& value) {
           return value && *value == *key;
         });
}

std::string time_text(const std::optional<TimeNs>& time) {
  return time ? format_rfc3339(*time) : std::string("-");
}

// Every group that the filter means: visit(spec, group view, its values).
template <typename Visit>
void for_each_meant(const Ruleset& ruleset,
                    const CorrelationEngine& engine,
                    const StateFilter& filter,
                    Visit visit) {
  for (std::uint32_t spec = 0; spec < ruleset.correlations.size(); ++spec) {
    if (!filter.rule.empty() && !is_named(ruleset.correlations[spec].info, filter.rule)) {
      continue;
    }
    engine.for_each_group(spec, [&](const GroupView& view) {
      const std::vector<std::optional<std::string>> group = parse_group_key(view.key);
      if (is_meant(group, filter.key)) {
        visit(spec, view, group);
      }
    });
  }
}

}  // namespace

std::vector<std::string> learned_summary(const Ruleset& ruleset, const CorrelationEngine& engine) {
  std::vector<std::string> lines;
  for (std::uint32_t spec = 0; spec < ruleset.correlations.size(); ++spec) {
    if (!engine.has_baseline(spec)) {
      continue;
    }
    std::uint64_t groups = 0;
    std::uint64_t values = 0;
    std::uint64_t events = 0;
    std::uint64_t learning = 0;
    std::optional<TimeNs> first;
    std::optional<TimeNs> last;
    engine.for_each_group(spec, [&](const GroupView& view) {
      ++groups;
      values += view.values;
      events += view.events;
      learning += view.learning ? 1 : 0;
      if (view.first_seen) {
        first = std::min(first.value_or(*view.first_seen), *view.first_seen);
        last = std::max(last.value_or(*view.last_seen), *view.last_seen);
      }
    });
    std::string line = printable(ruleset.correlations[spec].info.title) + ": " +
                       counted(groups, "group") + ", " + counted(values, "value") + " from " +
                       counted(events, "event");
    if (first) {
      line += ", " + format_rfc3339(*first) + " to " + format_rfc3339(*last);
    }
    line += "; " + (learning == 0 ? std::string("all mature")
                                  : with_thousands(learning) + " still immature");
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> state_list(const Ruleset& ruleset,
                                    const CorrelationEngine& engine,
                                    const StateFilter& filter) {
  std::vector<std::string> lines;
  for_each_meant(
      ruleset, engine, filter, [&](std::uint32_t spec, const GroupView& view, const auto& group) {
        std::string line = printable(ruleset.correlations[spec].info.title) + "\t" +
                           printable(joined(group)) + "\t" + std::to_string(view.events) + "\t" +
                           std::to_string(view.values) + "\t" + time_text(view.first_seen) + "\t" +
                           time_text(view.last_seen);
        if (engine.has_baseline(spec)) {
          line += view.learning ? "\tlearning" : "\tmature";
        }
        lines.push_back(std::move(line));
      });
  return lines;
}

std::vector<std::string> state_export(const Ruleset& ruleset,
                                      const CorrelationEngine& engine,
                                      const StateFilter& filter,
                                      bool baselines_only) {
  std::vector<std::string> lines;
  for_each_meant(
      ruleset, engine, filter, [&](std::uint32_t spec, const GroupView& view, const auto& group) {
        const CorrelationSpec& correlation = ruleset.correlations[spec];
        if (baselines_only && !engine.has_baseline(spec)) {
          return;
        }
        const std::optional<std::string> state = engine.show(spec, view.key);
        if (!state) {
          return;
        }
        std::string line = "{\"rule\":";
        append_json_string(correlation.info.key, line);
        line += ",\"title\":";
        append_json_string(correlation.info.title, line);
        line += ",\"group\":{";
        for (std::size_t i = 0; i < group.size() && i < correlation.group_by.size(); ++i) {
          line += i > 0 ? "," : "";
          append_json_string(correlation.group_by[i], line);
          line += ':';
          if (group[i]) {
            append_json_string(*group[i], line);
          } else {
            line += "null";
          }
        }
        lines.push_back(line + "},\"state\":" + *state + "}");
      });
  return lines;
}

std::uint64_t state_forget(const Ruleset& ruleset,
                           CorrelationEngine& engine,
                           const StateFilter& filter) {
  std::vector<std::pair<std::uint32_t, std::string>> meant;
  for_each_meant(
      ruleset, engine, filter, [&](std::uint32_t spec, const GroupView& view, const auto&) {
        meant.emplace_back(spec, std::string(view.key));
      });
  std::uint64_t forgotten = 0;
  for (const auto& [spec, key] : meant) {
    forgotten += engine.forget(spec, key) ? 1u : 0u;
  }
  return forgotten;
}

Result<void> state_import(const Ruleset& ruleset,
                          CorrelationEngine& engine,
                          std::string_view line) {
  const Result<JsonNode> root = parse_json(line);
  if (!root) {
    return fail("it is no JSON: " + root.error().message);
  }
  const JsonNode* rule = root->get("rule");
  const JsonNode* group = root->get("group");
  const JsonNode* state = root->get("state");
  if (rule == nullptr || group == nullptr || state == nullptr ||
      group->kind != JsonNode::Kind::object) {
    return fail("a line has rule, group and state");
  }
  for (std::uint32_t spec = 0; spec < ruleset.correlations.size(); ++spec) {
    const CorrelationSpec& correlation = ruleset.correlations[spec];
    if (correlation.info.key != rule->text) {
      continue;
    }
    std::string key;
    for (const std::string& name : correlation.group_by) {
      const JsonNode* value = group->get(name);
      if (value == nullptr) {
        return fail("the group of \"" + printable(correlation.info.title) + "\" lacks " +
                    printable(name));
      }
      append_group_value(value->kind == JsonNode::Kind::null
                             ? std::nullopt
                             : std::optional<std::string_view>(value->text),
                         key);
    }
    std::string json;
    append_json(*state, json);
    return engine.import_group(spec, key, json);
  }
  return fail("no loaded correlation has the key " + printable(rule->text));
}

}  // namespace tocsin
