// SPDX-License-Identifier: Apache-2.0
#include "app/durable.h"

#include <utility>

#include "alerts/make_alert.h"
#include "alerts/redacted_alert.h"
#include "app/console.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

struct NoticeKind {
  StoreNotice::Kind kind;
  const char* code;
  Level level;
};

constexpr NoticeKind notice_kinds[] = {
    {StoreNotice::Kind::damaged, "state-damaged", Level::high},
    {StoreNotice::Kind::open_to_others, "state-open-to-others", Level::medium},
    {StoreNotice::Kind::receiver_gone, "receiver-gone", Level::medium},
    {StoreNotice::Kind::rule_over_quota, "rule-over-quota", Level::high},
    {StoreNotice::Kind::shed, "alerts-shed", Level::high},
    {StoreNotice::Kind::full, "state-full", Level::critical},
    {StoreNotice::Kind::unreadable, "alert-unreadable", Level::high},
    {StoreNotice::Kind::mark_unsaved, "state-unwritable", Level::medium},
};

SqliteStoreSettings store_settings(const Session& session,
                                   std::shared_ptr<const Redactor> redactor) {
  const Config& config = session.config;
  SqliteStoreSettings settings;
  settings.now = wall_clock_now();
  settings.redact = [cleaner = std::make_shared<RecordCleaner>(std::move(redactor))](
                        const Alert& alert) { return cleaner->clean(alert); };
  settings.receivers.emplace();
  for (const ReceiverConfig& receiver : config.receivers) {
    settings.receivers->push_back(receiver.name);
  }
  settings.undelivered_per_rule_max = config.store.rule_quota;
  settings.alert_bytes_max = config.store.max_bytes;
  settings.delivered_age_max_ns = config.store.keep_delivered_ns;
  settings.delivered_bytes_max = config.store.keep_delivered_bytes;
  return settings;
}

}  // namespace

void StoreAlerts::operator()(const StoreNotice& notice) {
  for (const NoticeKind& row : notice_kinds) {
    if (row.kind == notice.kind) {
      raise(row.code, row.level, notice.text);
    }
  }
}

void StoreAlerts::raise(const std::string& code, Level level, const std::string& text) {
  if (!watch_.quiet || level >= Level::high) {
    watch_.log.write(
        level >= Level::high ? LogLevel::error : LogLevel::warning, code, printable(text));
  }
  watch_.system_alerts.raise(code, {}, level, text);
}

std::string state_folder(const Session& session) {
  return session.options.state.empty() ? session.config.state : session.options.state;
}

Result<DurableState> open_durable(const Session& session,
                                  const std::string& folder,
                                  std::shared_ptr<const Redactor> redactor,
                                  StoreAlerts& alerts,
                                  IfDamaged if_damaged) {
  SqliteStoreSettings settings = store_settings(session, std::move(redactor));
  settings.set_aside_damaged = if_damaged == IfDamaged::set_aside;
  Result<std::unique_ptr<Store>> store =
      open_sqlite_store(folder, std::move(settings), std::ref(alerts));
  if (!store) {
    return Unexpected<Error>{store.error()};
  }
  DurableState state;
  state.store = std::move(*store);
  const std::vector<StateRow> rows = state.store->detector_state();
  Result<StateLog> log = StateLog::read(rows, state.saved);
  if (log) {
    state.log = std::move(*log);
  } else if (if_damaged == IfDamaged::refuse) {
    state.store->stop();
    return fail("the detectors' state in " + folder + " cannot be read (" + log.error().message +
                "): nothing was changed; tocsin tail begins it anew, with an alert");
  } else {
    state.log = StateLog::replacing(rows);
    alerts.raise("detector-state-unreadable",
                 Level::high,
                 "the detectors' state in " + folder + " cannot be read (" + log.error().message +
                     "): correlations and baselines begin anew");
  }
  return state;
}

InputStart input_start(const Store* store, const InputConfig& input) {
  InputStart start;
  start.from_beginning = input.from_beginning;
  if (store == nullptr) {
    return start;
  }
  const std::vector<Position> positions = store->positions();
  for (const Position& position : positions) {
    if (position.input == input.id) {
      start.rows = position.state;
    }
  }
  start.from_beginning = start.from_beginning || store->lost_positions() || !positions.empty();
  return start;
}

}  // namespace tocsin
