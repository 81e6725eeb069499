// SPDX-License-Identifier: Apache-2.0
#include "engine/store/schema.h"

#include <array>
#include <string>

namespace tocsin {
namespace {

// alert.open counts the deliveries that are still to be made; bodies are apart, so that the small
// rows can be walked without them. `at` is the receive time.
constexpr std::array<const char*, 2> steps = {R"(
CREATE TABLE rule (
  number INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE alert (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  level INTEGER NOT NULL,
  rule INTEGER REFERENCES rule (number),
  rule_key TEXT NOT NULL,
  at INTEGER NOT NULL,
  open INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_open ON alert (level, number) WHERE open > 0;
CREATE INDEX alert_done ON alert (number) WHERE open = 0;
CREATE TABLE body (
  alert INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
CREATE TABLE receiver (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  delivered INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  shed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE delivery (
  receiver INTEGER NOT NULL,
  alert INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (receiver, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_alert ON delivery (alert);
CREATE TABLE position (
  input TEXT NOT NULL,
  key TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (input, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE detector_state (
  key TEXT PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
CREATE TABLE counted (
  rule_key TEXT NOT NULL,
  minute INTEGER NOT NULL,
  alert_group TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (rule_key, minute, alert_group)
) STRICT, WITHOUT ROWID;
)",
                                              // Later firings that were folded into the alert.
                                              R"(
ALTER TABLE alert ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
)"};

}  // namespace

std::span<const char* const> schema_steps() {
  return steps;
}

SchemaState migrate(Database& database, std::span<const char* const> steps_wanted) {
  std::int64_t application = 0;
  std::int64_t version = 0;
  std::int64_t tables = 0;
  if (database.query("PRAGMA application_id", application) != SQLITE_OK ||
      database.query("PRAGMA user_version", version) != SQLITE_OK ||
      database.query("SELECT count(*) FROM sqlite_schema", tables) != SQLITE_OK) {
    return SchemaState::failed;
  }
  const bool is_new = application == 0 && version == 0 && tables == 0;
  if (!is_new && (application != state_application_id || version < 0)) {
    return SchemaState::foreign;
  }
  if (static_cast<std::uint64_t>(version) > steps_wanted.size()) {
    return SchemaState::newer;
  }
  for (auto step = static_cast<std::size_t>(version); step < steps_wanted.size(); ++step) {
    const std::string sql =
        "BEGIN IMMEDIATE; PRAGMA application_id = " + std::to_string(state_application_id) +
        "; PRAGMA user_version = " + std::to_string(step + 1) + ";" + steps_wanted[step] +
        "; COMMIT";
    if (database.execute(sql) != SQLITE_OK) {
      return SchemaState::failed;  // closing the connection rolls back
    }
  }
  return SchemaState::ready;
}

}  // namespace tocsin
