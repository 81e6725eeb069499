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

}  // namespace

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
    text_sizes_ |= size_bit(predicate.key.size);
    insert(text_hash(pools.text(predicate.key)), id);
    if (predicate.test == Test::number) {
      has_numbers_ = true;
      insert(number_hash(pools.numbers[predicate.operand.offset]), id);
    }
  }
}

}  // namespace tocsin::compiled
