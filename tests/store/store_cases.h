// SPDX-License-Identifier: Apache-2.0
// What the tests of stores share: alerts to commit, and ids of deliveries.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/flow/store.h"

namespace tocsin::test {

using Ids = std::vector<std::string>;

inline Addressed addressed(const std::string& id,
                           std::vector<std::string> receivers,
                           Level level = Level::informational) {
  auto alert = std::make_shared<Alert>();
  alert->level = level;
  alert->id = id;
  alert->kind = AlertKind::system;
  alert->system_rule = "test";
  return {alert, std::move(receivers)};
}

inline void commit(Store& store,
                   std::vector<Addressed> alerts,
                   std::vector<Position> positions = {}) {
  const Result<void> done = store.commit({0, alerts, positions});
  REQUIRE_MESSAGE(done.has_value(), (done ? std::string() : done.error().message));
}

inline Ids ids(const std::vector<Delivery>& deliveries) {
  Ids list;
  for (const Delivery& delivery : deliveries) {
    list.push_back(delivery.alert->id);
  }
  return list;
}

}  // namespace tocsin::test
