// SPDX-License-Identifier: Apache-2.0
// Tags of the namespace `attack`: tactics by their names, everything else by the shape of its id.
// ATT&CK has some thousand ids and gets new ones twice a year, so a table of them would call new
// techniques mistakes; numbers that no matrix uses are told. Source: MITRE ATT&CK, Sigma tags
// appendix.
#include <algorithm>
#include <array>
#include <optional>

#include "engine/base/text.h"
#include "rules/lint.h"
#include "rules/metadata.h"

namespace tocsin {
namespace {

// Of the matrices Enterprise, Mobile and ICS; those that ATT&CK has renamed since too.
constexpr std::array<std::string_view, 21> tactics = {
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "stealth",
    "defense-impairment",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
    "evasion",
    "inhibit-response-function",
    "impair-process-control",
    "network-effects",
    "remote-service-effects",
};

// Kinds of ids that are a prefix and four digits: groups, software, mitigations, data sources ...
constexpr std::array<std::string_view, 9> prefixes = {
    "g", "s", "m", "ds", "dc", "a", "c", "det", "an"};

bool is_digits(std::string_view text, std::size_t count) {
  return text.size() == count && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Techniques are T1001 and up, in ICS T0800 and up; sub-techniques .001 and up.
bool is_technique(std::string_view id) {
  if (id.empty() || id[0] != 't' || !is_digits(id.substr(1, 4), 4)) {
    return false;
  }
  const std::string_view number = id.substr(1, 4);
  const bool known = (number > "1000" && number < "1800") || (number >= "0800" && number < "0900");
  const std::string_view rest = id.substr(5);
  return known && (rest.empty() || (rest[0] == '.' && is_digits(rest.substr(1), 3) &&
                                    rest > ".000" && rest < ".100"));
}

bool is_other_id(std::string_view id) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) {
    return id.starts_with(prefix) && is_digits(id.substr(prefix.size()), 4);
  });
}

bool is_known(std::string_view name) {
  return is_technique(name) || is_other_id(name) ||
         std::find(tactics.begin(), tactics.end(), name) != tactics.end();
}

// What the author most likely means, or nothing.
std::string nearest(const std::string& name) {
  std::string plain = ascii_lower(name);
  std::replace(plain.begin(), plain.end(), '_', '-');
  if (is_known(plain)) {
    return plain;
  }
  return std::string(did_you_mean(plain, tactics).value_or(std::string()));
}

}  // namespace

void lint_tag(const std::string& tag, const SourceSpan& place, Problems& problems) {
  const std::size_t dot = tag.find('.');
  if (dot == std::string::npos || dot == 0) {
    return;  // invalid-tag
  }
  constexpr std::array<std::string_view, 1> attack = {"attack"};
  const std::string space = tag.substr(0, dot);
  const std::string name = tag.substr(dot + 1);
  const bool other = !did_you_mean(space, attack) && ascii_lower(space) != attack[0];
  if (other || (space == attack[0] && is_known(name))) {
    return;
  }
  const std::string near = nearest(name);
  problems.warning(place,
                   "unknown-attack-tag",
                   "`" + printable(shorten(tag, 60)) +
                       "` is no tactic, technique, group or "
                       "software of ATT&CK",
                   near.empty() ? "write a tactic as in attack.initial-access, or an id as in "
                                  "attack.t1078.004 or attack.g0016"
                                : "did you mean `attack." + near + "`?");
}

}  // namespace tocsin
