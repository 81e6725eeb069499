// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/alert.h"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "engine/flow/detector.h"

namespace tocsin {
namespace {

using Group = std::vector<std::pair<std::string, std::optional<std::string>>>;

TEST_CASE("an alert's id differs with every part of what it is made of") {
  const Hash128 record{1, 2};
  struct Case {
    std::string rule_key;
    Group group;
    Hash128 record;
  };
  const std::vector<Case> cases = {
      {"r", {}, record},
      {"s", {}, record},
      {"", {}, record},
      {"r", {}, {2, 1}},
      {"r", {}, {1, 3}},
      {"r", {{"u", std::nullopt}}, record},
      {"r", {{"u", ""}}, record},
      {"r", {{"u", "a"}}, record},
      {"r", {{"ua", ""}}, record},
      {"ru", {{"", "a"}}, record},
      {"r", {{"u", "a"}, {"v", "b"}}, record},
      {"r", {{"v", "b"}, {"u", "a"}}, record},
      {"r", {{"u", std::string("a\0", 2)}}, record},
      {"r", {{"u", std::nullopt}, {"v", std::nullopt}}, record},
  };
  std::set<std::string> ids;
  for (const Case& c : cases) {
    const std::string id = alert_id(c.rule_key, c.group, c.record);
    CAPTURE(id);
    CHECK(id.size() == 32);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(alert_id(c.rule_key, c.group, c.record) == id);
    CHECK(ids.insert(id).second);
  }
}

TEST_CASE("an alert's id is the same in every version") {
  // A store of an earlier version recognises a replay by it.
  CHECK(alert_id("rule", {{"user", "alice"}, {"host", std::nullopt}}, {3, 4}) ==
        "2bb3233b652e249ed98e4dfdaaf6ac28");
}

TEST_CASE("several values of a field are one text, the JSON of all of them") {
  struct Case {
    std::vector<std::string> values;
    std::optional<std::string> text;
  };
  const std::vector<Case> cases = {
      {{}, std::nullopt},
      {{""}, ""},
      {{"a"}, "a"},
      {{"[\"a\"]"}, "[\"a\"]"},
      {{"a", "b"}, "[\"a\",\"b\"]"},
      {{"b", "a"}, "[\"b\",\"a\"]"},
      {{"a", "a"}, "[\"a\",\"a\"]"},
      {{"a\"", "1"}, "[\"a\\\"\",\"1\"]"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.values.size());
    CHECK(FieldTexts{c.values}.single() == c.text);
  }
}

}  // namespace
}  // namespace tocsin
