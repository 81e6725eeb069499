// SPDX-License-Identifier: Apache-2.0
// RedactedAlert: an alert's untrusted parts without their secrets, the one form that every way out
// is rendered from. Thread rule: plain values. Cost: one parse and one copy of each event.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
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

// The same for many records, one after the other: what surely holds no secret is told from its text
// alone, in a tenth of the time. Thread rule: one thread.
class RecordCleaner {
 public:
  explicit RecordCleaner(std::shared_ptr<const Redactor> redactor)
      : redactor_(std::move(redactor)) {}
  // The record without its secrets; nullopt: it holds none. Empty if it is no JSON.
  std::optional<std::string> clean(const std::string& json);
  // The alert without its secrets; nullopt: it holds none.
  std::optional<Alert> clean(const Alert& alert);
  // Surely no name and no value in it is secret. What is not sure is not: whatever is escaped, or
  // looks like an assignment, a URL or a token.
  bool is_harmless(std::string_view json);

 private:
  static constexpr std::size_t names_max = 4096;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  bool is_harmless_name(std::string_view name, std::size_t number);

  std::shared_ptr<const Redactor> redactor_;
  std::unordered_set<std::string, TextHash, std::equal_to<>> harmless_names_;
  std::vector<std::string_view> last_names_;  // of the last record, in their order; into the set
};

// What people call an alert: its rule's title, or "tocsin: CODE".
std::string alert_title(const Alert& alert);
std::string_view to_text(AlertKind kind);

}  // namespace tocsin
