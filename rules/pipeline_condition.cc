// SPDX-License-Identifier: Apache-2.0
// The tables and what their rows mean; reading them from a file is in pipeline_condition_read.cc.
#include "rules/pipeline_condition.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/base/text.h"
#include "rules/metadata.h"
#include "rules/modifiers.h"
#include "rules/sigma_string.h"
#include "rules/yaml_number.h"

namespace tocsin {
namespace {

using Kind = YamlNode::Kind;

enum class Compare : std::uint8_t { eq, ne, gte, gt, lte, lt, in, not_in };
constexpr std::array<std::string_view, 8> compare_names = {
    "eq", "ne", "gte", "gt", "lte", "lt", "in", "not_in"};

Compare read_compare(PipelineKeys& keys, std::size_t count) {
  const std::string name = keys.choice("op", std::span(compare_names).first(count), false);
  const auto* found = std::find(compare_names.begin(), compare_names.end(), name);
  return static_cast<Compare>(found - compare_names.begin());
}

template <typename T>
bool compare(const T& left, Compare op, const T& right) {
  switch (op) {
    case Compare::eq:
      return left == right;
    case Compare::ne:
      return left != right;
    case Compare::gte:
      return left >= right;
    case Compare::gt:
      return left > right;
    case Compare::lte:
      return left <= right;
    case Compare::lt:
      return left < right;
    case Compare::in:
    case Compare::not_in:
      return false;
  }
  return false;
}

std::optional<double> to_number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  return problem == std::errc() && stop == end && !text.empty() ? std::optional(value)
                                                                : std::nullopt;
}

bool is_numeric(Kind kind) {
  return kind == Kind::integer || kind == Kind::real;
}

bool compare_scalars(const PipelineScalar& left, Compare op, const PipelineScalar& right) {
  const auto left_number = is_numeric(left.kind) ? to_number(left.text) : std::nullopt;
  const auto right_number = is_numeric(right.kind) ? to_number(right.text) : std::nullopt;
  if (left_number && right_number) {
    return compare(*left_number, op, *right_number);
  }
  if (is_numeric(left.kind) != is_numeric(right.kind) ||
      (left.kind == Kind::boolean) != (right.kind == Kind::boolean)) {
    return op == Compare::ne;
  }
  return left.kind == Kind::boolean ? compare(ascii_lower(left.text), op, ascii_lower(right.text))
                                    : compare(left.text, op, right.text);
}

// --- rules ---

bool any_item(PipelineRun& run,
              const DetectionNode& node,
              const std::function<bool(const FieldItem&)>& test) {
  if (!run.spend(1)) {
    return false;
  }
  if (node.kind == DetectionNode::Kind::item) {
    return test(node.item);
  }
  return std::any_of(node.children.begin(), node.children.end(), [&](const DetectionNode& child) {
    return any_item(run, child, test);
  });
}

bool any_item(PipelineRun& run, const std::function<bool(const FieldItem&)>& test) {
  return run.detection != nullptr && std::any_of(run.detection->selections.begin(),
                                                 run.detection->selections.end(),
                                                 [&](const DetectionSelection& selection) {
                                                   return any_item(run, selection.root, test);
                                                 });
}

RuleCondition make_logsource(PipelineKeys& keys) {
  LogSource wanted;
  wanted.category = keys.text("category", false);
  wanted.product = keys.text("product", false);
  wanted.service = keys.text("service", false);
  if (wanted == LogSource()) {
    keys.error(
        keys.map(), "pipeline-missing-key", keys.what() + " needs category, product or service");
  }
  return [wanted](PipelineRun& run) {
    const auto fits = [](const std::string& want, const std::string& has) {
      return want.empty() || want == has;
    };
    return fits(wanted.category, run.source.category) && fits(wanted.product, run.source.product) &&
           fits(wanted.service, run.source.service);
  };
}

bool equal_values(const FieldItem& item,
                  const DetectionValue& value,
                  const PipelineScalar& wanted) {
  using Value = DetectionValue::Kind;
  switch (value.kind) {
    case Value::string:
      return wanted.kind == Kind::string && holds_strings(item) &&
             effective_text(item, value) == wanted.text;
    case Value::boolean:
      return wanted.kind == Kind::boolean && ascii_lower(value.text) == ascii_lower(wanted.text);
    case Value::integer:
    case Value::real: {
      Number left;
      Number right;
      return is_numeric(wanted.kind) && parse_yaml_number(value.text, left) &&
             parse_yaml_number(wanted.text, right) && left == right;
    }
    case Value::null:
      return wanted.kind == Kind::null;
  }
  return false;
}

RuleCondition make_contains_item(PipelineKeys& keys) {
  const std::string field = keys.text("field", true);
  const PipelineScalar value = keys.scalar("value", true);
  return [field, value](PipelineRun& run) {
    return any_item(run, [&](const FieldItem& item) {
      return item.field == field && run.spend(item.values.size()) &&
             std::any_of(item.values.begin(), item.values.end(), [&](const DetectionValue& own) {
               return equal_values(item, own, value);
             });
    });
  };
}

RuleCondition make_contains_field(PipelineKeys& keys) {
  const std::string field = keys.text("field", true);
  return [field](PipelineRun& run) {
    return any_item(run, [&](const FieldItem& item) { return item.field == field; });
  };
}

RuleCondition make_rule_applied(PipelineKeys& keys) {
  const PipelineMark mark = keys.mark("processing_item_id");
  return [mark](PipelineRun& run) { return run.applied.count(mark) > 0; };
}

// The state, for conditions of all three kinds.
std::function<bool(PipelineRun&)> make_state(PipelineKeys& keys) {
  const std::string key = keys.text("key", true);
  const PipelineScalar value = keys.scalar("val", true);
  const Compare op = read_compare(keys, 6);
  return [key, value, op](PipelineRun& run) {
    const auto found = run.state.find(key);
    return found != run.state.end() && compare_scalars(found->second, op, value);
  };
}

RuleCondition make_is_rule(PipelineKeys&) {
  return [](PipelineRun& run) { return run.detection != nullptr; };
}

RuleCondition make_is_correlation(PipelineKeys&) {
  return [](PipelineRun& run) { return run.detection == nullptr; };
}

RuleCondition make_tag(PipelineKeys& keys) {
  const std::string tag = ascii_lower(keys.text("tag", true));
  return [tag](PipelineRun& run) {
    return std::any_of(run.info.tags.begin(), run.info.tags.end(), [&](const std::string& own) {
      return ascii_lower(own) == tag;
    });
  };
}

// Places in an order, for `level` and `status`; nullopt for an unknown word.
std::optional<double> rank(std::string_view attribute, const std::string& word) {
  constexpr std::array<std::string_view, 5> statuses = {
      "unsupported", "deprecated", "experimental", "test", "stable"};
  const std::string lower = ascii_lower(word);
  if (attribute == "level") {
    const std::optional<Level> level = parse_level(lower);
    return level ? std::optional(static_cast<double>(*level)) : std::nullopt;
  }
  const auto* found = std::find(statuses.begin(), statuses.end(), lower);
  return found == statuses.end() ? std::nullopt
                                 : std::optional(static_cast<double>(found - statuses.begin()));
}

struct TextAttribute {
  std::string_view name;
  std::string RuleInfo::*text;
};
constexpr std::array<TextAttribute, 9> text_attributes = {{
    {"id", &RuleInfo::id},
    {"title", &RuleInfo::title},
    {"name", &RuleInfo::name},
    {"description", &RuleInfo::description},
    {"author", &RuleInfo::author},
    {"date", &RuleInfo::date},
    {"modified", &RuleInfo::modified},
    {"license", &RuleInfo::license},
    {"taxonomy", &RuleInfo::taxonomy},
}};
struct ListAttribute {
  std::string_view name;
  std::vector<std::string> RuleInfo::*list;
};
constexpr std::array<ListAttribute, 5> list_attributes = {{
    {"tags", &RuleInfo::tags},
    {"references", &RuleInfo::references},
    {"falsepositives", &RuleInfo::falsepositives},
    {"fields", &RuleInfo::fields},
    {"scope", &RuleInfo::scope},
}};

bool compare_attribute(const RuleInfo& info,
                       const std::string& name,
                       Compare op,
                       const PipelineScalar& value) {
  for (const ListAttribute& attribute : list_attributes) {
    if (attribute.name == name) {
      const std::vector<std::string>& list = info.*attribute.list;
      const bool member = std::find(list.begin(), list.end(), value.text) != list.end();
      return (op == Compare::in && member) || (op == Compare::not_in && !member) ||
             op == Compare::ne;
    }
  }
  if (name == "level" || name == "status") {
    const std::string own = name == "status" ? info.status
                            : info.level     ? std::string(to_text(*info.level))
                                             : std::string();
    const std::optional<double> left = rank(name, own);
    const std::optional<double> right = rank(name, value.text);
    return left && right && compare(*left, op, *right);
  }
  for (const TextAttribute& attribute : text_attributes) {
    if (attribute.name == name) {
      const std::string& own = info.*attribute.text;
      // Dates are ISO texts here: their order is that of time.
      return !own.empty() && compare(own, op, value.text);
    }
  }
  const auto custom = info.custom.find(name);
  if (custom == info.custom.end()) {
    return false;
  }
  const std::string& json = custom->second;
  const bool text = json.size() >= 2 && json.front() == '"';
  const PipelineScalar own = {text                                ? Kind::string
                              : to_number(json)                   ? Kind::real
                              : json == "true" || json == "false" ? Kind::boolean
                                                                  : Kind::string,
                              text ? json.substr(1, json.size() - 2) : json};
  return compare_scalars(own, op, value);
}

RuleCondition make_attribute(PipelineKeys& keys) {
  const std::string name = keys.text("attribute", true);
  const PipelineScalar value = keys.scalar("value", true);
  const Compare op = read_compare(keys, compare_names.size());
  if ((name == "level" || name == "status") && !value.text.empty() && !rank(name, value.text)) {
    keys.error(*keys.map().get("value"), "pipeline-value", "there is no " + name + " of that name");
  }
  return
      [name, value, op](PipelineRun& run) { return compare_attribute(run.info, name, op, value); };
}

// --- detection items ---

// `cond: any` or `all` of the item's values.
ItemCondition over_values(PipelineKeys& keys,
                          std::function<bool(const FieldItem&, const DetectionValue&)> test) {
  constexpr std::array<std::string_view, 2> quantifiers = {"any", "all"};
  const bool all = keys.choice("cond", quantifiers, true) == "all";
  return [all, test = std::move(test)](PipelineRun& run, const FieldItem& item) {
    if (!run.spend(item.values.size())) {
      return false;
    }
    const auto holds = [&](const DetectionValue& value) { return test(item, value); };
    return all ? std::all_of(item.values.begin(), item.values.end(), holds)
               : std::any_of(item.values.begin(), item.values.end(), holds);
  };
}

ItemCondition make_match_string(PipelineKeys& keys) {
  const std::shared_ptr<const Regex> regex = keys.regex("pattern", true);
  const bool negate = keys.flag("negate");
  return over_values(keys, [regex, negate](const FieldItem& item, const DetectionValue& value) {
    const bool found = value.kind == DetectionValue::Kind::string && holds_strings(item) &&
                       regex->search(effective_text(item, value));
    return found != negate;
  });
}

ItemCondition make_match_value(PipelineKeys& keys) {
  const PipelineScalar wanted = keys.scalar("value", true);
  return over_values(keys, [wanted](const FieldItem& item, const DetectionValue& value) {
    return equal_values(item, value, wanted);
  });
}

ItemCondition make_contains_wildcard(PipelineKeys& keys) {
  return over_values(keys, [](const FieldItem& item, const DetectionValue& value) {
    return value.kind == DetectionValue::Kind::string && holds_strings(item) &&
           has_wildcards(parse_sigma_string(effective_text(item, value)));
  });
}

ItemCondition make_is_null(PipelineKeys& keys) {
  return over_values(keys, [](const FieldItem&, const DetectionValue& value) {
    return value.kind == DetectionValue::Kind::null;
  });
}

bool bears(const FieldItem& item, PipelineMark mark) {
  return std::find(item.processed_by.begin(), item.processed_by.end(), mark) !=
         item.processed_by.end();
}

ItemCondition make_item_applied(PipelineKeys& keys) {
  const PipelineMark mark = keys.mark("processing_item_id");
  return [mark](PipelineRun&, const FieldItem& item) { return bears(item, mark); };
}

ItemCondition make_item_state(PipelineKeys& keys) {
  return [test = make_state(keys)](PipelineRun& run, const FieldItem&) { return test(run); };
}

// --- field names ---

FieldCondition read_names(PipelineKeys& keys, bool include) {
  constexpr std::array<std::string_view, 2> modes = {"plain", "re"};
  const bool regular = keys.choice("mode", modes, false) == "re";
  const std::vector<std::string> names = keys.texts("fields", true);
  if (!regular) {
    return [names = std::set<std::string>(names.begin(), names.end()), include](
               PipelineRun&, const std::string& field) {
      return (!field.empty() && names.count(field) > 0) == include;
    };
  }
  std::vector<std::shared_ptr<const Regex>> patterns;
  const YamlNode* node = keys.map().get("fields");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const YamlNode& at =
        node->kind == Kind::sequence && i < node->items.size() ? node->items[i] : *node;
    if (std::shared_ptr<const Regex> pattern = keys.compile(at, true)) {
      patterns.push_back(std::move(pattern));
    }
  }
  return [patterns, include](PipelineRun& run, const std::string& field) {
    const bool found =
        !field.empty() && run.spend(patterns.size()) &&
        std::any_of(patterns.begin(), patterns.end(), [&](const std::shared_ptr<const Regex>& one) {
          return one->search(field);
        });
    return found == include;
  };
}

