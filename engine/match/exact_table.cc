// SPDX-License-Identifier: Apache-2.0
#include "engine/match/exact_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "engine/base/hash.h"

namespace tocsin::compiled {
namespace {

// More texts than this with the same ends: a look-up would verify them all.
constexpr std::uint32_t same_ends_max = 8;

std::uint64_t load(const char* from, std::size_t bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, bytes);
  return word;
}

std::uint32_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t hash = a * 0x9e3779b97f4a7c15u ^ std::rotl(b * 0xc2b2ae3d27d4eb4fu, 31);
  hash ^= hash >> 32;
  hash *= 0xff51afd7ed558ccdu;
  return static_cast<std::uint32_t>(hash >> 32);
}

// The bytes A to Z of a word in lower case. Precondition: all are ASCII; of others only the hash is
// spoiled, for both sides alike.
std::uint64_t lower_ascii(std::uint64_t word) {
  constexpr std::uint64_t each = 0x0101010101010101u;
  const std::uint64_t low = word & (each * 0x7f);
  const std::uint64_t from_a = low + each * (0x80 - 'A');
  const std::uint64_t past_z = low + each * (0x80 - 'Z' - 1);
  const std::uint64_t upper = from_a & ~past_z & ~word & (each * 0x80);
  return word | upper >> 2;
}

bool is_ascii(std::string_view text) {
  std::uint64_t high = 0;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    high |= load(text.data() + at, 8);
  }
  for (; at < text.size(); ++at) {
    high |= static_cast<unsigned char>(text[at]);
  }
  return (high & 0x8080808080808080u) == 0;
}

// Length, first 8 and last 8 bytes: enough for names, at a fixed cost. ASCII is folded on the way.
std::uint32_t ends_hash(std::string_view text) {
  const std::size_t size = text.size();
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (size >= 8) {
    first = load(text.data(), 8);
    last = load(text.data() + size - 8, 8);
  } else if (size >= 4) {
    first = load(text.data(), 4);
    last = load(text.data() + size - 4, 4);
  } else if (size > 0) {
    first = static_cast<unsigned char>(text[0]);
    last = static_cast<unsigned char>(text[size / 2]) +
           256u * static_cast<unsigned char>(text[size - 1]);
  }
  return mix(lower_ascii(first) + size, lower_ascii(last));
}

}  // namespace

std::uint32_t ExactTable::text_hash(std::string_view folded) const {
  return whole_hash_ ? static_cast<std::uint32_t>(seeded_hash(folded, 0)) : ends_hash(folded);
}

// Folding a text costs more than hashing it: what is plain ASCII, as most values are, is folded
// only if the hash is found.
std::uint32_t ExactTable::value_hash(const Value& value, Event& event, EntryId entry) const {
  const bool raw = value.kind != ValueKind::object && !value.escaped && is_ascii(value.raw());
  return raw && !whole_hash_ ? ends_hash(value.raw()) : text_hash(event.folded(entry));
}

// Equal numbers have equal hashes whatever their kind.
std::uint32_t ExactTable::number_hash(const Number& number) {
  double real = number.real;
  if (number.kind == Number::Kind::integer) {
    real = static_cast<double>(number.integer);
  } else if (number.kind == Number::Kind::unsigned_integer) {
    real = static_cast<double>(number.unsigned_integer);
  }
  return mix(std::bit_cast<std::uint64_t>(real == 0 ? 0.0 : real), 1);
}

std::uint32_t ExactTable::network_hash(const IpAddress& address, PrefixLength length) {
  std::array<std::uint8_t, 16> bytes{};
  for (unsigned bit = 0; bit < length.bits; bit += 8) {
    const unsigned rest = length.bits - bit;
    const auto keep = static_cast<std::uint8_t>(rest >= 8 ? 0xff : 0xff00u >> rest);
    bytes[bit / 8] = static_cast<std::uint8_t>(address.bytes[bit / 8] & keep);
  }
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, bytes.data(), 8);
  std::memcpy(&low, bytes.data() + 8, 8);
  return mix(high + (length.v6 ? 1u : 0u), low + length.bits);
}

void ExactTable::insert(std::uint32_t hash, PredicateId predicate) {
  std::uint32_t at = hash & mask_;
  while (slots_[at].predicate != no_predicate) {
    at = (at + 1) & mask_;
  }
  slots_[at] = {hash, index(predicate)};
}

void ExactTable::add_network_lengths(const Pools& pools, std::span<const PredicateId> predicates) {
  for (const PredicateId id : predicates) {
    if (pools[id].test == Test::cidr) {
      const IpNetwork& network = pools.networks[pools[id].operand.offset];
      prefix_lengths_.push_back({network.base.v6, network.prefix_bits});
    }
  }
  std::sort(prefix_lengths_.begin(), prefix_lengths_.end());
  prefix_lengths_.erase(std::unique(prefix_lengths_.begin(), prefix_lengths_.end()),
                        prefix_lengths_.end());
}

ExactTable::ExactTable(const Pools& pools, std::span<const PredicateId> predicates) {
  if (predicates.empty()) {
    return;
  }
  std::unordered_map<std::uint32_t, std::uint32_t> same_ends;
  for (const PredicateId id : predicates) {
    if (pools[id].test != Test::cidr) {
      const std::uint32_t same = ++same_ends[ends_hash(pools.text(pools[id].key))];
      whole_hash_ = whole_hash_ || same > same_ends_max;
    }
  }
  // A number is found by its value and by its text.
  slots_.resize(std::bit_ceil(predicates.size() * 4));
  mask_ = static_cast<std::uint32_t>(slots_.size() - 1);
  add_network_lengths(pools, predicates);
  for (const PredicateId id : predicates) {
    const CompiledPredicate& predicate = pools[id];
    if (predicate.test == Test::cidr) {
      const IpNetwork& network = pools.networks[predicate.operand.offset];
      insert(network_hash(network.base, {network.base.v6, network.prefix_bits}), id);
      continue;
    }
    has_texts_ = true;
    insert(text_hash(pools.text(predicate.key)), id);
    if (predicate.test == Test::number) {
      has_numbers_ = true;
      insert(number_hash(pools.numbers[predicate.operand.offset]), id);
    }
  }
}

}  // namespace tocsin::compiled
