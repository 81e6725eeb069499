// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/flow/store.h"

namespace tocsin {
namespace {

Addressed addressed(const std::string& id, std::vector<std::string> receivers) {
  auto alert = std::make_shared<Alert>();
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

TEST_CASE("commit waits while a receiver's queue is full and goes on when a delivery is done") {
  const auto store = make_memory_store();
  const std::vector<Addressed> alerts = many(limits::deliveries_in_memory_max + 1);
  std::atomic<bool> committed{false};
  std::thread committer([&] {
    CHECK(store->commit({0, alerts, {}}).has_value());
    committed = true;
  });
  while (store->pending("x") < limits::deliveries_in_memory_max) {
    std::this_thread::yield();
  }
  CHECK_FALSE(committed);
  const std::vector<Delivery> one = store->lease("x", 1);
  REQUIRE(one.size() == 1);
  CHECK_FALSE(committed);
  store->mark("x", one[0].number, DeliveryOutcome::failed);
  committer.join();
  CHECK(committed);
  CHECK(store->pending("x") == limits::deliveries_in_memory_max);
}

TEST_CASE("stop ends a commit that waits for room, as an error, and a wait") {
  const auto store = make_memory_store();
  const std::vector<Addressed> alerts = many(limits::deliveries_in_memory_max + 1);
  std::thread committer([&] { CHECK_FALSE(store->commit({0, alerts, {}}).has_value()); });
  std::thread waiter([&] { store->wait("nobody", hour_ns); });
  while (store->pending("x") < limits::deliveries_in_memory_max) {
    std::this_thread::yield();
  }
  store->stop();
  committer.join();
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
