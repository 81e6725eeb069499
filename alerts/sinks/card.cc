// SPDX-License-Identifier: Apache-2.0
#include "alerts/sinks/card.h"

#include <algorithm>
#include <array>

#include "alerts/redacted_alert.h"
#include "alerts/sanitize.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr std::size_t title_units_max = 150;
constexpr std::size_t summary_code_points_max = 400;
constexpr std::size_t name_code_points_max = 64;
constexpr std::size_t value_code_points_max = 200;
constexpr std::size_t runbook_bytes_max = 2000;

// A value as a chat may show it. Defanging adds brackets: the second cut keeps the bound.
std::string chat_text(std::string_view text, std::size_t code_points_max) {
  const std::string safe = defang(plain_line(text, code_points_max));
  return plain_line(safe, code_points_max + code_points_max / 4);
}

// Paths of fields keep their dots: they are no domains, and come from configuration and rules.
std::string field_name(std::string_view name) {
  const std::string text = name.find('/') == std::string_view::npos
                               ? plain_line(name, name_code_points_max)
                               : chat_text(name, name_code_points_max);
  return text.find_first_not_of(' ') == std::string::npos ? "(unnamed)" : text;
}

// Adds fields once each, and counts those for which there is no room.
class Fields {
 public:
  explicit Fields(Card& card) : card_(card) {}
  void add(std::string_view name, std::string_view value) {
    if (value.empty() || std::find(names_.begin(), names_.end(), name) != names_.end()) {
      return;
    }
    names_.emplace_back(name);
    if (card_.fields.size() == card_fields_max) {
      ++card_.fields_left_out;
      return;
    }
    std::string shown = chat_text(value, value_code_points_max);
    // All of it was deceptive characters: say so rather than send an empty value, which some
    // vendors refuse.
    card_.fields.emplace_back(field_name(name),
                              shown.find_first_not_of(' ') == std::string::npos
                                  ? "(nothing printable)"
                                  : std::move(shown));
  }

 private:
  Card& card_;
  std::vector<std::string> names_;
};

std::string event_field(const JsonNode& event, std::string_view path) {
  std::string text;
  for (const JsonNode* node : find_values(event, path)) {
    text += (text.empty() ? "" : ", ") + rule_text(*node);
    if (text.size() > 4 * value_code_points_max) {
      break;
    }
  }
  return text;
}

void add_fields(const Alert& alert,
                const RedactedAlert& redacted,
                const std::vector<std::string>& chosen,
                Card& card) {
  Fields fields(card);
  std::vector<std::string> paths = chosen;
  if (alert.rule != nullptr) {
    const auto& own = alert.rule->extensions.fields;
    paths.insert(paths.end(), own.begin(), own.end());
  }
  if (!redacted.events.empty() && redacted.events.back()) {
    for (const std::string& path : paths) {
      fields.add(path, event_field(*redacted.events.back(), path));
    }
  }
  for (const auto& [name, value] : redacted.entities) {
    fields.add(name, value);
  }
  for (const auto& [name, value] : redacted.group) {
    fields.add(name, value.value_or("(absent)"));
  }
  if (alert.count > 1) {
    fields.add("count", std::to_string(alert.count));
  }
  if (alert.learning) {
    fields.add("learning", "yes");
  }
}

std::string footer_of(const Alert& alert) {
  std::string footer = "alert " + alert.id;
  if (alert.rule != nullptr && !alert.rule->id.empty()) {
    footer += " | rule " + chat_text(alert.rule->id, name_code_points_max);
  }
  if (alert.time) {
    footer += " | event " + format_rfc3339(*alert.time);
  }
  footer += " | detected " + format_rfc3339(alert.detected_at);
  return footer;
}

// Only what needs no escaping in any vendor's markup.
bool is_safe_link(std::string_view url) {
  const bool scheme = url.substr(0, 8) == "https://" || url.substr(0, 7) == "http://";
  return scheme && url.size() <= runbook_bytes_max &&
         std::all_of(url.begin(), url.end(), [](char c) {
           return c > ' ' && c < 0x7f &&
                  std::string_view("<>|\"'`\\()[]{}").find(c) == std::string_view::npos;
         });
}

}  // namespace

Card make_card(const Alert& alert,
               const Redactor& redactor,
               const std::vector<std::string>& fields) {
  const RedactedAlert redacted = redact_alert(alert, redactor);
  Card card;
  std::string level = "[";
  level.append(ascii_upper(to_text(alert.level))).append("] ");
  card.title =
      fit_utf16(level + defang(plain_line(alert_title(alert), title_units_max)), title_units_max);
  card.summary = chat_text(redacted.summary, summary_code_points_max);
  add_fields(alert, redacted, fields, card);
  card.footer = footer_of(alert);
  if (alert.rule != nullptr && is_safe_link(alert.rule->extensions.runbook)) {
    card.runbook = alert.rule->extensions.runbook;
    const std::size_t begin = card.runbook.find("://") + 3;
    const std::size_t end = std::min(card.runbook.find_first_of("/?#", begin), card.runbook.size());
    card.runbook_host = fit_utf16(std::string_view(card.runbook).substr(begin, end - begin), 50);
  }
  return card;
}

std::string card_footer(const Card& card) {
  return card.fields_left_out == 0
             ? card.footer
             : card.footer + " | +" + std::to_string(card.fields_left_out) + " more fields";
}

bool drop_last_field(Card& card) {
  if (card.fields.empty()) {
    return false;
  }
  card.fields.pop_back();
  ++card.fields_left_out;
  return true;
}

std::uint32_t card_colour(Level level) {
  constexpr std::array<std::uint32_t, level_count> colours = {
      0x6c757d, 0x2f80ed, 0xf2c94c, 0xf2994a, 0xeb5757};
  return colours[static_cast<std::size_t>(level)];
}

std::string card_colour_hex(Level level) {
  const std::uint32_t colour = card_colour(level);
  std::string out = "#";
  for (int shift = 20; shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[(colour >> shift) & 15u];
  }
  return out;
}

}  // namespace tocsin
