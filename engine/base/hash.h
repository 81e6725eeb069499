// SPDX-License-Identifier: Apache-2.0
// Hashes. content_hash is stable for ever (ids are made of it); mix_hash is for tables in memory
// only. Thread rule: pure functions. Cost: XXH3, several bytes a cycle.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tocsin {

struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};

// XXH3-128, seed 0: the same on every machine and in every version of tocsin.
Hash128 content_hash(std::string_view bytes);

// XXH3-64 with a seed: for hash tables whose keys an attacker may choose, seeded per process.
std::uint64_t seeded_hash(std::string_view bytes, std::uint64_t seed);

// 32 bits of the same without a seed, never 0: for tables in which who chooses the keys slows down
// himself only.
std::uint32_t text_hash(std::string_view bytes);

// 32 lower-case hexadecimal digits.
std::string to_hex(const Hash128& hash);

struct Hash128Hasher {
  std::size_t operator()(const Hash128& hash) const { return static_cast<std::size_t>(hash.low); }
};

}  // namespace tocsin
