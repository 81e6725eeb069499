// SPDX-License-Identifier: Apache-2.0
// The table, the walk over detection items, and the bounds of a run.
#include "rules/pipeline_transform.h"

#include <algorithm>
#include <array>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/condition.h"
#include "rules/detection.h"
#include "rules/metadata.h"
#include "rules/pipeline_condition.h"

namespace tocsin {
namespace {

constexpr PipelineTransformType table[] = {
    {"field_name_mapping", make_field_name_mapping, "renames fields; several names: any of them"},
    {"field_name_prefix_mapping",
     make_field_name_prefix_mapping,
     "replaces the beginning of field names"},
    {"field_name_suffix", make_field_name_suffix, "adds a text behind field names"},
    {"field_name_prefix", make_field_name_prefix, "adds a text before field names"},
    {"drop_detection_item", make_drop_detection_item, "takes detection items away"},
    {"hashes_fields", make_hashes_fields, "makes a field for each hash in a value"},
    {"wildcard_placeholders", make_wildcard_placeholders, "replaces placeholders by `*`"},
    {"value_placeholders", make_value_placeholders, "replaces placeholders by values of `vars`"},
    {"add_condition", make_add_condition, "adds a selection that has to hold too, or not to"},
    {"change_logsource", make_change_logsource, "replaces the rule's log source"},
    {"add_field", make_add_field, "adds names to the rule's `fields`"},
    {"remove_field", make_remove_field, "takes names away from the rule's `fields`"},
    {"set_field", make_set_field, "replaces the rule's `fields`"},
    {"replace_string", make_replace_string, "replaces parts of values by a regular expression"},
    {"map_string", make_map_string, "replaces whole values"},
    {"set_state", make_set_state, "keeps a value for conditions of later items"},
    {"regex", make_regex, "how case is compared: `plain` heeds it, else it is ignored"},
    {"set_value", make_set_value, "replaces values by a fixed one"},
    {"convert_type", make_convert_type, "turns values into texts or numbers"},
    {"case", make_case, "writes values in lower, upper or snake case"},
    {"rule_failure", make_rule_failure, "rejects the rule with a message"},
    {"detection_item_failure",
     make_detection_item_failure,
     "rejects the rule with a message at each item"},
    {"strict_field_mapping_failure",
     make_strict_field_mapping_failure,
     "rejects the rule if a field was not mapped"},
    {"set_custom_attribute", make_set_custom_attribute, "sets an attribute of the rule"},
    {"nest", make_nest, "runs further items under the conditions of this one"},
    {"query_expression_placeholders",
     nullptr,
     "it puts an expression of a query language into the rule, and tocsin makes no queries; use "
     "`value_placeholders`"},
    {"field_name_transform",
     nullptr,
     "it calls a function of Python; use `field_name_mapping` or `field_name_prefix_mapping`"},
};

// What is left of a condition when selections are gone: false if nothing.
bool prune(ConditionNode& node, const std::vector<std::string_view>& names) {
  using Kind = ConditionNode::Kind;
  switch (node.kind) {
    case Kind::identifier:
      return std::find(names.begin(), names.end(), node.name) != names.end();
    case Kind::one_of:
    case Kind::each_of:
      return !select_names(node.name, names).empty();
    case Kind::negation:
      return prune(node.children.front(), names);
    case Kind::all_of:
    case Kind::any_of:
      break;
  }
  std::erase_if(node.children, [&](ConditionNode& child) { return !prune(child, names); });
  if (node.children.size() == 1) {
    ConditionNode only = std::move(node.children.front());
    node = std::move(only);
  }
  return node.kind == Kind::identifier || !node.children.empty() || node.kind == Kind::one_of ||
         node.kind == Kind::each_of;
}

void add_mark(DetectionNode& node, PipelineMark mark) {
  for (DetectionNode& child : node.children) {
    add_mark(child, mark);
  }
  std::vector<PipelineMark>& marks = node.item.processed_by;
  if (node.kind == DetectionNode::Kind::item &&
      std::find(marks.begin(), marks.end(), mark) == marks.end()) {
    marks.push_back(mark);
  }
}

class ItemWalk {
 public:
  ItemWalk(const PipelineItem& item,
           PipelineRun& run,
           const std::function<Change(DetectionNode&)>& change)
      : item_(item), run_(run), change_(change) {}

  void walk() {
    std::vector<DetectionSelection>& selections = run_.detection->selections;
    bool gone = false;
    for (DetectionSelection& selection : selections) {
      if (!visit(selection.root)) {
        selection.name.clear();
        gone = true;
      }
    }
    if (gone && !run_.failed) {
      drop_selections();
    }
  }