FieldCondition make_include(PipelineKeys& keys) {
  return read_names(keys, true);
}

FieldCondition make_exclude(PipelineKeys& keys) {
  return read_names(keys, false);
}

FieldCondition make_field_applied(PipelineKeys& keys) {
  const PipelineMark mark = keys.mark("processing_item_id");
  return [mark](PipelineRun& run, const std::string& field) {
    if (run.current != nullptr && bears(*run.current, mark)) {
      return true;
    }
    const auto found = run.field_marks.find(field);
    return found != run.field_marks.end() && found->second.count(mark) > 0;
  };
}

FieldCondition make_field_state(PipelineKeys& keys) {
  return [test = make_state(keys)](PipelineRun& run, const std::string&) { return test(run); };
}

// --- the tables ---

constexpr PipelineConditionType<RuleCondition> rule_types[] = {
    {"logsource", make_logsource, "the rule's log source has these attributes"},
    {"contains_detection_item", make_contains_item, "an item has this field and this value"},
    {"contains_field", make_contains_field, "an item has this field"},
    {"processing_item_applied", make_rule_applied, "the item of that id was applied to the rule"},
    {"processing_state", make_state, "the state holds a value that compares so"},
    {"is_sigma_rule", make_is_rule, "it is a detection rule"},
    {"is_sigma_correlation_rule", make_is_correlation, "it is a correlation"},
    {"rule_attribute", make_attribute, "an attribute of the rule compares so"},
    {"tag", make_tag, "the rule bears the tag"},
};

constexpr PipelineConditionType<ItemCondition> item_types[] = {
    {"match_string", make_match_string, "values match a regular expression, from their start on"},
    {"match_value", make_match_value, "values are equal to a value"},
    {"contains_wildcard", make_contains_wildcard, "values have wildcards"},
    {"is_null", make_is_null, "values are null"},
    {"processing_item_applied",
     make_item_applied,
     "the item of that id was applied to the detection item"},
    {"processing_state", make_item_state, "the state holds a value that compares so"},
};

constexpr PipelineConditionType<FieldCondition> field_types[] = {
    {"include_fields", make_include, "the name is in the list"},
    {"exclude_fields", make_exclude, "the name is not in the list"},
    {"processing_item_applied",
     make_field_applied,
     "the name is what the item of that id mapped to"},
    {"processing_state", make_field_state, "the state holds a value that compares so"},
};

}  // namespace

std::span<const PipelineConditionType<RuleCondition>> rule_condition_types() {
  return rule_types;
}

std::span<const PipelineConditionType<ItemCondition>> item_condition_types() {
  return item_types;
}

std::span<const PipelineConditionType<FieldCondition>> field_condition_types() {
  return field_types;
}

}  // namespace tocsin
