// SPDX-License-Identifier: Apache-2.0
#include "engine/store/open_state.h"

#include <optional>
#include <utility>

#include <sys/stat.h>

#include "engine/store/schema.h"

namespace tocsin {
namespace {

// There while the file is to be set aside.
constexpr const char* damaged_name = "damaged";
// There once the file has held something: one that is empty or gone was not always so.
constexpr const char* used_name = "used";

// Exclusive before WAL: the index of the log is then in memory, not in a shared file. No mapping:
// an I/O error would be a signal. An error in a cell is found when it is read. Pages are large, for
// most of what is written is long: a file that was made with others keeps them.
constexpr const char* settings_sql =
    "PRAGMA page_size = 16384;"
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA mmap_size = 0;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cache_size = -8000;"
    "PRAGMA journal_size_limit = 67108864;"
    "PRAGMA wal_autocheckpoint = 1000;"
    "PRAGMA synchronous = FULL;";

// Files that were found damaged are kept for people to look at, but not for ever.
constexpr std::size_t set_aside_max = 3;

std::optional<FileNumber> number_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return FileNumber{status.st_dev, status.st_ino};
}

enum class Outcome : std::uint8_t { ready, damaged, failed };

struct Opened {
  Outcome outcome = Outcome::failed;
  std::string reason;
};

Opened problem(const Database& database) {
  const bool damaged = is_damage(database.last_code());
  return {damaged ? Outcome::damaged : Outcome::failed, database.message()};
}

Opened check_and_migrate(Database& database) {
  std::string text;
  if (database.execute(settings_sql) != SQLITE_OK ||
      database.query("PRAGMA journal_mode = WAL", text) != SQLITE_OK) {
    return problem(database);
  }
  if (text != "wal") {
    return {Outcome::failed, "the file system takes no write-ahead log"};
  }
  if (database.query("PRAGMA quick_check(1)", text) != SQLITE_OK) {
    return problem(database);
  }
  if (text != "ok") {
    return {Outcome::damaged, text};
  }
  switch (migrate(database, schema_steps())) {
    case SchemaState::ready:
      return {Outcome::ready, ""};
    case SchemaState::foreign:
      return {Outcome::damaged, "it is a database of something else"};
    case SchemaState::newer:
      return {Outcome::failed, "it was written by a later version of tocsin"};
    case SchemaState::failed:
      break;
  }
  return problem(database);
}

Opened open_file(OpenState& state) {
  const Result<void> made = state.folder->make_file(state_file_name);
  if (!made) {
    return {Outcome::failed, made.error().message};
  }
  state.database = std::make_unique<Database>();
  if (state.database->open(state.folder->file(state_file_name)) != SQLITE_OK) {
    return problem(*state.database);
  }
  Opened opened = check_and_migrate(*state.database);
  if (opened.outcome != Outcome::ready) {
    return opened;
  }
  state.tables = std::make_unique<Tables>(*state.database);
  if (!state.tables->prepare()) {
    // A statement that cannot be compiled: a table is not as its version says.
    const bool damaged =
        is_damage(state.tables->error_code()) || state.tables->error_code() == SQLITE_ERROR;
    return {damaged ? Outcome::damaged : Outcome::failed, state.tables->error()};
  }
  return opened;
}

// The mark stays until a new file says that positions were lost: after a kill between, the new one
// must not be taken for a first start.
Result<std::string> set_aside(const StateFolder& folder, TimeNs now) {
  const Result<void> marked = folder.make_file(damaged_name);
  if (!marked) {
    return fail(marked.error().message);
  }
  return folder.set_aside(state_file_name, now);
}

void note_lost_positions(OpenState& state) {
  const std::string sql = std::string("INSERT OR REPLACE INTO meta (key, value) VALUES ('") +
                          lost_positions_key + "', '1')";
  if (state.database->execute(sql) == SQLITE_OK) {
    state.folder->remove(damaged_name);
  }
}

// Known before SQLite looks at it: the mark, or a log without its file (SQLite would delete it), or
// nothing where there was something.
std::string damage_before(const StateFolder& folder) {
  const std::string file = state_file_name;
  if (folder.has(damaged_name)) {
    return "it was found damaged, or removed, while it was in use";
  }
  if (!folder.is_empty(file)) {
    return "";
  }
  if (!folder.is_empty(file + "-wal")) {
    return "its log is there, and it is not";
  }
  return folder.has(used_name) ? "it is empty, and was not" : "";
}

}  // namespace

void OpenState::note_damage() const {
  // If this fails, the next start has its own checks.
  static_cast<void>(folder->make_file(damaged_name));
}

void OpenState::note_use() const {
  static_cast<void>(folder->make_file(used_name));
}

bool OpenState::is_in_place() const {
  return folder->is_in_place() && number_of(folder->file(state_file_name)) == file;
}

void OpenState::note_removal() const {
  if (!folder->has(state_file_name)) {
    folder->make_again();
    note_damage();
  }
}

Result<OpenState> open_state(const std::string& directory,
                             TimeNs now,
                             bool set_aside_damaged,
                             const StoreNotices& notices) {
  const auto tell = [&](StoreNotice::Kind kind, const std::string& text) {
    if (notices) {
      notices({kind, text});
    }
  };
  Result<std::unique_ptr<StateFolder>> folder = StateFolder::open(directory);
  if (!folder) {
    return Unexpected<Error>{folder.error()};
  }
  OpenState state;
  state.folder = std::move(*folder);
  if (state.folder->is_open_to_others()) {
    tell(StoreNotice::Kind::open_to_others,
         "the state folder " + directory + " is open to other users: chmod 700 is advised");
  }
  const std::string found = damage_before(*state.folder);
  Opened opened = found.empty() ? open_file(state) : Opened{Outcome::damaged, found};
  if (opened.outcome == Outcome::damaged) {
    if (state.database != nullptr) {
      state.database->keep_log();
    }
    state.tables.reset();
    state.database.reset();
    if (!set_aside_damaged) {
      return fail(
          "the state in " + directory + " is damaged (" + opened.reason +
          "): nothing was changed; tocsin tail sets it aside and begins anew, with an alert");
    }
    const Result<std::string> aside = set_aside(*state.folder, now);
    if (!aside) {
      return Unexpected<Error>{aside.error()};
    }
    const std::size_t dropped = state.folder->drop_set_aside(state_file_name, set_aside_max);
    tell(StoreNotice::Kind::damaged,
         "the state in " + directory + " is damaged (" + opened.reason +
             "): " + (aside->empty() ? "nothing is left of it" : "it is kept as " + *aside) +
             (dropped == 0
                  ? ""
                  : " (of those that were set aside before, " + std::to_string(dropped) +
                        " removed: the last " + std::to_string(set_aside_max) + " are kept)") +
             ", and every input is read from its beginning");
    opened = open_file(state);
    if (opened.outcome == Outcome::ready) {
      note_lost_positions(state);
    }
  }
  if (opened.outcome != Outcome::ready) {
    return fail("cannot use the state in " + directory + ": " + opened.reason);
  }
  state.file = number_of(state.folder->file(state_file_name)).value_or(FileNumber{});
  return state;
}

}  // namespace tocsin
