// SPDX-License-Identifier: Apache-2.0
#include "rules/metadata.h"

#include <algorithm>
#include <array>
#include <optional>

#include "engine/base/text.h"
#include "engine/base/time.h"
#include "rules/keys.h"

namespace tocsin {
namespace {

using Kind = YamlNode::Kind;

constexpr std::size_t title_code_points_max = 256;           // ATT-02
constexpr std::size_t description_code_points_max = 65'535;  // ATT-09

constexpr std::array<std::string_view, 5> statuses = {
    "unsupported", "deprecated", "experimental", "test", "stable"};
constexpr std::array<std::string_view, 5> levels = {
    "informational", "low", "medium", "high", "critical"};
constexpr std::array<std::string_view, 6> related_types = {
    "derived", "obsolete", "merged", "renamed", "similar", "correlation"};

// Every key that is not a custom attribute.
constexpr std::array<DocumentKey, 22> known_keys = {{
    {"title", "text", "what the rule finds, in a few words; alerts begin with it"},
    {"id", "uuid", "a UUID of its own; alerts and state are bound to it"},
    {"name", "text", "a name that correlations and filters refer to"},
    {"related", "list", "rules that this one comes from or replaces: id and type"},
    {"taxonomy", "text", "the names of fields that the rule uses"},
    {"status",
     "unsupported | deprecated | experimental | test | stable",
     "how far the rule can be trusted"},
    {"description", "text", "what the rule finds and why it matters"},
    {"author", "text", "who wrote the rule"},
    {"license", "text", "the licence of the rule, as an SPDX name"},
    {"references", "texts", "where more can be read"},
    {"date", "date", "when the rule was written: YYYY-MM-DD"},
    {"modified", "date", "when its meaning changed last: YYYY-MM-DD"},
    {"fields", "texts", "fields of the record to look at first"},
    {"falsepositives", "texts", "what else makes the rule fire"},
    {"level",
     "informational | low | medium | high | critical",
     "how bad a match is; medium where it is missing"},
    {"tags", "texts", "namespace.name, as attack.t1078"},
    {"scope", "texts", "what the rule is meant for, as servers"},
    {"logsource", "map", "which log the rule is for: category, product, service"},
    {"detection", "map", "selections, and a condition over them"},
    {"correlation", "map", "how matches of other rules go together"},
    {"filter", "map", "what other rules should leave out"},
    {"tocsin", "map", "what tocsin adds to Sigma"},
}};

std::string_view kind_text(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
    case Kind::real:
      return "a number";
    case Kind::string:
      return "a text";
    case Kind::sequence:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return {};
}

void wrong_type(const YamlNode& node,
                std::string_view key,
                std::string_view wanted,
                Problems& problems) {
  std::string message = "`" + std::string(key) + "` is " + std::string(kind_text(node.kind)) +
                        "; it has to be " + std::string(wanted);
  const bool scalar = node.is_scalar() && node.kind != Kind::null;
  std::string hint;
  if (scalar && wanted == "a text") {
    hint = "put it into quotes";
  } else if (scalar && wanted == "a list") {
    hint = "write each element on a line of its own, behind a dash: `- " +
           printable(shorten(node.text, 60)) + "`";
  }
  problems.label(node, "attribute-type", std::move(message), std::move(hint));
}

// A text attribute; null counts as absent. What is a scalar of another type keeps its text.
std::string read_text(const YamlNode& node, std::string_view key, Problems& problems) {
  if (node.kind == Kind::null) {
    return {};
  }
  if (node.kind != Kind::string) {
    wrong_type(node, key, "a text", problems);
  }
  return node.is_scalar() ? node.text : std::string();
}

std::vector<std::string> read_list(const YamlNode& node, std::string_view key, Problems& problems) {
  std::vector<std::string> out;
  if (node.kind == Kind::null) {
    return out;
  }
  if (node.kind != Kind::sequence) {
    wrong_type(node, key, "a list", problems);
    if (node.is_scalar()) {
      out.push_back(node.text);
    }
    return out;
  }
  out.reserve(node.items.size());
  for (const YamlNode& item : node.items) {
    if (item.kind != Kind::string) {
      problems.label(item,
                     "attribute-type",
                     "an element of `" + std::string(key) + "` is " +
                         std::string(kind_text(item.kind)) + "; it has to be a text");
    }
    if (item.is_scalar() && item.kind != Kind::null) {
      out.push_back(item.text);
    }
  }
  return out;
}

std::vector<std::string> read_tags(const YamlNode& node, Problems& problems) {
  std::vector<std::string> tags = read_list(node, "tags", problems);
  if (node.kind != Kind::sequence) {
    return tags;
  }
  for (const YamlNode& item : node.items) {
    const std::size_t dot = item.text.find('.');
    if (item.kind == Kind::string &&
        (dot == std::string::npos || dot == 0 || dot + 1 == item.text.size())) {
      problems.label(
          item,
          "invalid-tag",
          "the tag `" + shorten(item.text, 60) + "` is not a namespace, a dot and a name",
          "write it as in attack.t1078");
    }
  }
  return tags;
}

// A date in ISO form, or nothing. The form with slashes is that of Sigma 1 (ATT-11).
std::string read_date(const YamlNode& node, std::string_view key, Problems& problems) {
  if (node.kind == Kind::null) {
    return {};
  }
  std::string text = node.is_scalar() ? node.text : std::string();
  if (text.size() == 10 && text[4] == '/' && text[7] == '/') {
    text[4] = '-';
    text[7] = '-';
  }
  const bool shape = text.size() == 10 && text[4] == '-' && text[7] == '-' &&
                     text.find_first_not_of("0123456789-") == std::string::npos;
  if (node.kind == Kind::string && shape && parse_rfc3339(text + "T00:00:00Z")) {
    return text;
  }
  problems.label(node,
                 "invalid-date",
                 "`" + std::string(key) + "` is no date of the calendar",
                 "write YYYY-MM-DD");
  return {};
}

std::string read_status(const YamlNode& node, Problems& problems) {
  if (node.kind == Kind::null) {
    return {};
  }
  const std::string status = node.kind == Kind::string ? ascii_lower(node.text) : std::string();
  if (std::find(statuses.begin(), statuses.end(), status) != statuses.end()) {
    return status;
  }
  std::string hint = suggestion(status, statuses);
  problems.label(
      node,
      "invalid-status",
      "unknown status",
      hint.empty() ? "write stable, test, experimental, deprecated or unsupported" : hint);
  return {};
}

std::optional<Level> read_level(const YamlNode& node, Problems& problems) {
  if (node.kind == Kind::null) {
    return std::nullopt;
  }
  const std::optional<Level> level =
      node.kind == Kind::string ? parse_level(node.text) : std::optional<Level>();
  if (!level) {
    std::string hint = suggestion(node.is_scalar() ? node.text : std::string(), levels);
    problems.label(node,
                   "invalid-level",
                   "unknown level; it counts as medium",
                   hint.empty() ? "write informational, low, medium, high or critical" : hint);
  }
  return level;
}

std::optional<RelatedRule> read_related_item(const YamlNode& item, Problems& problems) {
  const auto bad = [&](const YamlNode& place, std::string message, std::string hint = {}) {
    problems.label(place, "invalid-related", std::move(message), std::move(hint));
    return std::nullopt;
  };
  if (item.kind != Kind::map) {
    return bad(item,
               "an element of `related` has to be a map with `id` and `type`",
               "write `- id: UUID` and below it `type: derived`");
  }
  const YamlNode* id = item.get("id");
  const YamlNode* type = item.get("type");
  if (id == nullptr || type == nullptr) {
    return bad(item,
               id == nullptr ? "`related` without `id`" : "`related` without `type`",
               id == nullptr ? "write the UUID of the other rule"
                             : "write derived, obsolete, merged, renamed or similar");
  }
  if (id->kind != Kind::string || !is_uuid(id->text)) {
    return bad(*id, "the `id` in `related` is no UUID", "write the `id` of the other rule");
  }
  if (type->kind != Kind::string ||
      std::find(related_types.begin(), related_types.end(), type->text) == related_types.end()) {
    std::string hint = suggestion(type->text, related_types);
    return bad(*type,
               "unknown type of relation",
               hint.empty() ? "write derived, obsolete, merged, renamed or similar" : hint);
  }
  return RelatedRule{id->text, type->text};
}

std::vector<RelatedRule> read_related(const YamlNode& node, Problems& problems) {
  std::vector<RelatedRule> out;
  if (node.kind == Kind::null) {
    return out;
  }
  if (node.kind != Kind::sequence) {
    wrong_type(node, "related", "a list", problems);
    return out;
  }
  for (const YamlNode& item : node.items) {
    if (std::optional<RelatedRule> related = read_related_item(item, problems)) {
      out.push_back(std::move(*related));
    }
  }
  return out;
}

// A text that has to hold something where it is given.
std::string read_non_empty(const YamlNode& node, std::string_view key, Problems& problems) {
  if (node.kind == Kind::string && node.text.empty()) {
    problems.label(node,
                   "empty-attribute",
                   "`" + std::string(key) + "` is empty",
                   "leave it out, or give it a value");
  }
  return read_text(node, key, problems);
}

std::string read_id(const YamlNode& node, Problems& problems) {
  if (node.kind == Kind::null) {
    return {};
  }
  if (node.kind != Kind::string || !is_uuid(node.text)) {
    problems.label(
        node,
        "invalid-id",
        "`id` is no UUID",
        "write five groups of 8, 4, 4, 4 and 12 hexadecimal digits, as uuidgen prints them");
  }
  return node.is_scalar() ? node.text : std::string();
}

std::string read_description(const YamlNode& node, Problems& problems) {
  std::string text = read_text(node, "description", problems);
  if (text.size() > description_code_points_max &&
      count_code_points(text) > description_code_points_max) {
    problems.label(node,
                   "attribute-length",
                   "`description` has more than " + with_thousands(description_code_points_max) +
                       " characters");
  }
  return text;
}

void read_title(const YamlNode& root, Problems& problems, Metadata& out) {
  const YamlNode* node = root.get("title");
  if (node != nullptr && node->kind != Kind::null) {
    out.title = span_of(*node);
    out.info.title = read_non_empty(*node, "title", problems);
    if (count_code_points(out.info.title) > title_code_points_max) {
      problems.label(
          *node,
          "attribute-length",
          "`title` has more than " + std::to_string(title_code_points_max) + " characters",
          "move the details to `description`");
    }
  } else {
    const YamlNode* near = node == nullptr ? near_key(root, "title") : nullptr;
    problems.label(node != nullptr   ? out.title
                   : near != nullptr ? span_of(*near)
                                     : span_of(root),
                   "missing-title",
                   "no title; file and line stand in for it",
                   near != nullptr ? misspelt(*near, "title") : "add `title:`");
  }
  out.has_title = !out.info.title.empty();
  if (!out.has_title) {
    out.info.title = problems.source().name + ":" + std::to_string(root.line);
  }
}

// One of category, product, service; null counts as absent (LOG-02).
std::string read_source_attribute(const YamlNode& log_source,
                                  std::string_view key,
                                  Problems& problems) {
  const YamlNode* node = log_source.get(key);
  if (node == nullptr || node->kind == Kind::null) {
    return {};
  }
  if (node->kind != Kind::string || (node->text.empty() && key != "definition")) {
    problems.error(*node,
                   "logsource-type",
                   "`" + std::string(key) + "` of a log source has to be a text" +
                       (node->kind == Kind::string ? " that is not empty" : ""),
                   node->kind == Kind::sequence ? "write one rule for each"
                                                : "write it, or leave the key out");
    return {};
  }
  return node->text;
}

void read_log_source(const YamlNode& root, RuleKind kind, Problems& problems, RuleInfo& info) {
  const YamlNode* node = root.get("logsource");
  if (kind == RuleKind::correlation && node == nullptr) {
    return;
  }
  constexpr std::string_view hint =
      "write `logsource:` and below it one or more of category, product and service";
  if (node == nullptr) {
    const YamlNode* near = near_key(root, "logsource");
    problems.error(near != nullptr ? *near : root,
                   "missing-logsource",
                   "no `logsource`",
                   near != nullptr ? misspelt(*near, "logsource") : std::string(hint));
    return;
  }
  if (node->kind != Kind::map) {
    problems.error(*node,
                   "logsource-type",
                   "`logsource` is " + std::string(kind_text(node->kind)),
                   std::string(hint));
    return;
  }
  info.log_source.category = read_source_attribute(*node, "category", problems);
  info.log_source.product = read_source_attribute(*node, "product", problems);
  info.log_source.service = read_source_attribute(*node, "service", problems);
  info.log_source_definition = read_source_attribute(*node, "definition", problems);
  if (node->get("category") == nullptr && node->get("product") == nullptr &&
      node->get("service") == nullptr) {
    problems.error(*node,
                   "missing-logsource",
                   "`logsource` has none of category, product and service",
                   "write at least one of them");
  } else if (info.log_source == LogSource() && !problems.rejected()) {
    problems.error(*node,
                   "missing-logsource",
                   "`logsource` gives no value",
                   "write the category, product or service of the log");
  }
}

void read_attribute(std::string_view key,
                    const YamlNode& value,
                    Problems& problems,
                    RuleInfo& info) {
  if (key == "id") {
    info.id = read_id(value, problems);
  } else if (key == "name") {
    info.name = read_non_empty(value, key, problems);
  } else if (key == "related") {
    info.related = read_related(value, problems);
  } else if (key == "taxonomy") {
    info.taxonomy = read_non_empty(value, key, problems);
  } else if (key == "status") {
    info.status = read_status(value, problems);
  } else if (key == "level") {
    info.level = read_level(value, problems);
  } else if (key == "description") {
    info.description = read_description(value, problems);
  } else if (key == "author") {
    info.author = read_text(value, key, problems);
  } else if (key == "license") {
    info.license = read_text(value, key, problems);
  } else if (key == "date") {
    info.date = read_date(value, key, problems);
  } else if (key == "modified") {
    info.modified = read_date(value, key, problems);
  } else if (key == "tags") {
    info.tags = read_tags(value, problems);
  } else if (key == "references") {
    info.references = read_list(value, key, problems);
  } else if (key == "falsepositives") {
    info.falsepositives = read_list(value, key, problems);
  } else if (key == "fields") {
    info.fields = read_list(value, key, problems);
  } else if (key == "scope") {
    info.scope = read_list(value, key, problems);
  } else if (key == "tocsin") {
    info.extensions = read_extensions(value, info.kind, problems);
  }
}

std::vector<std::string> read_ignored_codes(const YamlNode& extensions) {
  std::vector<std::string> out;
  if (const YamlNode* codes = extensions.get("ignore")) {
    for (const YamlNode& code : codes->items) {
      out.push_back(code.text);
    }
  }
  return out;
}

bool is_document_key(std::string_view key) {
  return std::any_of(known_keys.begin(), known_keys.end(), [&](const DocumentKey& row) {
    return row.name == key;
  });
}

bool is_known(std::string_view key, RuleKind kind) {
  return is_document_key(key) || (kind == RuleKind::correlation && key == "generate");
}

}  // namespace

Metadata read_metadata(const YamlNode& root, RuleKind kind, Problems& problems) {
  Metadata out;
  const SourceSpan start{root.line, root.column, 1};
  out.title = out.id = out.name = start;
  RuleInfo& info = out.info;
  info.kind = kind;
  info.file = problems.source().name;
  info.line = root.line;
  read_title(root, problems, out);
  for (const YamlMember& member : root.members) {
    const std::string& key = member.first.text;
    if (!is_known(key, kind)) {
      info.custom.emplace(key, to_json(member.second));
      continue;
    }
    if (key == "tocsin") {
      out.ignored_codes = read_ignored_codes(member.second);
    } else if (key == "id") {
      out.id = span_of(member.second);
    } else if (key == "name") {
      out.name = span_of(member.second);
    } else if (key == "tags") {
      for (const YamlNode& tag : member.second.items) {
        if (tag.is_scalar() && tag.kind != Kind::null) {
          out.tags.push_back(span_of(tag));
        }
      }
    } else if (key == "level") {
      out.has_level = member.second.kind != Kind::null;
    }
    read_attribute(key, member.second, problems, info);
  }
  read_log_source(root, kind, problems, info);
  return out;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hexadecimal =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hexadecimal) {
      return false;
    }
  }
  return true;
}

std::span<const DocumentKey> document_keys() {
  return known_keys;
}

const YamlNode* near_key(const YamlNode& map, std::string_view wanted) {
  for (const YamlMember& member : map.members) {
    const std::string_view key = member.first.text;
    if (!is_document_key(key) && did_you_mean(key, std::span<const std::string_view>(&wanted, 1))) {
      return &member.first;
    }
  }
  return nullptr;
}

std::string misspelt(const YamlNode& key, std::string_view wanted) {
  return "did you mean `" + std::string(wanted) + "` by `" + printable(shorten(key.text, 60)) +
         "`?";
}

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates) {
  const std::optional<std::string> near = did_you_mean(word, candidates);
  return near ? "did you mean `" + *near + "`?" : std::string();
}

}  // namespace tocsin
