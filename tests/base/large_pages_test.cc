// SPDX-License-Identifier: Apache-2.0
#include "engine/base/large_pages.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/hash_set.h"
#include "tests/support/slowdown.h"

using namespace tocsin;

namespace {

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/status");
  std::string word;
  while (file >> word) {
    if (word == "VmRSS:") {
      std::size_t kilobytes = 0;
      file >> kilobytes;
      return kilobytes * 1024;
    }
  }
  return 0;
}

using Large = std::vector<std::uint64_t, LargePageAllocator<std::uint64_t>>;
constexpr std::size_t border = large_page_bytes / sizeof(std::uint64_t);

}  // namespace

TEST_CASE("what lies in large pages is a vector like others, on both sides of the border") {
  for (const std::size_t size : {std::size_t{0}, border - 1, border, border + 1, 3 * border + 7}) {
    Large values(size);
    CHECK(std::all_of(values.begin(), values.end(), [](std::uint64_t one) { return one == 0; }));
    for (std::size_t i = 0; i < size; ++i) {
      values[i] = i;
    }
    values.resize(size + border, 5);
    Large copy = values;
    const Large moved = std::move(values);
    CHECK(copy == moved);
    copy.assign(10, 1);
    copy.shrink_to_fit();
    std::swap(copy, values);
    CHECK(values.size() == 10);
    if (size > 0) {
      CHECK(moved[size - 1] == size - 1);
    }
    CHECK(moved.back() == 5);
    CHECK(reinterpret_cast<std::uintptr_t>(moved.data()) % large_page_bytes == 0);
  }
}

TEST_CASE("more than there is of memory is bad_alloc") {
  LargePageAllocator<char> allocator;
  for (const std::size_t size : {std::numeric_limits<std::size_t>::max(),
                                 std::numeric_limits<std::size_t>::max() - large_page_bytes,
                                 std::size_t{1} << 60}) {
    CHECK_THROWS_AS(allocator.allocate(size), std::bad_alloc);
  }
}

// As tables of hours do in a process that runs for months, with other memory taken in between.
// Sanitizers keep what is freed, so that nothing is learned under them.
TEST_CASE("tables that come and go leave no memory behind" *
          doctest::skip(tocsin::test::slowdown > 1)) {
  std::mt19937_64 random(1);
  std::deque<HashSet> hours;
  std::vector<std::string> others;
  const auto next_hour = [&] {
    HashSet& hour = hours.emplace_back();
    const std::size_t keys = 50'000 + random() % 60'000;
    for (std::size_t i = 0; i < keys; ++i) {
      hour.insert({random(), random()});
      if (i % 1'000 == 0) {
        others.emplace_back(1'000 + random() % 4'000, 'x');
      }
    }
    if (hours.size() > 6) {
      hours.pop_front();
    }
    if (others.size() > 2'000) {
      others.erase(others.begin(), others.begin() + 1'000);
    }
  };
  for (int i = 0; i < 40; ++i) {
    next_hour();
  }
  const std::size_t before = resident_bytes();
  REQUIRE(before > 0);
  for (int i = 0; i < 80; ++i) {
    next_hour();
  }
  // From the heap it is twice as much by now.
  CHECK(resident_bytes() < before + (20u << 20));
}
