// SPDX-License-Identifier: Apache-2.0
// The tables of the state file, as the steps that made them. A step is never changed once it was
// released; a new version appends one. The file's `user_version` says how many it has seen. Thread
// rule: as Database.
#pragma once

#include <cstdint>
#include <span>

#include "engine/store/sqlite.h"

namespace tocsin {

// Says whose file it is ("toc1").
inline constexpr std::int64_t state_application_id = 0x746f6331;

// In `meta`: the file replaces a damaged one.
inline constexpr const char* lost_positions_key = "lost_positions";

std::span<const char* const> schema_steps();

enum class SchemaState : std::uint8_t {
  ready,
  foreign,  // not a file of ours
  newer,    // of a later version of tocsin
  failed,   // Database::message() says why
};
// Runs the steps that the file has not seen, each in a transaction of its own.
SchemaState migrate(Database& database, std::span<const char* const> steps);

}  // namespace tocsin
