// SPDX-License-Identifier: Apache-2.0
#include "app/profile_report.h"

#include <algorithm>
#include <ctime>

#include "app/console.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

std::string right(const std::string& text, std::size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

std::string milliseconds(std::uint64_t ns) {
  const std::string fraction = std::to_string(ns / 1000 % 1000);
  return with_thousands(ns / 1'000'000) + "." + std::string(3 - fraction.size(), '0') + fraction;
}

}  // namespace

std::uint64_t profile_ticks() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::string profile_report(const Ruleset& ruleset, const std::vector<RuleProfile>& profile) {
  std::vector<std::size_t> rules;
  for (std::size_t i = 0; i < std::min(profile.size(), ruleset.rules.size()); ++i) {
    if (profile[i].candidates > 0) {
      rules.push_back(i);
    }
  }
  std::stable_sort(rules.begin(), rules.end(), [&](std::size_t a, std::size_t b) {
    return profile[a].ticks > profile[b].ticks;
  });
  std::string out = "  time ms   candidates      matches  ns each  rule (" +
                    with_thousands(rules.size()) + " of " + with_thousands(ruleset.rules.size()) +
                    " were candidates)";
  for (const std::size_t i : rules) {
    const RuleProfile& one = profile[i];
    out += "\n" + right(milliseconds(one.ticks), 9) + right(with_thousands(one.candidates), 13) +
           right(with_thousands(one.matches), 13) +
           right(with_thousands(one.ticks / one.candidates), 9) + "  " +
           printable(ruleset.rules[i].title) + " (" + printable(ruleset.rules[i].file) + ":" +
           std::to_string(ruleset.rules[i].line) + ")";
  }
  return out;
}

}  // namespace tocsin
