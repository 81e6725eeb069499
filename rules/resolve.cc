// SPDX-License-Identifier: Apache-2.0
#include "rules/resolve.h"

#include <algorithm>
#include <utility>

#include "engine/base/hash.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

// Observation::inputs is a set of 64 bits.
constexpr std::size_t inputs_max = 64;

std::string shown(const RuleReference& reference) {
  std::string out(1, '`');
  out += shorten(reference.text, 80);
  out += '`';
  return out;
}

std::string unknown_hint(std::string near) {
  return near.empty() ? "give the rule that is meant this `name`, and load its file too"
                      : std::move(near);
}

std::string place_of(const RuleEntry& entry) {
  return entry.info().file + ":" + std::to_string(entry.info().line);
}

std::string places_of(const RuleEntries& entries, const RuleIndex::Found& found) {
  constexpr std::size_t places_max = 5;
  std::string out;
  for (std::size_t i = 0; i < found.size() && i < places_max; ++i) {
    out += (i == 0 ? "" : ", ") + place_of(entries[found[i]]);
  }
  return found.size() > places_max ? out + " ..." : out;
}

void silence(RuleEntry& inner, const CorrelationSpec& outer) {
  inner.feeds = true;
  inner.silenced = inner.silenced || !outer.generate;
}

}  // namespace

CorrelationResolver::CorrelationResolver(RuleEntries& entries,
                                         RuleIndex& index,
                                         Callbacks callbacks)
    : entries_(entries), index_(index), callbacks_(std::move(callbacks)), nodes_(entries.size()) {}

std::optional<std::uint32_t> CorrelationResolver::resolve(const RuleReference& reference,
                                                          Problems& problems) {
  RuleIndex::Found found = index_.by_reference(reference.text);
  bool by_title = false;
  if (found.empty()) {
    found = index_.by_title(reference.text);
    by_title = true;
  }
  if (found.empty()) {
    problems.error(reference.place,
                   "unknown-reference",
                   "no rule has the id or name " + shown(reference),
                   unknown_hint(index_.near(reference.text)));
    return std::nullopt;
  }
  if (found.size() > 1) {
    problems.error(reference.place,
                   "ambiguous-reference",
                   std::to_string(found.size()) + " documents are called " + shown(reference) +
                       ": " + places_of(entries_, found),
                   "give each its own `name` and refer to that");
    return std::nullopt;
  }
  const RuleEntry& target = entries_[found[0]];
  if (target.info().kind == RuleKind::filter) {
    problems.error(reference.place,
                   "unknown-reference",
                   shown(reference) + " is a filter (" + place_of(target) +
                       "); rules and correlations can be referred to");
    return std::nullopt;
  }
  if (by_title) {
    problems.label(reference.place,
                   "reference-by-title",
                   shown(reference) + " is the title of a rule, not its id or name",
                   target.info().name.empty() ? "give the rule a `name` and refer to that"
                                              : "its name is `" + target.info().name + "`");
  }
  return found[0];
}

void CorrelationResolver::resolve_entry(std::uint32_t number) {
  RuleEntry& entry = entries_[number];
  Problems problems = callbacks_.problems(entry);
  const ParsedCorrelation& parsed = *entry.correlation;
  const auto add = [&](const std::vector<RuleReference>& references, bool baseline) {
    for (const RuleReference& reference : references) {
      const std::optional<std::uint32_t> found = resolve(reference, problems);
      if (!found) {
        continue;
      }
      nodes_[number].targets.push_back(Target{*found, baseline, reference});
      RuleEntry& target = entries_[*found];
      if (target.state != EntryState::excluded) {
        continue;
      }
      if (target.excluded_by_name) {
        problems.warning(reference.place,
                         "excluded-rule-feeds",
                         shown(reference) +
                             " is excluded; it feeds this correlation all the same, "
                             "without alerts of its own");
      }
      callbacks_.activate(target);
      if (target.state == EntryState::loaded && target.correlation) {
        queue_.push_back(*found);
      }
    }
  };
  add(parsed.rules, false);
  add(parsed.baseline, true);
  if (problems.rejected()) {
    entry.state = EntryState::rejected;
  }
}

