// SPDX-License-Identifier: Apache-2.0
// The store of runs with --state: alerts, their deliveries, input positions and detector state in
// one SQLite file, each commit one transaction that is on the disk when commit() returns.
//
// One connection with an exclusive lock and a write-ahead log: versions before 3.51.3 can corrupt a
// log that two connections reset at once. A delivery is a row until it is marked; an alert without
// any left is kept for a while (a copy of its record finds its id) and pruned. What is leased is
// known in memory only: after a restart it is delivered again.
//
// Bounds: a rule with `undelivered_per_rule_max` waiting alerts is counted by group and minute
// instead. When alerts take more than `alert_bytes_max`, delivered ones go first, then the newest
// of the lowest level up to medium; if only high and critical are left, commit() waits until one of
// them is done, or fails after stop(). The file is about a quarter larger, its log up to 16 MB.
//
// Thread rule: all functions from any thread. Errors: Result; a mark that cannot be written is kept
// in memory and written with the next transaction.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/flow/store.h"

namespace tocsin {

struct StoreNotice {
  enum class Kind : std::uint8_t {
    damaged,         // the file was set aside: every input starts from its beginning. Of such files
                     // the last three are kept
    open_to_others,  // the folder can be entered by other users
    receiver_gone,   // deliveries to receivers that are no more were given up
    rule_over_quota,
    shed,        // alerts were given up because the store is full
    full,        // of high and critical: the inputs wait
    unreadable,  // a stored alert cannot be read: its delivery was given up
    mark_unsaved,
  };
  Kind kind;
  std::string text;
};
// Called without any lock held, from the thread that met it.
using StoreNotices = std::function<void(const StoreNotice&)>;

struct SqliteStoreSettings {
  TimeNs now = 0;  // names what is set aside
  // False: a damaged file stays where it is, and the open fails.
  bool set_aside_damaged = true;
  // Takes the secrets out of an alert before it is written; nullopt: it holds none. Called by
  // commit(), without a lock. Empty: all are written as they are.
  std::function<std::optional<Alert>(const Alert&)> redact;
  // Those that exist; deliveries to others are given up at the start. Absent: all are kept.
  std::optional<std::vector<std::string>> receivers;
  std::uint64_t undelivered_per_rule_max = 1'000'000;
  std::uint64_t alert_bytes_max = 4ull << 30;
  // Of delivered alerts.
  DurationNs delivered_age_max_ns = 7 * day_ns;
  std::uint64_t delivered_bytes_max = 256ull << 20;
  std::size_t prune_rows_max = 256;          // per commit
  std::uint64_t counted_rows_max = 100'000;  // past it a rule's groups are one
  DurationNs counted_age_max_ns = 30 * day_ns;
};

// Fails if another process uses the folder, if the file is of a later version, or if it cannot be
// written; a damaged file is set aside (see StoreNotice) and a new one begun, unless the
// settings forbid it.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& directory,
                                                 SqliteStoreSettings settings,
                                                 StoreNotices notices);

inline constexpr const char* state_file_name = "tocsin.db";

}  // namespace tocsin
