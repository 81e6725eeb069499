// SPDX-License-Identifier: Apache-2.0
// From the keys of a processing item to its conditions, and their evaluation.
#include <algorithm>
#include <array>

#include "engine/base/text.h"
#include "rules/condition.h"
#include "rules/metadata.h"
#include "rules/pipeline_condition.h"

namespace tocsin {
namespace {

template <typename Test>
const PipelineConditionType<Test>* find_type(std::span<const PipelineConditionType<Test>> table,
                                             const YamlNode& condition,
                                             Problems& problems) {
  const YamlNode* type = condition.get("type");
  if (type == nullptr) {
    problems.error(condition, "pipeline-missing-key", "a condition needs the key `type`");
    return nullptr;
  }
  std::vector<std::string_view> names;
  for (const PipelineConditionType<Test>& row : table) {
    if (row.name == type->text) {
      return &row;
    }
    names.push_back(row.name);
  }
  std::string hint = suggestion(type->text, names);
  if (hint.empty()) {
    hint = "there are";
    for (const std::string_view name : names) {
      hint += (name == names.front() ? " " : ", ") + std::string(name);
    }
  }
  problems.error(*type,
                 "pipeline-type",
                 "there is no condition `" + printable(shorten(type->text, 60)) + "` here",
                 hint);
  return nullptr;
}

template <typename Test>
class ConditionReader {
 public:
  ConditionReader(PipelineKeys& keys,
                  std::string prefix,
                  std::string list,
                  std::span<const PipelineConditionType<Test>> table)
      : keys_(keys), prefix_(std::move(prefix)), list_(std::move(list)), table_(table) {}

  PipelineConditions<Test> read() {
    constexpr std::array<std::string_view, 2> links = {"and", "or"};
    const YamlNode* list = keys_.find(list_, false);
    out_.any = keys_.choice(prefix_ + "_op", links, false) == "or";
    out_.negated = keys_.flag(prefix_ + "_not");
    const YamlNode* expression = keys_.find(prefix_ + "_expr", false);
    if (list != nullptr) {
      read_list(*list);
    }
    if (expression != nullptr) {
      read_expression(*expression, list);
    }
    if (out_.negated && out_.tests.empty()) {
      keys_.error(*keys_.map().get(prefix_ + "_not"),
                  "pipeline-condition",
                  "there are no " + list_ + " to negate");
    }
    return std::move(out_);
  }

 private:
  void read_list(const YamlNode& list) {
    if (list.kind == YamlNode::Kind::map) {
      for (const YamlMember& member : list.members) {
        read_one(member.second, member.first.text);
      }
    } else if (list.kind == YamlNode::Kind::sequence) {
      for (const YamlNode& item : list.items) {
        read_one(item, "");
      }
    } else if (list.kind != YamlNode::Kind::null) {
      keys_.error(list, "pipeline-value", "`" + list_ + "` has to be a list or a map");
    }
  }

  void read_one(const YamlNode& node, const std::string& name) {
    if (node.kind != YamlNode::Kind::map) {
      keys_.error(node, "pipeline-value", "a condition has to be a map");
      return;
    }
    const PipelineConditionType<Test>* type = find_type(table_, node, keys_.problems());
    if (type == nullptr) {
      return;
    }
    PipelineKeys own(
        node, "the condition `" + std::string(type->name) + "`", keys_.problems(), keys_.marks());
    own.ignore("type");
    out_.tests.emplace_back(name, type->make(own));
    own.finish();
  }

  void read_expression(const YamlNode& node, const YamlNode* list) {
    const YamlNode* op = keys_.map().get(prefix_ + "_op");
    if (list == nullptr || list->kind != YamlNode::Kind::map) {
      keys_.error(node,
                  "pipeline-condition",
                  "an expression needs `" + list_ + "` as a map of names to conditions");
      return;
    }
    if (op != nullptr) {
      keys_.error(*op, "pipeline-condition", "an expression says itself how conditions combine");
    }
    if (node.kind != YamlNode::Kind::string) {
      keys_.error(node, "pipeline-condition", "an expression has to be a text");
      return;
    }
    std::vector<std::string_view> names;
    for (const YamlMember& member : list->members) {
      names.push_back(member.first.text);
    }
    Diagnostics& diagnostics = keys_.problems().diagnostics();
    out_.expression = parse_condition(keys_.problems().source(), node, names, diagnostics);
    if (!out_.expression) {
      keys_.problems().reject();
      return;
    }
    std::set<std::string> used;
    collect(*out_.expression, node, used);
    for (const YamlMember& member : list->members) {
      if (used.count(member.first.text) == 0) {
        keys_.error(
            member.first, "pipeline-condition", "the expression does not use this condition");
      }
    }
  }

