// SPDX-License-Identifier: Apache-2.0
#include "rules/detection.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/condition.h"
#include "rules/report.h"

namespace tocsin {
namespace {

DetectionValue::Kind value_kind(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::null:
      return DetectionValue::Kind::null;
    case YamlNode::Kind::boolean:
      return DetectionValue::Kind::boolean;
    case YamlNode::Kind::integer:
      return DetectionValue::Kind::integer;
    case YamlNode::Kind::real:
      return DetectionValue::Kind::real;
    case YamlNode::Kind::string:
    case YamlNode::Kind::sequence:
    case YamlNode::Kind::map:
      break;
  }
  return DetectionValue::Kind::string;
}

DetectionValue to_value(const YamlNode& node) {
  return {value_kind(node.kind), node.text, span_of(node)};
}

// Reads the content of selections; counts values over the whole detection.
class StructureReader {
 public:
  StructureReader(const SourceText& source, Diagnostics& diagnostics)
      : source_(source), diagnostics_(diagnostics) {}

  bool ok() const { return ok_; }

  std::optional<DetectionNode> read(const YamlNode& node) {
    const bool empty = node.kind == YamlNode::Kind::null ||
                       (node.kind == YamlNode::Kind::map && node.members.empty()) ||
                       (node.kind == YamlNode::Kind::sequence && node.items.empty());
    if (empty) {
      error(node,
            "empty-selection",
            node.is_scalar() ? "there is no value here" : "this is empty",
            "write `field: value`, a list of them, or keywords");
      return std::nullopt;
    }
    if (node.kind == YamlNode::Kind::map) {
      return read_map(node);
    }
    if (node.kind == YamlNode::Kind::sequence) {
      return read_list(node);
    }
    DetectionNode keyword = make_item(node);
    keyword.item.values.push_back(to_value(node));
    count_value(node);
    return keyword;
  }

 private:
  void error(const YamlNode& at, std::string code, std::string message, std::string hint) {
    ok_ = false;
    if (++errors_ <= limits::detection_problems_max) {
      diagnostics_.add(diagnostic_at(source_,
                                     span_of(at),
                                     Severity::error,
                                     std::move(code),
                                     std::move(message),
                                     std::move(hint)));
    }
  }

  void count_value(const YamlNode& value) {
    if (++values_ == limits::rule_values_max + 1) {
      error(value,
            "too-many-values",
            "a detection holds at most " + with_thousands(limits::rule_values_max) + " values",
            "split the rule");
    }
  }

  static DetectionNode make_item(const YamlNode& node) {
    DetectionNode item;
    item.kind = DetectionNode::Kind::item;
    item.span = span_of(node);
    item.item.span = item.span;
    return item;
  }

  std::optional<DetectionNode> read_map(const YamlNode& node) {
    DetectionNode map;
    map.kind = DetectionNode::Kind::all_of;
    map.span = span_of(node);
    map.children.reserve(node.members.size());
    for (const auto& [key, value] : node.members) {
      DetectionNode item = make_item(key);
      item.item = parse_field_key(source_, key);
      read_values(key, value, item.item);
      map.children.push_back(std::move(item));
    }
    return map;
  }

  void read_values(const YamlNode& key, const YamlNode& value, FieldItem& item) {
    if (value.is_scalar()) {
      item.values.push_back(to_value(value));
      count_value(value);
      return;
    }
    if (value.kind == YamlNode::Kind::map) {
      nested(value, "a map");
      return;
    }
    if (value.items.empty()) {
      error(key,
            "empty-value-list",
            "the list of values of `" + printable(key.text) + "` is empty",
            "write its values, `null` for a missing field, or drop the key");
      return;
    }
    item.values.reserve(value.items.size());
    for (const YamlNode& element : value.items) {
      if (!element.is_scalar()) {
        nested(element, element.kind == YamlNode::Kind::map ? "a map" : "a list");
      } else if (element.kind == YamlNode::Kind::null) {
        error(element,
              "null-in-list",
              "null cannot stand in a list of values",
              "write a selection of its own with `" + printable(key.text) +
                  ": null` and join the two with `or`");
      } else {
        item.values.push_back(to_value(element));
        count_value(element);
      }
    }
  }