 private:
  // False if nothing is left of the node.
  bool visit(DetectionNode& node) {
    if (run_.failed || !run_.spend(1)) {
      return true;
    }
    if (node.kind == DetectionNode::Kind::item) {
      return visit_item(node);
    }
    std::vector<DetectionNode> kept;
    kept.reserve(node.children.size());
    for (DetectionNode& child : node.children) {
      const bool was_item = child.kind == DetectionNode::Kind::item;
      if (!visit(child)) {
        continue;
      }
      // A list within a list is one list: repeated mappings do not nest.
      if (was_item && child.kind == node.kind) {
        std::move(child.children.begin(), child.children.end(), std::back_inserter(kept));
      } else {
        kept.push_back(std::move(child));
      }
    }
    node.children = std::move(kept);
    return !node.children.empty();
  }

  bool visit_item(DetectionNode& node) {
    if (!item_.fits(run_, node.item)) {
      return true;
    }
    switch (change_(node)) {
      case Change::kept:
        return true;
      case Change::changed:
        add_mark(node, item_.mark);
        return true;
      case Change::dropped:
        return false;
    }
    return true;
  }

  void drop_selections() {
    Detection& detection = *run_.detection;
    std::erase_if(detection.selections,
                  [](const DetectionSelection& selection) { return selection.name.empty(); });
    const std::vector<std::string_view> names = selection_names(detection);
    std::erase_if(detection.conditions,
                  [&](ConditionNode& condition) { return !prune(condition, names); });
    if (detection.conditions.empty()) {
      run_.fail(run_.place,
                "pipeline-result",
                "a processing pipeline leaves nothing of this rule's condition",
                "the item at " + item_.where + " drops all of its detection items");
    }
  }

