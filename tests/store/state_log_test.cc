// SPDX-License-Identifier: Apache-2.0
#include "engine/store/state_log.h"

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace tocsin::test {
namespace {

// A store's detector_state, and nothing else.
struct Table {
  std::map<std::string, std::string> rows;

  void write(const std::vector<StateRow>& changed) {
    for (const StateRow& row : changed) {
      if (row.bytes.empty()) {
        rows.erase(row.key);
      } else {
        rows[row.key] = row.bytes;
      }
    }
  }
  std::vector<StateRow> list() const {
    std::vector<StateRow> all;
    for (const auto& [key, bytes] : rows) {
      all.push_back({key, bytes});
    }
    return all;
  }
};

std::string text_of(const SavedState& state) {
  std::string text = state.snapshot;
  for (const std::string& journal : state.journal) {
    text += "+" + journal;
  }
  return text;
}

// What a restart finds in the table now.
std::string restored(const Table& table) {
  std::optional<SavedState> saved;
  const Result<StateLog> log = StateLog::read(table.list(), saved);
  if (!log) {
    return "error: " + log.error().message;
  }
  return saved ? text_of(*saved) : "nothing";
}

void append(StateLog& log, Table& table, const std::string& journal) {
  std::vector<StateRow> rows;
  log.append(journal, rows);
  table.write(rows);
}

void step(StateLog& log, Table& table) {
  std::vector<StateRow> rows;
  log.step(rows);
  table.write(rows);
}

void settle(StateLog& log, Table& table) {
  while (log.has_work()) {
    step(log, table);
  }
}

TEST_CASE("a restart finds the last whole snapshot and the journal after it, at every step") {
  Table table;
  StateLog log;
  CHECK(restored(table) == "nothing");
  CHECK(log.wants_snapshot(1));
  log.start_snapshot("A");
  settle(log, table);
  CHECK(restored(table) == "A");
  append(log, table, "1");
  append(log, table, "2");
  CHECK(restored(table) == "A+1+2");
  const std::string large(StateLog::piece_bytes * 5 / 2, 'B');
  log.start_snapshot(large);
  for (const char* journal : {"3", "4"}) {
    append(log, table, journal);
    step(log, table);
    CHECK(restored(table).substr(0, 6) == "A+1+2+");
    CHECK(log.is_writing());
  }
  CHECK(restored(table) == "A+1+2+3+4");
  step(log, table);
  CHECK_FALSE(log.is_writing());
  CHECK(restored(table) == large + "+3+4");
  while (log.has_work()) {
    step(log, table);
    CHECK(restored(table) == large + "+3+4");
  }
  CHECK(table.rows.size() == 3 + 2 + 1);  // pieces, journal, head
}

TEST_CASE(
    "a restart while a snapshot is written goes on with the old one, and the next replaces both") {
  Table table;
  {
    StateLog log;
    log.start_snapshot("A");
    settle(log, table);
    append(log, table, "1");
    log.start_snapshot(std::string(2 * StateLog::piece_bytes, 'x'));
    step(log, table);
  }
  std::optional<SavedState> saved;
  Result<StateLog> log = StateLog::read(table.list(), saved);
  REQUIRE(log.has_value());
  REQUIRE(saved.has_value());
  CHECK(text_of(*saved) == "A+1");
  append(*log, table, "2");
  log->start_snapshot("C");
  append(*log, table, "3");
  settle(*log, table);
  CHECK(restored(table) == "C+3");
  CHECK(table.rows.size() == 3);
}

TEST_CASE("a snapshot that is replaced before it is whole leaves nothing behind") {
  Table table;
  StateLog log;
  log.start_snapshot(std::string(3 * StateLog::piece_bytes, 'x'));
  step(log, table);
  log.start_snapshot("B");
  settle(log, table);
  CHECK(restored(table) == "B");
  CHECK(table.rows.size() == 2);
}

TEST_CASE("state that is not as it was written is an error, and can be replaced") {
  Table whole;
  StateLog log;
  log.start_snapshot(std::string(StateLog::piece_bytes + 1, 'x'));
  settle(log, whole);
  append(log, whole, "1");
  append(log, whole, "2");
  append(log, whole, "3");
  std::vector<std::string> keys;
  for (const auto& entry : whole.rows) {
    keys.push_back(entry.first);
  }
  REQUIRE(keys.size() == 6);
  const std::string last_journal = "journal/0000000000000003";
  for (const std::string& key : keys) {
    CAPTURE(key);
    Table damaged = whole;
    damaged.rows.erase(key);
    // The last piece of a journal is not missed: it may never have been written.
    CHECK(restored(damaged).starts_with("error") == (key != last_journal));
    StateLog replacing = StateLog::replacing(damaged.list());
    replacing.start_snapshot("new");
    append(replacing, damaged, "9");
    settle(replacing, damaged);
    CHECK(restored(damaged) == "new+9");
    CHECK(damaged.rows.size() == 3);
  }
  Table torn = whole;
  torn.rows[keys.back()][0] = 'y';
  CHECK(restored(torn).starts_with("error"));
}

TEST_CASE(
    "a snapshot is wanted at first and when the journal has become longer than twice the last") {
  Table table;
  StateLog log;
  log.start_snapshot(std::string(100, 'x'));
  CHECK_FALSE(log.wants_snapshot(10));
  settle(log, table);
  CHECK_FALSE(log.wants_snapshot(10));
  append(log, table, std::string(200, 'j'));
  CHECK_FALSE(log.wants_snapshot(10));
  append(log, table, "j");
  CHECK(log.wants_snapshot(10));
  CHECK_FALSE(log.wants_snapshot(1000));
}

}  // namespace
}  // namespace tocsin::test
