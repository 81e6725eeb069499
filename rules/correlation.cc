// SPDX-License-Identifier: Apache-2.0
#include "rules/correlation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/keys.h"
#include "rules/metadata.h"
#include "rules/modifiers.h"

namespace tocsin {
namespace {

using Kind = YamlNode::Kind;

constexpr std::array<std::pair<std::string_view, CompareOp>, 6> operators = {{
    {"lt", CompareOp::lt},
    {"lte", CompareOp::lte},
    {"gt", CompareOp::gt},
    {"gte", CompareOp::gte},
    {"eq", CompareOp::eq},
    {"neq", CompareOp::neq},
}};

std::optional<double> parse_double(std::string_view text) {
  text = !text.empty() && text[0] == '+' ? text.substr(1) : text;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

// A YAML number, decimal.
std::optional<double> read_number(const YamlNode& node) {
  if (node.kind != Kind::integer && node.kind != Kind::real) {
    return std::nullopt;
  }
  return parse_double(node.text);
}

bool is_whole(std::string_view text) {
  return !text.empty() && text.size() <= 15 &&
         text.find_first_not_of("0123456789") == std::string_view::npos &&
         text.find_first_not_of('0') != std::string_view::npos;
}

// A positive number followed by one of `units`, as in 500km.
bool is_measure(std::string_view text, std::span<const std::string_view> units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::optional<double> number = parse_double(text.substr(0, digits));
  return number && *number > 0 &&
         std::find(units.begin(), units.end(), text.substr(digits)) != units.end();
}

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += i == 0 ? "" : i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

class CorrelationParser {
 public:
  CorrelationParser(const YamlNode& root, const Placeholders& placeholders, Problems& problems)
      : root_(root),
        node_(*root.get("correlation")),
        placeholders_(placeholders),
        problems_(problems) {}

  // nullopt only where nothing more can be said; else the caller asks problems.rejected().
  std::optional<ParsedCorrelation> run() {
    if (node_.kind != Kind::map) {
      problems_.error(node_,
                      "correlation-type",
                      "`correlation` has to be a map",
                      "write `type`, `rules`, `timespan` and `condition` below it");
      return std::nullopt;
    }
    if (!read_type()) {
      return std::nullopt;
    }
    check_keys();
    read_group_by();
    read_timespan();
    read_condition();
    read_rules();
    read_field();
    read_aliases();
    read_generate();
    for (const CorrelationOption& option : type_->options) {
      read_option(option);
    }
    out_.ordered = out_.spec.type == "temporal_ordered";
    out_.canonical = canonical();
    return std::move(out_);
  }

 private:
  CorrelationSpec& spec() { return out_.spec; }

  void missing(std::string_view key, std::string hint = {}) {
    problems_.error(
        *root_.key("correlation"),
        "missing-key",
        "`correlation` of type " + out_.spec.type + " without `" + std::string(key) + "`",
        std::move(hint));
  }

  bool read_type() {
    std::vector<std::string_view> names;
    for (const CorrelationType& type : correlation_types()) {
      names.push_back(type.name);
    }
    const YamlNode* node = node_.get("type");
    if (node == nullptr) {
      problems_.error(*root_.key("correlation"),
                      "missing-key",
                      "`correlation` without `type`",
                      "write one of " + joined(names));
      return false;
    }
    for (const CorrelationType& type : correlation_types()) {
      if (node->kind == Kind::string && node->text == type.name) {
        type_ = &type;
        spec().type = node->text;
        return true;
      }
    }
    std::string hint = suggestion(node->is_scalar() ? node->text : std::string(), names);
    problems_.error(*node,
                    "unknown-correlation-type",
                    "unknown correlation type",
                    hint.empty() ? "write one of " + joined(names) : std::move(hint));
    return false;
  }

  std::vector<std::string_view> known_keys() const {
    std::vector<std::string_view> keys;
    for (const DocumentKey& row : correlation_keys()) {
      if (takes_key(*type_, row.name)) {
        keys.push_back(row.name);
      }
    }
    for (const CorrelationOption& option : type_->options) {
      keys.push_back(option.key);
    }
    return keys;
  }

  void check_keys() {
    const std::vector<std::string_view> keys = known_keys();
    for (const YamlMember& member : node_.members) {
      const std::string& key = member.first.text;
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
        continue;
      }
      std::string hint = suggestion(key, keys);
      problems_.error(
          member.first,
          "unknown-key",
          "a correlation of type " + spec().type + " has no key `" + shorten(key, 60) + "`",
          hint.empty() ? "it has " + joined(keys) : std::move(hint));
    }
  }

  // A text that is not empty, or a list of them; bad_words_ says if something else was among them.
  std::vector<RuleReference> read_words(const YamlNode& node,
                                        std::string_view key,
                                        const char* code) {
    std::vector<RuleReference> out;
    bad_words_ = false;
    const auto bad = [&](const YamlNode& place) {
      bad_words_ = true;
      problems_.error(
          place,
          code,
          "`" + std::string(key) + "` has to be a text or a list of texts",
          place.is_scalar() && !place.text.empty() ? "quote it if the text is meant" : "");
    };
    if (node.kind == Kind::string && !node.text.empty()) {
      out.push_back(RuleReference{node.text, span_of(node)});
      return out;
    }
    if (node.kind != Kind::sequence) {
      bad(node);
      return out;
    }
    for (const YamlNode& item : node.items) {
      if (item.kind != Kind::string || item.text.empty()) {
        bad(item);
      } else {
        out.push_back(RuleReference{item.text, span_of(item)});
      }
    }
    return out;
  }

  void read_group_by() {
    const YamlNode* node = node_.get("group-by");
    if (node == nullptr || node->kind == Kind::null) {
      return;
    }
    for (RuleReference& word : read_words(*node, "group-by", "correlation-group-by")) {
      if (!is_too_long(*node, word.text)) {
        spec().group_by.push_back(std::move(word.text));
      }
    }
  }

  bool is_too_long(const YamlNode& place, const std::string& field) {
    if (field.size() <= field_bytes_max) {
      return false;
    }
    problems_.error(place,
                    "field-too-long",
                    std::string(field_too_long),
                    "name the field that the records have");
    return true;
  }

  void read_timespan() {
    const YamlNode* node = node_.get("timespan");
    if (node == nullptr) {
      if (type_->needs_timespan) {
        missing("timespan", "as in `timespan: 5m`");
      }
      return;
    }
    const std::optional<DurationNs> span =
        node->kind == Kind::string ? parse_timespan(node->text) : std::optional<DurationNs>();
    if (!span) {
      problems_.error(*node,
                      "correlation-timespan",
                      "`timespan` is no span of time",
                      "write a positive whole number and one unit: s, m, h, d, w, M (month) or y");
      return;
    }
    spec().timespan_ns = *span;
  }

  void read_rules() {
    const YamlNode* node = node_.get("rules");
    if (node == nullptr && !out_.condition_names.empty()) {
      out_.rules = out_.condition_names;
    } else if (node == nullptr) {
      missing("rules", "write the names or ids of the rules to correlate");
    } else {
      out_.rules = read_words(*node, "rules", "correlation-rules");
      if (out_.rules.empty() && !bad_words_) {
        problems_.error(*node, "correlation-rules", "`rules` is empty", "name at least one rule");
      }
      if (spec().type == "absence" && out_.rules.size() == 1) {
        problems_.error(
            *node,
            "correlation-rules",
            "absence needs a rule and at least one that is expected to follow or precede it",
            "write `rules: [what happens, what should go with it]`");
      }
    }
    if (const YamlNode* baseline = node_.get("baseline");
        baseline != nullptr && type_->takes_baseline) {
      out_.baseline = read_words(*baseline, "baseline", "correlation-rules");
    }
  }

  void read_condition() {
    const YamlNode* node = node_.get("condition");
    if (!type_->takes_condition) {
      return;
    }
    if (node == nullptr) {
      if (type_->needs_condition) {
        missing("condition", "as in `condition: {gte: 5}`");
      }
      return;
    }
    if (node->kind == Kind::string && type_->extended) {
      spec().condition = parse_extended_condition(*node, out_.condition_names, problems_);
      return;
    }
    if (node->kind != Kind::map) {
      problems_.error(*node,
                      "correlation-condition",
                      type_->extended ? "`condition` has to be a map or a text over rule names"
                                      : "`condition` has to be a map",
                      "as in `condition: {gte: 5}`");
      return;
    }
    for (const YamlMember& member : node->members) {
      read_condition_key(member.first, member.second);
    }
    if (spec().thresholds.empty() && !problems_.rejected()) {
      problems_.error(*node,
                      "correlation-condition",
                      "`condition` compares with nothing",
                      "give one or more of lt, lte, gt, gte, eq and neq");
    }
    if (type_->name == "value_percentile" && node->get("percentile") == nullptr) {
      problems_.error(*node,
                      "correlation-percentile",
                      "value_percentile without `percentile`",
                      "as in `percentile: 95`");
    }
  }

  void read_condition_key(const YamlNode& key, const YamlNode& value) {
    for (const auto& [name, op] : operators) {
      if (key.text != name) {
        continue;
      }
      const std::optional<double> number = read_number(value);
      if (!number) {
        problems_.error(value, "correlation-threshold", "`" + key.text + "` has to be a number");
        return;
      }
      spec().thresholds.push_back(Threshold{op, *number});
      return;
    }
    if (key.text == "field") {
      if (type_->field != FieldPlace::condition) {
        problems_.warning(key,
                          "key-without-effect",
                          "`field` has no meaning in a correlation of type " + spec().type,
                          "drop it, or take a type that reads values, as value_count");
      }
      return;  // see read_field
    }
    if (key.text == "percentile") {
      read_percentile(key, value);
      return;
    }
    constexpr std::array<std::string_view, 8> known = {
        "lt", "lte", "gt", "gte", "eq", "neq", "field", "percentile"};
    std::string hint = suggestion(key.text, known);
    problems_.error(key,
                    "unknown-key",
                    "unknown key `" + shorten(key.text, 60) + "` in `condition`",
                    hint.empty() ? "it takes " + joined(known) : std::move(hint));
  }

  void read_percentile(const YamlNode& key, const YamlNode& value) {
    const std::optional<double> number = read_number(value);
    if (!number || *number < 0 || *number > 100) {
      problems_.error(
          value, "correlation-percentile", "`percentile` has to be a number from 0 to 100");
      return;
    }
    if (type_->name != "value_percentile") {
      problems_.warning(key,
                        "key-without-effect",
                        "`percentile` has no meaning in a correlation of type " + spec().type,
                        "drop it, or take the type value_percentile");
      return;
    }
    spec().percentile = number;
  }

  void read_field() {
    if (type_->field == FieldPlace::none) {
      return;
    }
    const YamlNode* condition = node_.get("condition");
    const YamlNode* node = node_.get("field");
    if (type_->field == FieldPlace::condition) {
      node = condition != nullptr ? condition->get("field") : nullptr;
    }
    if (node == nullptr) {
      if (type_->field == FieldPlace::own || condition != nullptr) {
        problems_.error(condition != nullptr ? *condition : node_,
                        "correlation-field",
                        "a correlation of type " + spec().type + " needs `field`",
                        type_->field == FieldPlace::own ? "write `field: NAME` beside `type`"
                                                        : "write `field: NAME` inside `condition`");
      }
      return;
    }
    for (RuleReference& word : read_words(*node, "field", "correlation-field")) {
      bad_words_ |= is_too_long(*node, word.text);
      spec().fields.push_back(std::move(word.text));
    }
    if (!bad_words_ &&
        (spec().fields.empty() || (spec().fields.size() > 1 && !type_->several_fields))) {
      problems_.error(*node,
                      "correlation-field",
                      "a correlation of type " + spec().type + " reads one field",
                      "write one correlation for each field");
    }
  }

  void read_aliases() {
    const YamlNode* node = node_.get("aliases");
    if (node == nullptr || node->kind == Kind::null) {
      return;
    }
    const auto bad = [&](const YamlNode& place) {
      problems_.error(place,
                      "correlation-aliases",
                      "`aliases` has to be a map of maps",
                      "write `alias: {rule: field}` for each rule");
    };
    if (node->kind != Kind::map) {
      bad(*node);
      return;
    }
    for (const YamlMember& member : node->members) {
      CorrelationAlias& alias = out_.aliases.emplace_back();
      alias.name = member.first.text;
      alias.place = span_of(member.first);
      if (member.second.kind != Kind::map) {
        bad(member.second);
        continue;
      }
      for (const YamlMember& field : member.second.members) {
        if (field.second.kind != Kind::string || field.second.text.empty()) {
          bad(field.second);
          continue;
        }
        if (is_too_long(field.second, field.second.text)) {
          continue;
        }
        alias.fields.emplace_back(RuleReference{field.first.text, span_of(field.first)},
                                  field.second.text);
      }
      if (std::find(spec().group_by.begin(), spec().group_by.end(), alias.name) ==
          spec().group_by.end()) {
        problems_.warning(member.first,
                          "key-without-effect",
                          "the alias `" + shorten(alias.name, 60) + "` is not in `group-by`",
                          "add it there, or drop it here");
      }
    }
  }

  // At the top of the document or inside `correlation` (CORS-13).
  void read_generate() {
    const YamlNode* last = nullptr;
    for (const YamlNode* node : {root_.get("generate"), node_.get("generate")}) {
      if (node == nullptr) {
        continue;
      }
      const bool value = node->text == "true" || node->text == "True" || node->text == "TRUE";
      if (node->kind != Kind::boolean) {
        problems_.error(*node, "correlation-generate", "`generate` has to be true or false");
        return;
      }
      if (last != nullptr && value != spec().generate) {
        problems_.error(*node,
                        "correlation-generate",
                        "`generate` differs from that at the top of the document",
                        "keep one of them");
      }
      spec().generate = value;
      last = node;
    }
  }

  void read_option(const CorrelationOption& option) {
    const YamlNode* node = node_.get(option.key);
    if (node == nullptr) {
      return;
    }
    CorrelationSpec::Option& out = spec().options.emplace_back();
    out.key = option.key;
    out.line = node->line;
    out.column = node->column;
    written_options_ += '\n' + out.key + '=' + to_json(*node);
    if (option.kind == CorrelationOption::Kind::values) {
      for (RuleReference& word : read_words(*node, option.key, "correlation-option")) {
        expand(word, out.values);
      }
      return;
    }
    check_option(option, *node);
    out.values.push_back(node->text);
  }

  void check_option(const CorrelationOption& option, const YamlNode& node) {
    static constexpr std::array<std::string_view, 2> distance_units = {"km", "mi"};
    static constexpr std::array<std::string_view, 3> speed_units = {"km/h", "mi/h", "mph"};
    bool good = false;
    std::string wanted;
    switch (option.kind) {
      case CorrelationOption::Kind::duration:
        good = node.kind == Kind::string && parse_duration(node.text).has_value();
        wanted = "a span of time such as 7d or 24h";
        break;
      case CorrelationOption::Kind::count:
        good = node.kind == Kind::integer && is_whole(node.text);
        wanted = "a positive whole number";
        break;
      case CorrelationOption::Kind::share: {
        const std::optional<double> number = read_number(node);
        good = number && *number > 0 && *number <= 1;
        wanted = "a number above 0 and at most 1";
        break;
      }
      case CorrelationOption::Kind::choice:
        good = node.kind == Kind::string &&
               std::find(option.choices.begin(), option.choices.end(), node.text) !=
                   option.choices.end();
        wanted = joined(option.choices);
        break;
      case CorrelationOption::Kind::distance:
        good = node.kind == Kind::string && is_measure(node.text, distance_units);
        wanted = "a distance such as 500km or 300mi";
        break;
      case CorrelationOption::Kind::speed:
        good = node.kind == Kind::string && is_measure(node.text, speed_units);
        wanted = "a speed such as 900km/h or 560mi/h";
        break;
      case CorrelationOption::Kind::values:
        good = true;
        break;
    }
    if (!good) {
      problems_.error(node,
                      "correlation-option",
                      "`" + std::string(option.key) + "` has to be " + wanted,
                      suggestion(node.text, option.choices));
    }
  }

  // A value that is a placeholder and nothing else stands for its list.
  void expand(RuleReference& word, std::vector<std::string>& out) {
    const std::string& text = word.text;
    const bool placeholder = text.size() > 2 && text.front() == '%' && text.back() == '%' &&
                             text.find('%', 1) == text.size() - 1;
    if (!placeholder) {
      out.push_back(std::move(word.text));
      return;
    }
    const auto found = placeholders_.find(text.substr(1, text.size() - 2));
    if (found == placeholders_.end()) {
      problems_.error(word.place,
                      "undefined-placeholder",
                      "nothing defines the placeholder `" + text + "`",
                      "define it in the placeholders file or in tocsin.yaml");
      return;
    }
    out.insert(out.end(), found->second.begin(), found->second.end());
  }

  // Placeholders as written: a list that is reloaded does not make another detector of it.
  std::string canonical() {
    std::string out = spec().type + "\ntimespan=" + std::to_string(spec().timespan_ns);
    for (const std::string& name : spec().group_by) {
      out += "\ngroup-by=" + name;
    }
    for (const std::string& field : spec().fields) {
      out += "\nfield=" + field;
    }
    for (const Threshold& threshold : spec().thresholds) {
      out += "\nthreshold=" + std::to_string(static_cast<int>(threshold.op)) + ' ' +
             std::to_string(threshold.value);
    }
    if (spec().percentile) {
      out += "\npercentile=" + std::to_string(*spec().percentile);
    }
    for (const ConditionStep& step : spec().condition) {
      out += "\nstep=" + std::to_string(static_cast<int>(step.kind)) + ' ' +
             std::to_string(step.operand);
    }
    return out + written_options_;
  }

  const YamlNode& root_;
  const YamlNode& node_;
  const Placeholders& placeholders_;
  Problems& problems_;
  const CorrelationType* type_ = nullptr;
  ParsedCorrelation out_;
  std::string written_options_;
  bool bad_words_ = false;
};

}  // namespace

std::optional<ParsedCorrelation> parse_correlation(const YamlNode& root,
                                                   const Placeholders& placeholders,
                                                   Problems& problems) {
  return CorrelationParser(root, placeholders, problems).run();
}

}  // namespace tocsin
