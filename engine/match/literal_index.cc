// SPDX-License-Identifier: Apache-2.0
#include "engine/match/literal_index.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace tocsin::compiled {
namespace {

// Grams are counted in this many cells for each; two that share one only look more frequent than
// they are.
constexpr std::size_t count_cells_per_gram = 4;
constexpr std::size_t count_cells_min = 1u << 10;
constexpr std::size_t count_cells_max = 1u << 18;
// One bit in 16 set: few false look-ups, and 64 Kbit (8 KB) for 4,000 grams.
constexpr std::size_t bitmap_bits_per_gram = 16;
constexpr std::size_t bitmap_bits_min = 1u << 10;
constexpr std::size_t bitmap_bits_max = 1u << 22;

}  // namespace

LiteralIndex::LiteralIndex(const std::vector<Literal>& literals) {
  if (literals.empty()) {
    return;
  }
  std::size_t grams = 0;
  for (const Literal& literal : literals) {
    grams += literal.text.size();
  }
  const std::size_t cells =
      std::clamp(std::bit_ceil(grams * count_cells_per_gram), count_cells_min, count_cells_max);
  std::vector<std::uint16_t> counts(cells);
  const int shift = 32 - std::countr_zero(cells);
  const auto cell = [shift](const char* from) { return hash(load(from)) >> shift; };
  for (const Literal& literal : literals) {
    for (std::size_t at = 0; at + gram_bytes <= literal.text.size(); ++at) {
      std::uint16_t& count = counts[cell(literal.text.data() + at)];
      if (count < std::numeric_limits<std::uint16_t>::max()) {
        ++count;
      }
    }
  }
  for (const Literal& literal : literals) {
    std::uint32_t best = 0;
    for (std::uint32_t at = 1; at + gram_bytes <= literal.text.size(); ++at) {
      if (counts[cell(literal.text.data() + at)] < counts[cell(literal.text.data() + best)]) {
        best = at;
      }
    }
    items_.push_back({static_cast<std::uint32_t>(texts_.size()),
                      static_cast<std::uint32_t>(literal.text.size()),
                      best,
                      literal.predicate});
    texts_ += literal.text;
  }
  build_buckets();
}

void LiteralIndex::build_buckets() {
  const auto gram_of = [this](const Item& item) {
    return load(texts_.data() + item.text + item.gram_at);
  };
  std::stable_sort(items_.begin(), items_.end(), [&gram_of](const Item& a, const Item& b) {
    return gram_of(a) < gram_of(b);
  });
  buckets_.resize(std::bit_ceil(items_.size() * 2));
  bucket_mask_ = static_cast<std::uint32_t>(buckets_.size() - 1);
  const std::size_t bits = std::clamp(
      std::bit_ceil(items_.size() * bitmap_bits_per_gram), bitmap_bits_min, bitmap_bits_max);
  bitmap_.resize(bits / 64);
  bitmap_shift_ = static_cast<std::uint32_t>(32 - std::countr_zero(bits));
  for (std::uint32_t first = 0; first < items_.size();) {
    const Gram gram = gram_of(items_[first]);
    std::uint32_t end = first;
    while (end < items_.size() && gram_of(items_[end]) == gram) {
      ++end;
    }
    std::uint32_t slot = hash(gram) & bucket_mask_;
    while (buckets_[slot].count != 0) {
      slot = (slot + 1) & bucket_mask_;
    }
    buckets_[slot] = {gram, first, end - first};
    const std::uint32_t bit = hash(gram) >> bitmap_shift_;
    bitmap_[bit / 64] |= std::uint64_t{1} << (bit % 64);
    first = end;
  }
}

}  // namespace tocsin::compiled
