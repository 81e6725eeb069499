// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/rule_info.h"

#include <optional>
#include <string>

#include <doctest/doctest.h>

namespace tocsin {
namespace {

TEST_CASE("levels are read in any case and written in lower case") {
  struct Case {
    const char* text;
    std::optional<Level> level;
  };
  const Case cases[] = {
      {"informational", Level::informational},
      {"low", Level::low},
      {"Medium", Level::medium},
      {"HIGH", Level::high},
      {"critical", Level::critical},
      {"", std::nullopt},
      {"info", std::nullopt},
      {"high ", std::nullopt},
      {"critica", std::nullopt},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(parse_level(c.text) == c.level);
  }
  for (std::size_t i = 0; i < level_count; ++i) {
    const auto level = static_cast<Level>(i);
    CHECK(parse_level(to_text(level)) == level);
  }
}

TEST_CASE("kinds of rules have texts") {
  CHECK(to_text(RuleKind::detection) == "detection");
  CHECK(to_text(RuleKind::correlation) == "correlation");
  CHECK(to_text(RuleKind::filter) == "filter");
}

TEST_CASE("a rule without a level counts as medium") {
  RuleInfo rule;
  CHECK(rule.level_or_medium() == Level::medium);
  rule.level = Level::low;
  CHECK(rule.level_or_medium() == Level::low);
}

}  // namespace
}  // namespace tocsin
