// SPDX-License-Identifier: Apache-2.0
#include "alerts/redacted_alert.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>

#include "alerts/make_alert.h"
#include "alerts/sanitize.h"
#include "alerts/secret_words.h"

namespace tocsin {
namespace {

// A removed text shorter than this would be found by accident inside others: it is only compared as
// a whole.
constexpr std::size_t substring_bytes_min = 8;
// And one so short tells nothing where its key does not stand beside it.
constexpr std::size_t whole_bytes_min = 4;

// What a summary cuts off is said by this: see plain_line(). A secret that was cut is not found as
// a whole; a beginning shorter than that tells nothing.
constexpr std::string_view cut_mark = "\xE2\x80\xA6(+";
constexpr std::size_t cut_bytes_min = 4;

// Searching for each text costs one pass over each value: so many longest ones, an attacker may
// write thousands.
constexpr std::size_t substrings_max = 256;

// What was secret in an event is secret in the rest of the alert too: a keyword's value, a group,
// the summary.
class Removed {
 public:
  explicit Removed(const std::vector<std::string>& texts) : whole_(texts.begin(), texts.end()) {
    for (const std::string& text : whole_) {
      if (text.size() >= substring_bytes_min) {
        substrings_.push_back(text);
        // As a summary shows it.
        std::string line = plain_line(text, text.size());
        if (line != text && line.size() >= substring_bytes_min) {
          substrings_.push_back(std::move(line));
        }
      }
    }
    std::stable_sort(substrings_.begin(), substrings_.end(), [](const auto& a, const auto& b) {
      return a.size() > b.size();
    });
    if (substrings_.size() > substrings_max) {
      substrings_.resize(substrings_max);
    }
  }
  // A summary: cut to length before it came here.
  void clean_line(std::string& line) const {
    clean(line);
    for (std::size_t mark = line.find(cut_mark); mark != std::string::npos;
         mark = line.find(cut_mark, mark + 1)) {
      const std::size_t cut = beginning_before(line, mark);
      if (cut > 0) {
        line.replace(mark - cut, cut, redacted_text);
        mark = mark - cut + redacted_text.size();
      }
    }
  }
  void clean(std::string& value) const {
    if (value.size() >= whole_bytes_min && whole_.count(value) != 0) {
      value = redacted_text;
      return;
    }
    for (const std::string& text : substrings_) {
      if (value.find(text) != std::string::npos) {
        value = replaced(value, text);
      }
    }
  }

 private:
  // The bytes before `end` with which one of the texts begins, or 0.
  std::size_t beginning_before(std::string_view line, std::size_t end) const {
    for (const std::string& text : substrings_) {
      const std::string_view beginning(text);
      for (std::size_t size = std::min(text.size() - 1, end); size >= cut_bytes_min; --size) {
        if (line.substr(end - size, size) == beginning.substr(0, size)) {
          return size;
        }
      }
    }
    return 0;
  }

  static std::string replaced(const std::string& value, const std::string& text) {
    std::string out;
    std::size_t at = 0;
    for (;;) {
      const std::size_t found = value.find(text, at);
      out.append(value, at, found == std::string::npos ? found : found - at);
      if (found == std::string::npos) {
        return out;
      }
      out += redacted_text;
      at = found + text.size();
    }
  }

