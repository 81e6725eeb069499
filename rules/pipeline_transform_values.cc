// SPDX-License-Identifier: Apache-2.0
// Transformations of values. Strings are seen as an author would write them without contains,
// startswith and endswith: `*` stands where these let anything stand.
#include <algorithm>
#include <array>
#include <map>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/metadata.h"
#include "rules/modifiers.h"
#include "rules/pipeline_transform.h"
#include "rules/sigma_string.h"
#include "rules/yaml_number.h"

namespace tocsin {
namespace {

using ItemValue = DetectionValue::Kind;

PipelineTransform strings_of(StringChange change) {
  return [change = std::move(change)](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [&](DetectionNode& node) { return change_strings(node, run, change); });
  };
}

// Python writes groups as \1 and \g<1>; RE2 knows \0 to \9 and \\.
std::optional<std::string> to_rewrite(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (next >= '0' && next <= '9') {
      out += {'\\', next};
      ++i;
    } else if (next == 'g' && text.compare(i + 2, 1, "<") == 0) {
      if (i + 4 >= text.size() || text[i + 4] != '>' || text[i + 3] < '0' || text[i + 3] > '9') {
        return std::nullopt;
      }
      out += {'\\', text[i + 3]};
      i += 4;
    } else {
      out += "\\\\";
      i += next == '\\' ? 1 : 0;
    }
  }
  return out;
}

struct Replacement {
  std::shared_ptr<const Regex> regex;
  std::string rewrite;
  bool skip_special = false;
  bool interpret_special = false;

  // nullopt: the same as before. Fails the run where the result is too long.
  std::optional<std::string> apply(PipelineRun& run, std::string_view text) const {
    const std::size_t room =
        limits::pipeline_bytes_max - std::min(limits::pipeline_bytes_max, run.bytes);
    std::optional<std::string> out = regex->replace_all(text, rewrite, room);
    if (!out) {
      run.grow(0, room + 1);
    }
    return out && *out != text ? out : std::nullopt;
  }

  // Only what lies between wildcards and placeholders.
  std::optional<std::string> apply_between(PipelineRun& run,
                                           const std::string& text,
                                           bool placeholders) const {
    PlaceholderString parts;
    if (placeholders) {
      parts = parse_placeholder_string(text);
    } else {
      parts.patterns.push_back(parse_sigma_string(text));
    }
    bool changed = false;
    std::string out;
    for (std::size_t i = 0; i < parts.patterns.size(); ++i) {
      Pattern pattern;
      for (const PatternElement& element : parts.patterns[i].elements) {
        const bool literal = element.kind == PatternElement::Kind::literal;
        const std::optional<std::string> replaced =
            literal ? apply(run, element.literal) : std::nullopt;
        changed |= replaced.has_value();
        if (!literal) {
          pattern.add(element.kind);
        } else if (replaced && interpret_special) {
          append(pattern, parse_sigma_string(*replaced));
        } else {
          pattern.add_literal(replaced.value_or(element.literal));
        }
      }
      append_notation(out, to_text(pattern));
      if (i < parts.placeholders.size()) {
        append_notation(out, "%" + parts.placeholders[i].name + "%");
      }
    }
    return changed ? std::optional(out) : std::nullopt;
  }

  Change apply(DetectionNode& node, PipelineRun& run) const {
    const bool placeholders = has_modifier(node.item, "expand");
    Change change = change_strings(
        node, run, [&](const std::string& text) -> std::optional<std::vector<std::string>> {
          const std::optional<std::string> replaced =
              skip_special ? apply_between(run, text, placeholders) : apply(run, text);
          return replaced ? std::optional(std::vector<std::string>{*replaced}) : std::nullopt;
        });
    if (node.kind != DetectionNode::Kind::item || !node.item.modifiers.empty()) {
      return change;
    }
    for (DetectionValue& value : node.item.values) {
      if (value.kind != ItemValue::integer && value.kind != ItemValue::real) {
        continue;
      }
      if (std::optional<std::string> replaced = apply(run, value.text)) {
        value = {ItemValue::string, std::move(*replaced), value.span};
        change = Change::changed;
      }
    }
    return change;
  }
};

}  // namespace

PipelineTransform make_replace_string(PipelineKeys& keys) {
  Replacement replacement;
  replacement.regex = keys.regex("regex", false);
  const std::string written = keys.text("replacement", keys.map().get("replacement") == nullptr);
  replacement.skip_special = keys.flag("skip_special");
  replacement.interpret_special = keys.flag("interpret_special");
  const std::optional<std::string> rewrite = to_rewrite(written);
  if (!rewrite || (replacement.regex && !replacement.regex->takes(*rewrite))) {
    keys.error(*keys.map().get("replacement"),
               "pipeline-value",
               "the replacement names a group that the expression does not have",
               "write \\1 to \\9 or \\g<1> to \\g<9>; groups have no names here");
  }
  replacement.rewrite = rewrite.value_or("");
  return [replacement](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [&](DetectionNode& node) { return replacement.apply(node, run); });
  };
}

