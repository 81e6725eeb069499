// SPDX-License-Identifier: Apache-2.0
// Selections one by one: values of an item (LintItem checks), then the items of a map against one
// another.
#include "rules/lint.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/fold.h"
#include "engine/base/text.h"
#include "rules/modifiers.h"
#include "rules/report.h"
#include "rules/sigma_string.h"

namespace tocsin {
namespace {

constexpr std::size_t compared_values_max = 1000;

std::string quoted(std::string_view text) {
  return "`" + printable(shorten(text, 60)) + "`";
}

// A text as a rule writes it: wildcards escaped, in single quotes.
std::string yaml_text(std::string_view text) {
  Pattern pattern;
  pattern.add_literal(text);
  std::string out = "'";
  for (const char c : printable(to_text(pattern))) {
    out.append(c == '\'' ? 2 : 1, c);
  }
  return out + "'";
}

// An item with its predicates; what cannot be lowered here (placeholders) has none.
struct LintItem {
  const FieldItem* item = nullptr;
  ItemPlan plan;
  std::vector<std::pair<const DetectionValue*, ValueAlternatives>> values;
};

std::optional<LintItem> lower_item(const SourceText& source, const FieldItem& item) {
  Diagnostics unused;
  CompileContext context{nullptr, &unused};
  std::optional<ItemPlan> plan = plan_item(source, item, context);
  if (!plan || plan->expand || item.values.size() > compared_values_max) {
    return std::nullopt;
  }
  LintItem lowered{&item, std::move(*plan), {}};
  for (const DetectionValue& value : item.values) {
    ValueAlternatives alternatives;
    if (!lower_value(source, item, lowered.plan, value, context, alternatives)) {
      return std::nullopt;
    }
    lowered.values.emplace_back(&value, std::move(alternatives));
  }
  return lowered;
}

Pattern folded(const Pattern& pattern) {
  Pattern result = pattern;
  for (PatternElement& element : result.elements) {
    element.literal = fold(element.literal);
  }
  return result;
}

// --- one value against another, for a field with one value ---

bool is_literal_text(const Predicate& p) {
  return p.op == Op::text && p.pattern.is_literal();
}

std::string literal_of(const Predicate& p) {
  return p.pattern.elements.empty() ? std::string() : p.pattern.elements.front().literal;
}

struct Range {
  std::optional<Number> low, high;
  bool low_open = false;
  bool high_open = false;
};

std::optional<Range> range_of(const Predicate& p) {
  switch (p.op) {
    case Op::number:
      return Range{p.number, p.number, false, false};
    case Op::less:
    case Op::less_equal:
      return Range{std::nullopt, p.number, false, p.op == Op::less};
    case Op::greater:
    case Op::greater_equal:
      return Range{p.number, std::nullopt, p.op == Op::greater, false};
    case Op::text:
    case Op::boolean:
    case Op::is_null:
    case Op::exists:
    case Op::regex:
    case Op::cidr:
    case Op::field:
    case Op::time_part:
      return std::nullopt;
  }
  return std::nullopt;
}

bool below(const Range& a, const Range& b) {
  if (!a.high || !b.low) {
    return false;
  }
  const int order = compare(*a.high, *b.low);
  return order < 0 || (order == 0 && (a.high_open || b.low_open));
}

// Known to exclude one another; `by_case`: only because of the case.
bool exclude(const Predicate& a, const Predicate& b, bool& by_case) {
  by_case = false;
  if (is_literal_text(b) && !is_literal_text(a)) {
    return exclude(b, a, by_case);
  }
  if (a.op == Op::is_null || b.op == Op::is_null) {
    const Op other = a.op == Op::is_null ? b.op : a.op;
    return other != Op::is_null && other != Op::exists;
  }
  if (is_literal_text(a) && b.op == Op::text) {
    if (!match(folded(b.pattern), fold(literal_of(a)))) {
      return true;
    }
    by_case = a.cased && b.cased && !match(b.pattern, literal_of(a));
    return by_case;
  }
  const std::optional<Range> left = range_of(a);
  const std::optional<Range> right = range_of(b);
  return left && right && (below(*left, *right) || below(*right, *left));
}

bool values_exclude(const ValueAlternatives& a, const ValueAlternatives& b, bool& by_case) {
  by_case = false;
  if (a.negated != b.negated) {
    const ValueAlternatives& positive = a.negated ? b : a;
    return positive.predicates.front().op != Op::is_null;  // `exists: false` and a value
  }
  bool all_by_case = true;
  for (const Predicate& left : a.predicates) {
    for (const Predicate& right : b.predicates) {
      bool case_only = false;
      if (!exclude(left, right, case_only)) {
        return false;
      }
      all_by_case &= case_only;
    }
  }
  by_case = all_by_case;
  return true;
}

bool items_exclude(const LintItem& a, const LintItem& b, bool& by_case) {
  by_case = false;
  const bool comparable = a.item->field == b.item->field && !a.item->field.empty() &&
                          !a.plan.negated && !b.plan.negated && !a.plan.all && !b.plan.all &&
                          a.values.size() * b.values.size() <= 100 * compared_values_max;
  if (!comparable) {
    return false;
  }
  bool all_by_case = true;
  for (const auto& [left_value, left] : a.values) {
    for (const auto& [right_value, right] : b.values) {
      bool case_only = false;
      if (!values_exclude(left, right, case_only)) {
        return false;
      }
      all_by_case &= case_only;
    }
  }
  by_case = all_by_case;
  return true;
}

// `f|all: [a, b]`: two whole values at once.
const DetectionValue* excluded_below_all(const LintItem& item) {
  if (!item.plan.all || item.plan.negated || item.item->field.empty()) {
    return nullptr;
  }
  for (std::size_t i = 1; i < item.values.size(); ++i) {
    bool by_case = false;
    if (values_exclude(item.values[0].second, item.values[i].second, by_case)) {
      return item.values[i].first;
    }
  }
  return nullptr;
}

// --- regular expressions, read roughly ---

constexpr std::string_view regex_special = ".^$|()[]{}*+?\\";

// The text of a pattern that holds nothing but characters, or nullopt.
std::optional<std::string> plain_regex(std::string_view pattern) {
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      const bool escapes = i + 1 < pattern.size() &&
                           static_cast<unsigned char>(pattern[i + 1]) < 0x80 &&
                           std::isalnum(static_cast<unsigned char>(pattern[i + 1])) == 0;
      if (!escapes) {
        return std::nullopt;
      }
      text += pattern[++i];
    } else if (regex_special.find(pattern[i]) != std::string_view::npos) {
      return std::nullopt;
    } else {
      text += pattern[i];
    }
  }
  return text;
}

