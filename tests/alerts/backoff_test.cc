// SPDX-License-Identifier: Apache-2.0
#include "alerts/backoff.h"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

using namespace tocsin;

TEST_CASE("back-off is full jitter below a doubling ceiling, and the same for the same seed") {
  Backoff backoff(100, 1000, 42);
  Backoff same(100, 1000, 42);
  Backoff other(100, 1000, 43);
  bool differs = false;
  DurationNs ceiling = 100;
  for (int i = 0; i < 50; ++i) {
    const DurationNs wait = backoff.next();
    CHECK(wait >= 0);
    CHECK(wait <= ceiling);
    CHECK(wait == same.next());
    differs = differs || wait != other.next();
    ceiling = std::min<DurationNs>(ceiling * 2, 1000);
  }
  CHECK(differs);
  backoff.reset();
  CHECK(backoff.next() <= 100);
  DurationNs sum = 0;
  for (int i = 0; i < 1000; ++i) {
    sum += other.next();
  }
  // Uniform in [0, 1000].
  CHECK(sum > 400'000);
  CHECK(sum < 600'000);
}

TEST_CASE("a token bucket spaces messages and allows a burst after silence") {
  TokenBucket bucket(1000, 3);
  std::vector<DurationNs> waits;
  TimeNs now = 50'000;
  for (int i = 0; i < 5; ++i) {
    waits.push_back(bucket.wait(now));
    now += bucket.wait(now);
    bucket.take(now);
  }
  CHECK(waits == std::vector<DurationNs>{0, 0, 0, 1000, 1000});
  now += 10'000;
  CHECK(bucket.wait(now) == 0);
  TokenBucket unlimited(0, 1);
  unlimited.take(5);
  CHECK(unlimited.wait(5) == 0);
}
