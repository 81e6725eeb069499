// SPDX-License-Identifier: Apache-2.0
// FilterPlan: what the filter before the parse looks for, for the rules that records of one kind
// can meet. Each rule has witnesses on a few keys (witness.h), chosen here so that few keys decide:
// a record in which none of these keys has one of these values matches no rule. The plan
// over-approximates: a key counts at any depth, whatever it lies in. Where a rule has no such
// witness (a keyword, a negation alone) the plan is refused and names it. Thread rule: immutable
// after construction. Cost: linear in the rules.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/key_marks.h"
#include "engine/match/compiled.h"
#include "engine/match/exact_table.h"
#include "engine/match/literal_index.h"
#include "engine/match/witness.h"

namespace tocsin::compiled {

// What the filter reads a key for, beside what rules ask of it.
enum class KeyRole : std::uint8_t { none, version, region, name, source, category, time };

// Of a text in lower case, or of ASCII in any: its size, first and last bytes. 8 bytes more than
// its size are readable on either side, unless it is shorter than 8 bytes and so is what is read.
inline std::uint32_t filter_hash(const char* text, std::size_t size) {
  return ends_hash({text, size});
}

struct FilterKey {
  // What is asked of every hit comes first, together.
  std::uint64_t head = 0;       // of `text`: its first 8 bytes (of a shorter one all, and zeros)
  std::uint64_t tail = 0;       // ... and its last 8 bytes
  std::uint32_t size = 0;       // of `text`
  std::uint32_t anchor_at = 0;  // where its anchor begins in `text`
  bool flat = false;            // may stand behind a dot: "userIdentity.type" as one key
  KeyRole role = KeyRole::none;
  bool reads_role = false;                 // ... that takes more than its being a string
  bool decides = false;                    // some rule has a witness here
  bool presence = false;                   // ... that any value satisfies
  bool literals = false;                   // ... that is part of a value
  std::uint32_t literal_bytes_min = 0;     // of the shortest literal that a value may have to hold
  std::uint32_t equal_bytes_max = 0;       // of the longest text that a value may have to equal
  std::array<std::uint64_t, 64> bitmap{};  // by the high 12 bits of a hash
  // By filter_hash() of a value in lower case; a power of two, at most half full, 0: free.
  std::vector<std::uint32_t> hashes;
  LiteralIndex index;
  std::uint32_t anchor_size = 0;
  std::string text;  // the last part of a path, and the quote behind it

  // Does `text` stand there? 8 bytes more than its size are readable.
  bool stands_at(const char* at) const {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    if (size < sizeof word) {
      return ((word ^ head) << (8 * (sizeof word - size))) == 0;
    }
    std::uint64_t last = 0;
    std::memcpy(&last, at + size - sizeof last, sizeof last);
    return word == head && last == tail &&
           (size <= 2 * sizeof word || std::memcmp(at, text.data(), size) == 0);
  }

  bool has_hash(std::uint32_t hash) const {
    // The bitmap settles nearly all, without a branch that goes now this way, now that.
    if ((bitmap[hash >> 26] >> (hash >> 20 & 63) & 1) == 0) {
      return false;
    }
    const auto mask = static_cast<std::uint32_t>(hashes.size() - 1);
    hash |= 1;
    for (std::uint32_t at = hash >> 8 & mask; hashes[at] != 0; at = (at + 1) & mask) {
      if (hashes[at] == hash) {
        return true;
      }
    }
    return false;
  }
};

// A text of which a record must hold one somewhere, outside of any key: found by an anchor of its
// own, cheaper than looking at each value of a key.
struct FilterLiteral {
  std::string text;    // in lower case, ASCII
  bool whole = false;  // a whole value: nothing but what may stand around one is beside it
  std::uint32_t anchor_at = 0;
};

class FilterPlan {
 public:
  // More deciding keys than this, and looking for them costs as much as the parse.
  static constexpr std::size_t deciding_keys_max = 12;

  FilterPlan() = default;
  // `witnesses`: by rule, as filter_witnesses() found them.
  FilterPlan(const Pools& pools,
             std::span<const std::string> fields,
             std::span<const RuleId> rules,
             std::span<const Witnesses> witnesses);

  bool usable() const { return refusal_.empty(); }
  // Why not, in words that follow "off: "; and the rule that it is about, if it is one.
  const std::string& refusal() const { return refusal_; }
  std::optional<RuleId> refused_by() const { return refused_by_; }

  const std::vector<FilterKey>& keys() const { return keys_; }
  const std::vector<FilterLiteral>& literals() const { return literals_; }
  // Some text that is looked for is not ASCII: a record with such a byte may hold it.
  bool has_non_ascii() const { return has_non_ascii_; }

 private:
  FilterKey& key_of(std::string_view path);
  void add_role(std::string_view key, KeyRole role);
  struct Operands;
  void replace_texts(Operands& operands);
  void replace_literals(Operands& operands);
  bool add_literals(std::vector<FilterLiteral> found);
  void add_witnesses(const Pools& pools,
                     std::span<const std::string> fields,
                     std::span<const RuleId> rules,
                     std::span<const Witnesses> witnesses);

  std::string refusal_ = "no rules";
  std::optional<RuleId> refused_by_;
  std::vector<FilterKey> keys_;
  std::vector<FilterLiteral> literals_;
  bool has_non_ascii_ = false;
};

// Some of a plan's keys, and its literals, by the bytes that the pass over a line finds them by.
class KeyLookup {
 public:
  static constexpr std::uint8_t nothing = 0xff;
  // Numbers below are keys, those from here on literals.
  static constexpr std::uint8_t first_literal = 0x40;

  KeyLookup() = default;
  // `wanted`: indices of keys.
  KeyLookup(const FilterPlan& plan, const std::vector<std::uint8_t>& wanted);

  const KeyAnchors& anchors() const { return anchors_; }
  // The first of those whose anchor may stand there, and the next one.
  // Four bytes are readable there.
  std::uint8_t first(const char* hit) const { return first_[place_of(hit)]; }
  std::uint8_t next(std::uint8_t one) const { return next_[one]; }

 private:
  struct Anchored {
    std::uint8_t number = 0;
    std::string text;
    bool any_case = false;
  };
  std::uint8_t place_of(const char* hit) const {
    std::uint32_t bytes = 0;
    std::memcpy(&bytes, hit, sizeof bytes);
    return static_cast<std::uint8_t>(((bytes | 0x202020u) & counted_) * factor_ >> 24);
  }
  static std::array<char, 4> padded(std::string_view text);
  void add(const Anchored& one);
  std::uint8_t bit_of(const Anchored& one);
  void spread(const std::vector<Anchored>& all);

  KeyAnchors anchors_;
  std::array<std::uint8_t, KeyAnchors::count_max> bits_{};  // by anchor: what stands for it
  std::uint32_t next_bit_ = 0;
  std::uint32_t counted_ = 0xffffffu;  // the bytes that each anchor has
  std::uint32_t factor_ = 1;
  std::array<std::uint8_t, 256> first_;
  std::array<std::uint8_t, 256> next_;
};

// The witnesses of every rule for the filter: `always` where there is none.
std::vector<Witnesses> filter_witnesses(const Pools& pools,
                                        const Nodes& nodes,
                                        std::span<const std::string> fields,
                                        std::span<const ExprId> conditions);

}  // namespace tocsin::compiled
