// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle/rule_oracle.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <optional>
#include <set>
#include <string_view>

#include "engine/base/cidr.h"
#include "engine/base/fold.h"
#include "engine/base/text.h"
#include "engine/base/time.h"
#include "engine/match/regex.h"
#include "tests/oracle/oracle_text.h"

namespace tocsin::testing {
namespace {

// --- the record ---

struct Found {
  const JsonNode* node = nullptr;
  bool element = false;  // of an array
};

// Every reading of `path` below `node`.
void walk(
    const JsonNode& node, std::string_view path, bool done, bool element, std::vector<Found>& out) {
  if (node.kind == JsonNode::Kind::array && !(done && node.children.empty())) {
    for (const JsonNode& child : node.children) {
      walk(child, path, done, true, out);
    }
  } else if (done) {
    out.push_back({&node, element});
  } else if (node.kind == JsonNode::Kind::object) {
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const std::string& key = node.keys[i];
      if (path == key) {
        walk(node.children[i], "", true, false, out);
      } else if (path.size() > key.size() && path.substr(0, key.size()) == key &&
                 path[key.size()] == '.') {
        walk(node.children[i], path.substr(key.size() + 1), false, false, out);
      }
    }
  }
}

void walk_scalars(const JsonNode& node, std::vector<Found>& out) {
  for (const JsonNode& child : node.children) {
    walk_scalars(child, out);
  }
  const bool scalar = node.kind == JsonNode::Kind::boolean || node.kind == JsonNode::Kind::number ||
                      node.kind == JsonNode::Kind::string;
  if (scalar) {
    out.push_back({&node, false});
  }
}

std::vector<Found> values_of(const JsonNode& record, const std::string& field) {
  std::vector<Found> found;
  if (field.empty()) {
    walk_scalars(record, found);
  } else {
    walk(record, field, false, false, found);
  }
  return found;
}

// The text that string operators see; none for null and [].
std::optional<std::string> text_of(const JsonNode& node) {
  switch (node.kind) {
    case JsonNode::Kind::null:
    case JsonNode::Kind::array:
      return std::nullopt;
    case JsonNode::Kind::object:
      return rule_text(node);
    case JsonNode::Kind::boolean:
    case JsonNode::Kind::number:
    case JsonNode::Kind::string:
      break;
  }
  return node.text;
}

// --- numbers ---

bool is_json_number(std::string_view text) {
  std::size_t at = text.substr(0, 1) == "-" ? 1 : 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      ++at;
    }
    return at - begin;
  };
  const std::size_t first = at;
  const std::size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[first] == '0')) {
    return false;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) {
      return false;
    }
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    at += at < text.size() && (text[at] == '+' || text[at] == '-') ? 1u : 0u;
    if (digits() == 0) {
      return false;
    }
  }
  return at == text.size();
}

// The 64 bits of an x87 mantissa hold every 64-bit integer and every double.
std::optional<long double> number_of(const std::string& text) {
  if (!is_json_number(text)) {
    return std::nullopt;
  }
  if (text.find_first_of(".eE") != std::string::npos) {
    const double real = std::strtod(text.c_str(), nullptr);
    return real - real == 0 ? std::optional<long double>(real) : std::nullopt;
  }
  errno = 0;
  if (text[0] == '-') {
    const long long integer = std::strtoll(text.c_str(), nullptr, 10);
    return errno == 0 ? std::optional<long double>(static_cast<long double>(integer))
                      : std::nullopt;
  }
  const unsigned long long integer = std::strtoull(text.c_str(), nullptr, 10);
  return errno == 0 ? std::optional<long double>(static_cast<long double>(integer)) : std::nullopt;
}

