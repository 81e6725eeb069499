// SPDX-License-Identifier: Apache-2.0
#include "rules/codes.h"

#include <algorithm>
#include <iterator>

namespace tocsin {
namespace {

constexpr DiagnosticCode document_codes[] = {
    // --- files and YAML ---
    {"unreadable", "The file or folder could not be opened or read; what it holds is not loaded."},
    {"not-a-regular-file",
     "In folders only regular files are opened: a pipe or a device could block or mislead the "
     "engine."},
    {"link-outside",
     "In folders, links that lead out of the folder or to nothing are not followed."},
    {"cache-unusable",
     "The folder of --cache, or a file in it, cannot be made or written, or others may write to "
     "it; "
     "the rules are loaded without it."},
    {"file-size", "The file is larger than the limit rule_file_bytes_max."},
    {"not-utf-8",
     "Rule files are UTF-8; a byte that is not leaves the meaning of the file in doubt."},
    {"control-character", "YAML allows no control characters but tab and line ends."},
    {"yaml-syntax",
     "The document is not well-formed YAML; the other documents of the file are read."},
    {"yaml-depth", "The document is nested deeper than the limit yaml_depth_max."},
    {"yaml-size",
     "The document has more values than the limit yaml_nodes_max, counted after aliases are "
     "followed."},
    {"yaml-alias", "An alias may not stand inside the value that it refers to."},
    {"yaml-key", "The keys of a map are plain values."},
    {"yaml-merge", "The merge key `<<` takes a map or a list of maps."},
    {"yaml-tag", "The tag is unknown, or the value is not of the type that it names."},
    {"duplicate-key",
     "A key that is given twice would lose one of its values; keys of a map are unique."},
    {"document-type", "A rule, correlation or filter is a map."},
    // --- collections ---
    {"unknown-action", "The old collection actions are global, reset and repeat."},
    {"repeat-without-rule", "`action: repeat` varies the rule before it, and there is none."},
    {"template-lost",
     "A document with an `action` could not be read; what follows would mean something else "
     "without "
     "it, so it is refused too."},
    // --- attributes ---
    {"missing-title", "A rule needs a title; alerts show file and line instead."},
    {"attribute-type", "The attribute has a value of the wrong type."},
    {"attribute-length", "The attribute is longer than the specification allows."},
    {"empty-attribute", "The attribute is given but empty."},
    {"invalid-id", "An id is a UUID; alerts and state are bound to it."},
    {"invalid-related",
     "`related` is a list of maps with the UUID of a rule and a type of relation."},
    {"invalid-status",
     "The status is one of stable, test, experimental, deprecated and unsupported."},
    {"invalid-level", "The level is one of informational, low, medium, high and critical."},
    {"invalid-tag", "A tag has a namespace and a name, with a dot between them."},
    {"invalid-date", "A date is a day of the calendar, written YYYY-MM-DD."},
    {"missing-logsource",
     "A rule names at least one of category, product and service of the log that it is for."},
    {"logsource-type", "The log source is a map of texts."},
    {"missing-detection", "A rule without a detection cannot match anything."},
    {"needs-geo-database",
     "The rule reads a field that only a MaxMind database can fill, and none is configured: it "
     "could never fire."},
    {"extension-value", "The value of a key in `tocsin` is not what the key takes."},
    {"emit-without-effect", "`emit` says when a correlation reports; other rules report at once."},
    {"unknown-key", "The map has a fixed set of keys; an unknown one is most likely misspelt."},
    {"missing-key", "A key that this kind of document needs is missing."},
    {"key-without-effect", "The key is allowed here but changes nothing."},
    // --- names and references ---
    {"duplicate-id", "Two documents have the same id, so nothing can refer to either by it."},
    {"duplicate-name", "Two documents have the same name, so nothing can refer to either by it."},
    {"duplicate-title", "Two rules have the same title, so their alerts are hard to tell apart."},
    {"unknown-reference", "No rule or correlation has the id or name."},
    {"ambiguous-reference", "Several documents have the id, name or title."},
    {"reference-by-title",
     "References are ids and names; a title that fits one rule is followed all the same."},
    {"reference-rejected",
     "A correlation of a rule that was rejected could never report, so it is rejected with it."},
    {"reference-cycle", "A correlation refers to itself, directly or through others."},
    {"repeated-reference", "The rule is listed twice; where order does not matter it counts once."},
    {"names-no-rule",
     "A tag, an exclusion or an override of the command line or the configuration names no rule; "
     "it "
     "changes nothing."},
    {"excluded-rule-feeds",
     "The rule is excluded but a loaded correlation needs it: it is evaluated and does not alert."},
    // --- correlations ---
    {"correlation-type", "`correlation` is a map."},
    {"unknown-correlation-type", "The type of the correlation is not one that tocsin knows."},
    {"correlation-rules", "`rules` and `baseline` are ids or names of rules, one or a list."},
    {"correlation-group-by", "`group-by` is a field or a list of fields."},
    {"correlation-timespan",
     "A timespan is a positive whole number followed by s, m, h, d, w, M or y."},
    {"correlation-condition",
     "The condition is a map of comparisons, or for temporal correlations a text over the listed "
     "rules."},
    {"correlation-threshold", "A comparison in a correlation's condition needs a number."},
    {"correlation-percentile", "value_percentile needs the rank, a number from 0 to 100."},
    {"correlation-field", "The type of the correlation reads the values of a field."},
    {"correlation-aliases", "`aliases` maps an alias to the field of each rule."},
    {"correlation-generate", "`generate` is true or false."},
    {"correlation-option",
     "The value of a key of this correlation type is not what the key takes."},
    {"too-many-rules", "A correlation reads at most 64 rules."},
    // --- filters ---
    {"filter-type", "`filter` is a map with `rules`, a condition and selections."},
    {"filter-rules", "`rules` of a filter is `any`, or ids and names of rules."},
    {"filter-unknown-rule", "The filter names a rule that is not loaded; it has no effect there."},
    {"filter-on-correlation",
     "Filters act on detection rules; on a correlation they have no effect."},
    // --- lint ---
    {"missing-level", "A rule without a level counts as medium; its author knows better."},
    {"unknown-attack-tag",
     "A tag of the namespace `attack` is the name of a tactic or the id of a technique, group, "
     "software ...; known are the tactics, and of ids their shape and range."},
    {"duplicate-logic", "Two rules mean the same, so each match raises two alerts."},
    // --- pipelines ---
    {"pipeline-unsupported",
     "The step of a processing pipeline changes queries of other tools; tocsin makes no queries, "
     "so it has no meaning here."},
    {"pipeline-type", "No transformation or condition of processing pipelines has that name."},
    {"pipeline-key", "The transformation or condition has no such key."},
    {"pipeline-missing-key", "The transformation or condition needs the key."},
    {"pipeline-value", "The value is not of the type that the key of a processing pipeline takes."},
    {"pipeline-condition", "The conditions of a processing item do not combine in that way."},
    {"pipeline-unknown-item",
     "A condition asks whether an item was applied that none of the processing pipelines has."},
    {"pipeline-limit",
     "The processing pipelines make more of the rule than a limit allows, or hold more items."},
    {"pipeline-failure", "A processing pipeline rejects the rule, as its author wants."},
    {"pipeline-result",
     "What a processing pipeline makes of the rule has no meaning, or a value cannot be changed "
     "so."},
};

}  // namespace

std::vector<DiagnosticCode> diagnostic_codes() {
  std::vector<DiagnosticCode> all(std::begin(document_codes), std::end(document_codes));
  all.insert(all.end(), std::begin(detection_codes), std::end(detection_codes));
  std::sort(all.begin(), all.end(), [](const DiagnosticCode& a, const DiagnosticCode& b) {
    return a.code < b.code;
  });
  return all;
}

std::string_view explain_code(std::string_view code) {
  for (const DiagnosticCode& row : document_codes) {
    if (row.code == code) {
      return row.explanation;
    }
  }
  for (const DiagnosticCode& row : detection_codes) {
    if (row.code == code) {
      return row.explanation;
    }
  }
  return {};
}

}  // namespace tocsin
