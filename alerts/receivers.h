// SPDX-License-Identifier: Apache-2.0
// Receivers and routes: which alerts go where, and the lanes that bring them there.
// Thread rule: Router is immutable; Lanes owns one thread per receiver. Errors: Result at start;
// later ones are reported through LaneLog.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alerts/render.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/flow/sink.h"
#include "engine/flow/store.h"

namespace tocsin {

// A secret (a URL, a token): never printed. reveal() only where it is sent.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};

struct RetryPolicy {
  DurationNs initial_ns = second_ns;
  DurationNs max_ns = 5 * minute_ns;
  DurationNs max_age_ns = day_ns;  // then given up, counted and reported
};

struct ReceiverConfig {
  std::string name;
  std::string type;      // a row of alerts/registry.cc: "webhook", "slack"
  Secret url;            // from url, url_env or url_file
  std::string url_file;  // read again at each attempt, so that it can be rotated
  std::vector<std::pair<std::string, std::string>> headers;
  Secret authorization;             // "Bearer ..."
  bool allow_http = false;          // plain http beyond loopback
  std::vector<std::string> fields;  // of the event, shown first
  DurationNs timeout_ns = 15 * second_ns;
  DurationNs connect_timeout_ns = 5 * second_ns;
  DurationNs min_interval_ns =
      -1;  // between two messages; -1: the type's default (Slack: 1 s, burst 3)
  RetryPolicy retry;
};

struct RouteConfig {
  std::vector<std::string> receivers;
  std::optional<Level> min_level;
  std::vector<std::string> tags;   // any of; "attack.t1078" matches its sub-techniques
  std::vector<std::string> rules;  // any of: id, name or title
  bool continue_matching = false;  // Alertmanager's `continue`
};

class Router {
 public:
  // First match wins, unless it continues. No routes: every receiver gets every alert.
  Router(std::vector<RouteConfig> routes, std::vector<std::string> receivers);
  // A rule's own tocsin.receiver wins over the routes.
  std::vector<std::string> receivers_for(const Alert& alert) const;

 private:
  std::vector<RouteConfig> routes_;
  std::vector<std::string> receivers_;
};

struct LaneStatus {
  std::string receiver;
  std::uint64_t delivered = 0, failed = 0, pending = 0, attempts = 0;
  std::uint64_t shed = 0;   // given up before they were tried: there was no room
  std::string last_error;   // no secret in it
  bool in_trouble = false;  // nothing was delivered since that error
};
using LaneLog = std::function<void(const std::string& line)>;

struct LaneSettings {
  std::uint64_t jitter_seed = 0;  // of the back-off; the program seeds it anew in each process
  // The clock that Alert::detected_at is of, for max_age and Retry-After dates. Empty: an alert's
  // age counts from its first attempt.
  std::function<TimeNs()> now;
  DurationNs log_interval_ns =
      minute_ns;  // at most one line per receiver and kind of trouble in it
  DurationNs retry_after_max_ns = hour_ns;  // what is asked for beyond it is not honoured
  bool with_event = true;                   // not under --no-event
};

// Can alerts be sent to it, as far as its type, URL, scheme and headers say? No connection is made.
Result<void> check_receiver(const ReceiverConfig& config);

class Lanes {
 public:
  // Checks each receiver, as above, and starts its thread.
  static Result<std::unique_ptr<Lanes>> start(const std::vector<ReceiverConfig>& receivers,
                                              Store& store,
                                              const EngineInfo& engine,
                                              std::shared_ptr<const Redactor> redactor,
                                              LaneLog log,
                                              LaneSettings settings = {});
  virtual ~Lanes() = default;
  // Lets the lanes deliver what is pending, at most `grace_ns` of real time, then ends them.
  virtual void drain(DurationNs grace_ns) = 0;
  virtual std::vector<LaneStatus> status() const = 0;
};

}  // namespace tocsin