// A number as YAML writes it.
std::optional<long double> rule_number(std::string text) {
  const bool negative = text[0] == '-';
  if (text[0] == '+' || negative) {
    text.erase(0, 1);
  }
  if (text.rfind("0x", 0) == 0 || text.rfind("0o", 0) == 0) {
    errno = 0;
    text = std::to_string(std::strtoull(text.c_str() + 2, nullptr, text[1] == 'x' ? 16 : 8));
    if (errno != 0) {
      return std::nullopt;
    }
  }
  if (text[0] == '.') {
    text.insert(0, "0");
  }
  const std::size_t point = text.find('.');
  if (point != std::string::npos && (point + 1 == text.size() || (text[point + 1] | 32) == 'e')) {
    text.insert(point + 1, "0");
  }
  return number_of((negative ? "-" : "") + text);
}

bool compares(const std::string& how, long double left, long double right) {
  return how == "lt"    ? left < right
         : how == "lte" ? left <= right
         : how == "gt"  ? left > right
         : how == "gte" ? left >= right
                        : left == right;
}

// --- one item ---

class ItemJudge {
 public:
  ItemJudge(const FieldItem& item, const JsonNode& record, const Placeholders& placeholders)
      : item_(item), record_(record), placeholders_(placeholders) {
    for (const ModifierUse& modifier : item.modifiers) {
      names_.push_back(modifier.name);
    }
  }

  bool holds() const {
    const bool all = has("all");
    bool result = all;
    for (const DetectionValue& value : item_.values) {
      const bool one = value_holds(value);
      result = all ? result && one : result || one;
    }
    return has("neq") ? !result : result;
  }

 private:
  bool has(const std::string& name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  }
  std::string first_of(const std::set<std::string>& wanted) const {
    for (const std::string& name : names_) {
      if (wanted.count(name) > 0) {
        return name;
      }
    }
    return "";
  }

  bool any_value(const std::function<bool(const JsonNode&)>& test) const {
    for (const Found& found : values_of(record_, item_.field)) {
      if (test(*found.node)) {
        return true;
      }
    }
    return false;
  }
  bool any_text(const std::function<bool(const std::string&)>& test) const {
    return any_value([&](const JsonNode& node) {
      const std::optional<std::string> text = text_of(node);
      return text && test(*text);
    });
  }

  bool value_holds(const DetectionValue& value) const {
    const std::string compare = first_of({"lt", "lte", "gt", "gte"});
    const std::string part = first_of({"minute", "hour", "day", "week", "month", "year"});
    if (has("exists")) {
      const bool wanted = (value.text[0] | 32) == 't';
      return values_of(record_, item_.field).empty() != wanted;
    }
    if (has("re")) {
      return regex_holds(value.text);
    }
    if (!part.empty()) {
      return time_holds(part, compare, *rule_number(value.text));
    }
    if (!compare.empty()) {
      return number_compares(compare, value.text);
    }
    if (has("cidr")) {
      return cidr_holds(value.text);
    }
    if (has("fieldref")) {
      return reference_holds(value.text);
    }
    return value.kind == DetectionValue::Kind::string ? string_holds(value.text)
                                                      : untouched_holds(value);
  }

  bool untouched_holds(const DetectionValue& value) const {
    if (item_.field.empty()) {
      return string_holds(value.text);
    }
    if (value.kind == DetectionValue::Kind::null) {
      const std::vector<Found> found = values_of(record_, item_.field);
      return found.empty() || std::any_of(found.begin(), found.end(), [](const Found& f) {
               return f.node->kind == JsonNode::Kind::null && !f.element;
             });
    }
    if (value.kind == DetectionValue::Kind::boolean) {
      const std::string wanted = (value.text[0] | 32) == 't' ? "true" : "false";
      return any_value([&](const JsonNode& node) {
        return (node.kind == JsonNode::Kind::boolean && node.text == wanted) ||
               (node.kind == JsonNode::Kind::string && fold(node.text) == wanted);
      });
    }
    const std::optional<long double> number = rule_number(value.text);
    if (!number) {
      return string_holds(value.text);
    }
    return any_value([&](const JsonNode& node) {
      return (node.kind == JsonNode::Kind::number && number_of(node.text) == number) ||
             (node.kind == JsonNode::Kind::string && node.text == value.text);
    });
  }