// Three characters in a row that stand for themselves, anywhere: enough to be looked for first.
bool has_literal_run(std::string_view pattern) {
  std::size_t run = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '[') {
      run = 0;
      i += i + 1 < pattern.size() && pattern[i + 1] == '^' ? 2u : 1u;
      i += i < pattern.size() && pattern[i] == ']' ? 1u : 0u;
      while (i < pattern.size() && pattern[i] != ']') {
        i += pattern[i] == '\\' ? 2u : 1u;
      }
      continue;
    }
    if (c == '\\') {
      ++i;
      const bool is_class =
          i < pattern.size() && std::isalnum(static_cast<unsigned char>(pattern[i])) != 0;
      run = is_class ? 0 : run + 1;
    } else if (c == '*' || c == '?' || c == '{') {
      run = run > 0 ? run - 1 : 0;  // what stood before is optional
      if (run >= 3) {
        return true;
      }
      run = 0;
      while (c == '{' && i < pattern.size() && pattern[i] != '}') {
        ++i;
      }
    } else {
      run = regex_special.find(c) == std::string_view::npos ? run + 1 : 0;
    }
    const bool may_be_optional =
        i + 1 < pattern.size() &&
        (pattern[i + 1] == '*' || pattern[i + 1] == '?' || pattern[i + 1] == '{');
    if (run >= 3 && !may_be_optional) {
      return true;
    }
  }
  return false;
}