  void collect(const ConditionNode& tree, const YamlNode& node, std::set<std::string>& used) {
    if (tree.kind == ConditionNode::Kind::one_of || tree.kind == ConditionNode::Kind::each_of) {
      keys_.error(node, "pipeline-condition", "an expression has names, `and`, `or` and `not`");
    }
    if (tree.kind == ConditionNode::Kind::identifier) {
      used.insert(tree.name);
    }
    for (const ConditionNode& child : tree.children) {
      collect(child, node, used);
    }
  }

  PipelineKeys& keys_;
  const std::string prefix_;
  const std::string list_;
  const std::span<const PipelineConditionType<Test>> table_;
  PipelineConditions<Test> out_;
};

// `ask` answers for one test.
template <typename Test, typename Ask>
bool evaluate(const PipelineConditions<Test>& set, const ConditionNode& tree, const Ask& ask) {
  switch (tree.kind) {
    case ConditionNode::Kind::identifier:
      for (const auto& [name, test] : set.tests) {
        if (name == tree.name) {
          return ask(test);
        }
      }
      return false;
    case ConditionNode::Kind::negation:
      return !evaluate(set, tree.children.front(), ask);
    case ConditionNode::Kind::all_of:
      return std::all_of(tree.children.begin(),
                         tree.children.end(),
                         [&](const ConditionNode& child) { return evaluate(set, child, ask); });
    case ConditionNode::Kind::any_of:
      return std::any_of(tree.children.begin(),
                         tree.children.end(),
                         [&](const ConditionNode& child) { return evaluate(set, child, ask); });
    case ConditionNode::Kind::one_of:
    case ConditionNode::Kind::each_of:
      break;  // refused when the file was read
  }
  return false;
}

template <typename Test, typename Ask>
bool holds(const PipelineConditions<Test>& set, PipelineRun& run, const Ask& ask) {
  if (set.tests.empty()) {
    return true;
  }
  if (!run.spend(set.tests.size())) {
    return false;
  }
  bool result = false;
  if (set.expression) {
    result = evaluate(set, *set.expression, ask);
  } else {
    const auto test = [&](const auto& named) { return ask(named.second); };
    result = set.any ? std::any_of(set.tests.begin(), set.tests.end(), test)
                     : std::all_of(set.tests.begin(), set.tests.end(), test);
  }
  return result != set.negated;
}

}  // namespace

void read_conditions(PipelineKeys& keys, PipelineItem& item) {
  item.rule =
      ConditionReader<RuleCondition>(keys, "rule_cond", "rule_conditions", rule_condition_types())
          .read();
  item.item = ConditionReader<ItemCondition>(
                  keys, "detection_item_cond", "detection_item_conditions", item_condition_types())
                  .read();
  item.field = ConditionReader<FieldCondition>(
                   keys, "field_name_cond", "field_name_conditions", field_condition_types())
                   .read();
}

bool PipelineItem::fits(PipelineRun& run) const {
  return holds(rule, run, [&](const RuleCondition& test) { return test(run); });
}

bool PipelineItem::fits_field(PipelineRun& run, const std::string& name) const {
  return holds(field, run, [&](const FieldCondition& test) { return test(run, name); });
}

bool PipelineItem::fits(PipelineRun& run, const FieldItem& detection_item) const {
  if (!holds(item, run, [&](const ItemCondition& test) { return test(run, detection_item); })) {
    return false;
  }
  if (field.tests.empty()) {
    return true;
  }
  run.current = &detection_item;
  const bool own = fits_field(run, detection_item.field);
  run.current = nullptr;
  if (own) {
    return true;
  }
  return has_modifier(detection_item, "fieldref") &&
         std::any_of(detection_item.values.begin(),
                     detection_item.values.end(),
                     [&](const DetectionValue& value) { return fits_field(run, value.text); });
}

}  // namespace tocsin
