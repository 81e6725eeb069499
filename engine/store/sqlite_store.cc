// SPDX-License-Identifier: Apache-2.0
#include "engine/store/sqlite_store.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/store/alert_record.h"
#include "engine/store/ledger.h"
#include "engine/store/open_state.h"
#include "engine/store/schema.h"
#include "engine/store/tables.h"

namespace tocsin {
namespace {

constexpr std::size_t group_text_columns_max = 200;

std::string group_text(const Alert& alert) {
  std::string text;
  for (const auto& [name, value] : alert.group) {
    text += (text.empty() ? "" : ", ") + name + "=" + value.value_or("");
  }
  return shorten(text, group_text_columns_max);
}

// Alerts as rows. One batch brings many alerts of few rules: each is written as bytes once.
class RowMaker {
 public:
  explicit RowMaker(const SqliteStoreSettings& settings) : settings_(settings) {}

  AlertRow row(const Addressed& addressed) {
    const Alert& original = *addressed.alert;
    std::optional<Alert> clean;
    if (settings_.redact) {
      clean = settings_.redact(original);
    }
    const Alert& alert = clean ? *clean : original;
    AlertRow row;
    row.id = original.id;
    row.level = original.level;
    row.at = original.detected_at;
    const TimeNs time = original.time.value_or(original.detected_at);
    row.minute = time - time % minute_ns;
    row.group = group_text(alert);
    row.body = alert_record(alert);
    row.receivers = addressed.receivers;
    std::sort(row.receivers.begin(), row.receivers.end());
    row.receivers.erase(std::unique(row.receivers.begin(), row.receivers.end()),
                        row.receivers.end());
    if (original.rule == nullptr) {
      row.rule_key = "system:" + original.system_rule;
      return row;
    }
    row.rule_key = original.rule->key;
    auto& [hash, body] = rules_[original.rule];
    if (body.empty()) {
      body = rule_record(*original.rule);
      hash = content_hash(body);
    }
    row.rule_hash = hash;
    row.rule_body = body;
    return row;
  }

 private:
  const SqliteStoreSettings& settings_;
  std::map<const RuleInfo*, std::pair<Hash128, std::string>> rules_;
};

// What a receiver has to deliver. Every pending delivery up to `cursor` is in one of the two sets.
struct Queue {
  std::uint64_t pending = 0;
  std::uint64_t shed = 0;
  AlertNumber cursor = 0;
  std::set<AlertNumber> leased;
  std::set<AlertNumber> released;

  bool has_waiting() const { return pending > leased.size(); }
};

class SqliteStore final : public Store {
 public:
  SqliteStore(OpenState state, SqliteStoreSettings settings, StoreNotices notices)
      : state_(std::move(state)),
        tables_(*state_.tables),
        settings_(std::move(settings)),
        notices_(std::move(notices)),
        ledger_(tables_, settings_) {}
  ~SqliteStore() override;
  Result<void> load();
  // The file was found damaged: open again, to have it set aside.
  bool is_damaged() const override {
    const std::lock_guard lock(mutex_);
    return removed_ || is_damage(tables_.error_code());
  }

  Result<void> commit(const Commit& commit) override;
  std::vector<Position> positions() const override;
  bool lost_positions() const override { return lost_positions_; }
  std::vector<StateRow> detector_state() const override;
  std::vector<CountedAlerts> counted() const override;
  Result<void> for_each_alert(const std::function<void(const Alert&)>& visit) const override;
  std::vector<Delivery> lease(const std::string& receiver, std::size_t count_max) override;
  void mark(const std::string& receiver, std::uint64_t number, DeliveryOutcome outcome) override;
  void release(const std::string& receiver, std::uint64_t number) override;
  std::uint64_t pending(const std::string& receiver) const override;
  std::uint64_t shed(const std::string& receiver) const override;
  void wait(const std::string& receiver, DurationNs timeout_ns) override;
  void stop() override;

 private:
  using Lock = std::unique_lock<std::mutex>;

  bool drop_gone_receivers(std::vector<StoredReceiver>& stored);
  bool write(const Commit& commit, const std::vector<AlertRow>& rows, Change& change);
  bool write_marks(Change& change);
  bool is_leased(AlertNumber alert) const;
  void apply(const Change& change);
  bool save_marks();
  void undo();
  void count_attempts(ReceiverNumber receiver, const std::vector<StoredDelivery>& stored);
  std::vector<StoredDelivery> take(ReceiverNumber receiver, Queue& queue, std::size_t count_max);
  std::shared_ptr<const Alert> read(const StoredDelivery& stored) const;
  const Queue* find(const std::string& receiver) const;
  void note(StoreNotice::Kind kind, std::string text) { told_.push_back({kind, std::move(text)}); }
  void make_room();
  void tell(Lock& lock);  // unlocks

