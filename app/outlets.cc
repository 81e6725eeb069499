// SPDX-License-Identifier: Apache-2.0
#include "app/outlets.h"

#include <algorithm>
#include <random>
#include <utility>

#include "app/console.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

void add_totals(const LaneStatus& from, LaneStatus& to) {
  to.receiver = from.receiver;
  to.delivered += from.delivered;
  to.failed += from.failed;
  to.attempts += from.attempts;
  to.shed += from.shed;
  to.last_error = from.last_error.empty() ? to.last_error : from.last_error;
}

bool is_same(const ReceiverConfig& a, const ReceiverConfig& b) {
  return a.name == b.name && a.type == b.type && a.url.reveal() == b.url.reveal() &&
         a.url_file == b.url_file && a.headers == b.headers &&
         a.authorization.reveal() == b.authorization.reveal() && a.allow_http == b.allow_http &&
         a.fields == b.fields && a.timeout_ns == b.timeout_ns &&
         a.connect_timeout_ns == b.connect_timeout_ns && a.min_interval_ns == b.min_interval_ns &&
         a.retry.initial_ns == b.retry.initial_ns && a.retry.max_ns == b.retry.max_ns &&
         a.retry.max_age_ns == b.retry.max_age_ns;
}

std::shared_ptr<const Router> make_router(const Config& config) {
  if (config.receivers.empty()) {
    return nullptr;
  }
  std::vector<std::string> names;
  for (const ReceiverConfig& receiver : config.receivers) {
    names.push_back(receiver.name);
  }
  return std::make_shared<const Router>(config.routes, names);
}

}  // namespace

Outlets::~Outlets() = default;

Result<void> Outlets::open(const Config& config) {
  Result<AlertStage::Change> made = change(config);
  if (!made) {
    return Unexpected<Error>{made.error()};
  }
  router_ = made->router;
  return {};
}

Result<AlertStage::Change> Outlets::change(const Config& config) {
  AlertStage::Change out;
  out.redactor = std::make_shared<const Redactor>(config.redact);
  out.router = make_router(config);
  out.idle_after_ns = config.idle_after_ns;
  if (lanes_ && redact_ == config.redact &&
      std::equal(receivers_.begin(),
                 receivers_.end(),
                 config.receivers.begin(),
                 config.receivers.end(),
                 is_same)) {
    out.redactor = redactor_;
    out.store = store();
    return out;  // what is under way goes on
  }
  std::unique_ptr<Lanes> lanes;
  if (out.router) {
    if (store() == nullptr) {
      memory_ = make_memory_store();
    }
    Result<std::unique_ptr<Lanes>> started = start_lanes(config, out.redactor);
    if (!started) {
      return Unexpected<Error>{started.error()};
    }
    lanes = std::move(*started);
  }
  out.store = store();
  const std::lock_guard lock(mutex_);
  redactor_ = out.redactor;
  redact_ = config.redact;
  receivers_ = config.receivers;
  old_ = std::move(lanes_);
  lanes_ = std::move(lanes);
  return out;
}

Result<std::unique_ptr<Lanes>> Outlets::start_lanes(const Config& config,
                                                    std::shared_ptr<const Redactor> redactor) {
  LaneSettings settings;
  settings.jitter_seed = std::random_device()();
  settings.now = &wall_clock_now;
  settings.with_event = settings_.with_event;
  return Lanes::start(
      config.receivers,
      *store(),
      settings_.engine,
      std::move(redactor),
      [log = settings_.log](const std::string& line) {
        log->write(LogLevel::error, "delivery", printable(line));
      },
      std::move(settings));
}

void Outlets::retire(DurationNs grace_ns) {
  std::unique_ptr<Lanes> old;
  {
    const std::lock_guard lock(mutex_);
    old = std::move(old_);
  }
  if (!old) {
    return;
  }
  old->drain(grace_ns);
  const std::lock_guard lock(mutex_);
  for (const LaneStatus& lane : old->status()) {
    add_totals(lane, past_[lane.receiver]);
  }
}

std::vector<LaneStatus> Outlets::status() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, LaneStatus> all = past_;
  for (const Lanes* lanes : {old_.get(), lanes_.get()}) {
    if (lanes == nullptr) {
      continue;
    }
    for (const LaneStatus& lane : lanes->status()) {
      LaneStatus& known = all[lane.receiver];
      add_totals(lane, known);
      known.pending = lane.pending;
      // Not what earlier lanes of its name met.
      known.last_error = lane.last_error;
      known.in_trouble = lane.in_trouble;
    }
  }
  std::vector<LaneStatus> out;
  for (auto& [name, lane] : all) {
    out.push_back(std::move(lane));
  }
  return out;
}

bool Outlets::close(DurationNs grace_ns, bool quiet) {
  retire(0);
  if (lanes_) {
    lanes_->drain(grace_ns);
  }
  bool complete = true;
  for (const LaneStatus& lane : status()) {
    const std::uint64_t kept = settings_.durable != nullptr ? lane.pending : 0;
    const std::uint64_t missing = lane.pending + lane.failed + lane.shed;
    complete = complete && missing == 0;
    if (missing > 0) {
      settings_.log->write(
          LogLevel::error,
          {},
          "receiver " + lane.receiver + ": " + counted(missing, "alert") + " not delivered" +
              (kept > 0 ? ", " + with_thousands(kept) + " of them kept for the next start" : "") +
              (lane.last_error.empty() ? "" : ": " + printable(lane.last_error)));
    } else if (!quiet) {
      settings_.log->write(
          LogLevel::info,
          {},
          "receiver " + lane.receiver + ": " + counted(lane.delivered, "alert") + " delivered");
    }
  }
  return complete;
}

}  // namespace tocsin
