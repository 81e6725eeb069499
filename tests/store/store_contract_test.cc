// SPDX-License-Identifier: Apache-2.0
// The contract of engine/flow/store.h: every case runs against every store.
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "engine/store/sqlite_store.h"
#include "tests/store/store_cases.h"
#include "tests/support/process.h"

namespace tocsin::test {
namespace {

struct Case {
  const char* name;
  std::function<void(Store&)> run;
};

const std::vector<Case> cases = {
    {"leased once, oldest first, to each receiver apart",
     [](Store& store) {
       commit(store, {addressed("a", {"x", "y"}), addressed("b", {"x"}), addressed("c", {"x"})});
       CHECK(ids(store.lease("x", 2)) == Ids{"a", "b"});
       CHECK(ids(store.lease("x", 2)) == Ids{"c"});
       CHECK(store.lease("x", 2).empty());
       CHECK(ids(store.lease("y", 9)) == Ids{"a"});
       CHECK(store.lease("nobody", 9).empty());
       CHECK(store.pending("x") == 3);
     }},
    {"a released delivery is the next again and counts its attempts",
     [](Store& store) {
       commit(store, {addressed("a", {"x"}), addressed("b", {"x"})});
       const std::vector<Delivery> first = store.lease("x", 1);
       REQUIRE(ids(first) == Ids{"a"});
       CHECK(first[0].attempts == 0);
       store.release("x", first[0].number);
       const std::vector<Delivery> second = store.lease("x", 2);
       REQUIRE(ids(second) == Ids{"a", "b"});
       CHECK(second[0].attempts == 1);
       CHECK(second[1].attempts == 0);
       CHECK(second[0].number == first[0].number);
     }},
    {"only what is marked stops being pending, once",
     [](Store& store) {
       commit(store, {addressed("a", {"x"}), addressed("b", {"x"}), addressed("c", {"x"})});
       const std::vector<Delivery> leased = store.lease("x", 2);
       store.mark("x", leased[0].number, DeliveryOutcome::delivered);
       store.mark("x", leased[1].number, DeliveryOutcome::failed);
       store.mark("x", leased[1].number, DeliveryOutcome::failed);
       CHECK(store.pending("x") == 1);
       CHECK(store.pending("y") == 0);
       CHECK(ids(store.lease("x", 9)) == Ids{"c"});
     }},
    {"what is not leased can be neither marked nor released",
     [](Store& store) {
       commit(store, {addressed("a", {"x"})});
       const std::uint64_t number = store.lease("x", 1)[0].number;
       store.release("x", number);
       store.mark("x", number, DeliveryOutcome::delivered);
       store.release("x", number + 1);
       CHECK(store.pending("x") == 1);
       CHECK(ids(store.lease("x", 9)) == Ids{"a"});
     }},
    {"an alert whose id is known is not stored again, even after its delivery",
     [](Store& store) {
       commit(store, {addressed("a", {"x"}), addressed("a", {"x"})});
       const std::vector<Delivery> leased = store.lease("x", 9);
       REQUIRE(ids(leased) == Ids{"a"});
       store.mark("x", leased[0].number, DeliveryOutcome::delivered);
       commit(store, {addressed("a", {"x", "y"}), addressed("b", {"x"})});
       CHECK(ids(store.lease("x", 9)) == Ids{"b"});
       CHECK(store.pending("y") == 0);
     }},
    {"a count is raised by what is folded into the alert, until it is leased",
     [](Store& store) {
       const auto raise = [&](std::vector<Addressed> alerts, std::vector<RaisedCount> raised) {
         Commit commit;
         commit.alerts = alerts;
         commit.raised_counts = raised;
         REQUIRE(store.commit(commit).has_value());
       };
       raise({addressed("a", {"x", "y"}), addressed("b", {"x"})}, {{"a", 2}, {"nobody", 7}});
       const std::vector<Delivery> first = store.lease("x", 9);
       REQUIRE(ids(first) == Ids{"a", "b"});
       CHECK(first[0].alert->count == 3);
       CHECK(first[1].alert->count == 1);
       raise({}, {{"a", 10}, {"b", 1}});
       store.mark("x", first[0].number, DeliveryOutcome::delivered);
       store.release("x", first[1].number);
       const std::vector<Delivery> again = store.lease("x", 9);
       REQUIRE(ids(again) == Ids{"b"});
       CHECK(again[0].alert->count == 2);
       const std::vector<Delivery> other = store.lease("y", 9);
       REQUIRE(ids(other) == Ids{"a"});
       CHECK(other[0].alert->count == 13);
     }},
    {"a position is the last of its input",
     [](Store& store) {
       CHECK(store.positions().empty());
       commit(store, {}, {{"files", "1"}, {"other", "7"}});
       commit(store, {}, {{"files", "2"}});
       const std::vector<Position> positions = store.positions();
       REQUIRE(positions.size() == 2);
       CHECK(positions[0].input == "files");
       CHECK(positions[0].state == "2");
       CHECK(positions[1].state == "7");
     }},
    {"a receiver that is named twice gets an alert once",
     [](Store& store) {
       commit(store, {addressed("a", {"x", "y", "x"})});
       CHECK(ids(store.lease("x", 9)) == Ids{"a"});
       CHECK(ids(store.lease("y", 9)) == Ids{"a"});
     }},
    {"stop ends a wait, and what is committed after it is kept",
     [](Store& store) {
       std::thread waiter([&] { store.wait("nobody", hour_ns); });
       store.stop();
       waiter.join();
       commit(store, {addressed("a", {"x"})});
       CHECK(store.pending("x") == 1);
     }},
    {"wait returns when something can be leased, and after its timeout",
     [](Store& store) {
       store.wait("x", 1'000'000);
       std::thread waiter([&] { store.wait("x", hour_ns); });
       commit(store, {addressed("a", {"x"})});
       waiter.join();
       CHECK(store.lease("x", 1).size() == 1);
     }},
};

TEST_CASE("every store keeps the contract") {
  for (const Case& row : cases) {
    CAPTURE(row.name);
    SUBCASE("in memory") {
      row.run(*make_memory_store());
    }
    SUBCASE("in a file") {
      const ScratchFolder scratch;
      auto store = open_sqlite_store(scratch.file("state"), {}, {});
      REQUIRE(store.has_value());
      row.run(**store);
    }
  }
}

}  // namespace
}  // namespace tocsin::test
