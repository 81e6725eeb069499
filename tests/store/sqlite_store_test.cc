// SPDX-License-Identifier: Apache-2.0
// What the store in a file promises beyond the contract: restarts, one user, bounds.
#include "engine/store/sqlite_store.h"

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "engine/flow/ruleset.h"
#include "engine/store/alert_record.h"
#include "engine/store/schema.h"
#include "tests/store/store_cases.h"
#include "tests/support/process.h"

namespace tocsin::test {
namespace {

using Kind = StoreNotice::Kind;

struct Notices {
  std::vector<StoreNotice> list;
  StoreNotices sink() {
    return [this](const StoreNotice& notice) { list.push_back(notice); };
  }
  std::size_t count(Kind kind) const {
    return static_cast<std::size_t>(std::count_if(
        list.begin(), list.end(), [&](const StoreNotice& notice) { return notice.kind == kind; }));
  }
};

std::unique_ptr<Store> open(const std::string& folder,
                            const SqliteStoreSettings& settings = {},
                            const StoreNotices& notices = {}) {
  Result<std::unique_ptr<Store>> store = open_sqlite_store(folder, settings, notices);
  REQUIRE_MESSAGE(store.has_value(), (store ? std::string() : store.error().message));
  return std::move(*store);
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

Addressed large(const std::string& id, Level level, std::size_t bytes = 10'000) {
  Alert alert;
  alert.id = id;
  alert.level = level;
  alert.kind = AlertKind::system;
  alert.system_rule = "large";
  alert.summary = std::string(bytes, 'x');
  return {std::make_shared<const Alert>(std::move(alert)), {"x"}};
}

void deliver_all(Store& store, const std::string& receiver) {
  for (auto leased = store.lease(receiver, 100); !leased.empty();
       leased = store.lease(receiver, 100)) {
    for (const Delivery& delivery : leased) {
      store.mark(receiver, delivery.number, DeliveryOutcome::delivered);
    }
  }
}

std::shared_ptr<const Ruleset> a_ruleset() {
  auto ruleset = std::make_shared<Ruleset>();
  RuleInfo& rule = ruleset->rules.emplace_back();
  rule.kind = RuleKind::correlation;
  rule.title = "Title";
  rule.id = "id";
  rule.name = "name";
  rule.level = Level::high;
  rule.tags = {"attack.t1078", "x"};
  rule.references = {"https://example.org/a"};
  rule.related = {{"other", "derived"}};
  rule.log_source = {"c", "aws", "cloudtrail"};
  rule.custom = {{"k", "[1]"}};
  rule.extensions.runbook = "https://example.org/r";
  rule.extensions.repeat_interval = hour_ns;
  rule.extensions.fields = {"eventName"};
  rule.line = 7;
  rule.fingerprint = {1, 2};
  rule.key = "id";
  return ruleset;
}

Alert a_rich_alert() {
  Alert alert;
  alert.id = "0123";
  alert.kind = AlertKind::correlation;
  alert.time = -5;
  alert.detected_at = 1'700'000'000 * second_ns;
  alert.level = Level::critical;
  alert.ruleset = a_ruleset();
  alert.rule = &alert.ruleset->rules.front();
  alert.summary = std::string("s\0\xff", 3);
  alert.group = {{"user", "eve"}, {"region", std::nullopt}};
  alert.count = 12;
  alert.entities = {{"account", "1"}};
  alert.first_seen = 1;
  alert.learning = true;
  alert.matched = {{"selection", "eventName", "equals", "A", "a"}};
  alert.evidence_json = R"({"a":1})";
  auto record = std::make_shared<RecordCopy>();
  record->source = "file";
  record->record = 3;
  record->offset = 99;
  record->json = R"({"eventName":"A","secret":"hunter2"})";
  record->event_id = "e";
  record->cloudtrail = true;
  record->time = 8;
  record->identity = {3, 4};
  alert.events = {record, nullptr};
  return alert;
}

TEST_CASE("an alert and its rule are read back as they were written") {
  const Alert alert = a_rich_alert();
  const auto ruleset = read_rule_record(rule_record(*alert.rule));
  REQUIRE(ruleset != nullptr);
  const auto copy = read_alert_record(alert_record(alert), ruleset);
  REQUIRE(copy != nullptr);
  // Every field is written: the bytes of the copy are those of the original.
  CHECK(alert_record(*copy) == alert_record(alert));
  CHECK(rule_record(*copy->rule) == rule_record(*alert.rule));
  CHECK(copy->time == alert.time);
  CHECK(copy->group == alert.group);
  CHECK_FALSE(copy->last_seen.has_value());
  CHECK(copy->summary == alert.summary);
  CHECK(copy->matched[0].value == "a");
  REQUIRE(copy->events.size() == 2);
  CHECK(copy->events[0]->json == alert.events[0]->json);
  CHECK(copy->events[0]->identity == alert.events[0]->identity);
  CHECK(copy->events[1] == nullptr);
  CHECK(copy->rule->extensions.runbook == "https://example.org/r");
  CHECK(copy->rule->log_source == alert.rule->log_source);
}

TEST_CASE("no damaged bytes are read as an alert or a rule, and none do harm") {
  const std::string alert = alert_record(a_rich_alert());
  const std::string rule = rule_record(a_ruleset()->rules.front());
  for (std::size_t size = 0; size < alert.size(); ++size) {
    CAPTURE(size);
    CHECK(read_alert_record(std::string_view(alert).substr(0, size), nullptr) == nullptr);
  }
  for (std::size_t size = 0; size < rule.size(); ++size) {
    CAPTURE(size);
    CHECK(read_rule_record(std::string_view(rule).substr(0, size)) == nullptr);
  }
  CHECK(read_alert_record(alert + "x", nullptr) == nullptr);
  for (std::size_t at = 0; at < alert.size(); ++at) {
    std::string torn = alert;
    torn[at] = static_cast<char>(torn[at] ^ 0xff);
    read_alert_record(torn, nullptr);
  }
}

TEST_CASE("after a restart everything undelivered is there, with its attempts, and nothing else") {
  const ScratchFolder scratch;
  const std::string folder = scratch.file("state");
  {
    const auto store = open(folder);
    const std::vector<StateRow> state = {{"rule a", std::string("\0b", 2)}, {"rule b", "2"}};
    const std::vector<Addressed> alerts = {
        {std::make_shared<const Alert>(a_rich_alert()), {"x", "y"}},
        addressed("b", {"x"}),
        addressed("c", {"x"})};
    REQUIRE(store->commit({1, alerts, {}, state}).has_value());
    const auto leased = store->lease("x", 2);
    store->mark("x", leased[1].number, DeliveryOutcome::delivered);
    store->release("x", leased[0].number);
    const std::vector<StateRow> changed = {{"rule b", ""}};
    REQUIRE(store->commit({2, {}, {}, changed}).has_value());
  }
  const auto store = open(folder);
  CHECK(store->pending("x") == 2);
  CHECK(store->pending("y") == 1);
  const auto leased = store->lease("x", 9);
  REQUIRE(ids(leased) == Ids{"0123", "c"});
  CHECK(leased[0].attempts == 1);
  CHECK(leased[1].attempts == 0);
  REQUIRE(leased[0].alert->rule != nullptr);
  CHECK(leased[0].alert->rule->title == "Title");
  CHECK(alert_record(*leased[0].alert) == alert_record(a_rich_alert()));
  const auto state = store->detector_state();
  REQUIRE(state.size() == 1);
  CHECK(state[0].key == "rule a");
  CHECK(state[0].bytes == std::string("\0b", 2));
  commit(*store, {addressed("b", {"x"}), addressed("d", {"x"})});
  CHECK(ids(store->lease("x", 9)) == Ids{"d"});
}

TEST_CASE("rows of a position are merged by input, and empty ones remove") {
  const ScratchFolder scratch;
  {
    const auto store = open(scratch.file("state"));
    commit(*store, {}, {{"in", "a\t1\nb\t2\n"}, {"other", "a\t9\n"}});
    commit(*store, {}, {{"in", "b\t\nc\t3\tx\na\t4\n"}});
  }
  const auto positions = open(scratch.file("state"))->positions();
  REQUIRE(positions.size() == 2);
  CHECK(positions[0].state == "a\t4\nc\t3\tx\n");
  CHECK(positions[1].state == "a\t9\n");
}

TEST_CASE("a row without a key is refused and nothing of its commit is kept") {
  const ScratchFolder scratch;
  const auto store = open(scratch.file("state"));
  const std::vector<Addressed> alerts = {addressed("a", {"x"})};
  const std::vector<Position> positions = {{"in", "good\t1\n\tbad\n"}};
  CHECK_FALSE(store->commit({0, alerts, positions}).has_value());
  CHECK(store->pending("x") == 0);
  CHECK(store->positions().empty());
  commit(*store, {addressed("a", {"x"})});
  CHECK(ids(store->lease("x", 9)) == Ids{"a"});
}

TEST_CASE("only the owner reads the state, and secrets are taken out before they are on the disk") {
  const ScratchFolder scratch;
  const std::string folder = scratch.file("state");
  SqliteStoreSettings settings;
  settings.redact = [](const Alert& alert) {
    Alert clean = alert;
    auto record = std::make_shared<RecordCopy>(*alert.events[0]);
    record->json = "{}";
    clean.events = {record};
    return clean;
  };
  const auto store = open(folder, settings);
  commit(*store, {{std::make_shared<const Alert>(a_rich_alert()), {"x"}}});
  CHECK(mode_of(folder) == 0700);
  for (const char* name : {"tocsin.db", "tocsin.db-wal", "lock"}) {
    CAPTURE(name);
    CHECK(mode_of(folder + "/" + name) == 0600);
    CHECK(scratch.read(std::string("state/") + name).find("hunter2") == std::string::npos);
  }
  CHECK(scratch.read("state/tocsin.db-wal").find("eventName") != std::string::npos);
  CHECK(store->lease("x", 1)[0].alert->events[0]->json == "{}");
}

TEST_CASE("a second instance is refused while the first one runs") {
  const ScratchFolder scratch;
  auto first = open(scratch.file("state"));
  const auto second = open_sqlite_store(scratch.file("state"), {}, {});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().message.find("in use by process") != std::string::npos);
  first.reset();
  open(scratch.file("state"));
}

TEST_CASE("a folder that cannot be used is named") {
  const ScratchFolder scratch;
  scratch.write("file", "");
  for (const char* name : {"file", "none/state"}) {
    CAPTURE(name);
    const auto store = open_sqlite_store(scratch.file(name), {}, {});
    REQUIRE_FALSE(store.has_value());
    CHECK(store.error().message.find(scratch.file(name)) != std::string::npos);
  }
}

TEST_CASE("a folder that others may enter is told of") {
  const ScratchFolder scratch;
  REQUIRE(mkdir(scratch.file("state").c_str(), 0700) == 0);
  REQUIRE(chmod(scratch.file("state").c_str(), 0755) == 0);
  Notices notices;
  open(scratch.file("state"), {}, notices.sink());
  CHECK(notices.count(Kind::open_to_others) == 1);
}

TEST_CASE("deliveries to a receiver that is no more are given up and told of") {
  const ScratchFolder scratch;
  commit(*open(scratch.file("state")), {addressed("a", {"x", "old"}), addressed("b", {"old"})});
  Notices notices;
  SqliteStoreSettings settings;
  settings.receivers = {{"x"}};
  const auto store = open(scratch.file("state"), settings, notices.sink());
  CHECK(notices.count(Kind::receiver_gone) == 1);
  CHECK(store->pending("old") == 0);
  CHECK(ids(store->lease("x", 9)) == Ids{"a"});
}

TEST_CASE("past its quota a rule is counted by group and minute, and told of once") {
  const ScratchFolder scratch;
  Notices notices;
  SqliteStoreSettings settings;
  settings.undelivered_per_rule_max = 4;
  auto store = open(scratch.file("state"), settings, notices.sink());
  for (int i = 0; i < 10; ++i) {
    Alert alert = a_rich_alert();
    alert.id = std::to_string(i);
    alert.time = 125 * second_ns;
    commit(*store, {{std::make_shared<const Alert>(alert), {"x"}}, addressed("s" + alert.id, {})});
  }
  CHECK(store->pending("x") == 4);
  CHECK(notices.count(Kind::rule_over_quota) == 1);
  const auto check_counted = [&] {
    const auto counted = store->counted();
    REQUIRE(counted.size() == 1);
    CHECK(counted[0].rule == "id");
    CHECK(counted[0].group == "user=eve, region=");
    CHECK(counted[0].minute == 2 * minute_ns);
    CHECK(counted[0].count == 6);
  };
  check_counted();
  store.reset();
  store = open(scratch.file("state"), settings, notices.sink());
  check_counted();
  commit(*store, {addressed("other rule", {"x"})});
  CHECK(store->pending("x") == 5);
  deliver_all(*store, "x");
  Alert alert = a_rich_alert();
  commit(*store, {{std::make_shared<const Alert>(alert), {"x"}}});
  CHECK(ids(store->lease("x", 9)) == Ids{"0123"});
}

TEST_CASE("the rows of counted alerts are bounded, whatever the groups are") {
  const ScratchFolder scratch;
  SqliteStoreSettings settings;
  settings.undelivered_per_rule_max = 0;
  settings.counted_rows_max = 10;
  const auto store = open(scratch.file("state"), settings);
  for (int i = 0; i < 100; ++i) {
    Alert alert;
    alert.id = std::to_string(i);
    alert.group = {{"user", alert.id}};
    alert.time = i * minute_ns;
    commit(*store, {{std::make_shared<const Alert>(alert), {"x"}}});
  }
  std::uint64_t total = 0;
  for (const CountedAlerts& row : store->counted()) {
    total += row.count;
  }
  CHECK(total == 100);
  CHECK(store->counted().size() == 21);
}

// A store that has room for so many bytes of alerts.
struct BoundedStore {
  explicit BoundedStore(std::uint64_t alert_bytes_max) {
    SqliteStoreSettings settings;
    settings.alert_bytes_max = alert_bytes_max;
    store = open(scratch.file("state"), settings, notices.sink());
  }
  const ScratchFolder scratch;
  Notices notices;
  std::unique_ptr<Store> store;
};

TEST_CASE("a full store gives up the newest of the lowest level, not what is leased or high") {
  BoundedStore bounded(45'000);  // four alerts
  const Notices& notices = bounded.notices;
  const auto& store = bounded.store;
  commit(*store, {large("info1", Level::informational), large("low", Level::low)});
  REQUIRE(ids(store->lease("x", 1)) == Ids{"info1"});
  commit(*store, {large("info2", Level::informational), large("medium", Level::medium)});
  CHECK(store->shed("x") == 0);
  commit(*store, {large("high", Level::high)});
  commit(*store, {large("critical", Level::critical)});
  CHECK(store->shed("x") == 2);
  CHECK(notices.count(Kind::shed) == 2);
  CHECK(store->pending("x") == 4);
  CHECK(ids(store->lease("x", 9)) == Ids{"medium", "high", "critical"});
  commit(*store, {large("late", Level::low)}, {{"in", "1"}});
  CHECK(store->shed("x") == 3);
  CHECK(store->positions().size() == 1);
}

TEST_CASE("full of high alerts, commit waits for a delivery, or for stop") {
  BoundedStore bounded(25'000);  // two alerts
  const auto& store = bounded.store;
  commit(*store, {large("a", Level::high), large("b", Level::high)});
  const auto leased = store->lease("x", 1);
  std::thread lane([&] { store->mark("x", leased[0].number, DeliveryOutcome::delivered); });
  commit(*store, {large("c", Level::critical)});
  lane.join();
  CHECK(store->pending("x") == 2);
  bool failed = false;
  std::thread reader([&] {
    const std::vector<Addressed> alerts = {large("d", Level::high)};
    const std::vector<Position> positions = {{"in", "1"}};
    failed = !store->commit({0, alerts, positions}).has_value();
  });
  store->stop();
  reader.join();
  CHECK(failed);
  CHECK(store->positions().empty());
  CHECK(ids(store->lease("x", 9)) == Ids{"b", "c"});
}

TEST_CASE("an alert larger than the store is kept when it is the only one") {
  BoundedStore bounded(5'000);
  const auto& store = bounded.store;
  commit(*store, {large("a", Level::high)});
  CHECK(ids(store->lease("x", 9)) == Ids{"a"});
}

TEST_CASE("delivered alerts are pruned by age and by size, in steps") {
  const ScratchFolder scratch;
  SqliteStoreSettings settings;
  settings.delivered_age_max_ns = hour_ns;
  settings.prune_rows_max = 2;
  const auto store = open(scratch.file("state"), settings);
  const auto known = [&](const std::string& id) {  // an unknown one is stored: then it is pending
    const std::uint64_t before = store->pending("probe");
    commit(*store, {addressed(id, {"probe"})});
    return store->pending("probe") == before;
  };
  commit(*store, {addressed("a", {"x"}), addressed("b", {"x"}), addressed("c", {"x"})});
  commit(*store, {addressed("waits", {"y"})});
  deliver_all(*store, "x");
  REQUIRE(store->commit({0, {}, {}, {}, 2 * hour_ns}).has_value());
  CHECK(known("c"));
  CHECK_FALSE(known("a"));
  REQUIRE(store->commit({0, {}, {}, {}, 2 * hour_ns}).has_value());
  CHECK_FALSE(known("c"));
  CHECK(store->pending("y") == 1);
}

TEST_CASE("delivered alerts take at most the bytes they may") {
  const ScratchFolder scratch;
  SqliteStoreSettings settings;
  settings.delivered_bytes_max = 50'000;
  const auto store = open(scratch.file("state"), settings);
  for (int i = 0; i < 400; ++i) {
    commit(*store, {large(std::to_string(i), Level::high)});
    deliver_all(*store, "x");
  }
  struct stat status {};
  REQUIRE(stat(scratch.file("state/tocsin.db-wal").c_str(), &status) == 0);
  struct stat file {};
  REQUIRE(stat(scratch.file("state/tocsin.db").c_str(), &file) == 0);
  CHECK(file.st_size < 1'000'000);
  CHECK(status.st_size < (20 << 20));
}

TEST_CASE("a file of a later version is refused and left as it is") {
  const ScratchFolder scratch;
  commit(*open(scratch.file("state")), {addressed("a", {"x"})});
  std::int64_t version = 0;
  {
    Database database;
    REQUIRE(database.open(scratch.file("state/tocsin.db")) == SQLITE_OK);
    REQUIRE(database.query("PRAGMA user_version", version) == SQLITE_OK);
    REQUIRE(database.execute("PRAGMA user_version = 99") == SQLITE_OK);
  }
  const auto refused = open_sqlite_store(scratch.file("state"), {}, {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("later version") != std::string::npos);
  {
    Database database;
    REQUIRE(database.open(scratch.file("state/tocsin.db")) == SQLITE_OK);
    REQUIRE(database.execute("PRAGMA user_version = " + std::to_string(version)) == SQLITE_OK);
  }
  CHECK(open(scratch.file("state"))->pending("x") == 1);
}

TEST_CASE("the alerts that are stored are read with their counts, after a restart too") {
  const ScratchFolder scratch;
  {
    const auto store = open(scratch.file("state"));
    commit(*store, {addressed("a", {"x"}), addressed("b", {})});
    Commit raising;
    const std::vector<RaisedCount> raised = {{"b", 4}};
    raising.raised_counts = raised;
    REQUIRE(store->commit(raising).has_value());
    REQUIRE(store->commit(raising).has_value());
  }
  std::string all;
  const auto visit = [&](const Alert& alert) {
    all += alert.id + std::to_string(alert.count) + " ";
  };
  REQUIRE(open(scratch.file("state"))->for_each_alert(visit).has_value());
  CHECK(all == "a1 b9 ");
}

TEST_CASE("a file of the first version keeps its alerts") {
  const ScratchFolder scratch;
  commit(*open(scratch.file("state")), {addressed("a", {"x"})});
  {
    Database database;
    REQUIRE(database.open(scratch.file("state/tocsin.db")) == SQLITE_OK);
    REQUIRE(database.execute("ALTER TABLE alert DROP COLUMN folded; PRAGMA user_version = 1") ==
            SQLITE_OK);
  }
  CHECK(ids(open(scratch.file("state"))->lease("x", 9)) == Ids{"a"});
}

TEST_CASE("a migration runs the steps that the file has not seen, and undoes one that fails") {
  const ScratchFolder scratch;
  scratch.write("db", "");
  Database database;
  REQUIRE(database.open(scratch.file("db")) == SQLITE_OK);
  const std::vector<const char*> one = {"CREATE TABLE a (x)"};
  const std::vector<const char*> two = {"CREATE TABLE a (x)", "CREATE TABLE b (x)"};
  const std::vector<const char*> bad = {one[0], two[1], "CREATE TABLE c (x); CREATE TABLE a (x)"};
  CHECK(migrate(database, one) == SchemaState::ready);
  CHECK(migrate(database, two) == SchemaState::ready);
  CHECK(migrate(database, two) == SchemaState::ready);
  CHECK(migrate(database, one) == SchemaState::newer);
  CHECK(migrate(database, bad) == SchemaState::failed);
  REQUIRE(database.execute("ROLLBACK") == SQLITE_OK);
  std::int64_t version = 0;
  std::int64_t tables = 0;
  REQUIRE(database.query("PRAGMA user_version", version) == SQLITE_OK);
  REQUIRE(database.query("SELECT count(*) FROM sqlite_schema", tables) == SQLITE_OK);
  CHECK(version == 2);
  CHECK(tables == 2);
}

TEST_CASE("the speed of commits is printed") {
  for (const int batch : {1, 100}) {
    const ScratchFolder scratch;
    const auto store = open(scratch.file("state"));
    const int commits = batch == 1 ? 200 : 30;
    const long long start = monotonic_milliseconds();
    for (int i = 0; i < commits; ++i) {
      std::vector<Addressed> alerts;
      for (int j = 0; j < batch; ++j) {
        alerts.push_back(large(std::to_string(i) + "-" + std::to_string(j), Level::high, 1500));
      }
      commit(*store, std::move(alerts), {{"in", "file\t" + std::to_string(i) + "\n"}});
    }
    const long long took = std::max(1LL, monotonic_milliseconds() - start);
    std::cout << "store: " << commits * batch * 1000LL / took
              << " alerts/s of 1.5 KB in batches of " << batch << "\n";
    CHECK(store->pending("x") == static_cast<std::uint64_t>(commits * batch));
  }
}

}  // namespace
}  // namespace tocsin::test
