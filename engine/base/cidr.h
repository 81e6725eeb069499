// SPDX-License-Identifier: Apache-2.0
// IP addresses and networks. IPv4 and IPv6 never contain one another; ::ffff:10.0.0.1 is IPv6
// (conformance CIDR-03). Thread rule: pure functions. Cost: O(length of the text).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace tocsin {

struct IpAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // IPv4: the first four
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// Dotted quads without leading zeros; any RFC 4291 notation of IPv6. No ports, zones or white
// space: nullopt.
std::optional<IpAddress> parse_ip(std::string_view text);
// An IPv4-mapped IPv6 address (::ffff:a.b.c.d) as the IPv4 address in it; others unchanged.
IpAddress unmap(const IpAddress& address);
std::string to_text(const IpAddress& address);

struct IpNetwork {
  IpAddress base;
  std::uint8_t prefix_bits = 0;
  bool contains(const IpAddress& address) const;
  friend bool operator==(const IpNetwork&, const IpNetwork&) = default;
};

// "10.0.0.0/8", "2001:db8::/32", an address alone (/32, /128). Host bits that are set, prefixes
// that are too long: an error that says so.
Result<IpNetwork> parse_network(std::string_view text);
std::string to_text(const IpNetwork& network);

}  // namespace tocsin
