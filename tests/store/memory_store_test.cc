// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/flow/store.h"

namespace tocsin {
namespace {

Addressed addressed(const std::string& id,
                    std::vector<std::string> receivers,
                    Level level = Level::informational) {
  auto alert = std::make_shared<Alert>();
  alert->level = level;
  alert->id = id;
  return {alert, std::move(receivers)};
}

void commit(Store& store, std::vector<Addressed> alerts, std::vector<Position> positions = {}) {
  REQUIRE(store.commit({0, alerts, positions}).has_value());
}

std::vector<std::string> ids(const std::vector<Delivery>& deliveries) {
  std::vector<std::string> list;
  for (const Delivery& delivery : deliveries) {
    list.push_back(delivery.alert->id);
  }
  return list;
}

using Ids = std::vector<std::string>;

TEST_CASE("deliveries are leased once, oldest first, to each receiver apart") {
  const auto store = make_memory_store();
  commit(*store, {addressed("a", {"x", "y"}), addressed("b", {"x"}), addressed("c", {"x"})});
  CHECK(ids(store->lease("x", 2)) == Ids{"a", "b"});
  CHECK(ids(store->lease("x", 2)) == Ids{"c"});
  CHECK(store->lease("x", 2).empty());
  CHECK(ids(store->lease("y", 9)) == Ids{"a"});
  CHECK(store->lease("nobody", 9).empty());
}

TEST_CASE("a released delivery is the next again and counts its attempts") {
  const auto store = make_memory_store();
  commit(*store, {addressed("a", {"x"}), addressed("b", {"x"})});
  const std::vector<Delivery> first = store->lease("x", 1);
  REQUIRE(ids(first) == Ids{"a"});
  CHECK(first[0].attempts == 0);
  store->release("x", first[0].number);
  const std::vector<Delivery> second = store->lease("x", 1);
  REQUIRE(ids(second) == Ids{"a"});
  CHECK(second[0].attempts == 1);
  CHECK(second[0].number == first[0].number);
}

TEST_CASE("only what is marked stops being pending, delivered or failed") {
  const auto store = make_memory_store();
  commit(*store, {addressed("a", {"x"}), addressed("b", {"x"}), addressed("c", {"x"})});
  const std::vector<Delivery> leased = store->lease("x", 2);
  CHECK(store->pending("x") == 3);
  store->mark("x", leased[0].number, DeliveryOutcome::delivered);
  store->mark("x", leased[1].number, DeliveryOutcome::failed);
  CHECK(store->pending("x") == 1);
  store->mark("x", leased[1].number, DeliveryOutcome::failed);
  CHECK(store->pending("x") == 1);
  CHECK(store->pending("y") == 0);
}

TEST_CASE("what is not leased can be neither marked nor released") {
  const auto store = make_memory_store();
  commit(*store, {addressed("a", {"x"})});
  const std::uint64_t number = store->lease("x", 1)[0].number;
  store->release("x", number);
  store->mark("x", number, DeliveryOutcome::delivered);
  store->release("x", number + 1);
  CHECK(store->pending("x") == 1);
}

TEST_CASE("an alert whose id is known is not stored again") {
  const auto store = make_memory_store();
  commit(*store, {addressed("a", {"x"}), addressed("a", {"x"})});
  commit(*store, {addressed("a", {"x", "y"}), addressed("b", {"x"})});
  CHECK(ids(store->lease("x", 9)) == Ids{"a", "b"});
  CHECK(store->pending("y") == 0);
}

TEST_CASE("a position is the last that was committed for its input") {
  const auto store = make_memory_store();
  CHECK(store->positions().empty());
  commit(*store, {}, {{"files", "1"}, {"other", "7"}});
  commit(*store, {}, {{"files", "2"}});
  const std::vector<Position> positions = store->positions();
  REQUIRE(positions.size() == 2);
  CHECK(positions[0].input == "files");
  CHECK(positions[0].state == "2");
  CHECK(positions[1].state == "7");
}

std::vector<Addressed> many(std::size_t count) {
  std::vector<Addressed> alerts;
  for (std::size_t i = 0; i < count; ++i) {
    alerts.push_back(addressed(std::to_string(i), {"x"}));
  }
  return alerts;
}

TEST_CASE(
    "a full queue never makes commit wait: the newest of the lowest level is shed and counted") {
  const auto store = make_memory_store();
  CHECK(store->commit({0, many(limits::deliveries_in_memory_max), {}}).has_value());
  CHECK(store->shed("x") == 0);
  commit(*store, {addressed("medium", {"x", "y"}, Level::medium)});
  commit(*store, {addressed("high", {"x"}, Level::high), addressed("low", {"x"}, Level::low)});
  CHECK(store->pending("x") == limits::deliveries_in_memory_max);
  CHECK(store->shed("x") == 3);
  CHECK(store->pending("y") == 1);
  CHECK(store->shed("y") == 0);
  const std::vector<Delivery> all = store->lease("x", limits::deliveries_in_memory_max);
  CHECK(ids(all).front() == "0");
  CHECK(ids(all).back() == "low");
  // Leased ones are kept whatever their level.
  commit(*store, {addressed("critical", {"x"}, Level::critical)});
  CHECK(store->shed("x") == 4);
}

TEST_CASE("what waits for a receiver is bounded in bytes too") {
  const auto store = make_memory_store();
  auto record = std::make_shared<RecordCopy>();
  record->json = std::string(1u << 20, 'x');
  for (int i = 0; i < 100; ++i) {
    Alert alert;
    alert.id = std::to_string(i);
    alert.events = {record};
    commit(*store, {{std::make_shared<const Alert>(std::move(alert)), {"x"}}});
  }
  CHECK(store->pending("x") == 63);
  CHECK(store->shed("x") == 37);
}

TEST_CASE("stop ends a wait") {
  const auto store = make_memory_store();
  std::thread waiter([&] { store->wait("nobody", hour_ns); });
  store->stop();
  waiter.join();
}

TEST_CASE("wait returns when something can be leased, and after its timeout") {
  const auto store = make_memory_store();
  store->wait("x", 1'000'000);
  std::thread waiter([&] { store->wait("x", hour_ns); });
  commit(*store, {addressed("a", {"x"})});
  waiter.join();
  CHECK(store->lease("x", 1).size() == 1);
}

}  // namespace
}  // namespace tocsin