  bool string_holds(const std::string& text) const {
    StringValue value = start(text);
    bool anchored = false;
    for (const std::string& name : names_) {
      apply(name, value, anchored);
    }
    if (item_.field.empty() && !anchored) {
      apply("contains", value, anchored);
    }
    const bool cased = has("cased");
    return any_text([&](const std::string& candidate) {
      const Units units = code_points(candidate);
      return std::any_of(value.units.begin(), value.units.end(), [&](const Units& pattern) {
        return wildcard_match(pattern, units, cased);
      });
    });
  }

  StringValue start(const std::string& text) const {
    StringValue value;
    if (has("expand")) {
      expand_units(code_points(text), 0, Units(), placeholders_, value.units);
    } else {
      value.units.push_back(parse_units(code_points(text)));
    }
    return value;
  }

  static void apply(const std::string& name, StringValue& value, bool& anchored) {
    const bool front = name == "contains" || name == "endswith";
    const bool back = name == "contains" || name == "startswith";
    anchored |= front || back;
    for (Units& units : value.units) {
      units = (front ? Units(1, any_run) : Units()) + units + (back ? Units(1, any_run) : Units());
      if (name == "windash") {
        units = mark_dashes(units);
      }
    }
    if (name == "windash") {
      value.bytes = false;
    } else if (name == "base64" || name == "base64offset") {
      apply_base64(value, name == "base64offset");
    } else if (name == "wide" || name == "utf16le" || name == "utf16be" || name == "utf16") {
      apply_wide(value, name == "utf16be", name == "utf16");
    }
  }

  bool regex_holds(const std::string& pattern) const {
    std::string flags;
    flags += has("i") || has("ignorecase") ? "i" : "";
    flags += has("m") || has("multiline") ? "m" : "";
    flags += has("s") || has("dotall") ? "s" : "";
    const auto regex = Regex::compile(pattern, flags);
    return any_text([&](const std::string& text) { return (*regex)->search(text); });
  }

  bool time_holds(const std::string& part, const std::string& compare, long double number) const {
    return any_value([&](const JsonNode& node) {
      const bool scalar =
          node.kind == JsonNode::Kind::string || node.kind == JsonNode::Kind::number;
      const std::optional<TimeNs> time = scalar ? parse_time(node.text) : std::nullopt;
      if (!time) {
        return false;
      }
      const CalendarParts parts = calendar_parts(*time);
      const std::map<std::string, std::int32_t> named = {{"minute", parts.minute},
                                                         {"hour", parts.hour},
                                                         {"day", parts.day},
                                                         {"week", parts.week},
                                                         {"month", parts.month},
                                                         {"year", parts.year}};
      return compares(compare, named.at(part), number);
    });
  }

  bool number_compares(const std::string& compare, const std::string& text) const {
    std::optional<long double> limit = rule_number(text);
    if (!limit) {
      limit = rule_number(text + ".0");
    }
    return any_value([&](const JsonNode& node) {
      const bool may = node.kind == JsonNode::Kind::string || node.kind == JsonNode::Kind::number;
      const std::optional<long double> number = may ? number_of(node.text) : std::nullopt;
      return number && compares(compare, *number, *limit);
    });
  }

  bool cidr_holds(const std::string& text) const {
    std::vector<std::string> networks = {text};
    if (has("expand")) {
      networks.clear();
      for (const Units& units : start(text).units) {
        networks.push_back(utf8(units));
      }
    }
    return any_value([&](const JsonNode& node) {
      const std::optional<IpAddress> address =
          node.kind == JsonNode::Kind::string ? parse_ip(node.text) : std::nullopt;
      return address &&
             std::any_of(networks.begin(), networks.end(), [&](const std::string& network) {
               return parse_network(network)->contains(*address);
             });
    });
  }

