// SPDX-License-Identifier: Apache-2.0
// Transformations of the rule as a whole, of placeholders, and those that hold other items.
#include <algorithm>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "engine/match/builder.h"
#include "rules/compile.h"
#include "rules/detection.h"
#include "rules/modifiers.h"
#include "rules/pipeline_transform.h"
#include "rules/sigma_string.h"

namespace tocsin {
namespace {

// --- placeholders ---

// The values of a placeholder; nullopt: it is not this item's to replace.
using PlaceholderValues = std::function<std::optional<std::vector<std::string>>(
    PipelineRun&, const std::string& name, const SourceSpan& at)>;

// `include` and `exclude`.
std::function<bool(const std::string&)> read_handled(PipelineKeys& keys) {
  const std::vector<std::string> include = keys.texts("include", false);
  const std::vector<std::string> exclude = keys.texts("exclude", false);
  if (!include.empty() && !exclude.empty()) {
    keys.error(
        *keys.map().get("exclude"), "pipeline-value", "`include` and `exclude` exclude each other");
  }
  return [include, exclude](const std::string& name) {
    const bool included =
        include.empty() || std::find(include.begin(), include.end(), name) != include.end();
    return included && std::find(exclude.begin(), exclude.end(), name) == exclude.end();
  };
}

// `%` that stays a character although other placeholders of the item stay placeholders.
std::string with_literal_percents(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '%') {
      append_notation(out, "%");
      out.insert(out.size() - 1, 1, '\\');
      continue;
    }
    out += c;
  }
  return out;
}

class Expansion {
 public:
  Expansion(PipelineRun& run, const PlaceholderValues& values) : run_(run), values_(values) {}

  Change apply(FieldItem& item) {
    if (!has_modifier(item, "expand")) {
      return Change::kept;
    }
    bool handled = false;
    for (const DetectionValue& value : item.values) {
      if (value.kind != DetectionValue::Kind::string) {
        continue;
      }
      for (const auto& placeholder : parse_placeholder_string(value.text).placeholders) {
        const bool own = values_(run_, placeholder.name, value.span).has_value();
        handled |= own;
        remaining_ |= !own;
      }
    }
    if (!handled || run_.failed) {
      return Change::kept;
    }
    std::vector<DetectionValue> expanded;
    for (const DetectionValue& value : item.values) {
      if (value.kind != DetectionValue::Kind::string) {
        expanded.push_back(value);
      } else if (!expand(value, expanded)) {
        return Change::kept;
      }
    }
    item.values = std::move(expanded);
    if (!remaining_) {
      drop_modifier(item, "expand");
    }
    return Change::changed;
  }

 private:
  std::string literal(const Pattern& pattern) const {
    const std::string text = to_text(pattern);
    return remaining_ ? with_literal_percents(text) : text;
  }

  bool expand(const DetectionValue& value, std::vector<DetectionValue>& out) {
    const PlaceholderString parts = parse_placeholder_string(value.text);
    std::vector<std::string> texts = {literal(parts.patterns.front())};
    for (std::size_t i = 0; i < parts.placeholders.size(); ++i) {
      const std::string& name = parts.placeholders[i].name;
      const std::optional<std::vector<std::string>> values = values_(run_, name, value.span);
      std::vector<std::string> pieces;
      for (const std::string& text : values ? *values : std::vector<std::string>()) {
        pieces.push_back(literal(parse_sigma_string(text)));
      }
      if (!values) {
        pieces.push_back("%" + name + "%");
      }
      std::vector<std::string> longer;
      for (const std::string& left : texts) {
        for (const std::string& piece : pieces) {
          std::string& text = longer.emplace_back(left);
          append_notation(text, piece);
          append_notation(text, literal(parts.patterns[i + 1]));
          if (!run_.grow(1, text.size())) {
            return false;
          }
        }
      }
      texts = std::move(longer);
    }
    for (std::string& text : texts) {
      out.push_back({DetectionValue::Kind::string, std::move(text), value.span});
    }
    return true;
  }