  const PipelineItem& item_;
  PipelineRun& run_;
  const std::function<Change(DetectionNode&)>& change_;
};

}  // namespace

std::span<const PipelineTransformType> transform_types() {
  return table;
}

// --- a run ---

bool PipelineRun::exceed(std::string_view what, std::size_t limit) {
  if (!failed) {
    fail(place,
         "pipeline-limit",
         "processing pipelines need more than " + with_thousands(limit) + " " + std::string(what) +
             " for this rule",
         "map fields to fewer names, or split the rule");
  }
  return false;
}

bool PipelineRun::spend(std::size_t count) {
  steps += count;
  return steps <= limits::pipeline_steps_max || exceed("steps", limits::pipeline_steps_max);
}

bool PipelineRun::grow(std::size_t value_count, std::size_t byte_count) {
  values += value_count;
  bytes += byte_count;
  return (values <= limits::rule_values_max || exceed("further values", limits::rule_values_max)) &&
         (bytes <= limits::pipeline_bytes_max ||
          exceed("bytes of further values", limits::pipeline_bytes_max));
}

void PipelineRun::fail(const SourceSpan& at,
                       std::string code,
                       std::string message,
                       std::string hint) {
  failed = true;
  problems.error(at, std::move(code), std::move(message), std::move(hint));
}

void run_items(const std::vector<PipelineItem>& items, PipelineRun& run) {
  for (const PipelineItem& item : items) {
    if (run.failed || !run.spend(1)) {
      return;
    }
    const bool known = run.replayed != nullptr && run.replayed_count < run.replayed->size();
    const bool fits = known ? (*run.replayed)[run.replayed_count++] : item.fits(run);
    if (run.decisions != nullptr) {
      run.decisions->push_back(fits);
    }
    if (fits && !run.failed) {
      item.transform(item, run);
      run.applied.insert(item.mark);
    }
  }
}

void change_items(const PipelineItem& item,
                  PipelineRun& run,
                  const std::function<Change(DetectionNode&)>& change) {
  if (run.detection != nullptr) {
    ItemWalk(item, run, change).walk();
  }
}

// --- values ---

bool has_modifier(const FieldItem& item, std::string_view name) {
  return std::any_of(item.modifiers.begin(), item.modifiers.end(), [&](const ModifierUse& use) {
    return use.name == name;
  });
}

void drop_modifier(FieldItem& item, std::string_view name) {
  std::erase_if(item.modifiers, [&](const ModifierUse& use) { return use.name == name; });
}

bool holds_strings(const FieldItem& item) {
  constexpr std::array<std::string_view, 7> harmless = {
      "contains", "startswith", "endswith", "cased", "all", "neq", "expand"};
  return std::all_of(item.modifiers.begin(), item.modifiers.end(), [&](const ModifierUse& use) {
    return std::find(harmless.begin(), harmless.end(), use.name) != harmless.end();
  });
}

void append_notation(std::string& left, std::string_view right) {
  std::size_t backslashes = 0;
  while (backslashes < left.size() && left[left.size() - 1 - backslashes] == '\\') {
    ++backslashes;
  }
  const bool joins =
      !right.empty() && std::string_view("*?\\%").find(right.front()) != std::string_view::npos;
  if (backslashes % 2 == 1 && joins) {
    left += '\\';
  }
  left += right;
}

std::string effective_text(const FieldItem& item, const DetectionValue& value) {
  const bool contains = has_modifier(item, "contains");
  std::string text;
  if ((contains || has_modifier(item, "endswith")) && !value.text.starts_with('*')) {
    text = "*";
  }
  text += value.text;
  if (contains || has_modifier(item, "startswith")) {
    std::string without = text;
    append_notation(without, "*");
    const bool open = text.ends_with('*') && !text.ends_with("\\*");
    text = open ? text : without;
  }
  return text;
}

Change change_strings(DetectionNode& node, PipelineRun& run, const StringChange& change) {
  if (!holds_strings(node.item) || !run.spend(node.item.values.size())) {
    return Change::kept;
  }
  std::vector<std::vector<DetectionValue>> replaced;
  bool changed = false;
  bool several = false;
  for (const DetectionValue& value : node.item.values) {
    std::vector<DetectionValue>& out = replaced.emplace_back();
    if (value.kind != DetectionValue::Kind::string) {
      out.push_back(value);
      continue;
    }
    const std::string effective = effective_text(node.item, value);
    const std::optional<std::vector<std::string>> texts = change(effective);
    if (run.failed) {
      return Change::kept;
    }
    changed |= texts.has_value();
    for (const std::string& text : texts ? *texts : std::vector<std::string>{effective}) {
      if (!run.grow(texts ? 1 : 0, text.size())) {
        return Change::kept;
      }
      out.push_back({DetectionValue::Kind::string, text, value.span});
    }
    several |= out.size() > 1;
  }
  if (!changed) {
    return Change::kept;
  }
  for (const std::string_view modifier : {"contains", "startswith", "endswith"}) {
    drop_modifier(node.item, modifier);
  }
  const bool all = has_modifier(node.item, "all");
  FieldItem item = std::move(node.item);
  item.values.clear();
  if (all && several) {
    if (has_modifier(item, "neq")) {
      run.fail(item.span,
               "pipeline-result",
               "one value of this item becomes several, which `neq` with `all` cannot say");
      node.item = std::move(item);
      return Change::kept;
    }
    drop_modifier(item, "all");
    node.kind = DetectionNode::Kind::all_of;
    for (std::vector<DetectionValue>& values : replaced) {
      DetectionNode& child = node.children.emplace_back();
      child.kind = DetectionNode::Kind::item;
      child.span = node.span;
      child.item = item;
      child.item.values = std::move(values);
    }
    node.item = FieldItem();
    return Change::changed;
  }
  for (std::vector<DetectionValue>& values : replaced) {
    std::move(values.begin(), values.end(), std::back_inserter(item.values));
  }
  node.item = std::move(item);
  return Change::changed;
}

// --- reading ---

namespace {

const PipelineTransformType* find_transform(const YamlNode& node, Problems& problems) {
  const YamlNode* type = node.get("type");
  if (type == nullptr) {
    problems.error(node, "pipeline-missing-key", "a transformation needs the key `type`");
    return nullptr;
  }
  std::vector<std::string_view> names;
  for (const PipelineTransformType& row : table) {
    if (row.name == type->text && row.make == nullptr) {
      problems.error(*type,
                     "pipeline-unsupported",
                     "the transformation `" + type->text + "` has no meaning here",
                     std::string(row.explanation));
      return nullptr;
    }
    if (row.name == type->text) {
      return &row;
    }
    names.push_back(row.name);
  }
  const std::string hint = suggestion(type->is_scalar() ? type->text : std::string(), names);
  problems.error(*type,
                 "pipeline-type",
                 "there is no transformation `" + printable(shorten(type->text, 60)) + "`",
                 hint.empty() ? "the manual, docs/pipelines.md, lists them" : hint);
  return nullptr;
}

}  // namespace

std::optional<PipelineItem> read_pipeline_item(const YamlNode& node,
                                               Problems& problems,
                                               PipelineMarks& marks) {
  if (node.kind != YamlNode::Kind::map) {
    problems.error(node, "pipeline-value", "a transformation has to be a map");
    return std::nullopt;
  }
  const PipelineTransformType* type = find_transform(node, problems);
  if (type == nullptr) {
    return std::nullopt;
  }
  PipelineKeys keys(node, "the transformation `" + std::string(type->name) + "`", problems, marks);
  keys.ignore("type");
  PipelineItem item;
  item.where = problems.source().name + ":" + std::to_string(node.line);
  item.mark = marks.define(keys.text("id", false));
  read_conditions(keys, item);
  item.transform = type->make(keys);
  keys.finish();
  return item;
}

}  // namespace tocsin
