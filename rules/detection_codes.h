// SPDX-License-Identifier: Apache-2.0
// The codes of diagnostics about detections, each with what it means: stable names for `check
// --explain` and for silencing. Thread rule: constants.
#pragma once

#include <string_view>

namespace tocsin {

struct DiagnosticCode {
  std::string_view code;
  std::string_view explanation;  // one sentence
};

inline constexpr DiagnosticCode detection_codes[] = {
    // --- structure ---
    {"detection-not-a-map",
     "A detection is a map of selections and a condition; a list or a plain value cannot be one."},
    {"no-selection", "A detection needs at least one selection beside its condition."},
    {"too-many-selections", "A detection has more selections than the limit selections_max."},
    {"missing-condition", "A detection needs a condition that says how its selections combine."},
    {"empty-selection",
     "A selection, or an element of its list, that holds nothing would match everything or "
     "nothing, "
     "so it is refused."},
    {"empty-value-list", "A field with an empty list of values has no meaning in Sigma."},
    {"nested-value",
     "A field's value is a plain value or a list of plain values, never a map or a "
     "list inside a list."},
    {"null-in-list",
     "Sigma does not allow null in a list of values; a selection of its own says it."},
    {"too-many-values", "A detection holds more values than the limit rule_values_max allows."},
    {"timeframe-ignored",
     "`timeframe` belonged to the old aggregations and has no effect; "
     "correlations have `timespan`."},
    // --- values and modifiers ---
    {"unknown-modifier",
     "The word behind `|` in a field name is no modifier; names are lower case."},
    {"repeated-modifier", "The same modifier twice in a row of modifiers has no further effect."},
    {"modifier-type", "The modifier does not take a value of this type."},
    {"modifier-order",
     "The modifier stands at a place in the row of modifiers where it has no "
     "meaning."},
    {"modifier-needs-field",
     "The modifier asks something about a field, so it cannot stand on a "
     "keyword."},
    {"keyword-null", "A keyword is a text to look for, so it cannot be null."},
    {"all-needs-several-values",
     "`all` joins the values of a list; with one value it has no meaning "
     "and hides a mistake."},
    {"exists-one-value", "`exists` takes one value, true or false."},
    {"not-a-finite-number", "A number in a rule is finite and within the range of a 64-bit float."},
    {"encoded-wildcard",
     "A value with wildcards has no encoded form; wildcards belong behind the "
     "encoding, as `contains`."},
    {"encoded-too-short",
     "base64offset cuts the ends that depend on the neighbouring bytes; of "
     "values under two bytes nothing remains."},
    {"too-many-alternatives",
     "Placeholders, dashes and encodings of one value, or of all values of a detection, make more "
     "or longer alternatives than the limits rule_values_max, value_bytes_max, "
     "rule_alternatives_max and rule_text_bytes_max allow."},
    {"field-too-long",
     "A field's name is longer than any real one: it would cost time and memory for nothing."},
    {"too-many-modifiers", "A key has more modifiers than the limit modifiers_max allows."},
    {"reference-wildcard", "The value of `fieldref` is a field name, so it has no wildcards."},
    {"invalid-regex", "The regular expression is not one that RE2 accepts."},
    {"invalid-network", "The value of `cidr` is not an IP network or address."},
    {"undefined-placeholder", "Nothing defines the placeholder, so the rule cannot mean anything."},
    {"empty-placeholder",
     "The placeholder is defined with no values, so this value matches nothing."},
    {"escaped-placeholder",
     "`\\%` is a literal percent sign, so what follows is no placeholder "
     "although one of that name is defined."},
    // --- condition ---
    {"condition-type", "A condition is a text, or in a rule a list of texts."},
    {"condition-syntax", "The condition does not follow Sigma's grammar."},
    {"condition-keyword-case", "The words of the condition language are written in lower case."},
    {"condition-quantifier", "Sigma has `1 of`, `any of` and `all of` and no other numbers."},
    {"condition-aggregation",
     "Aggregations behind a pipe were removed from Sigma; correlation "
     "documents replace them."},
    {"condition-too-deep", "The condition is nested deeper than the limit condition_depth_max."},
    {"condition-too-long",
     "The condition has more words than the limit condition_words_max, or the list of conditions "
     "more entries or bytes than conditions_max and conditions_bytes_max."},
    {"unknown-selection", "The condition names a selection that the detection does not have."},
    {"unmatched-pattern",
     "The pattern in the condition fits no selection, so it cannot mean "
     "anything."},
    // --- lint ---
    {"unused-selection", "The condition does not use the selection, so it has no effect."},
    {"condition-always-true", "The condition holds for every record."},
    {"condition-always-false", "The condition holds for no record."},
    {"contradictory-values", "The items of one map exclude each other for a field with one value."},
    {"cased-never-matches",
     "The value is compared in exact case with values that are never written "
     "so."},
    {"regex-without-literal",
     "The regular expression holds no fixed text, so every record has to be "
     "searched with it."},
    {"needless-regex",
     "A string modifier says the same as the regular expression, faster and "
     "without regard to case."},
    {"leading-wildcard",
     "A wildcard alone at an end of the value is what a modifier says more "
     "clearly."},
    {"matches-everything", "The value matches every record in which the field is present."},
    {"impossible-value", "No value can satisfy the comparison."},
    {"empty-value",
     "A key with nothing behind it is null in YAML, which matches where the field is missing."},
    {"duplicate-value", "The list holds a value that an earlier one already covers."},
};

}  // namespace tocsin