PipelineTransform make_map_string(PipelineKeys& keys) {
  std::map<std::string, std::vector<std::string>> table;
  for (const auto& [key, targets] : keys.mapping("mapping", true)) {
    table.emplace(key.text, targets);
  }
  return strings_of([table = std::move(table)](
                        const std::string& text) -> std::optional<std::vector<std::string>> {
    const auto found = table.find(text);
    return found == table.end() ? std::nullopt : std::optional(found->second);
  });
}

namespace {

ItemValue kind_of(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::null:
      return ItemValue::null;
    case YamlNode::Kind::boolean:
      return ItemValue::boolean;
    case YamlNode::Kind::integer:
      return ItemValue::integer;
    case YamlNode::Kind::real:
      return ItemValue::real;
    case YamlNode::Kind::string:
    case YamlNode::Kind::sequence:
    case YamlNode::Kind::map:
      break;
  }
  return ItemValue::string;
}

std::optional<ItemValue> number_kind(const std::string& text) {
  Number number;
  if (!parse_yaml_number(text, number)) {
    return std::nullopt;
  }
  return text.find_first_of(".eE") == std::string::npos || text.starts_with("0x")
             ? ItemValue::integer
             : ItemValue::real;
}

}  // namespace

PipelineTransform make_set_value(PipelineKeys& keys) {
  constexpr std::array<std::string_view, 3> types = {"", "str", "num"};
  const PipelineScalar value = keys.scalar("value", true);
  const std::string type = keys.choice("force_type", types, false);
  DetectionValue fixed = {kind_of(value.kind), value.text, {}};
  if (type == "str") {
    fixed.kind = ItemValue::string;
  } else if (type == "num") {
    const std::optional<ItemValue> kind = number_kind(value.text);
    if (!kind && keys.map().get("value") != nullptr) {
      keys.error(*keys.map().get("value"), "pipeline-value", "the value is no number");
    }
    fixed.kind = kind.value_or(ItemValue::integer);
  }
  return [fixed](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [&](DetectionNode& node) {
      const SourceSpan place = node.item.values.front().span;
      std::erase_if(node.item.modifiers, [](const ModifierUse& use) { return use.name != "neq"; });
      if (node.item.field.empty() && fixed.kind == ItemValue::null) {
        run.fail(place, "pipeline-result", "a processing pipeline makes null of a keyword");
        return Change::kept;
      }
      node.item.values.assign(1, fixed);
      node.item.values.front().span = place;
      return run.grow(1, fixed.text.size()) ? Change::changed : Change::kept;
    });
  };
}

PipelineTransform make_convert_type(PipelineKeys& keys) {
  constexpr std::array<std::string_view, 2> types = {"str", "num"};
  const bool to_text = keys.choice("target_type", types, true) == "str";
  return [to_text](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [&](DetectionNode& node) {
      Change change = Change::kept;
      for (DetectionValue& value : node.item.values) {
        if (value.kind == ItemValue::null || !holds_strings(node.item) ||
            (value.kind == ItemValue::string) == to_text) {
          continue;
        }
        if (to_text) {
          value.kind = ItemValue::string;
          change = Change::changed;
          continue;
        }
        const std::string text = effective_text(node.item, value);
        const std::optional<ItemValue> kind = number_kind(text);
        if (value.kind == ItemValue::string && !kind) {
          run.fail(value.span,
                   "pipeline-result",
                   "`" + printable(shorten(text, 60)) + "` cannot be turned into a number",
                   "the item at " + item.where + " asks for it");
          return Change::kept;
        }
        if (kind) {
          value.kind = *kind;
          change = Change::changed;
        }
      }
      return change;
    });
  };
}

namespace {

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

std::string to_snake(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char before = i > 0 ? text[i - 1] : '\0';
    const char after = i + 1 < text.size() ? text[i + 1] : '\0';
    const bool begins =
        is_upper(text[i]) && (is_lower(before) || (before >= '0' && before <= '9') ||
                              (is_upper(before) && is_lower(after)));
    out += begins ? "_" : "";
    out += text[i];
  }
  return ascii_lower(out);
}

std::string to_upper(std::string text) {
  for (char& c : text) {
    c = is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return text;
}

}  // namespace

PipelineTransform make_case(PipelineKeys& keys) {
  constexpr std::array<std::string_view, 3> methods = {"lower", "upper", "snake_case"};
  const std::string method = keys.choice("method", methods, false);
  return [method](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [&](DetectionNode& node) {
      const bool placeholders = has_modifier(node.item, "expand");
      return change_strings(
          node, run, [&](const std::string& text) -> std::optional<std::vector<std::string>> {
            if (placeholders && !parse_placeholder_string(text).placeholders.empty()) {
              return std::nullopt;  // names of placeholders heed case
            }
            std::string written = method == "lower"   ? ascii_lower(text)
                                  : method == "upper" ? to_upper(text)
                                                      : to_snake(text);
            return written == text ? std::nullopt
                                   : std::optional(std::vector<std::string>{std::move(written)});
          });
    });
  };
}

