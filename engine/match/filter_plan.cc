// SPDX-License-Identifier: Apache-2.0
#include "engine/match/filter_plan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "engine/match/lower.h"

namespace tocsin::compiled {
namespace {

constexpr float none = std::numeric_limits<float>::infinity();
constexpr std::size_t key_bytes_max = 40;
constexpr std::string_view derived_prefix = "tocsin.";

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

// A key that stands in the record as it is: nothing in it is ever escaped, but by \u.
bool is_plain_key(std::string_view key) {
  return !key.empty() && key.size() <= key_bytes_max &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '/';
         });
}

bool can_be_looked_for(std::string_view path) {
  return !path.starts_with(derived_prefix) && is_plain_key(last_part(path));
}

// Keys are dear: a rule that can be decided by eventName is.
float key_cost(std::string_view path) {
  return path == "eventName" ? 1.0f : path == "eventSource" ? 30.0f : 5.0f;
}

// More are found faster by an index.
constexpr std::size_t rare_literals_max = 4;

constexpr float literal_extra = 1;
constexpr float presence_extra = 200;

WitnessCosts filter_costs(const Pools& pools, std::span<const std::string> fields) {
  WitnessCosts costs;
  costs.predicate = [&pools, fields](const CompiledPredicate& predicate) {
    if (predicate.field == no_field || !can_be_looked_for(fields[index(predicate.field)])) {
      return none;
    }
    const float key = key_cost(fields[index(predicate.field)]);
    if (predicate.test == Test::equals) {
      return key;
    }
    return key + (literals_of(pools, predicate).empty() ? presence_extra : literal_extra);
  };
  costs.presence = [fields](FieldId field) {
    return can_be_looked_for(fields[index(field)]) ? key_cost(fields[index(field)]) + presence_extra
                                                   : none;
  };
  return costs;
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

// Where in a key (with its closing quote) stand the bytes that are rare elsewhere: where the next
// word begins, else at its end.
std::uint32_t rare_bytes(std::string_view key, std::uint32_t& size) {
  size = 2;
  for (std::size_t at = 0; at + 2 < key.size(); ++at) {
    if (is_lower(key[at]) && is_upper(key[at + 1])) {
      return static_cast<std::uint32_t>(at);
    }
  }
  size = static_cast<std::uint32_t>(std::min<std::size_t>(3, key.size()));
  return static_cast<std::uint32_t>(key.size() - size);
}

void set_hashes(FilterKey& key, const std::vector<std::uint32_t>& all) {
  key.hashes.assign(std::bit_ceil(all.size() * 2 + 1), 0u);
  const auto mask = static_cast<std::uint32_t>(key.hashes.size() - 1);
  for (std::uint32_t hash : all) {
    hash |= 1;
    std::uint32_t at = hash >> 8 & mask;
    while (key.hashes[at] != 0) {
      at = (at + 1) & mask;
    }
    key.hashes[at] = hash;
  }
}

// Bytes that few values have: found first, and only there is a literal compared.
std::size_t rare_byte(std::string_view literal) {
  const std::size_t rarest = literal.find_first_of("+@#$%&*()=;<>!?~|{}[]^'`");
  return rarest != literal.npos ? rarest : literal.find_first_of("/ _-");
}

void set_literals(FilterKey& key, const std::vector<LiteralIndex::Literal>& literals) {
  const bool rare = literals.size() <= rare_literals_max &&
                    std::all_of(literals.begin(), literals.end(), [](const auto& literal) {
                      return rare_byte(literal.text) != std::string_view::npos;
                    });
  if (!rare) {
    key.index = LiteralIndex(literals);
    return;
  }
  for (const LiteralIndex::Literal& literal : literals) {
    key.rare_literals.push_back(
        {std::string(literal.text), static_cast<std::uint32_t>(rare_byte(literal.text))});
  }
}

}  // namespace

std::vector<Witnesses> filter_witnesses(const Pools& pools,
                                        const Nodes& nodes,
                                        std::span<const std::string> fields,
                                        std::span<const ExprId> conditions) {
  const WitnessCosts costs = filter_costs(pools, fields);
  const WitnessFinder finder(pools, nodes, fields, &costs);
  std::vector<Witnesses> out;
  out.reserve(conditions.size());
  for (const ExprId condition : conditions) {
    Witnesses found = finder.find(condition);
    // Where nothing better was found, any of the rule's fields may be meant: all must be keys.
    found.always = found.always ||
                   !std::all_of(found.present.begin(), found.present.end(), [&](FieldId field) {
                     return can_be_looked_for(fields[index(field)]);
                   });
    out.push_back(std::move(found));
  }
  return out;
}

