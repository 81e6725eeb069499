// SPDX-License-Identifier: Apache-2.0
// The canonical text of a detection: what is joined by `and` or `or` is sorted, names and values
// are JSON strings, so that two texts are equal only where the detections mean the same.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/text.h"
#include "rules/compile.h"
#include "rules/detection.h"

namespace tocsin {
namespace {

void append_sorted(std::string_view name, std::vector<std::string> parts, std::string& out) {
  std::sort(parts.begin(), parts.end());
  out.append(name).append("(");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    out.append(i == 0 ? "" : ",").append(parts[i]);
  }
  out.append(")");
}

std::string value_text(const DetectionValue& value) {
  std::string out;
  switch (value.kind) {
    case DetectionValue::Kind::null:
      return "null";
    case DetectionValue::Kind::boolean:
      return value.text.starts_with('t') || value.text.starts_with('T') ? "true" : "false";
    case DetectionValue::Kind::integer:
    case DetectionValue::Kind::real:
      return "#" + value.text;
    case DetectionValue::Kind::string:
      append_json_string(value.text, out);
      return out;
  }
  return out;
}

std::string item_text(const FieldItem& item) {
  std::string name;
  append_json_string(item.field, name);
  for (const ModifierUse& modifier : item.modifiers) {
    name.append("|").append(modifier.name);
  }
  std::vector<std::string> values;
  values.reserve(item.values.size());
  for (const DetectionValue& value : item.values) {
    values.push_back(value_text(value));
  }
  std::string out;
  append_sorted(name, std::move(values), out);
  return out;
}

std::string node_text(const DetectionNode& node) {
  if (node.kind == DetectionNode::Kind::item) {
    return item_text(node.item);
  }
  std::vector<std::string> parts;
  for (const DetectionNode& child : node.children) {
    parts.push_back(node_text(child));
  }
  std::string out;
  append_sorted(node.kind == DetectionNode::Kind::all_of ? "all" : "any", std::move(parts), out);
  return out;
}

std::string condition_text(const ConditionNode& node) {
  std::string out;
  switch (node.kind) {
    case ConditionNode::Kind::identifier:
      append_json_string(node.name, out);
      return out;
    case ConditionNode::Kind::one_of:
    case ConditionNode::Kind::each_of:
      out = node.kind == ConditionNode::Kind::one_of ? "1 of " : "all of ";
      append_json_string(node.name, out);
      return out;
    case ConditionNode::Kind::negation:
      return "not(" + condition_text(node.children.front()) + ")";
    case ConditionNode::Kind::all_of:
    case ConditionNode::Kind::any_of:
      break;
  }
  std::vector<std::string> parts;
  for (const ConditionNode& child : node.children) {
    parts.push_back(condition_text(child));
  }
  append_sorted(node.kind == ConditionNode::Kind::all_of ? "and" : "or", std::move(parts), out);
  return out;
}

}  // namespace

std::string canonical_text(const DetectionNode& node) {
  return node_text(node);
}

std::string canonical_text(const Detection& detection) {
  std::vector<std::string> selections;
  for (const DetectionSelection& selection : detection.selections) {
    std::string text;
    append_json_string(selection.name, text);
    selections.push_back(text + "=" + node_text(selection.root));
  }
  std::vector<std::string> conditions;
  for (const ConditionNode& condition : detection.conditions) {
    conditions.push_back(condition_text(condition));
  }
  std::string out;
  append_sorted("selections", std::move(selections), out);
  append_sorted("condition", std::move(conditions), out);
  return out;
}

}  // namespace tocsin
