// SPDX-License-Identifier: Apache-2.0
#include "alerts/registry.h"

#include <array>

#include "alerts/sinks/sinks.h"

namespace tocsin {
namespace {

constexpr std::array<SinkType, 6> types = {{
    {"webhook", 0, 1, "", &make_webhook_sink},
    // One message a second, short bursts tolerated (Slack, "Rate limits").
    {"slack", second_ns, 3, "", &make_slack_sink},
    // Four a second for connectors; less is documented for Workflows.
    {"teams", second_ns, 4, "webhook.office.com", &make_teams_sink},
    // Five in two seconds and webhook; 429 says more.
    {"discord", second_ns * 2 / 5, 5, "", &make_discord_sink},
    {"mattermost", second_ns / 5, 5, "", &make_mattermost_sink},
    // 60 a minute and space.
    {"google_chat", second_ns, 1, "", &make_google_chat_sink},
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