  PipelineRun& run_;
  const PlaceholderValues& values_;
  bool remaining_ = false;
};

// Values joined by `all` must not be joined with alternatives of one another: each value with a
// placeholder becomes an item of its own.
Change expand_item(DetectionNode& node, PipelineRun& run, const PlaceholderValues& values) {
  if (!has_modifier(node.item, "all")) {
    return Expansion(run, values).apply(node.item);
  }
  if (!has_modifier(node.item, "expand")) {
    return Change::kept;
  }
  if (has_modifier(node.item, "neq")) {
    run.fail(node.item.span,
             "pipeline-result",
             "placeholders below `neq` with `all` cannot be replaced by a pipeline");
    return Change::kept;
  }
  DetectionNode list;
  list.kind = DetectionNode::Kind::all_of;
  list.span = node.span;
  Change change = Change::kept;
  for (const DetectionValue& value : node.item.values) {
    DetectionNode& child = list.children.emplace_back();
    child.kind = DetectionNode::Kind::item;
    child.span = node.span;
    child.item = node.item;
    child.item.values.assign(1, value);
    drop_modifier(child.item, "all");
    if (Expansion(run, values).apply(child.item) == Change::changed) {
      change = Change::changed;
    }
    if (run.failed) {
      return Change::kept;
    }
  }
  if (change == Change::changed) {
    node = std::move(list);
  }
  return change;
}

PipelineTransform expansion_of(PlaceholderValues values) {
  return [values = std::move(values)](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [&](DetectionNode& node) { return expand_item(node, run, values); });
  };
}

}  // namespace

PipelineTransform make_wildcard_placeholders(PipelineKeys& keys) {
  return expansion_of(
      [handles = read_handled(keys)](PipelineRun&, const std::string& name, const SourceSpan&) {
        return handles(name) ? std::optional(std::vector<std::string>{"*"}) : std::nullopt;
      });
}

PipelineTransform make_value_placeholders(PipelineKeys& keys) {
  return expansion_of([handles = read_handled(keys)](
                          PipelineRun& run,
                          const std::string& name,
                          const SourceSpan& at) -> std::optional<std::vector<std::string>> {
    if (!handles(name)) {
      return std::nullopt;
    }
    const auto found = run.vars.find(name);
    // One that the configuration defines is replaced later.
    if (found == run.vars.end() && run.placeholders.count(name) > 0) {
      return std::nullopt;
    }
    if (found == run.vars.end() || !found->second) {
      run.fail(at,
               "undefined-placeholder",
               found == run.vars.end()
                   ? "no pipeline's `vars` define the placeholder `%" + printable(name) + "%`"
                   : "the variable `" + printable(name) + "` of a pipeline is no list of texts",
               "define it as a text or a list of texts below `vars`");
      return std::nullopt;
    }
    return *found->second;
  });
}

// --- conditions ---

namespace {

struct AddedCondition {
  DetectionNode root;
  std::string name;
  bool is_template = false;
  bool negated = false;

  static std::optional<std::string> attribute(const LogSource& source, std::string_view name) {
    const std::string* value = name == "category"  ? &source.category
                               : name == "product" ? &source.product
                               : name == "service" ? &source.service
                                                   : nullptr;
    return value == nullptr ? std::nullopt : std::optional(*value);
  }

