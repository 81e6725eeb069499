// SPDX-License-Identifier: Apache-2.0
// tocsin rules coverage: which ATT&CK techniques the rules are tagged with, as a table or as an
// ATT&CK Navigator layer (format 4.5).
#include <algorithm>
#include <map>

#include "alerts/json_writer.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/session.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

// "T1078.004" for the tag attack.t1078.004; empty for other tags.
std::string technique_of(const std::string& tag) {
  constexpr std::string_view prefix = "attack.t";
  if (tag.size() < prefix.size() + 4 || tag.compare(0, prefix.size(), prefix) != 0) {
    return {};
  }
  const std::string number = tag.substr(prefix.size());
  const bool digits = number.find_first_not_of("0123456789.") == std::string::npos;
  const bool shape = number.size() == 4 || (number.size() == 8 && number[4] == '.');
  return digits && shape ? "T" + number : "";
}

using Coverage =
    std::map<std::string, std::vector<std::string>>;  // technique -> titles of its rules

Coverage coverage(const LoadResult& rules) {
  Coverage found;
  for (const DocumentInfo& document : rules.documents) {
    if (!document.loaded || document.info.kind == RuleKind::filter) {
      continue;
    }
    for (const std::string& tag : document.info.tags) {
      const std::string technique = technique_of(tag);
      if (!technique.empty()) {
        found[technique].push_back(document.info.title);
      }
    }
  }
  return found;
}

std::string navigator_layer(const Coverage& found) {
  constexpr std::size_t titles_max = 20;  // in a technique's comment
  std::size_t most = 1;
  for (const auto& [technique, titles] : found) {
    most = std::max(most, titles.size());
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("name").string("tocsin rules");
  json.key("versions").begin_object().key("layer").string("4.5").end_object();
  json.key("domain").string("enterprise-attack");
  json.key("description")
      .string("Techniques that the loaded rules are tagged with; the score is the number of rules");
  json.key("gradient").begin_object();
  json.key("colors").begin_array().string("#ffffff").string("#66b1ff").end_array();
  json.key("minValue").number(0).key("maxValue").number(most).end_object();
  json.key("techniques").begin_array();
  for (const auto& [technique, titles] : found) {
    std::string comment;
    for (std::size_t i = 0; i < std::min(titles.size(), titles_max); ++i) {
      comment += (i == 0 ? "" : "\n") + titles[i];
    }
    if (titles.size() > titles_max) {
      comment += "\n... and " + with_thousands(titles.size() - titles_max) + " more";
    }
    json.begin_object();
    json.key("techniqueID").string(technique);
    json.key("score").number(titles.size());
    json.key("comment").string(comment);
    json.end_object();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace

int run_rules_coverage(const Options& options) {
  if (!options.format_text.empty() && options.format_text != "text" &&
      options.format_text != "navigator") {
    print_error("--format is text or navigator, not \"" + printable(options.format_text) + "\"");
    return exit_status::usage;
  }
  const Options with_paths = with_rules_from_operands(options);
  Session session;
  if (const std::optional<int> status = open_session(with_paths, session)) {
    return *status;
  }
  const Coverage found = coverage(session.rules);
  Output output;
  if (options.format_text == "navigator") {
    output.write_line(navigator_layer(found));
  } else {
    for (const auto& [technique, titles] : found) {
      std::string name = technique;
      name.resize(std::max<std::size_t>(name.size(), 11), ' ');
      std::string number = with_thousands(titles.size());
      number.insert(0, number.size() < 5 ? 5 - number.size() : 0, ' ');
      output.write_line(name + number + "  " + shorten(printable(titles.front()), 80));
    }
  }
  return output.flush() ? exit_status::ran : exit_status::incomplete;
}

}  // namespace tocsin
