// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/alert.h"

namespace tocsin {

namespace {

// Little-endian on every machine: ids are compared across machines.
void append_u64(std::uint64_t value, std::string& out) {
  for (int shift = 0; shift < 64; shift += 8) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift)));
  }
}

// The length first, so that ("ab", "c") and ("a", "bc") differ whatever bytes they hold.
void append_sized(std::string_view text, std::string& out) {
  append_u64(text.size(), out);
  out.append(text);
}

}  // namespace

std::string alert_id(const std::string& rule_key,
                     const std::vector<std::pair<std::string, std::optional<std::string>>>& group,
                     const Hash128& record) {
  std::string bytes;
  append_sized(rule_key, bytes);
  append_u64(group.size(), bytes);
  for (const auto& [name, text] : group) {
    append_sized(name, bytes);
    // A flag of its own: an absent value is not an empty one.
    bytes.push_back(text ? '\1' : '\0');
    if (text) {
      append_sized(*text, bytes);
    }
  }
  append_u64(record.high, bytes);
  append_u64(record.low, bytes);
  return to_hex(content_hash(bytes));
}

}  // namespace tocsin
