// SPDX-License-Identifier: Apache-2.0
#include "app/listen_address.h"

#include <array>

#include <arpa/inet.h>

namespace tocsin {

std::optional<ListenAddress> parse_listen_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size() || text.size() - colon > 6) {
    return std::nullopt;
  }
  const std::string port = text.substr(colon + 1);
  if (port.find_first_not_of("0123456789") != std::string::npos || std::stoul(port) > 65535) {
    return std::nullopt;
  }
  ListenAddress out;
  out.port = static_cast<std::uint16_t>(std::stoul(port));
  out.host = text.substr(0, colon);
  out.ipv6 = out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']';
  if (out.ipv6) {
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(out.ipv6 ? AF_INET6 : AF_INET, out.host.c_str(), bytes.data()) != 1) {
    return std::nullopt;
  }
  return out;
}

std::string to_text(const ListenAddress& address) {
  const std::string host = address.ipv6 ? "[" + address.host + "]" : address.host;
  return host + ":" + std::to_string(address.port);
}

}  // namespace tocsin
