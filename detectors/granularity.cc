// SPDX-License-Identifier: Apache-2.0
#include "detectors/granularity.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace tocsin {

namespace {

// "A.B.C.0/24"
void assign_ipv4_network(const IpAddress& address, std::string& out) {
  std::array<char, 32> text{};
  char* at = text.data();
  for (std::size_t i = 0; i < 3; ++i) {
    at = std::to_chars(at, at + 3, address.bytes[i]).ptr;
    *at++ = '.';
  }
  constexpr std::string_view rest = "0/24";
  at = std::copy(rest.begin(), rest.end(), at);
  out.assign(text.data(), static_cast<std::size_t>(at - text.data()));
}

// /24 or /64: what one customer usually has.
std::string network_of(const IpAddress& address) {
  if (!address.v6) {
    std::string text;
    assign_ipv4_network(address, text);
    return text;
  }
  constexpr std::size_t bytes_kept = 8;
  IpNetwork network;
  network.base = address;
  network.prefix_bits = static_cast<std::uint8_t>(bytes_kept * 8);
  for (std::size_t i = bytes_kept; i < network.base.bytes.size(); ++i) {
    network.base.bytes[i] = 0;
  }
  return to_text(network);
}

}  // namespace

std::optional<IpAddress> unmapped_address(std::string_view value) {
  const std::optional<IpAddress> address = parse_ip(value);
  return address ? std::optional<IpAddress>(unmap(*address)) : std::nullopt;
}

bool read_ipv4_network(std::string_view value, std::string& out) {
  const std::optional<IpAddress> address = parse_ip(value);
  if (!address || address->v6) {
    return false;
  }
  assign_ipv4_network(*address, out);
  return true;
}

std::string granular_value(Granularity granularity, std::string_view value, const GeoLookup& geo) {
  if (granularity == Granularity::raw) {
    return std::string(value);
  }
  const std::optional<IpAddress> address = unmapped_address(value);
  if (!address) {
    return std::string(value);
  }
  switch (granularity) {
    case Granularity::raw:
      break;
    case Granularity::ip:
      return to_text(*address);
    case Granularity::net:
      return network_of(*address);
    case Granularity::asn: {
      const std::optional<GeoPlace> place = geo(*address);
      return place && place->asn ? "AS" + std::to_string(*place->asn) : network_of(*address);
    }
    case Granularity::country: {
      const std::optional<GeoPlace> place = geo(*address);
      return place && !place->country.empty() ? place->country : network_of(*address);
    }
  }
  return std::string(value);
}

}  // namespace tocsin
