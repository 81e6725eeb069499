// SPDX-License-Identifier: Apache-2.0
// Outlets: where alerts go after the stage: the store, the routes and the lanes of the receivers,
// as the configuration has them, and as the next one has them after a reload. Thread rule: open()
// and close() by the run's thread, change() and retire() by the reloader's, status() by any.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "alerts/receivers.h"
#include "app/alert_stage.h"
#include "app/config.h"
#include "app/log.h"
#include "engine/flow/store.h"

namespace tocsin {

class Outlets {
 public:
  struct Settings {
    EngineInfo engine;
    bool with_event = true;
    const Log* log = nullptr;
    Store* durable = nullptr;  // with --state; else the deliveries are kept in memory
  };
  explicit Outlets(Settings settings) : settings_(std::move(settings)) {}
  ~Outlets();

  Result<void> open(const Config& config);
  // What the stage goes on with; its ruleset is left to the caller. Lanes whose receivers changed
  // run beside the old ones, which retire() ends.
  Result<AlertStage::Change> change(const Config& config);
  void retire(DurationNs grace_ns);

  // For the stage: null where there is no receiver.
  const Router* router() const { return router_.get(); }
  Store* store() const { return settings_.durable != nullptr ? settings_.durable : memory_.get(); }
  std::shared_ptr<const Redactor> redactor() const { return redactor_; }

  std::vector<LaneStatus> status() const;
  // Ends the lanes and says what they could not deliver; with a durable store that is kept for the
  // next start. True if everything was delivered.
  bool close(DurationNs grace_ns, bool quiet);

 private:
  Result<std::unique_ptr<Lanes>> start_lanes(const Config& config,
                                             std::shared_ptr<const Redactor> redactor);

  Settings settings_;
  std::unique_ptr<Store> memory_;
  std::shared_ptr<const Router> router_;
  std::shared_ptr<const Redactor> redactor_;
  mutable std::mutex mutex_;  // lanes_, old_, past_
  std::unique_ptr<Lanes> lanes_;
  std::unique_ptr<Lanes> old_;
  std::vector<ReceiverConfig> receivers_;  // as lanes_ have them
  std::vector<std::string> redact_;
  std::map<std::string, LaneStatus> past_;  // totals of lanes that ended, by receiver
};

}  // namespace tocsin