  OpenState state_;
  Tables& tables_;
  const SqliteStoreSettings settings_;
  const StoreNotices notices_;

  mutable std::mutex mutex_;
  std::condition_variable ready_;  // something to lease
  std::condition_variable room_;   // a delivery is done
  Ledger ledger_;
  std::map<ReceiverNumber, Queue> queues_;
  mutable std::map<std::int64_t, std::shared_ptr<const Ruleset>> rules_;  // those that were read
  std::vector<Mark> marks_;                                               // not yet written
  bool marks_failed_ = false;
  bool lost_positions_ = false;
  bool used_ = false;
  bool removed_ = false;
  bool full_told_ = false;
  std::uint64_t room_made_ = 0;
  bool stopped_ = false;
  std::vector<StoreNotice> told_;  // to be told without the lock
};

SqliteStore::~SqliteStore() {
  save_marks();
}

Result<void> SqliteStore::load() {
  Lock lock(mutex_);
  std::vector<StoredReceiver> receivers;
  // Read once to see that they can be: positions() and detector_state() cannot say so.
  std::vector<Position> positions;
  std::vector<StateRow> state;
  if (!tables_.has_meta(lost_positions_key, lost_positions_) || !tables_.positions(positions) ||
      !tables_.state(state) || !tables_.load_receivers(receivers) ||
      !drop_gone_receivers(receivers) ||
      !tables_.drop_unused(settings_.now - settings_.counted_age_max_ns) ||
      !ledger_.load(receivers)) {
    undo();
    return fail(tables_.error());
  }
  for (const StoredReceiver& stored : receivers) {
    Queue& queue = queues_[stored.number];
    queue.pending = stored.pending;
  }
  tell(lock);
  return {};
}

bool SqliteStore::drop_gone_receivers(std::vector<StoredReceiver>& stored) {
  if (!settings_.receivers) {
    return true;
  }
  for (StoredReceiver& receiver : stored) {
    const auto& known = *settings_.receivers;
    if (receiver.pending == 0 ||
        std::find(known.begin(), known.end(), receiver.name) != known.end()) {
      continue;
    }
    if (!tables_.drop_receiver(receiver.number)) {
      return false;
    }
    note(StoreNotice::Kind::receiver_gone,
         std::to_string(receiver.pending) + " deliveries are given up: there is no receiver '" +
             receiver.name + "' any more");
    receiver.pending = 0;
  }
  return true;
}

// --- commit ---

Result<void> SqliteStore::commit(const Commit& commit) {
  RowMaker maker(settings_);
  std::vector<AlertRow> rows;
  for (const Addressed& addressed : commit.alerts) {
    rows.push_back(maker.row(addressed));
  }
  Lock lock(mutex_);
  if (!state_.is_in_place()) {
    // What is written now no start would ever find.
    removed_ = true;
    state_.note_removal();
    return fail("the state was removed or replaced while it was in use: " +
                state_.folder->file(state_file_name));
  }
  for (;;) {
    Change change;
    const bool written = write(commit, rows, change);
    if (written && !change.is_full && tables_.commit()) {
      if (!used_) {
        state_.note_use();
        used_ = true;
      }
      marks_.clear();
      apply(change);
      full_told_ = false;
      tell(lock);
      return {};
    }
    if (!written || !change.is_full) {
      const std::string reason = tables_.error();
      undo();
      tell(lock);
      return fail("cannot write the state: " + reason);
    }
    undo();
    if (!full_told_) {
      full_told_ = true;
      note(StoreNotice::Kind::full,
           "the state is full of undelivered alerts of levels high and critical: inputs wait");
    }
    const std::uint64_t made = room_made_;
    tell(lock);
    lock.lock();
    room_.wait(lock, [&] { return stopped_ || room_made_ != made; });
    if (stopped_) {
      return fail("the state is full of undelivered alerts, and tocsin stops");
    }
  }
}

bool SqliteStore::write(const Commit& commit, const std::vector<AlertRow>& rows, Change& change) {
  if (!tables_.begin() || !write_marks(change)) {
    return false;
  }
  for (const AlertRow& row : rows) {
    if (!ledger_.add(row, change)) {
      return false;
    }
  }
  for (const RaisedCount& raised : commit.raised_counts) {
    if (!tables_.raise_count(raised)) {
      return false;
    }
  }
  for (const Position& position : commit.positions) {
    if (!tables_.put_position(position)) {
      return false;
    }
  }
  for (const StateRow& row : commit.detector_state) {
    if (!tables_.put_state(row)) {
      return false;
    }
  }
  return ledger_.prune(commit.now, change) &&
         ledger_.make_room([this](AlertNumber alert) { return is_leased(alert); }, change);
}

bool SqliteStore::write_marks(Change& change) {
  for (const Mark& mark : marks_) {
    if (!ledger_.end(mark, change)) {
      return false;
    }
  }
  return true;
}

bool SqliteStore::is_leased(AlertNumber alert) const {
  return std::any_of(queues_.begin(), queues_.end(), [&](const auto& entry) {
    return entry.second.leased.count(alert) != 0;
  });
}

void SqliteStore::apply(const Change& change) {
  ledger_.apply(change, told_);
  for (const auto& [receiver, count] : change.added) {
    queues_[receiver].pending += count;
  }
  for (const auto& [receiver, alert] : change.shed) {
    Queue& queue = queues_[receiver];
    --queue.pending;
    ++queue.shed;
    queue.released.erase(alert);
  }
  if (!change.added.empty()) {
    ready_.notify_all();
  }
}

void SqliteStore::undo() {
  tables_.rollback();
  if (is_damage(tables_.error_code())) {
    state_.note_damage();
  }
}

// --- reading ---

std::vector<Position> SqliteStore::positions() const {
  const std::lock_guard lock(mutex_);
  std::vector<Position> list;
  tables_.positions(list);
  return list;
}

std::vector<StateRow> SqliteStore::detector_state() const {
  const std::lock_guard lock(mutex_);
  std::vector<StateRow> rows;
  tables_.state(rows);
  return rows;
}

std::vector<CountedAlerts> SqliteStore::counted() const {
  const std::lock_guard lock(mutex_);
  std::vector<CountedAlerts> rows;
  tables_.counted(rows);
  return rows;
}

std::shared_ptr<const Alert> SqliteStore::read(const StoredDelivery& stored) const {
  std::shared_ptr<const Ruleset> rule;
  if (stored.rule != 0) {
    auto& known = rules_[stored.rule];
    std::string body;
    if (known == nullptr && tables_.rule_body(stored.rule, body)) {
      known = read_rule_record(body);
    }
    if (known == nullptr) {
      return nullptr;
    }
    rule = known;
  }
  std::shared_ptr<const Alert> alert = read_alert_record(stored.body, std::move(rule));
  if (alert == nullptr || stored.folded == 0) {
    return alert;
  }
  auto raised = std::make_shared<Alert>(*alert);
  raised->count += stored.folded;
  return raised;
}

Result<void> SqliteStore::for_each_alert(const std::function<void(const Alert&)>& visit) const {
  constexpr std::size_t at_once = 256;
  AlertNumber after = 0;
  for (;;) {
    std::vector<StoredDelivery> some;
    std::vector<std::shared_ptr<const Alert>> alerts;
    {
      const std::lock_guard lock(mutex_);
      if (!tables_.alerts(after, at_once, some)) {
        return fail("cannot read the alerts: " + tables_.error());
      }
      for (const StoredDelivery& stored : some) {
        after = stored.number;
        alerts.push_back(read(stored));
      }
    }
    for (const auto& alert : alerts) {
      if (alert != nullptr) {
        visit(*alert);
      }
    }
    if (some.empty()) {
      return {};
    }
  }
}

const Queue* SqliteStore::find(const std::string& receiver) const {
  const auto found = queues_.find(ledger_.receiver(receiver));
  return found == queues_.end() ? nullptr : &found->second;
}

// --- deliveries ---

std::vector<Delivery> SqliteStore::lease(const std::string& name, std::size_t count_max) {
  Lock lock(mutex_);
  std::vector<Delivery> leased;
  const ReceiverNumber receiver = ledger_.receiver(name);
  const auto found = queues_.find(receiver);
  if (found == queues_.end() || !found->second.has_waiting() || count_max == 0) {
    return leased;
  }
  Queue& queue = found->second;
  const std::vector<StoredDelivery> taken = take(receiver, queue, count_max);
  count_attempts(receiver, taken);
  for (const StoredDelivery& delivery : taken) {
    auto alert = read(delivery);
    if (alert != nullptr) {
      leased.push_back({delivery.number, std::move(alert), delivery.attempts});
      continue;
    }
    note(StoreNotice::Kind::unreadable,
         "a stored alert for receiver '" + name + "' cannot be read: it is given up");
    queue.leased.erase(delivery.number);
    --queue.pending;
    marks_.push_back({receiver, delivery.number, Ended::failed});
  }
  tell(lock);
  return leased;
}

// Released ones come first: they are older than all beyond the cursor.
std::vector<StoredDelivery> SqliteStore::take(ReceiverNumber receiver,
                                              Queue& queue,
                                              std::size_t count_max) {
  std::vector<StoredDelivery> taken;
  bool read = true;
  while (read && taken.size() < count_max && !queue.released.empty()) {
    read = tables_.delivery(receiver, *queue.released.begin(), taken);
    if (read) {
      queue.released.erase(queue.released.begin());
    }
  }
  if (read && taken.size() < count_max) {
    read = tables_.deliveries(receiver, queue.cursor, count_max - taken.size(), taken);
  }
  for (const StoredDelivery& delivery : taken) {
    queue.cursor = std::max(queue.cursor, delivery.number);
    queue.leased.insert(delivery.number);
  }
  if (!read) {
    undo();
  }
  return taken;
}

// Not synced, and not missed if it cannot be written: the count may be too low after that.
void SqliteStore::count_attempts(ReceiverNumber receiver,
                                 const std::vector<StoredDelivery>& stored) {
  if (stored.empty()) {
    return;
  }
  tables_.set_synced(false);
  bool written = tables_.begin();
  for (const StoredDelivery& delivery : stored) {
    written = written && tables_.count_attempt(receiver, delivery.number);
  }
  if (!written || !tables_.commit()) {
    undo();
  }
  tables_.set_synced(true);
}

bool SqliteStore::save_marks() {
  if (marks_.empty()) {
    return true;
  }
  // Not synced: a kill loses nothing of it; after a power failure what was delivered since the last
  // commit is delivered again.
  Change change;
  tables_.set_synced(false);
  const bool written = tables_.begin() && write_marks(change) && tables_.commit();
  if (written) {
    marks_.clear();
    apply(change);
  } else {
    undo();
  }
  tables_.set_synced(true);
  return written;
}

void SqliteStore::mark(const std::string& name, std::uint64_t number, DeliveryOutcome outcome) {
  Lock lock(mutex_);
  const ReceiverNumber receiver = ledger_.receiver(name);
  const auto found = queues_.find(receiver);
  if (found == queues_.end() || found->second.leased.erase(number) == 0) {
    return;
  }
  --found->second.pending;
  const bool delivered = outcome == DeliveryOutcome::delivered;
  marks_.push_back({receiver, number, delivered ? Ended::delivered : Ended::failed});
  const bool saved = save_marks();
  if (!saved && !marks_failed_) {
    note(StoreNotice::Kind::mark_unsaved,
         "what was delivered cannot be written (" + tables_.error() +
             "): after a crash it is delivered again");
  }
  marks_failed_ = !saved;
  make_room();
  tell(lock);
}

void SqliteStore::release(const std::string& name, std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(ledger_.receiver(name));
  if (found != queues_.end() && found->second.leased.erase(number) != 0) {
    found->second.released.insert(number);
    ready_.notify_all();
    make_room();  // what is not leased may be shed
  }
}

void SqliteStore::make_room() {
  ++room_made_;
  room_.notify_all();
}

std::uint64_t SqliteStore::pending(const std::string& receiver) const {
  const std::lock_guard lock(mutex_);
  const Queue* found = find(receiver);
  return found == nullptr ? 0 : found->pending;
}

std::uint64_t SqliteStore::shed(const std::string& receiver) const {
  const std::lock_guard lock(mutex_);
  const Queue* found = find(receiver);
  return found == nullptr ? 0 : found->shed;
}

void SqliteStore::wait(const std::string& receiver, DurationNs timeout_ns) {
  Lock lock(mutex_);
  ready_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), [&] {
    const Queue* found = find(receiver);
    return stopped_ || (found != nullptr && found->has_waiting());
  });
}

void SqliteStore::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  ready_.notify_all();
  room_.notify_all();
}

void SqliteStore::tell(Lock& lock) {
  std::vector<StoreNotice> told;
  told.swap(told_);
  lock.unlock();
  for (const StoreNotice& notice : told) {
    if (notices_) {
      notices_(notice);
    }
  }
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& directory,
                                                 SqliteStoreSettings settings,
                                                 StoreNotices notices) {
  // A second time where the first one finds damage that the checks have not seen.
  for (int attempt = 1;; ++attempt) {
    Result<OpenState> state =
        open_state(directory, settings.now, settings.set_aside_damaged, notices);
    if (!state) {
      return Unexpected<Error>{state.error()};
    }
    auto store = std::make_unique<SqliteStore>(std::move(*state), settings, notices);
    const Result<void> loaded = store->load();
    if (loaded) {
      return std::unique_ptr<Store>(std::move(store));
    }
    if (!store->is_damaged() || attempt == 2 || !settings.set_aside_damaged) {
      return fail("cannot read the state in " + directory + ": " + loaded.error().message);
    }
  }
}

}  // namespace tocsin
