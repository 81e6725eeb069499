// SPDX-License-Identifier: Apache-2.0
// What two values must share to be the same one to new_value: the text, the address, its network,
// its AS or its country. Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/cidr.h"
#include "engine/flow/detector.h"

namespace tocsin {

enum class Granularity : std::uint8_t { raw, ip, net, asn, country };

// The value as it is compared and shown. No address: the value itself. Not in the database: its
// net. An IPv4-mapped IPv6 address counts as IPv4 but in `raw`. Precondition: `geo` is not empty
// for asn and country.
std::string granular_value(Granularity granularity, std::string_view value, const GeoLookup& geo);

// What granular_value() makes of an IPv4 address in `net`, without memory of its own; false: it is
// none.
bool read_ipv4_network(std::string_view value, std::string& out);

// The address in `value` as IPv4 where it is mapped.
std::optional<IpAddress> unmapped_address(std::string_view value);

}  // namespace tocsin
