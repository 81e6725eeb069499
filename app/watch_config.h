// SPDX-License-Identifier: Apache-2.0
// What tocsin.yaml says of tocsin's own running: when it reloads, and how it is watched. Thread
// rule: plain values. docs/operation.md is the manual.
#pragma once

#include <cstdint>
#include <string>

#include "alerts/receivers.h"
#include "engine/base/time.h"

namespace tocsin {

struct ReloadConfig {
  bool watch = true;  // false: only on SIGHUP and `tocsin reload`
  DurationNs poll_ns = 2 * second_ns;
  DurationNs debounce_ns = second_ns;  // files must have been at rest for so long
};

struct MetricsConfig {
  std::string listen;  // ADDRESS:PORT; empty: off
};

struct HeartbeatConfig {
  Secret url;  // empty: off
  std::string url_file;
  bool allow_http = false;
  DurationNs interval_ns = minute_ns;
  DurationNs stall_ns = 5 * minute_ns;  // no beat if the engine made no step for so long
};

enum class LogFormat : std::uint8_t {
  automatic,  // as text; with a level before each line where stderr is the journal
  text,
  json,
};

struct WatchConfig {
  ReloadConfig reload;
  MetricsConfig metrics;
  std::string admin_socket;  // empty: none
  HeartbeatConfig heartbeat;
  LogFormat log_format = LogFormat::automatic;
  DurationNs system_alert_interval_ns = 10 * minute_ns;  // between two of the same kind
};

}  // namespace tocsin
