// SPDX-License-Identifier: Apache-2.0
#include "app/system_alerts.h"

#include <string>

#include <doctest/doctest.h>

using namespace tocsin;

namespace {

constexpr TimeNs begin_ns = 1'700'000'000 * second_ns;

}  // namespace

TEST_CASE("of a kind and subject there is one alert in an interval, and then one for the rest") {
  SystemAlerts alerts(10 * second_ns);
  CHECK(alerts.take(begin_ns).empty());
  alerts.raise("input-lost", "a", Level::high, "first");
  alerts.raise("input-lost", "b", Level::high, "another subject");
  alerts.raise("input-silent", "a", Level::medium, "another kind");
  CHECK(alerts.take(begin_ns).size() == 3);
  for (int i = 0; i < 5; ++i) {
    alerts.raise("input-lost", "a", Level::low, "again " + std::to_string(i));
    CHECK(alerts.take(begin_ns + i * second_ns).empty());
  }
  CHECK(alerts.take(begin_ns + 9 * second_ns).empty());
  const std::vector<Alert> rest = alerts.take(begin_ns + 10 * second_ns);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].kind == AlertKind::system);
  CHECK(rest[0].system_rule == "input-lost");
  CHECK(rest[0].summary == "again 0 (and 4 more of this kind)");
  CHECK(rest[0].count == 5);
  CHECK(alerts.take(begin_ns + 30 * second_ns).empty());
  CHECK(alerts.raised() == 8);
}

TEST_CASE("the highest level of what is told together counts") {
  SystemAlerts alerts(second_ns);
  alerts.raise("x", "", Level::low, "one");
  alerts.raise("x", "", Level::critical, "two");
  const std::vector<Alert> told = alerts.take(begin_ns);
  REQUIRE(told.size() == 1);
  CHECK(told[0].level == Level::critical);
}

TEST_CASE("a clock that is set back silences nothing") {
  SystemAlerts alerts(hour_ns);
  alerts.raise("x", "", Level::low, "one");
  CHECK(alerts.take(begin_ns).size() == 1);
  alerts.raise("x", "", Level::low, "two");
  CHECK(alerts.take(begin_ns - 2 * hour_ns).size() == 1);
}

TEST_CASE("a flood of subjects shares one place") {
  SystemAlerts alerts(hour_ns);
  const std::size_t subjects = 3 * SystemAlerts::subjects_max;
  for (std::size_t i = 0; i < subjects; ++i) {
    alerts.raise("x", std::to_string(i), Level::low, "one");
  }
  const std::vector<Alert> told = alerts.take(begin_ns);
  CHECK(told.size() == SystemAlerts::subjects_max + 1);
  std::uint64_t counted = 0;
  for (const Alert& alert : told) {
    counted += alert.count;
  }
  CHECK(counted == subjects);
}
