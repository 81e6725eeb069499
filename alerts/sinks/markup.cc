// SPDX-License-Identifier: Apache-2.0
#include "alerts/sinks/markup.h"

namespace tocsin {

std::string entities_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string markdown_escaped(std::string_view text) {
  constexpr std::string_view special = "\\*_~|<>`[]()#-&";
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
    if (c == '@') {
      out += "\xE2\x80\x8B";
    }
  }
  return out;
}

std::string angles_replaced(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "\xE2\x80\xB9";
    } else if (c == '>') {
      out += "\xE2\x80\xBA";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace tocsin
