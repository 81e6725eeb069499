// SPDX-License-Identifier: Apache-2.0
// What becomes of a state file that is not as it was written.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/store/sqlite_store.h"
#include "tests/store/store_cases.h"
#include "tests/support/process.h"

namespace tocsin::test {
namespace {

struct Told {
  std::vector<StoreNotice> list;
  StoreNotices sink() {
    return [this](const StoreNotice& notice) { list.push_back(notice); };
  }
  bool damage() const { return !list.empty() && list[0].kind == StoreNotice::Kind::damaged; }
};

std::unique_ptr<Store> open(const ScratchFolder& scratch, Told& told) {
  SqliteStoreSettings settings;
  settings.now = 1'700'000'000 * second_ns;
  auto store = open_sqlite_store(scratch.file("state"), settings, told.sink());
  REQUIRE_MESSAGE(store.has_value(), (store ? std::string() : store.error().message));
  return std::move(*store);
}

// Files of the state folder, sorted.
std::vector<std::string> files(const ScratchFolder& scratch) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.file("state"))) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A state that holds something in its file, and more in its log if `killed`.
void fill(const ScratchFolder& scratch, bool killed) {
  Told told;
  {
    const auto store = open(scratch, told);
    commit(*store, {addressed("a", {"x"})}, {{"in", "file\t1\n"}});
  }
  if (killed) {
    const std::string copy = scratch.file("copy");
    const auto store = open(scratch, told);
    commit(*store, {addressed("b", {"x"})}, {{"in", "file\t2\n"}});
    std::filesystem::copy(scratch.file("state"), copy);
  }
  if (killed) {
    std::filesystem::remove_all(scratch.file("state"));
    std::filesystem::rename(scratch.file("copy"), scratch.file("state"));
  }
  REQUIRE(told.list.empty());
}

void overwrite(const std::string& path, std::size_t at, const std::string& bytes) {
  std::FILE* file = std::fopen(path.c_str(), "r+b");
  REQUIRE(file != nullptr);
  std::fseek(file, static_cast<long>(at), SEEK_SET);
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
}

constexpr std::size_t page_bytes = 16384;  // of a file that is new

struct Case {
  const char* name;
  bool killed;
  std::function<void(const std::string& file)> damage;
};

const std::vector<Case> cases = {
    {"no database", false, [](const std::string& file) { overwrite(file, 0, "something else"); }},
    {"a torn page",
     false,
     [](const std::string& file) { overwrite(file, page_bytes, std::string(page_bytes, '\xee')); }},
    {"cut short", false, [](const std::string& file) { std::filesystem::resize_file(file, 9000); }},
    {"empty", false, [](const std::string& file) { std::filesystem::resize_file(file, 0); }},
    {"gone", false, [](const std::string& file) { std::filesystem::remove(file); }},
    {"empty, with a log",
     true,
     [](const std::string& file) { std::filesystem::resize_file(file, 0); }},
    {"gone, with a log", true, [](const std::string& file) { std::filesystem::remove(file); }},
    {"no database, with a log",
     true,
     [](const std::string& file) {
       overwrite(file, 0, "something else");
       overwrite(file + "-wal", 0, "nor this");
     }},
};

TEST_CASE("a damaged state is set aside with its log, told of, and everything is read anew") {
  for (const Case& row : cases) {
    CAPTURE(row.name);
    const ScratchFolder scratch;
    fill(scratch, row.killed);
    row.damage(scratch.file("state/tocsin.db"));
    const bool existed = std::filesystem::exists(scratch.file("state/tocsin.db"));
    Told told;
    {
      const auto store = open(scratch, told);
      REQUIRE(told.damage());
      // It names what there is to be looked at.
      const std::string kept =
          "kept as " + scratch.file("state/tocsin.db.damaged-20231114T221320Z");
      CHECK((told.list[0].text.find(kept) != std::string::npos) == (existed || row.killed));
      CHECK(store->lost_positions());
      CHECK(store->positions().empty());
      CHECK(store->pending("x") == 0);
      const std::vector<std::string> names = files(scratch);
      CHECK(has(names, "tocsin.db.damaged-20231114T221320Z") == existed);
      CHECK((!row.killed || has(names, "tocsin.db.damaged-20231114T221320Z-wal")));
      CHECK_FALSE(has(names, "damaged"));
    }
    // A kill before the first commit does not make it a first start.
    Told again;
    const auto store = open(scratch, again);
    CHECK(again.list.empty());
    CHECK(store->lost_positions());
    commit(*store, {addressed("a", {"x"})}, {{"in", "file\t1\n"}});
    CHECK(store->pending("x") == 1);
  }
}

