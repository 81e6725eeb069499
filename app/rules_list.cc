// SPDX-License-Identifier: Apache-2.0
// tocsin rules list and tocsin rules fields.
#include <algorithm>
#include <map>

#include "alerts/json_writer.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/session.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

// The classes of records that a detection rule meets; nothing for correlations and filters.
std::vector<std::string> met_by(const RuleInfo& info, const Routing& routing) {
  std::vector<std::string> names;
  for (const Audience& audience : routing.audiences) {
    if (info.kind == RuleKind::detection && audience.meets(info.log_source)) {
      names.push_back(audience.name());
    }
  }
  return names;
}

std::string to_ndjson(const RuleInfo& info, const Routing& routing) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("title").string(info.title);
  json.key("kind").string(to_text(info.kind));
  json.key("id").string_or_null(info.id);
  json.key("name").string_or_null(info.name);
  json.key("level").string_or_null(info.level ? to_text(*info.level) : std::string_view());
  json.key("status").string_or_null(info.status);
  json.key("author").string_or_null(info.author);
  json.key("date").string_or_null(info.date);
  json.key("modified").string_or_null(info.modified);
  json.key("description").string_or_null(info.description);
  json.key("tags").strings(info.tags);
  json.key("references").strings(info.references);
  json.key("falsepositives").strings(info.falsepositives);
  json.key("fields").strings(info.fields);
  json.key("scope").strings(info.scope);
  json.key("related").begin_array();
  for (const RelatedRule& related : info.related) {
    json.begin_object().key("id").string(related.id).key("type").string(related.type).end_object();
  }
  json.end_array();
  json.key("taxonomy").string_or_null(info.taxonomy);
  json.key("license").string_or_null(info.license);
  json.key("logsource").begin_object();
  json.key("category").string_or_null(info.log_source.category);
  json.key("product").string_or_null(info.log_source.product);
  json.key("service").string_or_null(info.log_source.service);
  json.end_object();
  json.key("applies_to").strings(met_by(info, routing));
  json.key("custom").begin_object();
  for (const auto& [key, value] : info.custom) {
    json.key(key).raw(value);
  }
  json.end_object();
  json.key("alert").boolean(info.extensions.alert);
  json.key("file").string(info.file);
  json.key("line").number(info.line);
  json.end_object();
  return out;
}

// With white space behind it.
std::string cell(std::string_view text, std::size_t width) {
  std::string out = shorten(printable(text), width - 1);
  const std::size_t columns = count_code_points(out);
  out.append(columns < width ? width - columns : 0, ' ');
  return out;
}

std::string log_source_text(const LogSource& source) {
  std::string out;
  for (const std::string* part : {&source.product, &source.service, &source.category}) {
    if (!part->empty()) {
      out += (out.empty() ? "" : "/") + *part;
    }
  }
  return out;
}

std::string applies_to(const RuleInfo& info, const Routing& routing) {
  std::string out;
  for (const std::string& name : met_by(info, routing)) {
    out += (out.empty() ? "" : ", ") + name;
  }
  const bool rule = info.kind == RuleKind::detection;
  return !out.empty() || !rule ? out : routing.unclassified ? "unclassified" : "nothing";
}

// The rules that `options` names, or an exit status.
std::optional<int> load(const Options& options, Session& session) {
  const Options with_paths = with_rules_from_operands(options);
  if (!options.format_text.empty() && options.format_text != "text" &&
      options.format_text != "ndjson") {
    print_error("--format is text or ndjson, not \"" + printable(options.format_text) + "\"");
    return exit_status::usage;
  }
  return open_session(with_paths, session);
}

}  // namespace

int run_rules_list(const Options& options) {
  Session session;
  if (const std::optional<int> status = load(options, session)) {
    return *status;
  }
  const Routing routing = routing_of(session);
  Output output;
  if (options.format_text != "ndjson") {
    output.write_line(cell("LEVEL", 14) + cell("KIND", 12) + cell("LOG SOURCE", 32) +
                      cell("APPLIES TO", 24) + cell("TITLE", 60) + "FILE");
  }
  for (const DocumentInfo& document : session.rules.documents) {
    if (!document.loaded) {
      continue;
    }
    const RuleInfo& info = document.info;
    if (options.format_text == "ndjson") {
      output.write_line(to_ndjson(info, routing));
    } else {
      output.write_line(cell(info.level ? to_text(*info.level) : "-", 14) +
                        cell(to_text(info.kind), 12) + cell(log_source_text(info.log_source), 32) +
                        cell(applies_to(info, routing), 24) + cell(info.title, 60) +
                        printable(info.file) + ":" + std::to_string(info.line));
    }
  }
  if (options.format_text != "ndjson") {
    print_error(load_summary(session.rules) + "; " + routing_summary(session));
  }
  return output.flush() ? exit_status::ran : exit_status::incomplete;
}

int run_rules_fields(const Options& options) {
  Session session;
  if (const std::optional<int> status = load(options, session)) {
    return *status;
  }
  std::map<std::string, std::uint64_t> rules_by_field;
  const Ruleset& ruleset = *session.rules.ruleset;
  for (std::uint32_t rule = 0; rule < ruleset.rules.size(); ++rule) {
    for (const std::string& field : ruleset.program->fields(RuleId{rule})) {
      ++rules_by_field[field];
    }
  }
  Output output;
  for (const auto& [field, count] : rules_by_field) {
    const std::string name = field.empty() ? "(keywords: every value)" : field;
    if (options.format_text == "ndjson") {
      std::string line;
      JsonWriter(line)
          .begin_object()
          .key("field")
          .string(field)
          .key("rules")
          .number(count)
          .end_object();
      output.write_line(line);
    } else {
      std::string number = with_thousands(count);
      number.insert(0, number.size() < 7 ? 7 - number.size() : 0, ' ');
      output.write_line(number + "  " + printable(name));
    }
  }
  return output.flush() ? exit_status::ran : exit_status::incomplete;
}

}  // namespace tocsin
