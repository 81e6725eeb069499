// SPDX-License-Identifier: Apache-2.0
// Tables: the statements of the state file, one function each, and the transaction around them.
// Thread rule: one thread at a time. Errors: false, and error() says what; the transaction is then
// to be rolled back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/flow/store.h"
#include "engine/store/sqlite.h"

namespace tocsin {

using ReceiverNumber = std::int64_t;
using AlertNumber = std::uint64_t;

// An alert as it is written.
struct AlertRow {
  std::string id;
  Level level = Level::medium;
  std::string rule_key;
  Hash128 rule_hash;
  std::string rule_body;  // empty: has no rule
  TimeNs at = 0;
  TimeNs minute = 0;  // of the event, for counts
  std::string group;  // as text, for counts
  std::string body;
  std::vector<std::string> receivers;  // each once
  std::int64_t bytes() const;          // about what it takes in the file
};

// A stored alert, as far as bookkeeping needs it.
struct Stored {
  AlertNumber number = 0;
  std::int64_t open = 0;
  std::int64_t bytes = 0;
  TimeNs at = 0;
  std::string rule_key;
};

struct StoredDelivery {
  AlertNumber number = 0;
  std::uint32_t attempts = 0;
  std::int64_t rule = 0;  // 0: none
  std::uint64_t folded = 0;
  std::string body;
};

struct StoredReceiver {
  ReceiverNumber number = 0;
  std::string name;
  std::uint64_t pending = 0;
  std::uint64_t shed = 0;
};

struct RuleTotal {
  std::string rule_key;
  std::uint64_t undelivered = 0;
  std::int64_t bytes = 0;
  std::int64_t done_bytes = 0;
};

enum class Ended : std::uint8_t { delivered, failed, shed };

class Tables {
 public:
  // Precondition: migrated. `database` outlives this.
  explicit Tables(Database& database) : database_(database) {}
  bool prepare();

  bool begin();
  bool commit();
  void rollback();
  // Whether what is committed is synced at once.
  void set_synced(bool synced);
  const std::string& error() const { return error_; }
  int error_code() const { return error_code_; }

  // --- what is there at the start ---
  bool load_receivers(std::vector<StoredReceiver>& out);
  bool load_totals(std::vector<RuleTotal>& out);
  bool load_rules(std::map<Hash128, std::int64_t>& out);
  bool load_numbers(AlertNumber& last_alert, ReceiverNumber& last_receiver, std::uint64_t& counted);
  bool drop_receiver(ReceiverNumber receiver);
  bool drop_unused(TimeNs counted_before);

  // --- alerts ---
  bool add_receiver(ReceiverNumber number, const std::string& name);
  bool add_rule(const AlertRow& row, std::int64_t& number);
  bool is_known(const std::string& id, bool& known);
  // `known`: an alert of this id is there, nothing was added.
  bool add_alert(const AlertRow& row, AlertNumber number, std::int64_t rule, bool& known);
  bool raise_count(const RaisedCount& raised);
  bool add_delivery(ReceiverNumber receiver, AlertNumber alert);
  bool count(const AlertRow& row, bool by_group, bool by_minute, bool& is_new_row);
  // The delivery is over; `alert` gets what is left, nullopt if there is no such delivery.
  bool end_delivery(ReceiverNumber receiver,
                    AlertNumber alert,
                    Ended how,
                    std::optional<Stored>& left);
  bool remove_alert(AlertNumber alert);
  bool oldest_done(std::size_t count_max, std::vector<Stored>& out);
  // Undelivered ones of a level before `before`, newest first.
  bool newest_open(Level level,
                   AlertNumber before,
                   std::size_t count_max,
                   std::vector<Stored>& out);
  bool receivers_of(AlertNumber alert, std::vector<ReceiverNumber>& out);

  // --- deliveries ---
  // After number `after`, oldest first; `only`: that one.
  bool deliveries(ReceiverNumber receiver,
                  AlertNumber after,
                  std::size_t count_max,
                  std::vector<StoredDelivery>& out);
  bool delivery(ReceiverNumber receiver, AlertNumber alert, std::vector<StoredDelivery>& out);
  // Alerts after number `after`, oldest first, as if they were to be delivered.
  bool alerts(AlertNumber after, std::size_t count_max, std::vector<StoredDelivery>& out);
  bool count_attempt(ReceiverNumber receiver, AlertNumber alert);
  bool rule_body(std::int64_t number, std::string& out);

  // --- positions, detector state, counts ---
  bool put_position(const Position& position);
  bool positions(std::vector<Position>& out);
  bool has_meta(const char* key, bool& found);
  bool put_state(const StateRow& row);
  bool state(std::vector<StateRow>& out);
  bool counted(std::vector<CountedAlerts>& out);

 private:
  bool ok(int code);  // notes the error
  bool run(Statement& statement);
  // False at the end and after an error; `failed` tells.
  bool next(Statement& statement, bool& failed);
  bool put_row(const std::string& input, std::string_view key, std::string_view text);
  bool read_deliveries(Statement& statement, std::vector<StoredDelivery>& out);
  bool read_alerts(Statement& statement, std::vector<Stored>& out);

  Database& database_;
  std::string error_;
  int error_code_ = SQLITE_OK;
  Statement begin_, commit_;
  Statement add_receiver_, add_rule_, find_id_, add_alert_, add_body_, add_delivery_, add_count_;
  Statement end_delivery_, close_delivery_;
  std::array<Statement, 3> count_ended_;
  Statement remove_alert_, remove_body_, remove_deliveries_;
  Statement oldest_done_, newest_open_, receivers_of_;
  Statement deliveries_, delivery_, alerts_, raise_count_, count_attempt_, rule_body_;
  Statement put_position_, remove_position_, clear_positions_, positions_;
  Statement put_state_, remove_state_, state_, counted_;
};

}  // namespace tocsin
