// SPDX-License-Identifier: Apache-2.0
// Alerts as text: the NDJSON line of DETECTION.md and the one-line text for people. Secrets inside
// events are redacted here and nowhere else, so every way out goes through these functions. Thread
// rule: pure functions. Cost: O(size of the alert and its events).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/json_tree.h"
#include "engine/flow/alert.h"

namespace tocsin {

// Which keys and values of events are secret. The default covers what DETECTION.md names; more can
// be added.
class Redactor {
 public:
  explicit Redactor(const std::vector<std::string>& extra_key_patterns =
                        {});  // case-insensitive globs on key names
  ~Redactor();
  Redactor(Redactor&&) noexcept;
  // `removed`, if given, gets the texts that were taken out: they are looked for in the rest of the
  // alert too.
  void redact(JsonNode& record, std::vector<std::string>* removed = nullptr) const;
  // Does a key of this name have a secret value?
  bool is_secret_name(std::string_view name) const;
  // For text that may hold a secret outside a tree (evidence values): by the path of its field
  // (empty: unknown).
  std::string redact_value(std::string_view field, std::string_view value) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct EngineInfo {
  std::string version;
  std::string host;
};

// One JSON object, no newline. `with_event`: not under --no-event.
std::string render_ndjson(const Alert& alert,
                          const EngineInfo& engine,
                          const Redactor& redactor,
                          bool with_event);

// At most 120 columns, no newline: time, [LEVEL], title, summary; control characters escaped;
// colour by level if asked.
std::string render_text(const Alert& alert, const Redactor& redactor, bool colour);

}  // namespace tocsin