  void nested(const YamlNode& value, const std::string& what) {
    error(value,
          "nested-value",
          "a field's value cannot be " + what,
          value.kind == YamlNode::Kind::map
              ? "address nested fields with dots, as `userIdentity.type`"
              : "write one flat list");
  }

  // The plain values of a list are one keyword item; each other element is an alternative of its
  // own.
  std::optional<DetectionNode> read_list(const YamlNode& node) {
    DetectionNode list;
    list.kind = DetectionNode::Kind::any_of;
    list.span = span_of(node);
    std::size_t keywords = std::string::npos;
    for (const YamlNode& element : node.items) {
      if (!element.is_scalar() || element.kind == YamlNode::Kind::null) {
        if (std::optional<DetectionNode> child = read(element)) {
          list.children.push_back(std::move(*child));
        }
        continue;
      }
      if (keywords == std::string::npos) {
        keywords = list.children.size();
        list.children.push_back(make_item(element));
      }
      list.children[keywords].item.values.push_back(to_value(element));
      count_value(element);
    }
    return list;
  }

  const SourceText& source_;
  Diagnostics& diagnostics_;
  std::size_t values_ = 0;
  std::size_t errors_ = 0;
  bool ok_ = true;
};

// The map of a detection or a filter.
class DetectionReader {
 public:
  DetectionReader(const SourceText& source, bool is_filter, CompileContext& context)
      : source_(source),
        is_filter_(is_filter),
        context_(context),
        structure_(source, *context.diagnostics) {}

  std::optional<Detection> read(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::map) {
      error(node,
            "detection-not-a-map",
            std::string(what()) + " has to be a map",
            "write selections and a condition below it, each with its name");
      return std::nullopt;
    }
    detection_.span = span_of(node);
    read_selections(node);
    read_conditions(node);
    if (ok_ && structure_.ok()) {
      return std::move(detection_);
    }
    check_items();
    return std::nullopt;
  }

 private:
  std::string_view what() const { return is_filter_ ? "a filter" : "a detection"; }

  void error(const YamlNode& at, std::string code, std::string message, std::string hint) {
    ok_ = false;
    context_.diagnostics->add(diagnostic_at(source_,
                                            span_of(at),
                                            Severity::error,
                                            std::move(code),
                                            std::move(message),
                                            std::move(hint)));
  }

  void read_selections(const YamlNode& node) {
    for (const auto& [key, value] : node.members) {
      if (key.text == "condition" || (is_filter_ && key.text == "rules")) {
        continue;
      }
      if (key.text == "timeframe") {
        context_.diagnostics->add(diagnostic_at(source_,
                                                key,
                                                Severity::warning,
                                                "timeframe-ignored",
                                                "`timeframe` has no effect",
                                                "write a correlation with `timespan`, or drop it"));
        continue;
      }
      names_.push_back(key.text);
      if (names_.size() == limits::selections_max + 1) {
        error(key,
              "too-many-selections",
              std::string(what()) + " has at most " + with_thousands(limits::selections_max) +
                  " selections",
              "put the values of one field into one list");
      }
      if (std::optional<DetectionNode> root = structure_.read(value)) {
        detection_.selections.push_back({key.text, std::move(*root), span_of(key)});
      }
    }
    if (names_.empty()) {
      error(node,
            "no-selection",
            std::string(what()) + " needs at least one selection",
            "write a name and below it the fields to match");
    }
  }

  void read_conditions(const YamlNode& node) {
    const YamlNode* condition = node.get("condition");
    if (condition == nullptr) {
      const auto near = did_you_mean("condition", names_);
      const YamlNode* key = near ? node.key(*near) : nullptr;
      error(key != nullptr ? *key : node,
            "missing-condition",
            std::string(what()) + " needs a condition",
            near ? "did you mean `condition` by `" + *near + "`?" : suggested_condition());
      return;
    }
    if (names_.size() > limits::selections_max) {
      return;
    }
    if (condition->kind != YamlNode::Kind::sequence) {
      read_condition(*condition);
      return;
    }
    if (is_filter_ || condition->items.empty()) {
      error(
          *node.key("condition"),
          "condition-type",
          is_filter_ ? "a filter has one condition, not a list" : "the list of conditions is empty",
          is_filter_ ? "join them with `or`" : suggested_condition());
      return;
    }
    for (const YamlNode& alternative : condition->items) {
      condition_bytes_ += alternative.text.size();
      if (++conditions_ > limits::conditions_max ||
          condition_bytes_ > limits::conditions_bytes_max) {
        error(alternative,
              "condition-too-long",
              "the conditions of a rule are at most " + with_thousands(limits::conditions_max) +
                  " with " + with_thousands(limits::conditions_bytes_max) + " bytes in all",
              "use `1 of` and `all of` with patterns");
        return;
      }
      if (failed_conditions_ < limits::detection_problems_max) {
        read_condition(alternative);
      }
    }
  }

