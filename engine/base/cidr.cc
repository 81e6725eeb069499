// SPDX-License-Identifier: Apache-2.0
#include "engine/base/cidr.h"

#include <algorithm>
#include <vector>

namespace tocsin {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Exactly four decimal numbers of 0..255 without leading zeros.
bool parse_v4(std::string_view text, std::uint8_t* out) {
  std::size_t at = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (at == text.size() || text[at] != '.') {
        return false;
      }
      ++at;
    }
    const std::size_t start = at;
    unsigned value = 0;
    while (at < text.size() && is_digit(text[at]) && at - start < 3) {
      value = value * 10 + static_cast<unsigned>(text[at] - '0');
      ++at;
    }
    if (at == start || value > 255 || (at - start > 1 && text[start] == '0')) {
      return false;
    }
    out[part] = static_cast<std::uint8_t>(value);
  }
  return at == text.size();
}

int hex_digit(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The groups of one side of "::"; an IPv4 tail is allowed where `tail` says so.
bool parse_groups(std::string_view text, bool tail, std::vector<std::uint8_t>& out) {
  if (text.empty()) {
    return true;
  }
  std::size_t at = 0;
  while (true) {
    const std::size_t end = std::min(text.find(':', at), text.size());
    const std::string_view group = text.substr(at, end - at);
    if (tail && end == text.size() && group.find('.') != std::string_view::npos) {
      std::array<std::uint8_t, 4> v4{};
      if (!parse_v4(group, v4.data())) {
        return false;
      }
      out.insert(out.end(), v4.begin(), v4.end());
      return out.size() <= 16;
    }
    if (group.empty() || group.size() > 4) {
      return false;
    }
    unsigned value = 0;
    for (const char c : group) {
      const int digit = hex_digit(c);
      if (digit < 0) {
        return false;
      }
      value = value * 16 + static_cast<unsigned>(digit);
    }
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value & 0xff));
    if (out.size() > 16) {
      return false;
    }
    if (end == text.size()) {
      return true;
    }
    at = end + 1;
  }
}

bool parse_v6(std::string_view text, std::array<std::uint8_t, 16>& out) {
  constexpr std::size_t longest = 45;  // eight groups with an IPv4 tail
  if (text.size() > longest) {
    return false;
  }
  const std::size_t gap = text.find("::");
  std::vector<std::uint8_t> left;
  std::vector<std::uint8_t> right;
  if (gap == std::string_view::npos) {
    if (!parse_groups(text, true, left) || left.size() != 16) {
      return false;
    }
  } else {
    if (!parse_groups(text.substr(0, gap), false, left) ||
        !parse_groups(text.substr(gap + 2), true, right) || left.size() + right.size() > 14) {
      return false;
    }
  }
  out.fill(0);
  std::copy(left.begin(), left.end(), out.begin());
  std::copy_backward(right.begin(), right.end(), out.end());
  return true;
}

}  // namespace

std::optional<IpAddress> parse_ip(std::string_view text) {
  IpAddress address;
  // A cheap look first: most values that are asked are names.
  if (text.empty() || (hex_digit(text.front()) < 0 && text.front() != ':')) {
    return std::nullopt;
  }
  if (text.find(':') == std::string_view::npos) {
    if (!parse_v4(text, address.bytes.data())) {
      return std::nullopt;
    }
    return address;
  }
  address.v6 = true;
  if (!parse_v6(text, address.bytes)) {
    return std::nullopt;
  }
  return address;
}

IpAddress unmap(const IpAddress& address) {
  if (!address.v6) {
    return address;
  }
  const bool mapped = std::all_of(address.bytes.begin(),
                                  address.bytes.begin() + 10,
                                  [](std::uint8_t b) { return b == 0; }) &&
                      address.bytes[10] == 0xff && address.bytes[11] == 0xff;
  if (!mapped) {
    return address;
  }
  IpAddress v4;
  std::copy(address.bytes.begin() + 12, address.bytes.end(), v4.bytes.begin());
  return v4;
}

std::string to_text(const IpAddress& address) {
  std::string out;
  if (!address.v6) {
    for (std::size_t i = 0; i < 4; ++i) {
      out += (i == 0 ? "" : ".") + std::to_string(address.bytes[i]);
    }
    return out;
  }
  // RFC 5952: the longest run of two or more zero groups is "::".
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) {
    groups[i] = (static_cast<unsigned>(address.bytes[2 * i]) << 8) | address.bytes[2 * i + 1];
  }
  std::size_t best = 8;
  std::size_t best_size = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t size = 0;
    while (i + size < 8 && groups[i + size] == 0) {
      ++size;
    }
    if (size > best_size) {
      best = i;
      best_size = size;
    }
  }
  constexpr char digits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == best) {
      out += "::";
      i += best_size - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') {
      out += ':';
    }
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
      const unsigned digit = (groups[i] >> shift) & 0xf;
      started = started || digit != 0 || shift == 0;
      if (started) {
        out += digits[digit];
      }
    }
  }
  return out;
}

bool IpNetwork::contains(const IpAddress& address) const {
  if (address.v6 != base.v6) {
    return false;
  }
  const std::size_t whole = prefix_bits / 8;
  if (!std::equal(base.bytes.begin(),
                  base.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.bytes.begin())) {
    return false;
  }
  const unsigned rest = prefix_bits % 8;
  if (rest == 0) {
    return true;
  }
  const auto mask = static_cast<std::uint8_t>(0xff00u >> rest);
  return (base.bytes[whole] & mask) == (address.bytes[whole] & mask);
}

Result<IpNetwork> parse_network(std::string_view text) {
  const std::string quoted = "\"" + std::string(text) + "\"";
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> address = parse_ip(text.substr(0, slash));
  if (!address) {
    return fail(quoted + " is no IP address or network (write 10.0.0.0/8 or 2001:db8::/32)");
  }
  const unsigned bits = address->v6 ? 128 : 32;
  IpNetwork network{*address, static_cast<std::uint8_t>(bits)};
  if (slash == std::string_view::npos) {
    return network;
  }
  const std::string_view prefix = text.substr(slash + 1);
  if (prefix.empty() || prefix.size() > 3 || !std::all_of(prefix.begin(), prefix.end(), is_digit) ||
      (prefix.size() > 1 && prefix.front() == '0')) {
    return fail(quoted + " has no prefix length behind the slash");
  }
  const unsigned length = static_cast<unsigned>(std::stoul(std::string(prefix)));
  if (length > bits) {
    return fail(quoted + ": the prefix length is at most " + std::to_string(bits));
  }
  network.prefix_bits = static_cast<std::uint8_t>(length);
  IpAddress masked = *address;
  for (std::size_t i = 0; i < bits / 8; ++i) {
    const unsigned kept = length > i * 8 ? std::min(8u, length - static_cast<unsigned>(i) * 8) : 0;
    masked.bytes[i] = static_cast<std::uint8_t>(masked.bytes[i] & (0xff00u >> kept));
  }
  if (masked != *address) {
    return fail(quoted + " has host bits set; the network is " + to_text(masked) + "/" +
                std::to_string(length));
  }
  return network;
}

std::string to_text(const IpNetwork& network) {
  return to_text(network.base) + "/" + std::to_string(network.prefix_bits);
}

}  // namespace tocsin
