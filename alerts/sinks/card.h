// SPDX-License-Identifier: Apache-2.0
// Card: what a chat message says of an alert, before a vendor's own markup: redacted, one line per
// value, no deceptive characters, links broken (defang), values and their number bounded. Sinks
// only escape and lay out. Thread rule: plain values. Cost: O(size of the alert).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "alerts/render.h"
#include "engine/flow/alert.h"

namespace tocsin {

struct Card {
  std::string title;    // "[HIGH] Root login"; at most 150 UTF-16 units. The level is in words:
                        // colour alone is not read out
  std::string summary;  // at most 600 code points; may be empty
  std::vector<std::pair<std::string, std::string>>
      fields;  // at most card_fields_max; names at most 100, values 280 code points
  std::size_t fields_left_out = 0;
  std::string footer;   // alert id, rule id, times: see card_footer()
  std::string runbook;  // an http(s) URL that is safe between quotes and angle brackets, or empty
  std::string runbook_host;
};
inline constexpr std::size_t card_fields_max = 10;

// `fields` of the event that fired come first, then the rule's own, then entities, group and count.
Card make_card(const Alert& alert,
               const Redactor& redactor,
               const std::vector<std::string>& fields);

// How to find the full record, and how many fields were left out.
std::string card_footer(const Card& card);
// Makes a card smaller: its last field goes and is counted. False if there is none.
bool drop_last_field(Card& card);

// One colour per level, the same in every chat (0xrrggbb).
std::uint32_t card_colour(Level level);
std::string card_colour_hex(Level level);

}  // namespace tocsin