// --- the walk ---

class ValueLint {
 public:
  ValueLint(const SourceText& source, Diagnostics& diagnostics)
      : source_(source), diagnostics_(diagnostics) {}

  void walk(const DetectionNode& node) {
    if (node.kind == DetectionNode::Kind::item) {
      if (const std::optional<LintItem> item = lower_item(source_, node.item)) {
        check_item(*item);
      }
      return;
    }
    for (const DetectionNode& child : node.children) {
      walk(child);
    }
    if (node.kind == DetectionNode::Kind::all_of) {
      check_map(node);
    }
  }

 private:
  void warn(const SourceSpan& span, std::string code, std::string message, std::string hint) {
    diagnostics_.add(diagnostic_at(
        source_, span, Severity::warning, std::move(code), std::move(message), std::move(hint)));
  }

  void check_map(const DetectionNode& node) {
    std::unordered_map<std::string_view, std::vector<LintItem>> by_field;
    for (const DetectionNode& child : node.children) {
      if (child.kind != DetectionNode::Kind::item || node.children.size() > compared_values_max) {
        continue;
      }
      std::optional<LintItem> item = lower_item(source_, child.item);
      if (!item) {
        continue;
      }
      std::vector<LintItem>& others = by_field[child.item.field];
      for (const LintItem& other : others) {
        bool by_case = false;
        if (items_exclude(other, *item, by_case)) {
          warn(child.item.span,
               by_case ? "cased-never-matches" : "contradictory-values",
               "no single value of " + quoted(child.item.field) +
                   " can satisfy this and the item in line " +
                   std::to_string(other.item->span.line),
               by_case ? "the two differ in case only"
                       : "write one of them, or two selections joined with `or`");
        }
      }
      others.push_back(std::move(*item));
    }
  }

  void check_item(const LintItem& item) {
    check_duplicates(item);
    check_empty(item);
    check_leading_wildcards(item);
    if (const DetectionValue* value = excluded_below_all(item)) {
      warn(value->span,
           "contradictory-values",
           "no single value of " + quoted(item.item->field) + " is all of these at once",
           "drop `all` for any of them, or write `contains|all`");
    }
    for (const auto& [value, alternatives] : item.values) {
      for (const Predicate& predicate : alternatives.predicates) {
        if (predicate.op == Op::regex) {
          check_regex(*value, predicate);
        } else if (predicate.op == Op::time_part) {
          check_time_part(*value, predicate);
        } else if (predicate.op == Op::text) {
          check_text(item, *value, predicate);
        }
      }
    }
  }

  // `field:` with nothing behind it is most likely a value that was forgotten.
  void check_empty(const LintItem& item) {
    for (const auto& row : item.values) {
      const DetectionValue& value = *row.first;
      if (value.kind == DetectionValue::Kind::null && value.text.empty()) {
        warn(value.span,
             "empty-value",
             quoted(item.item->field) + " has no value: it matches where the field is missing",
             "write the value, or `null` if that is meant");
      }
    }
  }

  void check_duplicates(const LintItem& item) {
    std::unordered_map<std::string, std::uint32_t> lines;
    const bool folds = item.plan.last_stage == stage::plain || item.plan.last_stage == stage::text;
    const bool cased =
        std::any_of(item.plan.steps.begin(), item.plan.steps.end(), [](const auto* m) {
          return m->kind == ModifierKind::cased || m->kind == ModifierKind::base64 ||
                 m->kind == ModifierKind::base64_offset;
        });
    for (const auto& [value, alternatives] : item.values) {
      std::string key = folds && !cased ? fold(value->text) : value->text;
      key += static_cast<char>('0' + static_cast<int>(value->kind));
      const auto [first, added] = lines.emplace(std::move(key), value->span.line);
      if (!added) {
        warn(value->span,
             "duplicate-value",
             quoted(value->text) + " stands in this list already, in line " +
                 std::to_string(first->second),
             "drop one of them");
      }
    }
  }

