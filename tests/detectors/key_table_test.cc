// SPDX-License-Identifier: Apache-2.0
#include "detectors/key_table.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "detectors/flat_map.h"
#include "detectors/seen_records.h"
#include "tests/detectors/stream.h"

namespace tocsin {
namespace {

std::vector<std::string> keys_of(const KeyTable<int>& table) {
  std::vector<std::string> keys;
  table.for_each([&](std::string_view key, const int&, KeyTable<int>::Standing standing) {
    keys.push_back(std::string(key) + (KeyTable<int>::is_protected(standing) ? "+" : ""));
  });
  return keys;
}

using Keys = std::vector<std::string>;

TEST_CASE("keys seen once go first, least recently used first") {
  KeyTable<int> table(5, 1);
  for (const char* key : {"a", "b", "a", "c", "d", "e"}) {
    table.touch(key);
  }
  CHECK(keys_of(table) == Keys{"b", "c", "d", "e", "a+"});
  table.touch("f");
  table.touch("g");
  CHECK(keys_of(table) == Keys{"d", "e", "f", "g", "a+"});
  CHECK(table.find("b") == nullptr);
  CHECK(table.find("a") != nullptr);
  CHECK(table.evicted() == 2);
  CHECK(table.evicted_protected() == 0);
}

TEST_CASE("past their quota the protected keys are on probation again") {
  KeyTable<int> table(5, 1);
  for (const char* key : {"a", "a", "b", "b", "c", "c", "d", "d", "e", "e"}) {
    table.touch(key);
  }
  CHECK(keys_of(table) == Keys{"a", "b+", "c+", "d+", "e+"});
}

TEST_CASE("an attacker who fills the protected segment is noticed") {
  KeyTable<int> table(100, 3);
  table.touch("slow");
  table.touch("slow");
  for (int i = 0; i < 1000; ++i) {
    table.touch("flood" + std::to_string(i));
    table.touch("flood" + std::to_string(i));
  }
  CHECK(table.find("slow") == nullptr);
  CHECK(table.size() == 100);
  CHECK(table.evicted_protected() == 901);
}

TEST_CASE("a key that is used again and again stays, whatever is protected beside it") {
  KeyTable<int> table(100, 3);
  for (int i = 0; i < 1000; ++i) {
    table.touch("flood" + std::to_string(i));
    table.touch("flood" + std::to_string(i));
    if (i % 50 == 0) {
      table.touch("slow") += 1;
    }
  }
  REQUIRE(table.find("slow") != nullptr);
  CHECK(*table.find("slow") == 20);
}

TEST_CASE("a flood of one-off keys leaves a key that was seen twice alone") {
  KeyTable<int> table(1000, 7);
  table.touch("attack") = 1;
  table.touch("attack") = 2;
  for (int i = 0; i < 100'000; ++i) {
    table.touch("flood" + std::to_string(i));
  }
  REQUIRE(table.find("attack") != nullptr);
  CHECK(*table.find("attack") == 2);
  CHECK(table.size() == 1000);
}

TEST_CASE("what is evicted does not depend on the seed") {
  std::vector<Keys> results;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    KeyTable<int> table(50, seed);
    std::mt19937_64 random(5);
    for (int i = 0; i < 5000; ++i) {
      table.touch(std::to_string(random() % 120));
    }
    results.push_back(keys_of(table));
  }
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("expire drops old keys from both segments and finds the others again") {
  KeyTable<int> table(1000, 1);
  for (int i = 0; i < 500; ++i) {
    table.touch(std::to_string(i)) = i;
    if (i % 2 == 0) {
      table.touch(std::to_string(i));
    }
  }
  table.expire([](int value) { return value < 300; });
  CHECK(table.size() == 200);
  for (int i = 0; i < 500; ++i) {
    CAPTURE(i);
    const int* found = table.find(std::to_string(i));
    REQUIRE((found != nullptr) == (i >= 300));
    REQUIRE((found == nullptr || *found == i));
  }
}

TEST_CASE("a table restored in its order goes on like the first") {
  KeyTable<int> first(20, 1);
  std::mt19937_64 random(9);
  for (int i = 0; i < 500; ++i) {
    first.touch(std::to_string(random() % 60)) = i;
  }
  KeyTable<int> second(20, 99);
  first.for_each([&](std::string_view key, const int& value, KeyTable<int>::Standing standing) {
    second.restore(key, standing) = value;
  });
  CHECK(keys_of(first) == keys_of(second));
  for (int i = 0; i < 500; ++i) {
    const std::string key = std::to_string(random() % 60);
    first.touch(key) = i;
    second.touch(key) = i;
  }
  CHECK(keys_of(first) == keys_of(second));
}

TEST_CASE("a flat map equals a map under random inserts and erases") {
  FlatMap<int> flat;
  std::map<Hash128, int> map;
  std::mt19937_64 random(4);
  for (int i = 0; i < 20'000; ++i) {
    // Few distinct low parts: long runs of collisions.
    const Hash128 key{random() % 40, random() % 9};
    if (random() % 2 == 0) {
      bool created = false;
      flat.insert(key, &created) = i;
      REQUIRE(created == map.insert_or_assign(key, i).second);
    } else {
      REQUIRE(flat.erase(key) == (map.erase(key) > 0));
    }
    REQUIRE(flat.size() == map.size());
  }
  for (std::uint64_t high = 0; high < 40; ++high) {
    for (std::uint64_t low = 0; low < 9; ++low) {
      const auto found = map.find({high, low});
      const int* value = flat.find({high, low});
      REQUIRE((value == nullptr) == (found == map.end()));
      REQUIRE((value == nullptr || *value == found->second));
    }
  }
}

TEST_CASE("a record is new once; at the limit the oldest hour is forgotten") {
  SeenRecords seen(100);
  CHECK(seen.insert({1, 1}, 0));
  CHECK_FALSE(seen.insert({1, 1}, 0));
  for (std::uint64_t i = 0; i < 100; ++i) {
    CHECK(seen.insert({2, i}, hour_ns));
  }
  CHECK(seen.forgotten_early() == 1);
  CHECK_FALSE(seen.insert({2, 50}, hour_ns));
  CHECK(seen.insert({1, 1}, 0));
}

TEST_CASE("a slow attack among a flood of one-off keys is found") {
  CorrelationSpec spec = testing::spec_of("event_count", day_ns);
  spec.thresholds = {{CompareOp::gte, 10}};
  std::vector<testing::StreamEvent> events;
  for (int i = 0; i < 1'000'000; ++i) {
    events.push_back({i * second_ns / 50, 1, std::to_string(i), {}});
    if (i % 100'000 == 0) {
      // Two at first: a key is protected from its second event on.
      events.push_back({i * second_ns / 50, 1, "attack", {}});
      if (i == 0) {
        events.push_back({i * second_ns / 50, 1, "attack", {}});
      }
    }
  }
  DetectorSettings settings;
  settings.max_keys = 1000;
  const std::vector<testing::DriverReport> reports = drive(spec, events, settings, {});
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].report.group[0] == "attack");
}

}  // namespace
}  // namespace tocsin