  // `$name` and `${name}` of a log source's attributes; `$$` is a dollar sign.
  bool substitute(const PipelineItem& item, PipelineRun& run, std::string& text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '$' || i + 1 == text.size()) {
        out += text[i];
        continue;
      }
      if (text[i + 1] == '$') {
        out += '$';
        ++i;
        continue;
      }
      const bool braced = text[i + 1] == '{';
      const std::size_t begin = i + (braced ? 2u : 1u);
      std::size_t end = begin;
      while (end < text.size() && ((text[end] >= 'a' && text[end] <= 'z') || text[end] == '_')) {
        ++end;
      }
      const bool closed = !braced || (end < text.size() && text[end] == '}');
      const std::string word = text.substr(begin, end - begin);
      const std::optional<std::string> value = closed ? attribute(run.source, word) : std::nullopt;
      if (!value) {
        out += '$';
        continue;
      }
      if (value->empty()) {
        run.fail(run.place,
                 "pipeline-result",
                 "the log source of this rule has no `" + word + "`",
                 "the item at " + item.where + " puts it into a condition");
        return false;
      }
      out += *value;
      i = braced ? end : end - 1;
    }
    text = std::move(out);
    return true;
  }

  bool prepare(const PipelineItem& item, PipelineRun& run, DetectionNode& node) const {
    node.span = run.place;
    node.item.span = run.place;
    for (ModifierUse& use : node.item.modifiers) {
      use.span = run.place;
    }
    for (DetectionValue& value : node.item.values) {
      value.span = run.place;
      if (is_template && value.kind == DetectionValue::Kind::string &&
          !substitute(item, run, value.text)) {
        return false;
      }
      if (!run.grow(1, value.text.size())) {
        return false;
      }
    }
    if (node.kind == DetectionNode::Kind::item) {
      node.item.processed_by.push_back(item.mark);
    }
    for (DetectionNode& child : node.children) {
      if (!prepare(item, run, child)) {
        return false;
      }
    }
    return true;
  }

  void apply(const PipelineItem& item, PipelineRun& run) const {
    if (run.detection == nullptr || run.is_filter) {
      return;
    }
    Detection& detection = *run.detection;
    if (detection.selections.size() >= limits::selections_max) {
      run.fail(run.place,
               "too-many-selections",
               "processing pipelines add more selections than a detection may have");
      return;
    }
    DetectionSelection selection;
    selection.name = free_name(detection);
    selection.root = root;
    selection.span = run.place;
    if (!prepare(item, run, selection.root)) {
      return;
    }
    for (ConditionNode& condition : detection.conditions) {
      join(condition, selection.name, run.place);
    }
    detection.selections.push_back(std::move(selection));
  }

  // Begins with `_`, so that `them` and patterns of the rule do not count it.
  std::string free_name(const Detection& detection) const {
    const auto taken = [&](const std::string& candidate) {
      return std::any_of(
          detection.selections.begin(),
          detection.selections.end(),
          [&](const DetectionSelection& selection) { return selection.name == candidate; });
    };
    std::string candidate = name;
    for (std::size_t i = 2; taken(candidate); ++i) {
      candidate = name + "_" + std::to_string(i);
    }
    return candidate;
  }

  void join(ConditionNode& condition, const std::string& selection, const SourceSpan& at) const {
    ConditionNode leaf;
    leaf.kind = ConditionNode::Kind::identifier;
    leaf.name = selection;
    leaf.span = at;
    if (negated) {
      ConditionNode negation;
      negation.kind = ConditionNode::Kind::negation;
      negation.span = at;
      negation.children.push_back(std::move(leaf));
      leaf = std::move(negation);
    }
    if (condition.kind == ConditionNode::Kind::all_of) {
      condition.children.insert(condition.children.begin(), std::move(leaf));
      return;
    }
    ConditionNode both;
    both.kind = ConditionNode::Kind::all_of;
    both.span = condition.span;
    both.children.push_back(std::move(leaf));
    both.children.push_back(std::move(condition));
    condition = std::move(both);
  }

  // What would be wrong in every rule is told in the pipeline.
  void check(PipelineKeys& keys, const DetectionNode& node) const {
    for (const DetectionNode& child : node.children) {
      check(keys, child);
    }
    if (node.kind != DetectionNode::Kind::item) {
      return;
    }
    const std::map<std::string, std::vector<std::string>> none;
    Diagnostics found;
    CompileContext context{&none, &found};
    const std::optional<ItemPlan> plan = plan_item(keys.problems().source(), node.item, context);
    if (plan && !is_template && !plan->expand) {
      for (const DetectionValue& value : node.item.values) {
        ValueAlternatives alternatives;
        lower_value(keys.problems().source(), node.item, *plan, value, context, alternatives);
        for (const Predicate& predicate : alternatives.predicates) {
          ProgramBuilder scratch;
          if (Result<ExprId> expr = scratch.predicate(predicate); !expr) {
            keys.problems().error(value.span, "invalid-regex", expr.error().message);
          }
        }
      }
    }
    for (const Diagnostic& problem : found.list()) {
      keys.problems().diagnostics().add(problem);
    }
    if (found.errors() > 0) {
      keys.problems().reject();
    }
  }
};

}  // namespace