  void check_text(const LintItem& item, const DetectionValue& value, const Predicate& predicate) {
    const std::vector<PatternElement>& elements = predicate.pattern.elements;
    const bool everything =
        elements.size() == 1 && elements[0].kind == PatternElement::Kind::any_run;
    // `field: '*'` is the usual way to ask for a value.
    if (everything && !(item.plan.steps.empty() && !item.item->field.empty())) {
      warn(value.span,
           "matches-everything",
           item.item->field.empty() ? "this keyword occurs in every record"
                                    : "this value matches whatever the field holds",
           item.item->field.empty() ? "write the text to look for"
                                    : "write the text to look for, or `exists: true`");
      return;
    }
    if (predicate.cased) {
      check_case(value, predicate);
    }
  }

  // `*x` and `*x*`, if all values of the item look so: a modifier could say it.
  void check_leading_wildcards(const LintItem& item) {
    if (!item.plan.steps.empty() || item.item->field.empty()) {
      return;
    }
    std::optional<bool> trailing;
    for (const auto& [value, alternatives] : item.values) {
      const std::vector<PatternElement>& elements =
          alternatives.predicates.front().pattern.elements;
      const bool leads = elements.size() >= 2 && elements.size() <= 3 &&
                         elements[0].kind == PatternElement::Kind::any_run &&
                         elements[1].kind == PatternElement::Kind::literal;
      const bool trails = elements.size() == 3 && elements[2].kind == PatternElement::Kind::any_run;
      if (!leads || trails != (elements.size() == 3) || trails != trailing.value_or(trails)) {
        return;
      }
      trailing = trails;
    }
    const DetectionValue& first = *item.values.front().first;
    const Pattern& pattern = item.values.front().second.predicates.front().pattern;
    warn(first.span,
         "leading-wildcard",
         quoted(first.text) + " only has wildcards at its ends",
         "write `" + printable(item.item->field) + (*trailing ? "|contains" : "|endswith") +
             (item.plan.all ? "|all" : "") + ": " + yaml_text(pattern.elements[1].literal) + "`");
  }

  // Fields of CloudTrail whose values are always written in one way.
  void check_case(const DetectionValue& value, const Predicate& predicate) {
    constexpr std::array<std::string_view, 2> lower_case = {"eventSource", "awsRegion"};
    constexpr std::array<std::pair<std::string_view, std::string_view>, 13> spellings = {{
        {"userIdentity.type", "Root"},
        {"userIdentity.type", "IAMUser"},
        {"userIdentity.type", "AssumedRole"},
        {"userIdentity.type", "Role"},
        {"userIdentity.type", "FederatedUser"},
        {"userIdentity.type", "AWSAccount"},
        {"userIdentity.type", "AWSService"},
        {"userIdentity.type", "SAMLUser"},
        {"userIdentity.type", "WebIdentityUser"},
        {"eventType", "AwsApiCall"},
        {"eventType", "AwsServiceEvent"},
        {"eventType", "AwsConsoleSignIn"},
        {"eventType", "AwsConsoleAction"},
    }};
    std::string right;
    for (const PatternElement& element : predicate.pattern.elements) {
      const bool lower_only =
          std::find(lower_case.begin(), lower_case.end(), predicate.field) != lower_case.end();
      if (lower_only && element.literal != fold(element.literal)) {
        right = fold(value.text);
      }
    }
    for (const auto& [field, spelling] : spellings) {
      if (predicate.field == field && is_literal_text(predicate) &&
          fold(literal_of(predicate)) == fold(spelling) && literal_of(predicate) != spelling) {
        right = std::string(spelling);
      }
    }
    if (!right.empty()) {
      warn(value.span,
           "cased-never-matches",
           quoted(predicate.field) + " is never written as " + quoted(value.text),
           "write " + quoted(right) + ", or drop `cased`");
    }
  }

