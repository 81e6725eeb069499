// SPDX-License-Identifier: Apache-2.0
// RedactedAlert: an alert's untrusted parts without their secrets, the one form that every way out
// is rendered from. Thread rule: plain values. Cost: one parse and one copy of each event.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alerts/render.h"
#include "engine/event/json_tree.h"
#include "engine/flow/alert.h"

namespace tocsin {

struct RedactedAlert {
  std::string summary;
  std::vector<std::pair<std::string, std::optional<std::string>>> group;
  std::vector<std::pair<std::string, std::string>> entities;
  std::vector<Evidence> matched;
  std::string evidence_json;  // a JSON object
  std::vector<std::optional<JsonNode>>
      events;  // beside Alert::events; nullopt: not kept, or no JSON

  // The value that entity `name` has, or empty.
  std::string entity(std::string_view name) const;
};

RedactedAlert redact_alert(const Alert& alert, const Redactor& redactor);

// The alert itself without its secrets: what may be written to the disk. A record that is no JSON
// is left out, as it is everywhere.
Alert without_secrets(const Alert& alert, const Redactor& redactor);
// The same for a record alone. Empty if it is no JSON.
std::string record_without_secrets(const std::string& json, const Redactor& redactor);

// What people call an alert: its rule's title, or "tocsin: CODE".
std::string alert_title(const Alert& alert);
std::string_view to_text(AlertKind kind);

}  // namespace tocsin
