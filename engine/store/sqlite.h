// SPDX-License-Identifier: Apache-2.0
// The little of SQLite that the store needs: one connection and its prepared statements. Thread
// rule: one thread at a time (the store's mutex). Errors: SQLite's result codes; the text of the
// last one is in Database::message().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <sqlite3.h>

namespace tocsin {

// Bytes to be bound as a BLOB; texts are bound as TEXT.
struct Blob {
  std::string_view bytes;
};

class Statement {
 public:
  // Forgets the last run and binds the parameters in order. Texts and blobs are borrowed until the
  // next run.
  template <typename... Values>
  void bind(const Values&... values) {
    reset();
    int at = 0;
    (bind_one(++at, values), ...);
  }
  // SQLITE_ROW, SQLITE_DONE, or an error.
  int step();
  // Ends a run: what it read is locked no longer.
  void reset();

  std::int64_t number(int column) const;
  std::string_view bytes(int column) const;  // until the next step
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  void bind_one(int at, std::int64_t value);
  void bind_one(int at, std::uint64_t value) { bind_one(at, static_cast<std::int64_t>(value)); }
  void bind_one(int at, std::string_view text);
  void bind_one(int at, const std::string& text) { bind_one(at, std::string_view(text)); }
  void bind_one(int at, const Blob& blob);

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  int problem_ = SQLITE_OK;  // of a bind
};

class Database {
 public:
  // Opens an existing file.
  int open(const std::string& path);
  // Closing then leaves the write-ahead log as it is.
  void keep_log();
  int execute(const std::string& sql);
  int prepare(const char* sql, Statement& out);
  // The first column of the first row of `sql`, as text or number.
  int query(const std::string& sql, std::string& out);
  int query(const std::string& sql, std::int64_t& out);

  bool in_transaction() const;
  std::int64_t changes() const;  // rows that the last statement changed
  int last_code() const;         // the primary code of the last error
  std::string message() const;   // for people

 private:
  struct Closer {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  std::unique_ptr<sqlite3, Closer> database_;
};

// The file itself is not what was written to it.
bool is_damage(int code);

}  // namespace tocsin