  void check_regex(const DetectionValue& value, const Predicate& predicate) {
    std::string_view pattern = predicate.text;
    bool front = pattern.starts_with('^');
    pattern.remove_prefix(front ? 1 : 0);
    bool back = pattern.ends_with('$') && !pattern.ends_with("\\$");
    pattern.remove_suffix(back ? 1 : 0);
    if (pattern.starts_with(".*")) {
      front = false;
      pattern.remove_prefix(2);
    }
    if (pattern.ends_with(".*") && !pattern.ends_with("\\.*")) {
      back = false;
      pattern.remove_suffix(2);
    }
    const std::optional<std::string> text = plain_regex(pattern);
    if (!text) {
      if (!has_literal_run(predicate.text)) {
        warn(value.span,
             "regex-without-literal",
             "this regular expression holds no fixed text of three characters or more",
             "add a selection that picks the records to search");
      }
      return;
    }
    if (text->empty() && !(front && back)) {
      warn(value.span,
           "matches-everything",
           "this regular expression matches whatever the field holds",
           "write `exists: true`, or what to look for");
      return;
    }
    const bool ignores_case = predicate.regex_flags.find('i') != std::string::npos;
    const std::string modifier = front && back ? ""
                                 : front       ? "startswith"
                                 : back        ? "endswith"
                                               : "contains";
    std::string key = printable(predicate.field);
    key += modifier.empty() ? "" : "|" + modifier;
    key += ignores_case ? "" : "|cased";
    warn(value.span,
         "needless-regex",
         "this regular expression is a plain text",
         "write `" + key + ": " + yaml_text(*text) + "`" +
             (ignores_case ? "" : ", without `cased` where case does not matter"));
  }

  void check_time_part(const DetectionValue& value, const Predicate& predicate) {
    const auto [low, high] = limits_of(predicate.part);
    const int to_low = compare(predicate.number, integer(low));
    const int to_high = compare(predicate.number, integer(high));
    bool impossible = false;
    switch (predicate.part_compare) {
      case NumberCompare::equals:
        impossible = to_low < 0 || to_high > 0 || predicate.number.kind == Number::Kind::real;
        break;
      case NumberCompare::less:
        impossible = to_low <= 0;
        break;
      case NumberCompare::less_equal:
        impossible = to_low < 0;
        break;
      case NumberCompare::greater:
        impossible = to_high >= 0;
        break;
      case NumberCompare::greater_equal:
        impossible = to_high > 0;
        break;
    }
    if (impossible) {
      warn(value.span,
           "impossible-value",
           "no time satisfies this",
           "the part goes from " + std::to_string(low) + " to " + std::to_string(high));
    }
  }

  static std::pair<std::int64_t, std::int64_t> limits_of(TimePart part) {
    switch (part) {
      case TimePart::minute:
        return {0, 59};
      case TimePart::hour:
        return {0, 23};
      case TimePart::day:
        return {1, 31};
      case TimePart::week:
        return {1, 53};
      case TimePart::month:
        return {1, 12};
      case TimePart::year:
        return {1678, 2261};
    }
    return {0, 0};
  }

  static Number integer(std::int64_t value) {
    Number number;
    number.integer = value;
    return number;
  }

  const SourceText& source_;
  Diagnostics& diagnostics_;
};

}  // namespace

void lint_values(const SourceText& source, const Detection& detection, Diagnostics& diagnostics) {
  ValueLint lint(source, diagnostics);
  for (const DetectionSelection& selection : detection.selections) {
    lint.walk(selection.root);
  }
}

}  // namespace tocsin
