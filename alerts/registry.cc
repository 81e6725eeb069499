// SPDX-License-Identifier: Apache-2.0
#include "alerts/registry.h"

#include <array>

#include "alerts/sinks/sinks.h"

namespace tocsin {
namespace {

constexpr std::array<SinkType, 2> types = {{
    {"webhook", 0, 1, &make_webhook_sink},
    // One message a second, short bursts tolerated (Slack, "Rate limits").
    {"slack", second_ns, 3, &make_slack_sink},
}};

}  // namespace

std::span<const SinkType> sink_types() {
  return types;
}

const SinkType* find_sink_type(std::string_view name) {
  for (const SinkType& type : types) {
    if (type.name == name) {
      return &type;
    }
  }
  return nullptr;
}

}  // namespace tocsin
