// SPDX-License-Identifier: Apache-2.0
#include "engine/base/hash_set.h"

#include <random>
#include <set>
#include <vector>

#include <doctest/doctest.h>

using namespace tocsin;

namespace {

std::set<Hash128> all_of(const HashSet& set) {
  std::set<Hash128> keys;
  std::size_t visited = 0;
  set.for_each([&](const Hash128& key) {
    keys.insert(key);
    ++visited;
  });
  CHECK(visited == set.size());
  return keys;
}

// Inserts each of them twice, and compares every answer with that of a std::set.
void check_equals_a_set(const std::vector<Hash128>& keys) {
  HashSet hashes;
  std::set<Hash128> expected;
  std::size_t wrong = 0;
  for (int round = 0; round < 2; ++round) {
    for (const Hash128& key : keys) {
      hashes.prefetch(key);
      wrong += hashes.insert(key) == expected.insert(key).second ? 0u : 1u;
      wrong += hashes.size() == expected.size() ? 0u : 1u;
    }
  }
  CHECK(wrong == 0);
  CHECK(all_of(hashes) == expected);
}

}  // namespace

TEST_CASE("an empty set of hashes has nothing to visit") {
  const HashSet hashes;
  hashes.prefetch({1, 2});
  CHECK(all_of(hashes).empty());
}

TEST_CASE("a set of hashes equals a set: mixed keys, past what lies in large pages") {
  std::mt19937_64 random(7);
  std::vector<Hash128> keys;
  for (int i = 0; i < 300'000; ++i) {
    keys.push_back({random(), random()});
  }
  for (int i = 0; i < 10'000; ++i) {
    keys.push_back(keys[random() % keys.size()]);
  }
  check_equals_a_set(keys);
}

TEST_CASE("a set of hashes equals a set: keys of one group, and of one tag") {
  std::vector<Hash128> one_group;
  std::vector<Hash128> one_tag;
  std::vector<Hash128> one_group_and_tag;
  for (std::uint64_t i = 0; i < 700; ++i) {
    one_group.push_back({i << 57 | i, 3});
    one_tag.push_back({5, i * 0x9e3779b97f4a7c15});
    one_group_and_tag.push_back({i, ~std::uint64_t{0}});
  }
  check_equals_a_set(one_group);
  check_equals_a_set(one_tag);
  check_equals_a_set(one_group_and_tag);
}

TEST_CASE("a set of hashes that was reserved equals a set: in the order of another one") {
  std::mt19937_64 random(3);
  HashSet first;
  std::set<Hash128> expected;
  for (int i = 0; i < 50'000; ++i) {
    const Hash128 key{random(), random()};
    first.insert(key);
    expected.insert(key);
  }
  HashSet second;
  second.insert(*expected.begin());
  second.reserve(first.size());
  std::size_t fresh = 0;
  first.for_each([&](const Hash128& key) { fresh += second.insert(key) ? 1u : 0u; });
  CHECK(fresh == first.size() - 1);
  CHECK(all_of(second) == expected);
  second.reserve(10);  // less than there are: nothing happens
  CHECK(all_of(second) == expected);
}

// Tags that differ by one bit from one another and from a free place: a borrow of the arithmetic
// may take one for another, and only the keys tell.
TEST_CASE("a set of hashes equals a set: tags that are nearly equal") {
  std::mt19937_64 random(11);
  std::vector<Hash128> keys = {{0, 0}};
  for (int i = 0; i < 20'000; ++i) {
    keys.push_back({(random() % 4) << 57 | random() % 3, random() % 2'000});
  }
  check_equals_a_set(keys);
}
