// SPDX-License-Identifier: Apache-2.0
// Escaping for the markups of chats. What goes in is a Card's text: one line, links broken, no
// deceptive characters. Thread rule: pure functions. Cost: O(length).
#pragma once

#include <string>
#include <string_view>

namespace tocsin {

// & < > as entities, in one pass: Slack's text and the HTML subset of Google Chat's widgets.
std::string entities_escaped(std::string_view text);

// A backslash before every character that Markdown, Discord or Mattermost may read as markup (&
// too: Mattermost takes &commat;all for a mention), and a zero-width space behind @, so that no
// name is mentioned.
std::string markdown_escaped(std::string_view text);

// < and > as single angle quotation marks, where a vendor reads them as markup and knows no escape.
std::string angles_replaced(std::string_view text);

}  // namespace tocsin
