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

// Counts what is asked of it.
class MemoryStore final : public MatcherStore {
 public:
  std::string read() override {
    ++reads;
    return bytes;
  }
  void write(std::string_view text) override {
    ++writes;
    bytes = text;
  }
  std::string bytes;
  int reads = 0;
  int writes = 0;
};

}  // namespace

TEST_CASE("what was compiled is kept and used again, where it is the same and whole") {
  const std::vector<MultiLiteral::Literal> literals = {{"needle", PredicateId{1}},
                                                       {"in the hay", PredicateId{2}}};
  const std::string text = "a NEEDLE in the hay";
  const auto store = std::make_shared<MemoryStore>();
  const MultiLiteral first(literals, store);
  CHECK(store->reads == 0);  // nobody has asked yet
  if (!first.usable()) {
    MESSAGE("skipped: built without vectorscan, or not on this machine");
    return;
  }
  const Places expected = {{1, 8}, {2, 19}};
  CHECK(places(first, text) == expected);
  CHECK(store->writes == 1);
  const std::string whole = store->bytes;
  CHECK(places(MultiLiteral(literals, store), text) == expected);
  CHECK(store->writes == 1);
  CHECK(store->reads == 2);
  // Other literals, or the same in another order, are none of it.
  CHECK(places(MultiLiteral({{"hay", PredicateId{1}}}, store), text) == Places{{1, 19}});
  CHECK(store->writes == 2);
  CHECK(places(MultiLiteral({literals[1], literals[0]}, store), text) == expected);
  CHECK(store->writes == 3);
  // Cut short or with a byte changed, it is compiled anew and written again.
  for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 97) {
    CAPTURE(at);
    store->writes = 0;
    store->bytes = whole.substr(0, at);
    CHECK(places(MultiLiteral(literals, store), text) == expected);
    CHECK(store->writes == 1);
    CHECK((store->bytes == whole));
    store->bytes[at] = static_cast<char>(whole[at] ^ 0x55);
    CHECK(places(MultiLiteral(literals, store), text) == expected);
  }
}

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
