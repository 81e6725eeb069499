// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle/naive_match.h"

#include <algorithm>
#include <string>

#include "engine/base/fold.h"
#include "engine/base/text.h"
#include "engine/base/time.h"
#include "engine/match/regex.h"

namespace tocsin::testing {
namespace {

using Kind = PatternElement::Kind;

struct Found {
  const JsonNode* node = nullptr;
  bool element = false;
};

std::u32string code_points(std::string_view text) {
  std::u32string out;
  for (std::size_t at = 0; at < text.size();) {
    out += next_code_point(text, at);
  }
  return out;
}

bool fits(const Pattern& pattern, std::size_t element, std::u32string_view text) {
  if (element == pattern.elements.size()) {
    return text.empty();
  }
  const PatternElement& now = pattern.elements[element];
  switch (now.kind) {
    case Kind::literal: {
      const std::u32string literal = code_points(now.literal);
      return text.starts_with(literal) && fits(pattern, element + 1, text.substr(literal.size()));
    }
    case Kind::any_one:
      return !text.empty() && fits(pattern, element + 1, text.substr(1));
    case Kind::dash:
      return !text.empty() &&
             std::u32string_view(U"-/\u2013\u2014\u2015").find(text[0]) != text.npos &&
             fits(pattern, element + 1, text.substr(1));
    case Kind::any_run:
      for (std::size_t skip = 0; skip <= text.size(); ++skip) {
        if (fits(pattern, element + 1, text.substr(skip))) {
          return true;
        }
      }
      return false;
  }
  return false;
}

void walk(
    const JsonNode& node, std::string_view path, bool done, bool element, std::vector<Found>& out) {
  if (node.kind == JsonNode::Kind::array && (!done || !node.children.empty())) {
    for (const JsonNode& child : node.children) {
      walk(child, path, done, true, out);
    }
    return;
  }
  if (done) {
    out.push_back({&node, element});
    return;
  }
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    if (node.keys[i] == path) {
      walk(node.children[i], {}, true, false, out);
    } else if (path.starts_with(node.keys[i] + ".")) {
      walk(node.children[i], path.substr(node.keys[i].size() + 1), false, false, out);
    }
  }
}

void walk_scalars(const JsonNode& node, std::vector<Found>& out) {
  for (const JsonNode& child : node.children) {
    walk_scalars(child, out);
  }
  if (node.kind == JsonNode::Kind::boolean || node.kind == JsonNode::Kind::number ||
      node.kind == JsonNode::Kind::string) {
    out.push_back({&node, false});
  }
}

std::vector<Found> values_of(const JsonNode& record, const std::string& field) {
  std::vector<Found> out;
  if (field.empty()) {
    walk_scalars(record, out);
  } else {
    walk(record, field, false, false, out);
  }
  return out;
}

bool has_text(const JsonNode& node) {
  return node.kind != JsonNode::Kind::null && node.kind != JsonNode::Kind::array;
}

bool is_string(const JsonNode& node) {
  return node.kind == JsonNode::Kind::string;
}
bool is_number(const JsonNode& node) {
  return node.kind == JsonNode::Kind::number;
}

std::string subject(const JsonNode& node, bool cased) {
  const std::string text = rule_text(node);
  return cased ? text : fold(std::string_view(text));
}

bool order_fits(NumberCompare how, int order) {
  switch (how) {
    case NumberCompare::equals:
      return order == 0;
    case NumberCompare::less:
      return order < 0;
    case NumberCompare::less_equal:
      return order <= 0;
    case NumberCompare::greater:
      return order > 0;
    case NumberCompare::greater_equal:
      return order >= 0;
  }
  return false;
}

bool number_fits(NumberCompare how, const JsonNode& node, const Number& operand) {
  Number number;
  return (is_string(node) || is_number(node)) && parse_number(node.text, number) &&
         order_fits(how, compare(number, operand));
}

bool time_fits(const Predicate& predicate, const JsonNode& node) {
  if (!is_string(node) && !is_number(node)) {
    return false;
  }
  const auto time = parse_time(node.text);
  if (!time) {
    return false;
  }
  const CalendarParts parts = calendar_parts(*time);
  const std::int32_t by_part[] = {
      parts.minute, parts.hour, parts.day, parts.week, parts.month, parts.year};
  Number part;
  part.integer = by_part[static_cast<std::size_t>(predicate.part)];
  return order_fits(predicate.part_compare, compare(part, predicate.number));
}

bool refers(const Predicate& predicate, const JsonNode& node, const JsonNode& record) {
  const std::string text = subject(node, predicate.cased);
  for (const Found& other : values_of(record, predicate.other_field)) {
    if (!has_text(*other.node)) {
      continue;
    }
    const std::string wanted = subject(*other.node, predicate.cased);
    const std::size_t at = text.find(wanted);
    switch (predicate.field_compare) {
      case FieldCompare::equals:
        if (text == wanted) {
          return true;
        }
        break;
      case FieldCompare::contains:
        if (at != std::string::npos) {
          return true;
        }
        break;
      case FieldCompare::starts_with:
        if (at == 0) {
          return true;
        }
        break;
      case FieldCompare::ends_with:
        if (text.size() >= wanted.size() && text.substr(text.size() - wanted.size()) == wanted) {
          return true;
        }
        break;
    }
  }
  return false;
}

bool text_fits(const Predicate& predicate, const JsonNode& node) {
  Pattern pattern = predicate.pattern;
  if (!predicate.cased) {
    for (PatternElement& element : pattern.elements) {
      element.literal = fold(std::string_view(element.literal));
    }
  }
  return naive_pattern(pattern, subject(node, predicate.cased));
}

bool value_fits(const Predicate& predicate, const JsonNode& node, const JsonNode& record) {
  if (predicate.op == Op::exists) {
    return true;
  }
  if (!has_text(node)) {
    return false;
  }
  Number number;
  switch (predicate.op) {
    case Op::text:
      return text_fits(predicate, node);
    case Op::number:
      if (is_number(node) && parse_number(node.text, number)) {
        return compare(number, predicate.number) == 0;
      }
      return (is_number(node) || is_string(node)) &&
             fold(std::string_view(node.text)) == fold(std::string_view(predicate.text));
    case Op::boolean:
      return (node.kind == JsonNode::Kind::boolean || is_string(node)) &&
             fold(std::string_view(node.text)) == predicate.text;
    case Op::is_null:
    case Op::exists:
      return false;
    case Op::regex: {
      const auto regex = Regex::compile(predicate.text, predicate.regex_flags);
      return regex && (*regex)->search(rule_text(node));
    }
    case Op::cidr: {
      const auto address = parse_ip(node.text);
      return (is_string(node) || is_number(node)) && address &&
             predicate.network.contains(*address);
    }
    case Op::less:
      return number_fits(NumberCompare::less, node, predicate.number);
    case Op::less_equal:
      return number_fits(NumberCompare::less_equal, node, predicate.number);
    case Op::greater:
      return number_fits(NumberCompare::greater, node, predicate.number);
    case Op::greater_equal:
      return number_fits(NumberCompare::greater_equal, node, predicate.number);
    case Op::field:
      return refers(predicate, node, record);
    case Op::time_part:
      return time_fits(predicate, node);
  }
  return false;
}

}  // namespace

bool naive_pattern(const Pattern& pattern, std::string_view text) {
  return fits(pattern, 0, code_points(text));
}

bool naive_holds(const Predicate& predicate, const JsonNode& record) {
  const std::vector<Found> values = values_of(record, predicate.field);
  if (predicate.op == Op::is_null) {
    return values.empty() || std::any_of(values.begin(), values.end(), [](const Found& found) {
             return found.node->kind == JsonNode::Kind::null && !found.element;
           });
  }
  return std::any_of(values.begin(), values.end(), [&](const Found& found) {
    return value_fits(predicate, *found.node, record);
  });
}

bool naive_holds(const NaiveExpr& expr, const JsonNode& record) {
  const auto holds = [&record](const NaiveExpr& child) { return naive_holds(child, record); };
  switch (expr.kind) {
    case NaiveExpr::Kind::predicate:
      return naive_holds(expr.predicate, record);
    case NaiveExpr::Kind::all_of:
      return std::all_of(expr.children.begin(), expr.children.end(), holds);
    case NaiveExpr::Kind::any_of:
      return std::any_of(expr.children.begin(), expr.children.end(), holds);
    case NaiveExpr::Kind::negation:
      return !holds(expr.children.front());
  }
  return false;
}

}  // namespace tocsin::testing
