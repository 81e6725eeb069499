// SPDX-License-Identifier: Apache-2.0
#include "engine/store/sqlite.h"

#include <cstring>

namespace tocsin {

int Statement::step() {
  return problem_ != SQLITE_OK ? problem_ : sqlite3_step(statement_.get());
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  problem_ = SQLITE_OK;
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr
             ? std::string_view()
             : std::string_view(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Statement::bind_one(int at, std::int64_t value) {
  problem_ = problem_ != SQLITE_OK ? problem_ : sqlite3_bind_int64(statement_.get(), at, value);
}

// A null pointer would bind NULL.
void Statement::bind_one(int at, std::string_view text) {
  const char* bytes = text.empty() ? "" : text.data();
  problem_ =
      problem_ != SQLITE_OK
          ? problem_
          : sqlite3_bind_text64(statement_.get(), at, bytes, text.size(), nullptr, SQLITE_UTF8);
}

void Statement::bind_one(int at, const Blob& blob) {
  const char* bytes = blob.bytes.empty() ? "" : blob.bytes.data();
  problem_ = problem_ != SQLITE_OK
                 ? problem_
                 : sqlite3_bind_blob64(statement_.get(), at, bytes, blob.bytes.size(), nullptr);
}

int Database::open(const std::string& path) {
  sqlite3* made = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(),
                      &made,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                      nullptr);
  database_.reset(made);
  return code;
}

void Database::keep_log() {
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

int Database::execute(const std::string& sql) {
  return sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
}

int Database::prepare(const char* sql, Statement& out) {
  sqlite3_stmt* made = nullptr;
  const int code =
      sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  out.statement_.reset(made);
  return code;
}

int Database::query(const std::string& sql, std::string& out) {
  Statement statement;
  int code = prepare(sql.c_str(), statement);
  if (code == SQLITE_OK && (code = statement.step()) == SQLITE_ROW) {
    out = statement.bytes(0);
    return SQLITE_OK;
  }
  return code;
}

int Database::query(const std::string& sql, std::int64_t& out) {
  Statement statement;
  int code = prepare(sql.c_str(), statement);
  if (code == SQLITE_OK && (code = statement.step()) == SQLITE_ROW) {
    out = statement.number(0);
    return SQLITE_OK;
  }
  return code;
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(database_.get());
}

int Database::last_code() const {
  return sqlite3_errcode(database_.get()) & 0xff;
}

std::string Database::message() const {
  std::string text = sqlite3_errmsg(database_.get());
  const int number = sqlite3_system_errno(database_.get());
  const int code = last_code();
  if (number != 0 && (code == SQLITE_IOERR || code == SQLITE_FULL || code == SQLITE_CANTOPEN)) {
    text += std::string(": ") + std::strerror(number);
  }
  return text;
}

bool is_damage(int code) {
  return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

}  // namespace tocsin
