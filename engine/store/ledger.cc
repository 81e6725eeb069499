// SPDX-License-Identifier: Apache-2.0
#include "engine/store/ledger.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace tocsin {
namespace {

bool may_be_shed(Level level) {
  return level < Level::high;
}

}  // namespace

bool Ledger::load(const std::vector<StoredReceiver>& receivers) {
  std::vector<RuleTotal> totals;
  if (!tables_.load_totals(totals) || !tables_.load_rules(rules_) ||
      !tables_.load_numbers(last_number_, last_receiver_, counted_rows_)) {
    return false;
  }
  for (const StoredReceiver& receiver : receivers) {
    receivers_.emplace(receiver.name, receiver.number);
  }
  for (const RuleTotal& total : totals) {
    if (total.undelivered != 0) {
      undelivered_[total.rule_key] = total.undelivered;
    }
    bytes_ += total.bytes;
    done_bytes_ += total.done_bytes;
  }
  return true;
}

ReceiverNumber Ledger::receiver(const std::string& name) const {
  const auto found = receivers_.find(name);
  return found == receivers_.end() ? 0 : found->second;
}

bool Ledger::end(const Mark& mark, Change& change) {
  std::optional<Stored> left;
  if (!tables_.end_delivery(mark.receiver, mark.alert, mark.how, left)) {
    return false;
  }
  if (left && left->open == 0) {
    --change.undelivered[left->rule_key];
    change.done_bytes += left->bytes;
  }
  return true;
}

bool Ledger::add(const AlertRow& row, Change& change) {
  const bool is_delivered = !row.receivers.empty();
  const auto found = undelivered_.find(row.rule_key);
  const std::int64_t waiting =
      (found == undelivered_.end() ? 0 : static_cast<std::int64_t>(found->second)) +
      change.undelivered[row.rule_key];
  if (is_delivered && waiting >= static_cast<std::int64_t>(settings_.undelivered_per_rule_max)) {
    return count(row, change);
  }
  bool known = false;
  std::int64_t rule = 0;
  const AlertNumber number = last_number_ + change.numbers + 1;
  if (!tables_.is_known(row.id, known)) {
    return false;
  }
  if (known) {
    return true;
  }
  if (!find_rule(row, change, rule) || !tables_.add_alert(row, number, rule, known)) {
    return false;
  }
  ++change.numbers;
  change.bytes += row.bytes();
  if (!is_delivered) {
    change.done_bytes += row.bytes();
    return true;
  }
  ++change.undelivered[row.rule_key];
  change.urgent += may_be_shed(row.level) ? 0u : 1u;
  for (const std::string& name : row.receivers) {
    ReceiverNumber receiver = 0;
    if (!find_receiver(name, change, receiver) || !tables_.add_delivery(receiver, number)) {
      return false;
    }
    ++change.added[receiver];
  }
  return true;
}

bool Ledger::count(const AlertRow& row, Change& change) {
  bool known = false;
  if (!tables_.is_known(row.id, known)) {
    return false;
  }
  if (known) {
    return true;
  }
  const std::uint64_t rows = counted_rows_ + change.counted_rows;
  bool is_new_row = false;
  if (!tables_.count(row,
                     rows < settings_.counted_rows_max,
                     rows < 2 * settings_.counted_rows_max,
                     is_new_row)) {
    return false;
  }
  change.counted_rows += is_new_row ? 1u : 0u;
  change.over_quota.insert(row.rule_key);
  return true;
}

bool Ledger::find_rule(const AlertRow& row, Change& change, std::int64_t& number) {
  number = 0;
  if (row.rule_body.empty()) {
    return true;
  }
  const auto stored = rules_.find(row.rule_hash);
  if (stored != rules_.end()) {
    number = stored->second;
    return true;
  }
  const auto [added, is_new] = change.rules.emplace(row.rule_hash, 0);
  if (is_new && !tables_.add_rule(row, added->second)) {
    return false;
  }
  number = added->second;
  return true;
}

bool Ledger::find_receiver(const std::string& name, Change& change, ReceiverNumber& number) {
  number = receiver(name);
  if (number != 0) {
    return true;
  }
  const auto next = last_receiver_ + static_cast<ReceiverNumber>(change.receivers.size()) + 1;
  const auto [added, is_new] = change.receivers.emplace(name, next);
  number = added->second;
  return !is_new || tables_.add_receiver(number, name);
}

std::int64_t Ledger::excess(const Change& change) const {
  return bytes_ + change.bytes - static_cast<std::int64_t>(settings_.alert_bytes_max);
}

