// SPDX-License-Identifier: Apache-2.0
// The makers that alerts/registry.cc lists, and the payloads of the chat types, apart from the
// network for tests. Thread rule: pure functions. Cost: O(size of the alert).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "alerts/registry.h"
#include "alerts/render.h"

namespace tocsin {

std::unique_ptr<Sink> make_webhook_sink(const SinkContext& context);
std::unique_ptr<Sink> make_slack_sink(const SinkContext& context);

std::unique_ptr<Sink> make_teams_sink(const SinkContext& context);
std::unique_ptr<Sink> make_discord_sink(const SinkContext& context);
std::unique_ptr<Sink> make_mattermost_sink(const SinkContext& context);
std::unique_ptr<Sink> make_google_chat_sink(const SinkContext& context);

// `fields` of the event are shown first. `minimal`: the shortest form, sent once after the full one
// was refused.
using Payload = std::string(const Alert& alert,
                            const Redactor& redactor,
                            const std::vector<std::string>& fields,
                            bool minimal);
Payload slack_payload, teams_payload, discord_payload, mattermost_payload, google_chat_payload;

}  // namespace tocsin