FilterPlan::FilterPlan(const Pools& pools,
                       std::span<const std::string> fields,
                       std::span<const RuleId> rules,
                       std::span<const Witnesses> witnesses) {
  refusal_.clear();
  for (const RuleId rule : rules) {
    const Witnesses& own = witnesses[index(rule)];
    if (own.always || own.holds_on_nothing) {
      refused_by_ = rule;
      refusal_ = own.holds_on_nothing ? "matches records by what is not in them"
                                      : "can match without a value of a key";
      return;
    }
  }
  add_witnesses(pools, fields, rules, witnesses);
  const auto deciding =
      std::count_if(keys_.begin(), keys_.end(), [](const FilterKey& key) { return key.decides; });
  if (static_cast<std::size_t>(deciding) > deciding_keys_max) {
    refusal_ = "the rules look at " + std::to_string(deciding) + " different keys";
    return;
  }
  add_role("eventVersion", KeyRole::version);
  add_role("awsRegion", KeyRole::region);
  add_role("eventName", KeyRole::name);
  add_role("eventSource", KeyRole::source);
  add_role("eventCategory", KeyRole::category);
  add_role("eventTime", KeyRole::time);
}

FilterKey& FilterPlan::key_of(std::string_view path) {
  const std::string text = std::string(last_part(path)) + '"';
  auto found = std::find_if(
      keys_.begin(), keys_.end(), [&](const FilterKey& key) { return key.text == text; });
  if (found == keys_.end()) {
    keys_.emplace_back();
    found = keys_.end() - 1;
    found->text = text;
    found->size = static_cast<std::uint32_t>(text.size());
    std::memcpy(&found->head, text.data(), std::min<std::size_t>(text.size(), 8));
    if (text.size() >= 8) {
      std::memcpy(&found->tail, text.data() + text.size() - 8, 8);
    }
    found->hashes.assign(2, 0u);
    found->anchor_at = rare_bytes(text, found->anchor_size);
  }
  found->flat = found->flat || path.find('.') != path.npos;
  return *found;
}

void FilterPlan::add_role(std::string_view key, KeyRole role) {
  FilterKey& found = key_of(key);
  found.role = role;
  found.reads_role = role == KeyRole::source || role == KeyRole::category || role == KeyRole::time;
}

void FilterPlan::add_witnesses(const Pools& pools,
                               std::span<const std::string> fields,
                               std::span<const RuleId> rules,
                               std::span<const Witnesses> witnesses) {
  std::vector<PredicateId> predicates;
  for (const RuleId rule : rules) {
    const Witnesses& own = witnesses[index(rule)];
    predicates.insert(predicates.end(), own.predicates.begin(), own.predicates.end());
    for (const FieldId field : own.present) {
      FilterKey& key = key_of(fields[index(field)]);
      key.decides = key.presence = true;
    }
  }
  std::sort(predicates.begin(), predicates.end());
  predicates.erase(std::unique(predicates.begin(), predicates.end()), predicates.end());
  struct Operands {
    std::vector<std::uint32_t> hashes;
    std::vector<LiteralIndex::Literal> literals;
  };
  std::vector<Operands> operands;
  for (const PredicateId id : predicates) {
    const CompiledPredicate& predicate = pools[id];
    FilterKey& key = key_of(fields[index(predicate.field)]);
    key.decides = true;
    operands.resize(keys_.size());
    Operands& own = operands[static_cast<std::size_t>(&key - keys_.data())];
    const std::vector<std::string_view> literals = literals_of(pools, predicate);
    if (predicate.test == Test::equals) {
      own.hashes.push_back(ends_hash(pools.text(predicate.key)));
      key.equal_bytes_max = std::max(key.equal_bytes_max, predicate.key.size);
    } else if (literals.empty()) {
      key.presence = true;
    }
    for (const std::string_view literal : literals) {
      own.literals.push_back({literal, id});
    }
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    set_hashes(keys_[i], operands[i].hashes);
    keys_[i].literals = !operands[i].literals.empty();
    set_literals(keys_[i], operands[i].literals);
  }
}

KeyLookup::KeyLookup(const std::vector<FilterKey>& keys, const std::vector<std::uint8_t>& wanted)
    : next_(keys.size(), no_key) {
  first_.fill(no_key);
  std::vector<std::pair<std::size_t, std::uint8_t>> by_size;
  for (const std::uint8_t i : wanted) {
    const FilterKey& key = keys[i];
    by_size.emplace_back(key.anchor_size, i);
    std::uint8_t& first = first_[place(key.text[key.anchor_at], key.text[key.anchor_at + 1])];
    next_[i] = first;
    first = i;
  }
  std::sort(by_size.begin(), by_size.end());
  for (const auto& [size, i] : by_size) {
    KeyAnchor& anchor = anchors_.anchors[anchors_.count];
    std::memcpy(anchor.text, keys[i].text.data() + keys[i].anchor_at, size);
    const auto bit = static_cast<std::uint8_t>(1u << (anchors_.count % 8));
    for (std::size_t at = 0; at < size; ++at) {
      anchors_.classes[at][static_cast<unsigned char>(anchor.text[at]) % 64] |= bit;
    }
    if (size == 2) {
      ++anchors_.pairs;
      for (std::uint8_t& all : anchors_.classes[2]) {
        all |= bit;
      }
    }
    ++anchors_.count;
  }
}

}  // namespace tocsin::compiled
