// SPDX-License-Identifier: Apache-2.0
// Ledger: what a transaction does to the alerts and their deliveries, and the totals that decide
// it: the quota of each rule and the bytes of all. A function changes the file and describes in a
// Change what that means for memory; apply() takes it over once the transaction is committed.
// Thread rule: one thread at a time. Errors: false, see Tables.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/store/sqlite_store.h"
#include "engine/store/tables.h"

namespace tocsin {

struct Change {
  std::map<std::string, ReceiverNumber> receivers;           // new ones
  std::map<ReceiverNumber, std::uint64_t> added;             // deliveries
  std::vector<std::pair<ReceiverNumber, AlertNumber>> shed;  // deliveries
  std::map<std::string, std::int64_t> undelivered;           // alerts, by rule
  std::map<Hash128, std::int64_t> rules;                     // new ones
  std::set<std::string> over_quota;
  std::int64_t bytes = 0;
  std::int64_t done_bytes = 0;
  AlertNumber numbers = 0;
  std::uint64_t counted_rows = 0;
  std::uint64_t urgent = 0;  // new alerts that may not be shed
  std::uint64_t shed_alerts = 0;
  // No room for an alert that may not be shed: to be rolled back and tried again.
  bool is_full = false;
};

// A delivery that is over.
struct Mark {
  ReceiverNumber receiver = 0;
  AlertNumber alert = 0;
  Ended how = Ended::delivered;
};

using IsLeased = std::function<bool(AlertNumber)>;

class Ledger {
 public:
  // Both outlive this.
  Ledger(Tables& tables, const SqliteStoreSettings& settings)
      : tables_(tables), settings_(settings) {}
  bool load(const std::vector<StoredReceiver>& receivers);

  // Inside a transaction.
  bool add(const AlertRow& row, Change& change);
  bool end(const Mark& mark, Change& change);
  bool prune(TimeNs now, Change& change);
  bool make_room(const IsLeased& is_leased, Change& change);

  void apply(const Change& change, std::vector<StoreNotice>& notices);
  ReceiverNumber receiver(const std::string& name) const;  // 0: has never had a delivery

 private:
  bool count(const AlertRow& row, Change& change);
  bool find_rule(const AlertRow& row, Change& change, std::int64_t& number);
  bool find_receiver(const std::string& name, Change& change, ReceiverNumber& number);
  bool remove_done(Change& change);
  bool remove_alert(const Stored& alert, Change& change);
  bool shed_level(Level level, const IsLeased& is_leased, Change& change);
  bool shed_alert(const Stored& alert, Change& change);
  std::int64_t excess(const Change& change) const;

  Tables& tables_;
  const SqliteStoreSettings& settings_;
  std::map<std::string, ReceiverNumber> receivers_;
  ReceiverNumber last_receiver_ = 0;
  std::map<std::string, std::uint64_t> undelivered_;  // by rule
  std::set<std::string> over_quota_;                  // rules, told
  std::map<Hash128, std::int64_t> rules_;
  std::int64_t bytes_ = 0;
  std::int64_t done_bytes_ = 0;
  AlertNumber last_number_ = 0;
  std::uint64_t counted_rows_ = 0;
  std::uint64_t shed_ = 0;
  std::uint64_t shed_told_ = 0;
};

}  // namespace tocsin