void CorrelationResolver::resolve_references() {
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].state == EntryState::loaded && entries_[i].correlation) {
      queue_.push_back(i);
    } else if (entries_[i].state == EntryState::rejected && entries_[i].correlation) {
      // Wrong otherwise; what its references are wrong in is told in the same run.
      Problems problems = callbacks_.problems(entries_[i]);
      for (const RuleReference& reference : entries_[i].correlation->rules) {
        resolve(reference, problems);
      }
      for (const RuleReference& reference : entries_[i].correlation->baseline) {
        resolve(reference, problems);
      }
    }
  }
  for (std::size_t next = 0; next < queue_.size(); ++next) {
    resolve_entry(queue_[next]);
  }
}

std::vector<CorrelationSpec> CorrelationResolver::finish() {
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].state == EntryState::loaded && entries_[i].correlation) {
      walk(i);
    }
  }
  return std::move(specs_);
}

// Depth first with a stack of our own: what is named is complete before the one that names it.
void CorrelationResolver::walk(std::uint32_t start) {
  struct Frame {
    std::uint32_t entry = 0;
    std::size_t next = 0;
    bool good = true;
  };
  if (nodes_[start].mark != Mark::fresh) {
    return;
  }
  std::vector<Frame> stack{Frame{start}};
  nodes_[start].mark = Mark::open;
  while (!stack.empty()) {
    Frame& frame = stack.back();
    const std::vector<Target>& targets = nodes_[frame.entry].targets;
    if (frame.next < targets.size()) {
      const Target& target = targets[frame.next];
      const RuleEntry& inner = entries_[target.entry];
      Node& node = nodes_[target.entry];
      if (inner.state == EntryState::loaded && inner.correlation && node.mark == Mark::fresh) {
        node.mark = Mark::open;
        stack.push_back(Frame{target.entry});
        continue;  // and look at the same target again when it is complete
      }
      frame.good = accept(frame.entry, target) && frame.good;
      ++frame.next;
      continue;
    }
    const Frame done = frame;
    stack.pop_back();
    nodes_[done.entry].mark = Mark::done;
    if (done.good) {
      complete(done.entry);
    } else {
      entries_[done.entry].state = EntryState::rejected;
    }
  }
}

bool CorrelationResolver::accept(std::uint32_t outer, const Target& target) {
  const RuleEntry& inner = entries_[target.entry];
  if (inner.state == EntryState::rejected) {
    callbacks_.problems(entries_[outer])
        .error(target.reference.place,
               "reference-rejected",
               "the rule " + shown(target.reference) + " (" + place_of(inner) +
                   ") was rejected, and this correlation with it",
               "mend that rule; its problems are listed where it stands");
    return false;
  }
  if (inner.correlation && nodes_[target.entry].mark == Mark::open) {
    callbacks_.problems(entries_[outer])
        .error(target.reference.place,
               "reference-cycle",
               "the correlation refers to itself through " + shown(target.reference),
               "refer to the rules that the circle begins with");
    return false;
  }
  return true;
}

void CorrelationResolver::complete(std::uint32_t number) {
  RuleEntry& entry = entries_[number];
  Problems problems = callbacks_.problems(entry);
  CorrelationSpec spec = std::move(entry.correlation->spec);
  std::vector<std::uint32_t> inputs;  // the entry of each
  if (!fill_inputs(*entry.correlation, nodes_[number], inputs, spec, problems) ||
      (callbacks_.change && !callbacks_.change(entry, spec, inputs))) {
    entry.state = EntryState::rejected;
    return;
  }
  std::string meaning = entry.correlation->canonical;
  for (const std::string& field : spec.fields) {
    meaning += "\nfield=" + field;
  }
  meaning += entry.info().extensions.emit_watermark ? "\nemit=watermark" : "";
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const CorrelationInput& input = spec.inputs[i];
    RuleEntry& inner = entries_[inputs[i]];
    meaning += (input.baseline ? "\nbaseline=" : "\nrule=") + to_hex(inner.info().fingerprint);
    for (const std::string& field : input.group_fields) {
      meaning += ' ' + field;
    }
    silence(inner, spec);
  }
  entry.metadata.info.fingerprint = content_hash(meaning);
  entry.position = static_cast<std::uint32_t>(specs_.size());
  specs_.push_back(std::move(spec));
}

