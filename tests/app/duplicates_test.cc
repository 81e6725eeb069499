// SPDX-License-Identifier: Apache-2.0
#include "app/duplicates.h"

#include <doctest/doctest.h>

using namespace tocsin;

namespace {

Hash128 id(std::uint64_t number) {
  return {number, number * 7919};
}

}  // namespace

TEST_CASE("an id is new once") {
  Duplicates duplicates(0, 100);
  CHECK(duplicates.insert(id(1), 0));
  CHECK_FALSE(duplicates.insert(id(1), 0));
  CHECK(duplicates.insert(id(2), 0));
}

TEST_CASE("ids beyond the horizon are forgotten, those inside it are not") {
  Duplicates duplicates(day_ns, 100);
  CHECK(duplicates.insert(id(1), 0));
  CHECK(duplicates.insert(id(2), 24 * hour_ns));
  CHECK_FALSE(duplicates.insert(id(1), 0));
  CHECK(duplicates.insert(id(3), 26 * hour_ns));
  CHECK(duplicates.insert(id(1), 0));
  CHECK(duplicates.forgotten_early() == 0);
}

TEST_CASE("without a horizon files may come in any order") {
  Duplicates duplicates(0, 100);
  CHECK(duplicates.insert(id(1), 0));
  CHECK(duplicates.insert(id(2), 900 * day_ns));
  CHECK_FALSE(duplicates.insert(id(1), 0));
}

TEST_CASE("the limit makes the bucket go that was used longest ago, and says so") {
  Duplicates duplicates(0, 10);
  for (std::uint64_t i = 0; i < 6; ++i) {
    duplicates.insert(id(i), 0);
  }
  for (std::uint64_t i = 6; i < 11; ++i) {
    duplicates.insert(id(i), hour_ns);
  }
  CHECK(duplicates.forgotten_early() == 1);
  CHECK_FALSE(duplicates.insert(id(10), hour_ns));
  CHECK(duplicates.insert(id(0), 0));
}

TEST_CASE("times before 1970 have hours of their own") {
  Duplicates duplicates(0, 10);
  CHECK(duplicates.insert(id(1), -1));
  CHECK(duplicates.insert(id(1), 1));
  CHECK_FALSE(duplicates.insert(id(1), -hour_ns));
}
