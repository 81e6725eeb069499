// SPDX-License-Identifier: Apache-2.0
#include "app/routing.h"

#include <algorithm>
#include <array>
#include <map>

#include "app/console.h"
#include "app/diagnostic_formats.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr std::size_t rules_named_max = 5;

// Is this rule meant for CloudTrail records? An AWS rule may name any service (eventSource) and an
// eventCategory; a rule without product must not name the service of something else.
bool is_for_cloudtrail(const LogSource& rule) {
  constexpr std::array<std::string_view, 5> categories = {
      "", "management", "data", "insight", "networkactivity"};
  const bool product =
      rule.product == "aws" ||
      (rule.product.empty() && (rule.service.empty() || rule.service == "cloudtrail"));
  return product &&
         std::find(categories.begin(), categories.end(), rule.category) != categories.end();
}

std::string describe(const LogSource& source) {
  std::string out;
  for (const std::string* part : {&source.product, &source.service, &source.category}) {
    if (!part->empty()) {
      out += (out.empty() ? "" : "/") + *part;
    }
  }
  return out;
}

void add(std::vector<Audience>& to, Audience audience) {
  const auto same = [&](const Audience& other) {
    return other.kind == audience.kind && other.source == audience.source;
  };
  if (std::none_of(to.begin(), to.end(), same)) {
    to.push_back(std::move(audience));
  }
}

bool is_cloudtrail(const LogSource& source) {
  return source.product == "aws" && source.service == "cloudtrail" && source.category.empty();
}

// A line's list of titles: the first few, or all of them.
std::string titles_of(const std::vector<const RuleInfo*>& rules, bool all) {
  const std::size_t shown = all ? rules.size() : std::min(rules.size(), rules_named_max);
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    out += (i == 0 ? "\"" : ", \"") + printable(rules[i]->title) + "\"";
  }
  if (shown < rules.size()) {
    out += " and " + with_thousands(rules.size() - shown) + " more (-v names them)";
  }
  return out;
}

// Has some field of the rule been seen, or does it read none by name?
bool has_seen_field(const Program& program, RuleId rule, const std::vector<bool>& seen) {
  for (const std::string& field : program.fields(rule)) {
    const FieldId id = program.plan().find(field);
    if (field.empty() || id == no_field || index(id) >= seen.size() || seen[index(id)]) {
      return true;
    }
  }
  return program.fields(rule).empty();
}

}  // namespace

bool Audience::meets(const LogSource& rule) const {
  switch (kind) {
    case Kind::cloudtrail:
      return is_for_cloudtrail(rule);
    case Kind::any:
      return true;
    case Kind::named:
      return applies(rule, class_of(source));
  }
  return false;
}

std::string Audience::name() const {
  switch (kind) {
    case Kind::cloudtrail:
      return "aws/cloudtrail";
    case Kind::any:
      return "any";
    case Kind::named:
      return describe(source);
  }
  return {};
}

bool Routing::can_match(const LogSource& rule) const {
  return unclassified || std::any_of(audiences.begin(), audiences.end(), [&](const Audience& one) {
           return one.meets(rule);
         });
}

Routing routing_of(const std::vector<InputConfig>& inputs, const std::vector<SourceRow>& rows) {
  Routing routing;
  bool by_record = inputs.empty();
  for (const InputConfig& input : inputs) {
    if (input.any_log_source) {
      add(routing.audiences, {Audience::Kind::any, {}});
    } else if (input.log_source) {
      const bool cloudtrail = is_cloudtrail(*input.log_source);
      add(routing.audiences,
          {cloudtrail ? Audience::Kind::cloudtrail : Audience::Kind::named,
           cloudtrail ? LogSource() : *input.log_source});
    } else {
      by_record = true;
    }
  }
  if (by_record) {
    add(routing.audiences, {Audience::Kind::cloudtrail, {}});
    for (const SourceRow& row : rows) {
      add(routing.audiences, {Audience::Kind::named, row.source});
    }
    routing.unclassified = true;
  }
  return routing;
}

std::string routing_summary(const Ruleset& ruleset, const Routing& routing) {
  const std::string total = with_thousands(ruleset.rules.size());
  std::string out;
  for (const Audience& audience : routing.audiences) {
    out += out.empty() ? "" : "; ";
    if (audience.kind == Audience::Kind::any) {
      out += "every record meets every rule (log source any)";
      continue;
    }
    const auto count =
        std::count_if(ruleset.rules.begin(), ruleset.rules.end(), [&](const RuleInfo& rule) {
          return audience.meets(rule.log_source);
        });
    const bool one = count == 1;
    out += with_thousands(static_cast<std::uint64_t>(count)) + " of " + total +
           (one && ruleset.rules.size() == 1 ? " rule" : " rules") +
           (one ? " applies to " : " apply to ") + audience.name();
  }
  const auto never =
      std::count_if(ruleset.rules.begin(), ruleset.rules.end(), [&](const RuleInfo& rule) {
        return !routing.can_match(rule.log_source);
      });
  if (never > 0) {
    out += "; " + counted(static_cast<std::uint64_t>(never), "rule") +
           " can never match: no input has their log source";
  }
  return out;
}

void warn_unreachable(const Ruleset& ruleset, const Routing& routing, Diagnostics& diagnostics) {
  std::map<std::string, std::vector<const RuleInfo*>> by_source;
  for (const RuleInfo& rule : ruleset.rules) {
    if (!routing.can_match(rule.log_source)) {
      by_source[describe(rule.log_source)].push_back(&rule);
    }
  }
  for (const auto& [source, rules] : by_source) {
    Diagnostic problem;
    problem.severity = Severity::warning;
    problem.code = "no-input";
    problem.file = rules.front()->file;
    problem.line = rules.front()->line;
    problem.column = 1;
    problem.source_line = line_of(problem.file, problem.line);
    problem.message =
        (rules.size() == 1 ? "this rule for `"
                           : "this and " + counted(rules.size() - 1, "rule") + " more for `") +
        source + "` can never match: no input has records of that log source";
    problem.hint =
        "add such an input, let `logsources` classify its records, or leave the rules out with "
        "`exclude`";
    diagnostics.add(std::move(problem));
  }
}

std::string unseen_rules(const Ruleset& ruleset,
                         const Routing& routing,
                         const RunCounters& run,
                         bool all) {
  std::vector<const RuleInfo*> unseen;
  std::vector<const RuleInfo*> spared;
  for (std::uint32_t i = 0; i < ruleset.rules.size(); ++i) {
    const RuleInfo& rule = ruleset.rules[i];
    const bool met = std::any_of(routing.audiences.begin(),
                                 routing.audiences.end(),
                                 [&](const Audience& one) { return one.meets(rule.log_source); });
    if (met && !has_seen_field(*ruleset.program, RuleId{i}, run.fields_seen)) {
      unseen.push_back(&rule);
    }
    if (ruleset.program->needs_nothing(RuleId{i})) {
      spared.push_back(&rule);
    }
  }
  std::string out;
  if (!unseen.empty() && run.events > 0) {
    out += "unseen   no record that was decoded has a field of " + counted(unseen.size(), "rule") +
           ": " + titles_of(unseen, all) +
           (run.unvalidated + run.read_in_part > 0
                ? " (of a record that matches nothing only what decides that may be read)\n"
                : "\n");
  }
  if (!spared.empty() && run.unclassified > 0) {
    out += "unasked  " + counted(spared.size(), "rule") +
           " that hold where nothing is there, for records of no known log source: " +
           titles_of(spared, all) + "\n";
  }
  return out;
}

}  // namespace tocsin
