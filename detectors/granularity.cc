// SPDX-License-Identifier: Apache-2.0
#include "detectors/granularity.h"

namespace tocsin {

namespace {

// /24 or /64: what one customer usually has.
std::string network_of(const IpAddress& address) {
  const std::size_t bytes_kept = address.v6 ? 8 : 3;
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
