// SPDX-License-Identifier: Apache-2.0
// ADDRESS:PORT as tocsin.yaml says it. Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tocsin {

inline constexpr const char* default_metrics_listen = "127.0.0.1:9464";

struct ListenAddress {
  std::string host;  // without brackets
  std::uint16_t port = 0;
  bool ipv6 = false;
};

// "127.0.0.1:9464", "[::1]:0". The host is an address: a name could mean another one tomorrow.
std::optional<ListenAddress> parse_listen_address(const std::string& text);
std::string to_text(const ListenAddress& address);

}  // namespace tocsin