TEST_CASE("a log that ends early or is torn loses the last commits and nothing before") {
  for (const bool torn : {false, true}) {
    CAPTURE(torn);
    const ScratchFolder scratch;
    fill(scratch, true);
    const std::string log = scratch.file("state/tocsin.db-wal");
    const std::uintmax_t size = std::filesystem::file_size(log);
    REQUIRE(size > 5000);
    if (torn) {
      overwrite(log, static_cast<std::size_t>(size) - 4096, std::string(4096, '\0'));
    } else {
      std::filesystem::resize_file(log, size - 100);
    }
    Told told;
    const auto store = open(scratch, told);
    CHECK(told.list.empty());
    CHECK(store->pending("x") == 1);
    REQUIRE(store->positions().size() == 1);
    CHECK(store->positions()[0].state == "file\t1\n");
    CHECK_FALSE(store->lost_positions());
  }
}

TEST_CASE("a state that was being set aside when it was killed is set aside at the next start") {
  const ScratchFolder scratch;
  fill(scratch, false);
  scratch.write("state/damaged", "");
  Told told;
  const auto store = open(scratch, told);
  CHECK(told.damage());
  CHECK(store->lost_positions());
  CHECK_FALSE(has(files(scratch), "damaged"));
}

TEST_CASE("of the states that were set aside the last three are kept") {
  const ScratchFolder scratch;
  fill(scratch, false);
  for (int i = 0; i < 6; ++i) {
    CAPTURE(i);
    overwrite(scratch.file("state/tocsin.db"), 0, "something else");
    scratch.write("state/tocsin.db-wal", "and its log");
    Told told;
    open(scratch, told);
    REQUIRE(told.damage());
    CHECK((told.list[0].text.find("1 removed") != std::string::npos) == (i >= 3));
    const std::vector<std::string> names = files(scratch);
    const auto kept = std::count_if(names.begin(), names.end(), [](const std::string& name) {
      return name.find(".damaged-") != std::string::npos;
    });
    CHECK(kept == 2 * std::min(i + 1, 3));
  }
}

TEST_CASE("a state that is removed while it is used is written no more, and the next start knows") {
  for (const bool whole_folder : {false, true}) {
    CAPTURE(whole_folder);
    const ScratchFolder scratch;
    Told told;
    {
      const auto store = open(scratch, told);
      commit(*store, {addressed("a", {"x"})}, {{"in", "file\t1\n"}});
      std::filesystem::remove_all(scratch.file(whole_folder ? "state" : "state/tocsin.db"));
      const Position position{"in", "file\t2\n"};
      Commit more;
      more.positions = {&position, 1};
      const Result<void> done = store->commit(more);
      REQUIRE_FALSE(done.has_value());
      CHECK(done.error().message.find("was removed") != std::string::npos);
      CHECK(store->is_damaged());
    }
    CHECK(told.list.empty());
    const auto store = open(scratch, told);
    CHECK(told.damage());
    CHECK(store->lost_positions());
  }
}

TEST_CASE("a state that takes the place of the one that is used is left as it is") {
  const ScratchFolder scratch;
  fill(scratch, false);
  std::filesystem::copy(scratch.file("state"), scratch.file("backup"));
  Told told;
  {
    const auto store = open(scratch, told);
    std::filesystem::remove_all(scratch.file("state"));
    std::filesystem::rename(scratch.file("backup"), scratch.file("state"));
    CHECK_FALSE(store->commit({}).has_value());
  }
  const auto store = open(scratch, told);
  CHECK(told.list.empty());
  REQUIRE(store->positions().size() == 1);
}

TEST_CASE("a first start that was killed before its first commit is still a first start") {
  const ScratchFolder scratch;
  Told told;
  open(scratch, told);
  const auto store = open(scratch, told);
  CHECK(told.list.empty());
  CHECK_FALSE(store->lost_positions());
  CHECK(store->positions().empty());
}

}  // namespace
}  // namespace tocsin::test
