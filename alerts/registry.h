// SPDX-License-Identifier: Apache-2.0
// The table of sink types: one row per type, one file per type in alerts/sinks/.
// Thread rule: constant.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "alerts/http.h"
#include "alerts/receivers.h"
#include "engine/base/result.h"
#include "engine/flow/sink.h"

namespace tocsin {

// What a sink is made of. References outlive the sink.
struct SinkContext {
  const ReceiverConfig& config;
  const EngineInfo& engine;
  const Redactor& redactor;
  HttpClient& http;
  const LaneSettings& settings;
};

struct SinkType {
  std::string_view name;
  DurationNs min_interval_ns;  // between two messages, unless the receiver says otherwise
  std::uint32_t burst;
  std::string_view retired_host;  // URLs of this host are refused; empty: none
  std::unique_ptr<Sink> (*make)(const SinkContext& context);
};

std::span<const SinkType> sink_types();
const SinkType* find_sink_type(std::string_view name);

}  // namespace tocsin