PipelineTransform make_add_condition(PipelineKeys& keys) {
  AddedCondition added;
  added.name = keys.text("name", false);
  added.name = added.name.starts_with('_') ? added.name
               : added.name.empty()        ? "_pipeline"
                                           : "_" + added.name;
  added.is_template = keys.flag("template");
  added.negated = keys.flag("negated");
  if (const YamlNode* node = keys.find("conditions", true)) {
    Diagnostics& diagnostics = keys.problems().diagnostics();
    std::optional<DetectionNode> root =
        parse_detection_node(keys.problems().source(), *node, diagnostics);
    if (!root) {
      keys.problems().reject();
    } else {
      added.root = std::move(*root);
      added.check(keys, added.root);
    }
  }
  return [added = std::move(added)](const PipelineItem& item, PipelineRun& run) {
    added.apply(item, run);
  };
}

PipelineTransform make_change_logsource(PipelineKeys& keys) {
  LogSource source;
  source.category = keys.text("category", false);
  source.product = keys.text("product", false);
  source.service = keys.text("service", false);
  return [source](const PipelineItem&, PipelineRun& run) { run.source = source; };
}

PipelineTransform make_drop_detection_item(PipelineKeys&) {
  return [](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [](DetectionNode&) { return Change::dropped; });
  };
}

PipelineTransform make_set_state(PipelineKeys& keys) {
  const std::string key = keys.text("key", true);
  const YamlNode* node = keys.find("val", true);
  PipelineScalar value;
  if (node != nullptr) {
    value = {node->kind, node->is_scalar() ? node->text : to_json(*node)};
  }
  return [key, value](const PipelineItem&, PipelineRun& run) { run.state[key] = value; };
}

PipelineTransform make_set_custom_attribute(PipelineKeys& keys) {
  const std::string name = keys.text("attribute", true);
  const YamlNode* node = keys.find("value", true);
  const std::string json = node != nullptr ? to_json(*node) : std::string();
  return [name, json](const PipelineItem&, PipelineRun& run) {
    if (!run.is_filter) {
      run.info.custom[name] = json;
    }
  };
}

PipelineTransform make_rule_failure(PipelineKeys& keys) {
  const std::string message = keys.text("message", true);
  return [message](const PipelineItem& item, PipelineRun& run) {
    run.fail(run.place,
             "pipeline-failure",
             printable(shorten(message, 200)),
             "the item at " + item.where + " rejects this rule");
  };
}

PipelineTransform make_detection_item_failure(PipelineKeys& keys) {
  const std::string message = keys.text("message", true);
  return [message](const PipelineItem& item, PipelineRun& run) {
    change_items(item, run, [&](DetectionNode& node) {
      run.fail(node.item.span,
               "pipeline-failure",
               printable(shorten(message, 200)),
               "the item at " + item.where + " rejects rules with this");
      return Change::kept;
    });
  };
}

PipelineTransform make_nest(PipelineKeys& keys) {
  auto items = std::make_shared<std::vector<PipelineItem>>();
  const YamlNode* list = keys.find("items", true);
  if (list != nullptr && list->kind != YamlNode::Kind::sequence) {
    keys.error(*list, "pipeline-value", "`items` has to be a list of transformations");
  } else if (list != nullptr) {
    for (const YamlNode& node : list->items) {
      if (std::optional<PipelineItem> item =
              read_pipeline_item(node, keys.problems(), keys.marks())) {
        items->push_back(std::move(*item));
      }
    }
  }
  return [items](const PipelineItem&, PipelineRun& run) { run_items(*items, run); };
}

}  // namespace tocsin