// Backends without a comparison that ignores case need a regular expression for it; here the sense
// of each method is a comparison of its own.
PipelineTransform make_regex(PipelineKeys& keys) {
  constexpr std::array<std::string_view, 3> methods = {
      "ignore_case_brackets", "ignore_case_flag", "plain"};
  const bool cased = keys.choice("method", methods, false) == "plain";
  return [cased](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [&](DetectionNode& node) {
      const bool text =
          holds_strings(node.item) &&
          std::all_of(node.item.values.begin(),
                      node.item.values.end(),
                      [](const DetectionValue& value) { return value.kind == ItemValue::string; });
      if (!text || has_modifier(node.item, "cased") == cased) {
        return Change::kept;
      }
      if (cased) {
        node.item.modifiers.push_back({"cased", node.item.span});
      } else {
        drop_modifier(node.item, "cased");
      }
      return Change::changed;
    });
  };
}

namespace {

struct HashRule {
  std::vector<std::string> algorithms;  // upper case
  std::string prefix;
  bool drop_algorithm = false;

  struct Found {
    std::string field;
    std::string value;
  };

  std::optional<Found> find(const std::string& text) const {
    const char separator = text.find('|') != std::string::npos ? '|' : '=';
    const std::size_t at = text.find(separator);
    std::string algorithm;
    std::string value = text;
    if (at != std::string::npos && text.find(separator, at + 1) == std::string::npos) {
      const std::size_t begin = std::min(text.find_first_not_of('*'), at);
      algorithm = to_upper(text.substr(begin, at - begin));
      value = text.substr(at + 1);
    } else {
      const std::size_t digits = static_cast<std::size_t>(
          std::count_if(text.begin(), text.end(), [](char c) { return c != '*'; }));
      algorithm = digits == 32    ? "MD5"
                  : digits == 40  ? "SHA1"
                  : digits == 64  ? "SHA256"
                  : digits == 128 ? "SHA512"
                                  : "";
    }
    if (std::find(algorithms.begin(), algorithms.end(), algorithm) == algorithms.end()) {
      return std::nullopt;
    }
    return Found{prefix + (drop_algorithm ? "" : algorithm), std::move(value)};
  }

  // nullopt for values that are no strings.
  std::optional<std::vector<std::pair<std::string, std::vector<DetectionValue>>>> split(
      const PipelineItem& item, PipelineRun& run, const FieldItem& hashes) const {
    std::vector<std::pair<std::string, std::vector<DetectionValue>>> fields;
    for (const DetectionValue& value : hashes.values) {
      if (value.kind != ItemValue::string || !holds_strings(hashes)) {
        return std::nullopt;
      }
      const std::optional<Found> found = find(effective_text(hashes, value));
      if (!found) {
        run.fail(value.span,
                 "pipeline-result",
                 "`" + printable(shorten(value.text, 60)) +
                     "` is no hash of an algorithm that the pipeline lists",
                 "the item at " + item.where + " lists them in `valid_hash_algos`");
        return std::nullopt;
      }
      auto at = std::find_if(fields.begin(), fields.end(), [&](const auto& field) {
        return field.first == found->field;
      });
      if (at == fields.end()) {
        at = fields.emplace(fields.end(), found->field, std::vector<DetectionValue>());
      }
      at->second.push_back({ItemValue::string, found->value, value.span});
    }
    return fields;
  }

  Change apply(const PipelineItem& item, PipelineRun& run, DetectionNode& node) const {
    const auto fields = split(item, run, node.item);
    if (!fields || !run.grow(node.item.values.size(), 0)) {
      return Change::kept;
    }
    const bool all = has_modifier(node.item, "all");
    const bool negated = has_modifier(node.item, "neq");
    DetectionNode list;
    list.kind = all != negated ? DetectionNode::Kind::all_of : DetectionNode::Kind::any_of;
    list.span = node.span;
    for (const auto& [name, values] : *fields) {
      DetectionNode& child = list.children.emplace_back();
      child.kind = DetectionNode::Kind::item;
      child.span = node.span;
      child.item.field = name;
      child.item.span = node.item.span;
      child.item.values = values;
      child.item.processed_by = node.item.processed_by;
      child.item.processed_by.push_back(mapped_mark);
      if (all && values.size() > 1) {
        child.item.modifiers.push_back({"all", node.item.span});
      }
      if (negated) {
        child.item.modifiers.push_back({"neq", node.item.span});
      }
    }
    node = std::move(list);
    return Change::changed;
  }
};

}  // namespace

PipelineTransform make_hashes_fields(PipelineKeys& keys) {
  HashRule rule;
  for (const std::string& algorithm : keys.texts("valid_hash_algos", true)) {
    rule.algorithms.push_back(to_upper(algorithm));
  }
  rule.prefix = keys.text("field_prefix", false);
  rule.drop_algorithm = keys.flag("drop_algo_prefix");
  if (rule.drop_algorithm && rule.prefix.empty()) {
    keys.error(keys.map(),
               "pipeline-missing-key",
               "`drop_algo_prefix` without `field_prefix` leaves no name for the field");
  }
  return [rule](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [&](DetectionNode& node) { return rule.apply(item, run, node); });
  };
}

}  // namespace tocsin