  std::set<std::string> whole_;
  std::vector<std::string> substrings_;
};

// Many readers give up on deep JSON (jq at 256, Python at about 1,000): an attacker must not make
// an alert unreadable. What lies deeper is shown as text; CloudTrail stays below 20.
constexpr std::size_t shown_depth_max = 100;

void limit_depth(JsonNode& node, std::size_t depth) {
  const bool nested = node.kind == JsonNode::Kind::array || node.kind == JsonNode::Kind::object;
  if (!nested) {
    return;
  }
  if (depth == shown_depth_max) {
    JsonNode text;
    text.kind = JsonNode::Kind::string;
    append_json(node, text.text);
    node = std::move(text);
    return;
  }
  for (JsonNode& child : node.children) {
    limit_depth(child, depth + 1);
  }
}

std::optional<JsonNode> redacted_event(const RecordCopy* record,
                                       const Redactor& redactor,
                                       std::vector<std::string>& removed) {
  if (record == nullptr || record->json.empty()) {
    return std::nullopt;
  }
  auto tree = parse_json(record->json);
  if (!tree) {
    return std::nullopt;
  }
  redactor.redact(*tree, &removed);
  limit_depth(*tree, 0);
  return std::move(*tree);
}

// A detector's evidence may name values of events.
std::string redacted_evidence(const std::string& json,
                              const Redactor& redactor,
                              const Removed& removed) {
  auto tree = parse_json(json);
  if (!tree || tree->kind != JsonNode::Kind::object) {
    return "{}";
  }
  redactor.redact(*tree);
  std::vector<JsonNode*> nodes = {&*tree};
  while (!nodes.empty()) {
    JsonNode* node = nodes.back();
    nodes.pop_back();
    if (node->kind == JsonNode::Kind::string) {
      removed.clean(node->text);
    }
    for (JsonNode& child : node->children) {
      nodes.push_back(&child);
    }
  }
  std::string out;
  append_json(*tree, out);
  return out;
}

// The summary of a correlation says "NAME VALUE" of its group.
void clean_group(const std::string& name,
                 const std::string& value,
                 const std::string& clean,
                 std::string& summary) {
  if (clean == value) {
    return;
  }
  const std::string shown = group_text(name, value);
  const std::size_t at = summary.find(shown);
  if (at != std::string::npos) {
    summary.replace(at, shown.size(), group_text(name, clean));
  }
}

}  // namespace

std::string RedactedAlert::entity(std::string_view name) const {
  for (const auto& [key, value] : entities) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

RedactedAlert redact_alert(const Alert& alert, const Redactor& redactor) {
  RedactedAlert out;
  std::vector<std::string> texts;
  for (const auto& record : alert.events) {
    out.events.push_back(redacted_event(record.get(), redactor, texts));
  }
  const Removed removed(texts);
  out.summary = redactor.redact_value("", alert.summary);
  removed.clean_line(out.summary);
  for (const auto& [name, value] : alert.group) {
    std::optional<std::string> text = value;
    if (text) {
      *text = redactor.redact_value(name, *text);
      removed.clean(*text);
      clean_group(name, *value, *text, out.summary);
    }
    out.group.emplace_back(name, std::move(text));
  }
  for (const auto& [name, value] : alert.entities) {
    std::string text = redactor.redact_value("", value);
    removed.clean(text);
    out.entities.emplace_back(name, std::move(text));
  }
  for (const Evidence& evidence : alert.matched) {
    Evidence copy = evidence;
    copy.value = redactor.redact_value(evidence.field, evidence.value);
    removed.clean(copy.value);
    out.matched.push_back(std::move(copy));
  }
  out.evidence_json = redacted_evidence(alert.evidence_json, redactor, removed);
  return out;
}

std::string record_without_secrets(const std::string& json, const Redactor& redactor) {
  auto tree = parse_json(json);
  if (!tree) {
    return {};
  }
  std::vector<std::string> removed;
  redactor.redact(*tree, &removed);
  if (removed.empty()) {
    return json;
  }
  std::string out;
  append_json(*tree, out);
  return out;
}

// `number`: of the name in its record. Most records have the names of the one before.
bool RecordCleaner::is_harmless_name(std::string_view name, std::size_t number) {
  if (number < last_names_.size() && last_names_[number] == name) {
    return true;
  }
  last_names_.resize(std::min(number, last_names_.size()));
  const auto note = [&](const std::string& known) {
    if (number == last_names_.size()) {
      last_names_.push_back(known);
    }
  };
  if (const auto found = harmless_names_.find(name); found != harmless_names_.end()) {
    note(*found);
    return true;
  }
  // Beside a "name", "value" may hold whatever that names.
  constexpr std::string_view value_name = "value";
  const bool is_value =
      name.size() == value_name.size() &&
      std::equal(name.begin(), name.end(), value_name.begin(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
      });
  if (is_value || redactor_->is_secret_name(name)) {
    return false;
  }
  if (harmless_names_.size() < names_max) {
    note(*harmless_names_.emplace(name).first);
  }
  return true;
}

bool RecordCleaner::is_harmless(std::string_view json) {
  // An escape may hide a quote, a letter of a name, JSON inside a string.
  if (json.find('\\') != std::string_view::npos) {
    return false;
  }
  std::size_t names = 0;
  for (std::size_t quote = json.find('"'); quote != std::string_view::npos;) {
    const std::size_t end = json.find('"', quote + 1);
    if (end == std::string_view::npos) {
      return false;
    }
    const std::string_view text = json.substr(quote + 1, end - quote - 1);
    const std::size_t next = json.find_first_not_of(" \t\r\n", end + 1);
    const bool is_name = next != std::string_view::npos && json[next] == ':';
    if (is_name ? !is_harmless_name(text, names++) : may_hold_secret(text)) {
      return false;
    }
    quote = json.find('"', end + 1);
  }
  return true;
}

std::optional<std::string> RecordCleaner::clean(const std::string& json) {
  if (is_harmless(json)) {
    return std::nullopt;
  }
  std::string clean = record_without_secrets(json, *redactor_);
  return clean == json ? std::nullopt : std::optional<std::string>(std::move(clean));
}

// What its events do not hold is in the rest of it only where it looks like a secret by itself.
std::optional<Alert> RecordCleaner::clean(const Alert& alert) {
  const auto is_shown = [this](std::string_view field, const std::string& value) {
    return redactor_->redact_value(field, value) == value;
  };
  const bool harmless =
      std::all_of(
          alert.events.begin(),
          alert.events.end(),
          [this](const auto& record) { return record == nullptr || is_harmless(record->json); }) &&
      is_harmless(alert.evidence_json) && is_shown("", alert.summary) &&
      std::all_of(alert.group.begin(),
                  alert.group.end(),
                  [&](const auto& entry) {
                    return !entry.second || is_shown(entry.first, *entry.second);
                  }) &&
      std::all_of(alert.entities.begin(),
                  alert.entities.end(),
                  [&](const auto& entry) { return is_shown("", entry.second); }) &&
      std::all_of(alert.matched.begin(), alert.matched.end(), [&](const Evidence& evidence) {
        return is_shown(evidence.field, evidence.value);
      });
  return harmless ? std::nullopt : std::optional<Alert>(without_secrets(alert, *redactor_));
}

Alert without_secrets(const Alert& alert, const Redactor& redactor) {
  RedactedAlert clean = redact_alert(alert, redactor);
  Alert out = alert;
  out.summary = std::move(clean.summary);
  out.group = std::move(clean.group);
  out.entities = std::move(clean.entities);
  out.matched = std::move(clean.matched);
  out.evidence_json = std::move(clean.evidence_json);
  for (std::size_t i = 0; i < out.events.size(); ++i) {
    if (out.events[i] == nullptr) {
      continue;
    }
    auto record = std::make_shared<RecordCopy>(*out.events[i]);
    record->json.clear();
    if (clean.events[i]) {
      append_json(*clean.events[i], record->json);
    }
    out.events[i] = std::move(record);
  }
  return out;
}

std::string alert_title(const Alert& alert) {
  return alert.rule != nullptr ? alert.rule->title : "tocsin: " + alert.system_rule;
}

std::string_view to_text(AlertKind kind) {
  switch (kind) {
    case AlertKind::detection:
      return "detection";
    case AlertKind::correlation:
      return "correlation";
    case AlertKind::system:
      return "system";
  }
  return "";
}

}  // namespace tocsin
