// SPDX-License-Identifier: Apache-2.0
#include "engine/store/tables.h"

#include <algorithm>

#include "engine/base/rows.h"

namespace tocsin {
namespace {

// Rows and index entries beside the bodies.
constexpr std::int64_t row_bytes = 200;

Blob blob_of(const Hash128& hash, std::array<char, 16>& bytes) {
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>((hash.high >> (8 * i)) & 0xff);
    bytes[8 + i] = static_cast<char>((hash.low >> (8 * i)) & 0xff);
  }
  return {std::string_view(bytes.data(), bytes.size())};
}

Hash128 hash_of(std::string_view bytes) {
  Hash128 hash;
  for (std::size_t i = 0; i < 8 && bytes.size() == 16; ++i) {
    hash.high |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    hash.low |= std::uint64_t{static_cast<unsigned char>(bytes[8 + i])} << (8 * i);
  }
  return hash;
}

std::int64_t as_signed(std::size_t value) {
  return static_cast<std::int64_t>(value);
}

}  // namespace

std::int64_t AlertRow::bytes() const {
  return row_bytes + as_signed(body.size() + id.size() + rule_key.size());
}

bool Tables::prepare() {
  const std::pair<const char*, Statement*> statements[] = {
      {"BEGIN IMMEDIATE", &begin_},
      {"COMMIT", &commit_},
      {"INSERT INTO receiver (number, name) VALUES (?, ?)", &add_receiver_},
      {"INSERT INTO rule (hash, body) VALUES (?, ?) RETURNING number", &add_rule_},
      {"SELECT 1 FROM alert WHERE id = ?", &find_id_},
      {"INSERT INTO alert (number, id, level, rule, rule_key, at, open, bytes) "
       "VALUES (?, ?, ?, nullif(?, 0), ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
       &add_alert_},
      {"INSERT INTO body (alert, bytes) VALUES (?, ?)", &add_body_},
      {"INSERT INTO delivery (receiver, alert) VALUES (?, ?)", &add_delivery_},
      {"INSERT INTO counted (rule_key, minute, alert_group, count) VALUES (?, ?, ?, 1) "
       "ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
       &add_count_},
      {"DELETE FROM delivery WHERE receiver = ? AND alert = ?", &end_delivery_},
      {"UPDATE alert SET open = open - 1 WHERE number = ? "
       "RETURNING number, open, bytes, at, rule_key",
       &close_delivery_},
      {"UPDATE receiver SET delivered = delivered + 1 WHERE number = ?", &count_ended_[0]},
      {"UPDATE receiver SET failed = failed + 1 WHERE number = ?", &count_ended_[1]},
      {"UPDATE receiver SET shed = shed + 1 WHERE number = ?", &count_ended_[2]},
      {"DELETE FROM alert WHERE number = ?", &remove_alert_},
      {"DELETE FROM body WHERE alert = ?", &remove_body_},
      {"DELETE FROM delivery WHERE alert = ?", &remove_deliveries_},
      {"SELECT number, open, bytes, at, rule_key FROM alert WHERE open = 0 ORDER BY number LIMIT ?",
       &oldest_done_},
      {"SELECT number, open, bytes, at, rule_key FROM alert "
       "WHERE open > 0 AND level = ? AND number < ? ORDER BY number DESC LIMIT ?",
       &newest_open_},
      {"SELECT receiver FROM delivery WHERE alert = ?", &receivers_of_},
      {"SELECT d.alert, d.attempts, coalesce(a.rule, 0), b.bytes, a.folded FROM delivery d "
       "JOIN alert a ON a.number = d.alert JOIN body b ON b.alert = d.alert "
       "WHERE d.receiver = ? AND d.alert > ? ORDER BY d.alert LIMIT ?",
       &deliveries_},
      {"SELECT d.alert, d.attempts, coalesce(a.rule, 0), b.bytes, a.folded FROM delivery d "
       "JOIN alert a ON a.number = d.alert JOIN body b ON b.alert = d.alert "
       "WHERE d.receiver = ? AND d.alert = ?",
       &delivery_},
      {"SELECT a.number, 0, coalesce(a.rule, 0), b.bytes, a.folded FROM alert a "
       "JOIN body b ON b.alert = a.number WHERE a.number > ? ORDER BY a.number LIMIT ?",
       &alerts_},
      {"UPDATE alert SET folded = folded + ? WHERE id = ?", &raise_count_},
      {"UPDATE delivery SET attempts = attempts + 1 WHERE receiver = ? AND alert = ?",
       &count_attempt_},
      {"SELECT body FROM rule WHERE number = ?", &rule_body_},
      {"INSERT INTO position (input, key, text) VALUES (?, ?, ?) "
       "ON CONFLICT DO UPDATE SET text = excluded.text",
       &put_position_},
      {"DELETE FROM position WHERE input = ? AND key = ?", &remove_position_},
      {"DELETE FROM position WHERE input = ?", &clear_positions_},
      {"SELECT input, key, text FROM position ORDER BY input, key", &positions_},
      {"INSERT INTO detector_state (key, bytes) VALUES (?, ?) "
       "ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
       &put_state_},
      {"DELETE FROM detector_state WHERE key = ?", &remove_state_},
      {"SELECT key, bytes FROM detector_state ORDER BY key", &state_},
      {"SELECT rule_key, alert_group, minute, count FROM counted "
       "ORDER BY rule_key, minute, alert_group",
       &counted_},
  };
  return std::all_of(std::begin(statements), std::end(statements), [&](const auto& entry) {
    return ok(database_.prepare(entry.first, *entry.second));
  });
}

