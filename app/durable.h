// SPDX-License-Identifier: Apache-2.0
// What --state adds to a run: the store in a file, the detectors' state that it holds, and what has
// to be said about it. Thread rule: opened by the main thread; StoreAlerts from any.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alerts/render.h"
#include "app/session.h"
#include "app/watch.h"
#include "engine/base/result.h"
#include "engine/flow/alert.h"
#include "engine/flow/store.h"
#include "engine/store/sqlite_store.h"
#include "engine/store/state_log.h"

namespace tocsin {

// Says what a store tells, in the log and as alerts.
class StoreAlerts {
 public:
  explicit StoreAlerts(Watch& watch) : watch_(watch) {}
  void operator()(const StoreNotice& notice);
  void raise(const std::string& code, Level level, const std::string& text);

 private:
  Watch& watch_;
};

struct DurableState {
  std::unique_ptr<Store> store;
  StateLog log;
  std::optional<SavedState> saved;
};

// The folder of --state, else of the configuration; empty: none.
std::string state_folder(const Session& session);

// What becomes of a damaged state: it is set aside, told as an alert, and a new one begun; or it
// stays as it is, and the open fails.
enum class IfDamaged : std::uint8_t { set_aside, refuse };

Result<DurableState> open_durable(const Session& session,
                                  const std::string& folder,
                                  std::shared_ptr<const Redactor> redactor,
                                  StoreAlerts& alerts,
                                  IfDamaged if_damaged = IfDamaged::set_aside);

// Where `input` goes on: its rows; and whether what exists is read from its beginning. A first
// start begins where --start says; with a state, an input that it does not know is read whole.
struct InputStart {
  std::string rows;
  bool from_beginning = false;
};
InputStart input_start(const Store* store, const InputConfig& input);

}  // namespace tocsin
