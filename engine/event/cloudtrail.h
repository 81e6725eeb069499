// SPDX-License-Identifier: Apache-2.0
// What tocsin knows of CloudTrail records: who acted, on what, from where. Used for derived fields
// and for alerts. Sources: the CloudTrail record contents reference; DETECTION.md, "Derived
// fields". Thread rule: pure functions. Cost: a few look-ups.
#pragma once

#include <optional>
#include <string>

#include "engine/event/event.h"
#include "engine/event/geo.h"
#include "engine/event/json_tree.h"

namespace tocsin {

// tocsin.principal: stable over key and session rotation; nullopt if the record names nobody.
std::optional<std::string> principal(const JsonNode& record);

// tocsin.source.ip: sourceIPAddress if it is an address (IPv4-mapped IPv6 as IPv4).
std::optional<std::string> source_ip(const JsonNode& record);

// Fills the derived fields that the event's plan asks for; those that need a database are absent
// where `geo` is null. Called by the decoder; O(1) if it asks for none.
void derive_fields(Event& event, const GeoSet* geo);

}  // namespace tocsin
