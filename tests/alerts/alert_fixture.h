// SPDX-License-Identifier: Apache-2.0
// Alerts for tests: a rule and a record, as make_alert() is given them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "alerts/make_alert.h"
#include "engine/event/json_tree.h"
#include "engine/flow/alert.h"

namespace tocsin::test {

inline constexpr TimeNs event_time = 1'767'323'045'000'000'000;      // 2026-01-02T03:04:05Z
inline constexpr TimeNs detection_time = 1'767'323'105'250'000'000;  // a minute later

RuleInfo make_rule(const std::string& title);
std::shared_ptr<const RecordCopy> make_record(const std::string& json, bool cloudtrail = true);
Alert alert_of(const std::string& json,
               const RuleInfo& rule,
               std::vector<Evidence> evidence = {},
               bool cloudtrail = true);

// Strict JSON: what a strict parser refuses is not valid.
bool is_valid_json(const std::string& text);
// `text` as a JSON string with its quotes.
std::string quoted(const std::string& text);
// The text of the first value at a dotted path, or "(none)".
std::string at(const std::string& json, const std::string& path);
// Every string in it, keys and values.
std::vector<std::string> all_strings(const std::string& json);

// Texts that an attacker may put anywhere.
struct Injection {
  const char* name;
  std::string text;
};
std::vector<Injection> injections();

// Reproducible text of all kinds of code points and broken bytes.
std::string random_text(std::uint64_t& state, std::size_t code_points_max);

}  // namespace tocsin::test