  bool reference_holds(const std::string& text) const {
    const bool front = has("startswith") || has("contains");
    const bool back = has("endswith") || has("contains");
    for (const Units& name : start(text).units) {
      for (const Found& other : values_of(record_, utf8(name))) {
        const std::optional<std::string> right = text_of(*other.node);
        if (!right) {
          continue;
        }
        const Units wanted = (back ? Units(1, any_run) : Units()) + code_points(*right) +
                             (front ? Units(1, any_run) : Units());
        if (any_text([&](const std::string& left) {
              return wildcard_match(wanted, code_points(left), has("cased"));
            })) {
          return true;
        }
      }
    }
    return false;
  }

  const FieldItem& item_;
  const JsonNode& record_;
  const Placeholders& placeholders_;
  std::vector<std::string> names_;
};

// --- selections and conditions ---

class Judge {
 public:
  Judge(const Detection& detection, const JsonNode& record, const Placeholders& placeholders)
      : detection_(detection), record_(record), placeholders_(placeholders) {}

  bool holds(const ConditionNode& node) const {
    const auto child = [&](const ConditionNode& c) { return holds(c); };
    switch (node.kind) {
      case ConditionNode::Kind::all_of:
        return std::all_of(node.children.begin(), node.children.end(), child);
      case ConditionNode::Kind::any_of:
        return std::any_of(node.children.begin(), node.children.end(), child);
      case ConditionNode::Kind::negation:
        return !holds(node.children[0]);
      case ConditionNode::Kind::identifier:
        return selection_holds(node.name);
      case ConditionNode::Kind::one_of:
      case ConditionNode::Kind::each_of:
        break;
    }
    bool any = false;
    bool all = true;
    for (const DetectionSelection& selection : detection_.selections) {
      if (selected(node.name, selection.name)) {
        const bool one = holds(selection.root);
        any |= one;
        all &= one;
      }
    }
    return node.kind == ConditionNode::Kind::one_of ? any : all;
  }

 private:
  static bool selected(const std::string& pattern, const std::string& name) {
    if (name[0] == '_' && pattern[0] != '_') {
      return false;
    }
    return pattern == "them" || glob(pattern, name);
  }
  static bool glob(std::string_view pattern, std::string_view name) {
    if (pattern.empty() || name.empty()) {
      return pattern.find_first_not_of('*') == std::string_view::npos && name.empty();
    }
    if (pattern[0] == '*') {
      return glob(pattern.substr(1), name) || glob(pattern, name.substr(1));
    }
    return pattern[0] == name[0] && glob(pattern.substr(1), name.substr(1));
  }

  bool selection_holds(const std::string& name) const {
    for (const DetectionSelection& selection : detection_.selections) {
      if (selection.name == name) {
        return holds(selection.root);
      }
    }
    return false;
  }

  bool holds(const DetectionNode& node) const {
    const auto child = [&](const DetectionNode& c) { return holds(c); };
    switch (node.kind) {
      case DetectionNode::Kind::all_of:
        return std::all_of(node.children.begin(), node.children.end(), child);
      case DetectionNode::Kind::any_of:
        return std::any_of(node.children.begin(), node.children.end(), child);
      case DetectionNode::Kind::item:
        break;
    }
    return ItemJudge(node.item, record_, placeholders_).holds();
  }

  const Detection& detection_;
  const JsonNode& record_;
  const Placeholders& placeholders_;
};

}  // namespace

bool oracle_matches(const Detection& detection,
                    const JsonNode& record,
                    const std::map<std::string, std::vector<std::string>>& placeholders) {
  const Judge judge(detection, record, placeholders);
  return std::any_of(detection.conditions.begin(),
                     detection.conditions.end(),
                     [&](const ConditionNode& condition) { return judge.holds(condition); });
}

}  // namespace tocsin::testing
