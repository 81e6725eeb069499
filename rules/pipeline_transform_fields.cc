// SPDX-License-Identifier: Apache-2.0
// Transformations of field names, in detections, in lists of names, and in what correlations group
// by; and of the rule's `fields`.
#include <algorithm>
#include <unordered_map>

#include "rules/pipeline_transform.h"

namespace tocsin {
namespace {

// What a name becomes (several: any of them); nullopt: it stays. Keywords have an empty name.
using NameMap = std::function<std::optional<std::vector<std::string>>(const std::string&)>;

// Fields that tocsin derives are in no record, so no prefix or suffix is put on them.
bool is_derived(const std::string& name) {
  return name.starts_with("tocsin.");
}

std::size_t size_of(const FieldItem& item) {
  std::size_t bytes = item.field.size();
  for (const DetectionValue& value : item.values) {
    bytes += value.text.size();
  }
  return bytes;
}

std::vector<std::string> map_name(const PipelineItem& item,
                                  PipelineRun& run,
                                  const NameMap& names,
                                  const std::string& name) {
  const std::optional<std::vector<std::string>> targets = names(name);
  if (!targets || !item.fits_field(run, name)) {
    return {name};
  }
  if (targets->size() != 1 || targets->front() != name) {
    std::set<PipelineMark> marks = run.field_marks[name];
    marks.insert(item.mark);
    run.field_marks.erase(name);
    for (const std::string& target : *targets) {
      run.field_marks[target] = marks;
    }
  }
  run.grow(targets->size() - 1, name.size());
  return *targets;
}

void map_list(const PipelineItem& item,
              PipelineRun& run,
              const NameMap& names,
              std::vector<std::string>& list) {
  std::vector<std::string> mapped;
  for (const std::string& name : list) {
    std::vector<std::string> targets = map_name(item, run, names, name);
    std::move(targets.begin(), targets.end(), std::back_inserter(mapped));
  }
  list = std::move(mapped);
}

bool map_references(const PipelineItem& item,
                    PipelineRun& run,
                    const NameMap& names,
                    FieldItem& detection_item) {
  if (!has_modifier(detection_item, "fieldref")) {
    return false;
  }
  std::vector<DetectionValue> values;
  bool changed = false;
  for (const DetectionValue& value : detection_item.values) {
    const std::optional<std::vector<std::string>> targets = names(value.text);
    if (!targets || !item.fits_field(run, value.text)) {
      values.push_back(value);
      continue;
    }
    changed = true;
    for (const std::string& target : *targets) {
      if (!run.grow(1, target.size())) {
        return false;
      }
      values.push_back({DetectionValue::Kind::string, target, value.span});
    }
  }
  detection_item.values = std::move(values);
  return changed;
}

// A keyword that becomes a field is still looked for anywhere in it.
void keep_keyword_sense(FieldItem& item) {
  const bool placed = has_modifier(item, "contains") || has_modifier(item, "startswith") ||
                      has_modifier(item, "endswith") || has_modifier(item, "re");
  if (placed) {
    return;
  }
  // Before `all`, `cased` and the like, which may stand anywhere behind it; behind encodings.
  item.modifiers.push_back({"contains", item.span});
  for (DetectionValue& value : item.values) {
    value.kind = DetectionValue::Kind::string;
  }
}

// Is the item satisfied by a field that is not there? Then all of several fields have to satisfy
// it, or a record that has only one of them would always match.
bool wants_absence(const FieldItem& item) {
  const auto is_false = [](const DetectionValue& value) {
    return value.kind == DetectionValue::Kind::boolean &&
           (value.text.starts_with('f') || value.text.starts_with('F'));
  };
  const bool absent =
      has_modifier(item, "exists") && std::any_of(item.values.begin(), item.values.end(), is_false);
  const bool null =
      std::any_of(item.values.begin(), item.values.end(), [](const DetectionValue& value) {
        return value.kind == DetectionValue::Kind::null;
      });
  return (absent || null) != has_modifier(item, "neq");
}

Change map_item(const PipelineItem& item,
                PipelineRun& run,
                const NameMap& names,
                DetectionNode& node) {
  bool changed = map_references(item, run, names, node.item);
  const std::optional<std::vector<std::string>> targets = names(node.item.field);
  run.current = &node.item;
  const bool fits = targets && !run.failed && item.fits_field(run, node.item.field);
  run.current = nullptr;
  if (!fits) {
    return changed ? Change::changed : Change::kept;
  }
  FieldItem& original = node.item;
  if (original.field.empty()) {
    keep_keyword_sense(original);
  }
  if (std::find(original.processed_by.begin(), original.processed_by.end(), mapped_mark) ==
      original.processed_by.end()) {
    original.processed_by.push_back(mapped_mark);
  }
  if (targets->size() == 1) {
    original.field = targets->front();
    return run.grow(0, original.field.size()) ? Change::changed : Change::kept;
  }
  DetectionNode list;
  list.kind = wants_absence(original) ? DetectionNode::Kind::all_of : DetectionNode::Kind::any_of;
  list.span = node.span;
  const std::size_t bytes = size_of(original);
  for (const std::string& target : *targets) {
    if (!run.grow(original.values.size(), bytes + target.size())) {
      return Change::kept;
    }
    DetectionNode& child = list.children.emplace_back();
    child.kind = DetectionNode::Kind::item;
    child.span = node.span;
    child.item = original;
    child.item.field = target;
  }
  node = std::move(list);
  return Change::changed;
}

PipelineTransform mapping_of(NameMap names) {
  return [names = std::move(names)](const PipelineItem& item, PipelineRun& run) {
    map_list(item, run, names, run.info.fields);
    map_list(item, run, names, run.info.extensions.fields);
    map_list(item, run, names, run.info.extensions.fold_by);
    for (std::vector<std::string>& field : run.fields) {
      map_list(item, run, names, field);
    }
    change_items(item, run, [&](DetectionNode& node) { return map_item(item, run, names, node); });
  };
}

void check_targets(PipelineKeys& keys, const PipelineKeys::Mapping& mapping) {
  for (const auto& [key, targets] : mapping) {
    if (std::find(targets.begin(), targets.end(), "") != targets.end()) {
      keys.error(key, "pipeline-value", "a field cannot be mapped to an empty name");
    }
  }
}

}  // namespace

PipelineTransform make_field_name_mapping(PipelineKeys& keys) {
  const PipelineKeys::Mapping mapping = keys.mapping("mapping", true);
  check_targets(keys, mapping);
  std::unordered_map<std::string, std::vector<std::string>> table;
  for (const auto& [key, targets] : mapping) {
    table.emplace(key.kind == YamlNode::Kind::null ? std::string() : key.text, targets);
  }
  return mapping_of([table = std::move(table)](
                        const std::string& name) -> std::optional<std::vector<std::string>> {
    const auto found = table.find(name);
    return found == table.end() ? std::nullopt : std::optional(found->second);
  });
}

PipelineTransform make_field_name_prefix_mapping(PipelineKeys& keys) {
  const PipelineKeys::Mapping mapping = keys.mapping("mapping", true);
  std::vector<std::pair<std::string, std::vector<std::string>>> prefixes;
  for (const auto& [key, targets] : mapping) {
    if (key.kind == YamlNode::Kind::null) {
      keys.error(key, "pipeline-value", "null is no prefix of a field's name");
    }
    prefixes.emplace_back(key.text, targets);
  }
  return mapping_of([prefixes = std::move(prefixes)](
                        const std::string& name) -> std::optional<std::vector<std::string>> {
    if (name.empty()) {
      return std::nullopt;
    }
    for (const auto& [prefix, targets] : prefixes) {
      if (!name.starts_with(prefix)) {
        continue;
      }
      std::vector<std::string> names;
      for (const std::string& target : targets) {
        names.push_back(target + name.substr(prefix.size()));
      }
      return names;
    }
    return std::nullopt;
  });
}

PipelineTransform make_field_name_suffix(PipelineKeys& keys) {
  const std::string suffix = keys.text("suffix", true);
  return mapping_of([suffix](const std::string& name) -> std::optional<std::vector<std::string>> {
    if (name.empty() || is_derived(name)) {
      return std::nullopt;
    }
    return std::vector<std::string>{name + suffix};
  });
}

PipelineTransform make_field_name_prefix(PipelineKeys& keys) {
  const std::string prefix = keys.text("prefix", true);
  return mapping_of([prefix](const std::string& name) -> std::optional<std::vector<std::string>> {
    if (name.empty() || is_derived(name)) {
      return std::nullopt;
    }
    return std::vector<std::string>{prefix + name};
  });
}

// --- the rule's `fields` ---

PipelineTransform make_add_field(PipelineKeys& keys) {
  const std::vector<std::string> fields = keys.texts("field", true);
  return [fields](const PipelineItem&, PipelineRun& run) {
    run.info.fields.insert(run.info.fields.end(), fields.begin(), fields.end());
    run.grow(fields.size(), 0);
  };
}

PipelineTransform make_remove_field(PipelineKeys& keys) {
  const std::vector<std::string> fields = keys.texts("field", true);
  return [fields](const PipelineItem&, PipelineRun& run) {
    std::erase_if(run.info.fields, [&](const std::string& own) {
      return std::find(fields.begin(), fields.end(), own) != fields.end();
    });
  };
}

PipelineTransform make_set_field(PipelineKeys& keys) {
  const YamlNode* list = keys.map().get("fields");
  const bool none =
      list != nullptr && list->kind == YamlNode::Kind::sequence && list->items.empty();
  std::vector<std::string> fields;
  if (none) {
    keys.ignore("fields");
  } else {
    fields = keys.texts("fields", true);
  }
  return [fields](const PipelineItem&, PipelineRun& run) { run.info.fields = fields; };
}

PipelineTransform make_strict_field_mapping_failure(PipelineKeys&) {
  return [](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [&](DetectionNode& node) {
      const std::vector<PipelineMark>& marks = node.item.processed_by;
      const bool known = node.item.field.empty() || is_derived(node.item.field) ||
                         std::find(marks.begin(), marks.end(), mapped_mark) != marks.end() ||
                         std::find(marks.begin(), marks.end(), item.mark) != marks.end();
      if (!known) {
        run.fail(node.item.span,
                 "pipeline-failure",
                 "no field mapping of a processing pipeline knows `" + node.item.field + "`",
                 "the item at " + item.where + " asks for it");
      }
      return Change::kept;
    });
  };
}

}  // namespace tocsin