bool CorrelationResolver::fill_inputs(const ParsedCorrelation& parsed,
                                      const Node& node,
                                      std::vector<std::uint32_t>& inputs,
                                      CorrelationSpec& spec,
                                      Problems& problems) {
  for (const Target& target : node.targets) {
    bool repeated = false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      repeated =
          repeated || (inputs[i] == target.entry && spec.inputs[i].baseline == target.baseline);
    }
    if (repeated && !parsed.ordered) {
      problems.warning(target.reference.place,
                       "repeated-reference",
                       shown(target.reference) + " is listed twice; it counts once",
                       "drop one of them");
      continue;
    }
    CorrelationInput input;
    const RuleEntry& inner = entries_[target.entry];
    input.is_correlation = inner.info().kind == RuleKind::correlation;
    input.rule = inner.position;
    input.name = target.reference.text;
    input.baseline = target.baseline;
    input.group_fields = spec.group_by;
    spec.inputs.push_back(std::move(input));
    inputs.push_back(target.entry);
  }
  if (spec.inputs.size() > inputs_max) {
    problems.error(node.targets[inputs_max].reference.place,
                   "too-many-rules",
                   "a correlation names at most " + std::to_string(inputs_max) + " rules",
                   "group them by correlations of their own, or by one rule with a list of values");
    return false;
  }
  return fill_aliases(parsed, inputs, spec, problems) &&
         fill_condition(parsed, inputs, spec, problems);
}

bool CorrelationResolver::fill_aliases(const ParsedCorrelation& parsed,
                                       const std::vector<std::uint32_t>& inputs,
                                       CorrelationSpec& spec,
                                       Problems& problems) {
  bool good = true;
  for (const CorrelationAlias& alias : parsed.aliases) {
    for (const auto& [reference, field] : alias.fields) {
      const std::optional<std::uint32_t> target = resolve(reference, problems);
      if (!target) {
        good = false;
        continue;
      }
      bool used = false;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i] != *target) {
          continue;
        }
        used = true;
        for (std::size_t group = 0; group < spec.group_by.size(); ++group) {
          if (spec.group_by[group] == alias.name) {
            spec.inputs[i].group_fields[group] = field;
          }
        }
      }
      if (!used) {
        problems.warning(reference.place,
                         "key-without-effect",
                         "this correlation does not name the rule " + shown(reference),
                         "add it to `rules`, or drop it here");
      }
    }
  }
  return good && !problems.rejected();
}

// The names of an extended condition are exactly the listed rules (CORS-14); steps come to index
// inputs.
bool CorrelationResolver::fill_condition(const ParsedCorrelation& parsed,
                                         const std::vector<std::uint32_t>& inputs,
                                         CorrelationSpec& spec,
                                         Problems& problems) {
  std::vector<std::uint32_t> of_name;
  for (const RuleReference& name : parsed.condition_names) {
    const RuleIndex::Found found = index_.by_reference(name.text);
    const auto input =
        found.size() == 1 ? std::find(inputs.begin(), inputs.end(), found[0]) : inputs.end();
    if (input == inputs.end()) {
      problems.error(name.place,
                     "correlation-condition",
                     "the condition names " + shown(name) + ", which `rules` does not list",
                     "add it to `rules`, or drop it here");
      return false;
    }
    of_name.push_back(static_cast<std::uint32_t>(input - inputs.begin()));
  }
  if (of_name.empty()) {
    return true;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool named = std::any_of(of_name.begin(), of_name.end(), [&](std::uint32_t input) {
      return inputs[input] == inputs[i];
    });
    if (!named) {
      problems.error(parsed.condition_names.front().place,
                     "correlation-condition",
                     "the condition does not name `" + shorten(spec.inputs[i].name, 80) +
                         "`, which `rules` lists",
                     "add it with `and` or `or`, or drop it from `rules`");
      return false;
    }
  }
  for (ConditionStep& step : spec.condition) {
    if (step.kind == ConditionStep::Kind::input) {
      step.operand = of_name[step.operand];
    }
  }
  return true;
}

}  // namespace tocsin