bool Ledger::prune(TimeNs now, Change& change) {
  const auto is_due = [&](const Stored& alert) {
    return (now != 0 && alert.at < now - settings_.delivered_age_max_ns) ||
           done_bytes_ + change.done_bytes >
               static_cast<std::int64_t>(settings_.delivered_bytes_max);
  };
  // Mostly the oldest is not due: then no more of them are looked at.
  std::vector<Stored> oldest;
  if (!tables_.oldest_done(1, oldest)) {
    return false;
  }
  if (oldest.empty() || !is_due(oldest.front())) {
    return true;
  }
  oldest.clear();
  if (!tables_.oldest_done(settings_.prune_rows_max, oldest)) {
    return false;
  }
  for (const Stored& alert : oldest) {
    if (!is_due(alert)) {
      break;
    }
    if (!remove_alert(alert, change)) {
      return false;
    }
  }
  return true;
}

bool Ledger::make_room(const IsLeased& is_leased, Change& change) {
  if (excess(change) > 0 && !remove_done(change)) {
    return false;
  }
  for (const Level level : {Level::informational, Level::low, Level::medium}) {
    if (excess(change) > 0 && !shed_level(level, is_leased, change)) {
      return false;
    }
  }
  // An alert that is larger than everything allowed is stored when it is the only one.
  change.is_full = excess(change) > 0 && change.urgent > 0 && bytes_ > 0;
  return true;
}

bool Ledger::remove_done(Change& change) {
  while (excess(change) > 0) {
    std::vector<Stored> oldest;
    if (!tables_.oldest_done(settings_.prune_rows_max, oldest)) {
      return false;
    }
    if (oldest.empty()) {
      return true;
    }
    for (const Stored& alert : oldest) {
      if (excess(change) > 0 && !remove_alert(alert, change)) {
        return false;
      }
    }
  }
  return true;
}

bool Ledger::remove_alert(const Stored& alert, Change& change) {
  change.bytes -= alert.bytes;
  change.done_bytes -= alert.bytes;
  return tables_.remove_alert(alert.number);
}

// The newest go: what happened first explains what follows. What is leased stays.
bool Ledger::shed_level(Level level, const IsLeased& is_leased, Change& change) {
  constexpr std::size_t step = 256;
  AlertNumber before = std::numeric_limits<std::int64_t>::max();
  while (excess(change) > 0) {
    std::vector<Stored> newest;
    if (!tables_.newest_open(level, before, step, newest)) {
      return false;
    }
    if (newest.empty()) {
      return true;
    }
    before = newest.back().number;
    for (const Stored& alert : newest) {
      if (excess(change) > 0 && !is_leased(alert.number) && !shed_alert(alert, change)) {
        return false;
      }
    }
  }
  return true;
}

bool Ledger::shed_alert(const Stored& alert, Change& change) {
  std::vector<ReceiverNumber> receivers;
  if (!tables_.receivers_of(alert.number, receivers)) {
    return false;
  }
  for (const ReceiverNumber receiver : receivers) {
    std::optional<Stored> left;
    if (!tables_.end_delivery(receiver, alert.number, Ended::shed, left)) {
      return false;
    }
    change.shed.emplace_back(receiver, alert.number);
  }
  --change.undelivered[alert.rule_key];
  change.bytes -= alert.bytes;
  ++change.shed_alerts;
  return tables_.remove_alert(alert.number);
}

void Ledger::apply(const Change& change, std::vector<StoreNotice>& notices) {
  receivers_.insert(change.receivers.begin(), change.receivers.end());
  last_receiver_ += static_cast<ReceiverNumber>(change.receivers.size());
  for (const auto& [rule, difference] : change.undelivered) {
    std::uint64_t& count = undelivered_[rule];
    count = static_cast<std::uint64_t>(static_cast<std::int64_t>(count) + difference);
    if (count < settings_.undelivered_per_rule_max / 2) {
      over_quota_.erase(rule);
    }
    if (count == 0) {
      undelivered_.erase(rule);
    }
  }
  for (const std::string& rule : change.over_quota) {
    if (over_quota_.insert(rule).second) {
      notices.push_back(
          {StoreNotice::Kind::rule_over_quota,
           "rule '" + rule + "' has " + std::to_string(settings_.undelivered_per_rule_max) +
               " undelivered alerts: further ones are counted by group and minute only"});
    }
  }
  rules_.insert(change.rules.begin(), change.rules.end());
  bytes_ += change.bytes;
  done_bytes_ += change.done_bytes;
  last_number_ += change.numbers;
  counted_rows_ += change.counted_rows;
  shed_ += change.shed_alerts;
  // Told once, and again whenever it has doubled.
  if (shed_ > 0 && shed_ >= 2 * shed_told_) {
    shed_told_ = shed_;
    notices.push_back({StoreNotice::Kind::shed,
                       "the state is full: " + std::to_string(shed_) +
                           " undelivered alerts of the lowest levels are given up so far"});
  }
}

}  // namespace tocsin
