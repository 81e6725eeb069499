// SPDX-License-Identifier: Apache-2.0
#include "engine/match/multi.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace tocsin;
using namespace tocsin::compiled;

namespace {

using Places = std::vector<std::pair<std::uint32_t, std::size_t>>;

Places places(const MultiLiteral& literals, std::string_view text) {
  Places found;
  MultiLiteral::Scratch scratch;
  const auto add = [](void* to, const MultiLiteral::Literal& literal, std::size_t end) {
    static_cast<Places*>(to)->emplace_back(index(literal.predicate), end);
  };
  REQUIRE(literals.scan(text, scratch, add, &found));
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

TEST_CASE("every place of every literal is found, whatever its case, overlapping ones too") {
  const MultiLiteral literals({{"aaa", PredicateId{7}},
                               {"a.a*", PredicateId{8}},
                               {"${jndi:", PredicateId{9}},
                               {"aaa", PredicateId{10}}});
  if (!literals.usable()) {
    MESSAGE("skipped: built without vectorscan, or not on this machine");
    return;
  }
  CHECK(places(literals, "xAaaA") == Places{{7, 4}, {7, 5}, {10, 4}, {10, 5}});
  CHECK(places(literals, "a.A* aba") == Places{{8, 4}});
  CHECK(places(literals, "..${JNDI:${jndi:") == Places{{9, 9}, {9, 16}});
  CHECK(places(literals, "").empty());
}

TEST_CASE("without literals there is nothing to use") {
  CHECK_FALSE(MultiLiteral().usable());
  CHECK_FALSE(MultiLiteral(std::vector<MultiLiteral::Literal>()).usable());
}