  void read_condition(const YamlNode& condition) {
    if (condition.kind != YamlNode::Kind::string) {
      ++failed_conditions_;
      error(condition, "condition-type", "a condition has to be a text", suggested_condition());
      return;
    }
    if (names_.empty()) {
      return;
    }
    std::optional<ConditionNode> tree =
        parse_condition(source_, condition, names_, *context_.diagnostics);
    ok_ &= tree.has_value();
    failed_conditions_ += tree ? 0u : 1u;
    if (tree) {
      detection_.conditions.push_back(std::move(*tree));
    }
  }

  std::string suggested_condition() const {
    if (names_.empty()) {
      return "write `condition: selection`";
    }
    return names_.size() == 1 ? "write `condition: " + printable(names_.front()) + "`"
                              : "write `condition: 1 of them`, or the selections joined with `and`";
  }

  // All errors in one run: compiles what could be read and drops the result.
  void check_items() {
    Detection readable;
    readable.span = detection_.span;
    readable.selections = std::move(detection_.selections);
    std::erase_if(readable.selections,
                  [](const DetectionSelection& selection) { return !has_values(selection.root); });
    if (!readable.selections.empty()) {
      ProgramBuilder scratch;
      compile_detection(source_, readable, scratch, context_);
    }
  }

  static bool has_values(const DetectionNode& node) {
    if (node.kind == DetectionNode::Kind::item) {
      return !node.item.values.empty();
    }
    return std::all_of(node.children.begin(), node.children.end(), has_values);
  }

  const SourceText& source_;
  const bool is_filter_;
  CompileContext& context_;
  StructureReader structure_;
  Detection detection_;
  std::vector<std::string_view> names_;  // also of selections that could not be read
  std::size_t conditions_ = 0;
  std::size_t condition_bytes_ = 0;
  std::size_t failed_conditions_ = 0;
  bool ok_ = true;
};

}  // namespace

FieldItem parse_field_key(const SourceText& source, const YamlNode& key) {
  FieldItem item;
  item.span = span_of(key);
  const std::string_view text = key.text;
  std::size_t bar = text.find('|');
  item.field = std::string(text.substr(0, bar));
  if (bar == std::string_view::npos) {
    return item;
  }
  ScalarLocator locator(source, key);
  while (bar != std::string_view::npos) {
    const std::size_t begin = bar + 1;
    bar = text.find('|', begin);
    const std::string_view name =
        text.substr(begin, bar == std::string_view::npos ? bar : bar - begin);
    item.modifiers.push_back({std::string(name), locator.span(begin, name.size())});
  }
  return item;
}

std::optional<DetectionNode> parse_detection_node(const SourceText& source,
                                                  const YamlNode& node,
                                                  Diagnostics& diagnostics) {
  StructureReader reader(source, diagnostics);
  std::optional<DetectionNode> root = reader.read(node);
  return reader.ok() ? std::move(root) : std::nullopt;
}

std::vector<std::string_view> selection_names(const Detection& detection) {
  std::vector<std::string_view> names;
  names.reserve(detection.selections.size());
  for (const DetectionSelection& selection : detection.selections) {
    names.push_back(selection.name);
  }
  return names;
}

std::optional<Detection> parse_detection(const SourceText& source,
                                         const YamlNode& detection,
                                         CompileContext& context) {
  return DetectionReader(source, false, context).read(detection);
}

std::optional<Detection> parse_filter_detection(const SourceText& source,
                                                const YamlNode& filter,
                                                CompileContext& context) {
  return DetectionReader(source, true, context).read(filter);
}

}  // namespace tocsin