bool Tables::ok(int code) {
  if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) {
    return true;
  }
  error_ = database_.message();
  error_code_ = code & 0xff;
  return false;
}

bool Tables::run(Statement& statement) {
  int code = statement.step();
  while (code == SQLITE_ROW) {
    code = statement.step();
  }
  const bool done = ok(code);
  statement.reset();
  return done;
}

bool Tables::next(Statement& statement, bool& failed) {
  const int code = statement.step();
  if (code == SQLITE_ROW) {
    return true;
  }
  failed = !ok(code);
  statement.reset();
  return false;
}

bool Tables::begin() {
  begin_.bind();
  return run(begin_);
}

bool Tables::commit() {
  commit_.bind();
  return run(commit_);
}

// SQLite may have rolled back by itself: after a full disk, for example.
void Tables::rollback() {
  if (database_.in_transaction()) {
    database_.execute("ROLLBACK");
  }
}

void Tables::set_synced(bool synced) {
  database_.execute(synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}

bool Tables::load_receivers(std::vector<StoredReceiver>& out) {
  Statement statement;
  bool failed = !ok(database_.prepare(
      "SELECT r.number, r.name, r.shed, (SELECT count(*) FROM delivery WHERE receiver = r.number) "
      "FROM receiver r ORDER BY r.number",
      statement));
  while (!failed && next(statement, failed)) {
    StoredReceiver& receiver = out.emplace_back();
    receiver.number = statement.number(0);
    receiver.name = statement.bytes(1);
    receiver.shed = static_cast<std::uint64_t>(statement.number(2));
    receiver.pending = static_cast<std::uint64_t>(statement.number(3));
  }
  return !failed;
}

bool Tables::load_totals(std::vector<RuleTotal>& out) {
  Statement statement;
  bool failed = !ok(database_.prepare(
      "SELECT rule_key, sum(open > 0), sum(bytes), sum(iif(open = 0, bytes, 0)) FROM alert "
      "GROUP BY rule_key",
      statement));
  while (!failed && next(statement, failed)) {
    RuleTotal& total = out.emplace_back();
    total.rule_key = statement.bytes(0);
    total.undelivered = static_cast<std::uint64_t>(statement.number(1));
    total.bytes = statement.number(2);
    total.done_bytes = statement.number(3);
  }
  return !failed;
}

bool Tables::load_rules(std::map<Hash128, std::int64_t>& out) {
  Statement statement;
  bool failed = !ok(database_.prepare("SELECT hash, number FROM rule", statement));
  while (!failed && next(statement, failed)) {
    out.emplace(hash_of(statement.bytes(0)), statement.number(1));
  }
  return !failed;
}

bool Tables::load_numbers(AlertNumber& last_alert,
                          ReceiverNumber& last_receiver,
                          std::uint64_t& counted) {
  std::int64_t alert = 0;
  std::int64_t rows = 0;
  const bool read =
      ok(database_.query("SELECT coalesce(max(number), 0) FROM alert", alert)) &&
      ok(database_.query("SELECT coalesce(max(number), 0) FROM receiver", last_receiver)) &&
      ok(database_.query("SELECT count(*) FROM counted", rows));
  last_alert = static_cast<AlertNumber>(alert);
  counted = static_cast<std::uint64_t>(rows);
  return read;
}

bool Tables::drop_receiver(ReceiverNumber receiver) {
  const std::string number = std::to_string(receiver);
  return ok(
      database_.execute("BEGIN IMMEDIATE;"
                        "UPDATE alert SET open = open - 1 WHERE number IN "
                        "(SELECT alert FROM delivery WHERE receiver = " +
                        number +
                        ");"
                        "UPDATE receiver SET failed = failed + "
                        "(SELECT count(*) FROM delivery WHERE receiver = " +
                        number + ") WHERE number = " + number +
                        ";DELETE FROM delivery WHERE receiver = " + number + ";COMMIT"));
}

bool Tables::drop_unused(TimeNs counted_before) {
  return ok(database_.execute(
      "BEGIN IMMEDIATE;"
      "DELETE FROM rule WHERE number NOT IN (SELECT rule FROM alert WHERE rule IS NOT NULL);"
      "DELETE FROM counted WHERE minute < " +
      std::to_string(counted_before) + ";COMMIT"));
}

bool Tables::add_receiver(ReceiverNumber number, const std::string& name) {
  add_receiver_.bind(number, name);
  return run(add_receiver_);
}

bool Tables::add_rule(const AlertRow& row, std::int64_t& number) {
  std::array<char, 16> bytes{};
  const Blob hash = blob_of(row.rule_hash, bytes);
  add_rule_.bind(hash, Blob{row.rule_body});
  bool failed = false;
  if (next(add_rule_, failed)) {
    number = add_rule_.number(0);
    return run(add_rule_);
  }
  return !failed;
}

bool Tables::is_known(const std::string& id, bool& known) {
  find_id_.bind(id);
  bool failed = false;
  known = next(find_id_, failed);
  find_id_.reset();
  return !failed;
}

bool Tables::add_alert(const AlertRow& row, AlertNumber number, std::int64_t rule, bool& known) {
  add_alert_.bind(number,
                  row.id,
                  static_cast<std::int64_t>(row.level),
                  rule,
                  row.rule_key,
                  row.at,
                  as_signed(row.receivers.size()),
                  row.bytes());
  if (!run(add_alert_)) {
    return false;
  }
  known = database_.changes() == 0;
  if (known) {
    return true;
  }
  add_body_.bind(number, Blob{row.body});
  return run(add_body_);
}

bool Tables::raise_count(const RaisedCount& raised) {
  raise_count_.bind(raised.by, raised.alert);
  return run(raise_count_);
}

bool Tables::add_delivery(ReceiverNumber receiver, AlertNumber alert) {
  add_delivery_.bind(receiver, alert);
  return run(add_delivery_);
}

bool Tables::count(const AlertRow& row, bool by_group, bool by_minute, bool& is_new_row) {
  add_count_.bind(row.rule_key,
                  by_minute ? row.minute : 0,
                  by_group ? std::string_view(row.group) : std::string_view("*"));
  bool failed = false;
  if (next(add_count_, failed)) {
    is_new_row = add_count_.number(0) == 1;
    return run(add_count_);
  }
  return !failed;
}

bool Tables::end_delivery(ReceiverNumber receiver,
                          AlertNumber alert,
                          Ended how,
                          std::optional<Stored>& left) {
  left.reset();
  end_delivery_.bind(receiver, alert);
  if (!run(end_delivery_)) {
    return false;
  }
  if (database_.changes() == 0) {
    return true;
  }
  close_delivery_.bind(alert);
  std::vector<Stored> closed;
  if (!read_alerts(close_delivery_, closed)) {
    return false;
  }
  if (!closed.empty()) {
    left = std::move(closed.front());
  }
  Statement& count = count_ended_[static_cast<std::size_t>(how)];
  count.bind(receiver);
  return run(count);
}

bool Tables::remove_alert(AlertNumber alert) {
  remove_deliveries_.bind(alert);
  remove_body_.bind(alert);
  remove_alert_.bind(alert);
  return run(remove_deliveries_) && run(remove_body_) && run(remove_alert_);
}

bool Tables::read_alerts(Statement& statement, std::vector<Stored>& out) {
  bool failed = false;
  while (next(statement, failed)) {
    Stored& alert = out.emplace_back();
    alert.number = static_cast<AlertNumber>(statement.number(0));
    alert.open = statement.number(1);
    alert.bytes = statement.number(2);
    alert.at = statement.number(3);
    alert.rule_key = statement.bytes(4);
  }
  return !failed;
}

bool Tables::oldest_done(std::size_t count_max, std::vector<Stored>& out) {
  oldest_done_.bind(as_signed(count_max));
  return read_alerts(oldest_done_, out);
}

bool Tables::newest_open(Level level,
                         AlertNumber before,
                         std::size_t count_max,
                         std::vector<Stored>& out) {
  newest_open_.bind(static_cast<std::int64_t>(level), before, as_signed(count_max));
  return read_alerts(newest_open_, out);
}

bool Tables::receivers_of(AlertNumber alert, std::vector<ReceiverNumber>& out) {
  receivers_of_.bind(alert);
  bool failed = false;
  while (next(receivers_of_, failed)) {
    out.push_back(receivers_of_.number(0));
  }
  return !failed;
}

bool Tables::read_deliveries(Statement& statement, std::vector<StoredDelivery>& out) {
  bool failed = false;
  while (next(statement, failed)) {
    StoredDelivery& delivery = out.emplace_back();
    delivery.number = static_cast<AlertNumber>(statement.number(0));
    delivery.attempts = static_cast<std::uint32_t>(statement.number(1));
    delivery.rule = statement.number(2);
    delivery.body = statement.bytes(3);
    delivery.folded = static_cast<std::uint64_t>(statement.number(4));
  }
  return !failed;
}

bool Tables::deliveries(ReceiverNumber receiver,
                        AlertNumber after,
                        std::size_t count_max,
                        std::vector<StoredDelivery>& out) {
  deliveries_.bind(receiver, after, as_signed(count_max));
  return read_deliveries(deliveries_, out);
}

bool Tables::delivery(ReceiverNumber receiver,
                      AlertNumber alert,
                      std::vector<StoredDelivery>& out) {
  delivery_.bind(receiver, alert);
  return read_deliveries(delivery_, out);
}

bool Tables::alerts(AlertNumber after, std::size_t count_max, std::vector<StoredDelivery>& out) {
  alerts_.bind(after, as_signed(count_max));
  return read_deliveries(alerts_, out);
}

bool Tables::count_attempt(ReceiverNumber receiver, AlertNumber alert) {
  count_attempt_.bind(receiver, alert);
  return run(count_attempt_);
}

bool Tables::rule_body(std::int64_t number, std::string& out) {
  rule_body_.bind(number);
  bool failed = false;
  if (next(rule_body_, failed)) {
    out = rule_body_.bytes(0);
    rule_body_.reset();
  }
  return !failed;
}

bool Tables::put_row(const std::string& input, std::string_view key, std::string_view text) {
  Statement& statement = text.empty() ? remove_position_ : put_position_;
  if (text.empty()) {
    statement.bind(input, key);
  } else {
    statement.bind(input, key, text);
  }
  return run(statement);
}

// Rows KEY TAB TEXT, as engine/input/saved_file.h defines them; a state that is no rows is kept
// whole, under the empty key.
bool Tables::put_position(const Position& position) {
  const std::string_view rows = position.state;
  if (rows.find('\t') == std::string_view::npos) {
    clear_positions_.bind(position.input);
    return run(clear_positions_) && put_row(position.input, "", rows);
  }
  if (!put_row(position.input, "", "")) {
    return false;
  }
  RowReader reader(rows);
  for (TextRow row; reader.next(row);) {
    if (row.key.empty()) {
      error_ = "the position of input " + position.input + " has a row without a key";
      error_code_ = SQLITE_MISUSE;
      return false;
    }
    if (!put_row(position.input, row.key, row.text)) {
      return false;
    }
  }
  return true;
}

bool Tables::positions(std::vector<Position>& out) {
  positions_.bind();
  bool failed = false;
  while (next(positions_, failed)) {
    const std::string_view input = positions_.bytes(0);
    if (out.empty() || out.back().input != input) {
      out.push_back({std::string(input), {}});
    }
    std::string& state = out.back().state;
    const std::string key(positions_.bytes(1));
    const std::string_view text = positions_.bytes(2);
    if (key.empty()) {
      state = text;
    } else {
      state.append(key).append("\t").append(text).append("\n");
    }
  }
  return !failed;
}

bool Tables::has_meta(const char* key, bool& found) {
  Statement statement;
  if (!ok(database_.prepare("SELECT 1 FROM meta WHERE key = ?", statement))) {
    return false;
  }
  statement.bind(std::string_view(key));
  bool failed = false;
  found = next(statement, failed);
  return !failed;
}

bool Tables::put_state(const StateRow& row) {
  if (row.bytes.empty()) {
    remove_state_.bind(row.key);
    return run(remove_state_);
  }
  put_state_.bind(row.key, Blob{row.bytes});
  return run(put_state_);
}

bool Tables::state(std::vector<StateRow>& out) {
  state_.bind();
  bool failed = false;
  while (next(state_, failed)) {
    std::string key(state_.bytes(0));
    out.push_back({std::move(key), std::string(state_.bytes(1))});
  }
  return !failed;
}

bool Tables::counted(std::vector<CountedAlerts>& out) {
  counted_.bind();
  bool failed = false;
  while (next(counted_, failed)) {
    CountedAlerts& row = out.emplace_back();
    row.rule = counted_.bytes(0);
    row.group = counted_.bytes(1);
    row.minute = counted_.number(2);
    row.count = static_cast<std::uint64_t>(counted_.number(3));
  }
  return !failed;
}

}  // namespace tocsin
