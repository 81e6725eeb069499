// SPDX-License-Identifier: Apache-2.0
#include "engine/match/filter_plan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

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

// A key with more operands is looked at itself; each literal costs a little on every record.
constexpr std::size_t literals_of_key_max = 2;
constexpr std::size_t literals_max = 6;
constexpr std::size_t literal_bytes_min = 4;

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
      // Of two, the longer text: it stands in fewer records, and is found with fewer false hits.
      return key - static_cast<float>(std::min(predicate.key.size, 32u)) / 64;
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

// Where in a key (with its closing quote) stand the three bytes that are rare elsewhere: where the
// next word begins, else at its end.
std::uint32_t rare_bytes(std::string_view key, std::uint32_t& size) {
  size = static_cast<std::uint32_t>(std::min<std::size_t>(3, key.size()));
  for (std::size_t at = 1; at + 1 < key.size(); ++at) {
    if (is_lower(key[at]) && is_upper(key[at + 1])) {
      return static_cast<std::uint32_t>(at - 1);
    }
  }
  return static_cast<std::uint32_t>(key.size() - size);
}

void set_hashes(FilterKey& key, const std::vector<std::string_view>& texts) {
  key.hashes.assign(std::bit_ceil(texts.size() * 2 + 1), 0u);
  const auto mask = static_cast<std::uint32_t>(key.hashes.size() - 1);
  for (const std::string_view text : texts) {
    const std::uint32_t hash = filter_hash(text.data(), text.size()) | 1;
    key.equal_bytes_max = std::max(key.equal_bytes_max, static_cast<std::uint32_t>(text.size()));
    key.bitmap[hash >> 26] |= std::uint64_t{1} << (hash >> 20 & 63);
    std::uint32_t at = hash >> 8 & mask;
    // Texts that differ in the middle only have one hash.
    while (key.hashes[at] != 0 && key.hashes[at] != hash) {
      at = (at + 1) & mask;
    }
    key.hashes[at] = hash;
  }
}

// How often a byte stands in records, roughly: the anchor of a literal is of rare ones.
unsigned commonness(char c) {
  constexpr std::string_view common = "etaoinsrlcdm0123456789\":,.";
  return common.find(c) != common.npos ? 4 : is_lower(c) ? 2 : 1;
}

// What most CloudTrail records hold, in lower case: what stands here is no rare text.
constexpr std::string_view usual_text =
    R"({"eventversion":"1.08","useridentity":{"type":"assumedrole","principalid":"aroa:session",)"
    R"("arn":"arn:aws:sts::123456789012:assumed-role/name/session","accountid":"123456789012",)"
    R"("accesskeyid":"asia","username":"name","sessioncontext":{"sessionissuer":{"type":"role",)"
    R"("arn":"arn:aws:iam::123456789012:role/aws-service-role/name"},"webidfederationdata":{},)"
    R"("attributes":{"mfaauthenticated":"false","creationdate":"2025-01-01t00:00:00z"}},)"
    R"("invokedby":"amazonaws.com"},"eventtime":"","eventsource":"ec2.amazonaws.com","eventname":)"
    R"("describeinstances","awsregion":"us-east-1","sourceipaddress":"10.0.0.1","useragent":)"
    R"("aws-cli/2.13.5 python/3.11 linux/x86_64 exec-env/aws_ecs botocore/1.31 mozilla/5.0 (",)"
    R"("errorcode":"accessdenied","errormessage":"user: is not authorized to perform: on resource:",)"
    R"("requestparameters":{"rolename":"","policyarn":"","bucketname":"","instanceid":"",)"
    R"("maxresults":1},"responseelements":null,"additionaleventdata":{},"requestid":"",)"
    R"("eventid":"","readonly":true,"resources":[{"type":"aws::s3::object"}],"eventtype":)"
    R"("awsapicall","managementevent":true,"recipientaccountid":"","eventcategory":"management",)"
    R"("tlsdetails":{"tlsversion":"tlsv1.3","ciphersuite":"tls_aes_128_gcm_sha256",)"
    R"("clientprovidedhostheader":"","sessioncredentialfromconsole":"true"}})";

std::size_t times_usual(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = usual_text.find(text); at != usual_text.npos;
       at = usual_text.find(text, at + 1)) {
    ++count;
  }
  return count;
}

std::uint32_t rare_triple(std::string_view literal) {
  std::uint32_t best = 0;
  std::pair<std::size_t, unsigned> least{literal.npos, 0};
  for (std::uint32_t at = 0; at + 3 <= literal.size(); ++at) {
    const unsigned all =
        commonness(literal[at]) * commonness(literal[at + 1]) * commonness(literal[at + 2]);
    const std::pair<std::size_t, unsigned> commoner{times_usual(literal.substr(at, 3)), all};
    if (commoner <= least) {
      least = commoner;
      best = at;
    }
  }
  return best;
}

// The longest part that stands in a record as it does in a value, whatever the white space around
// brackets, colons and commas: an object has a text too, which has none.
std::string_view plain_part(std::string_view literal) {
  constexpr std::string_view structural = "{}[],:\"\\";
  std::string_view best;
  while (!literal.empty()) {
    const std::size_t end = std::min(literal.find_first_of(structural), literal.size());
    if (end > best.size()) {
      best = literal.substr(0, end);
    }
    literal.remove_prefix(std::min(end + 1, literal.size()));
  }
  const bool ascii =
      std::all_of(best.begin(), best.end(), [](char c) { return c >= ' ' && c < 0x7f; });
  return ascii && best.size() >= literal_bytes_min ? best : std::string_view();
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

struct FilterPlan::Operands {
  std::vector<std::string_view> texts;
  std::vector<LiteralIndex::Literal> literals;
};

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
  std::vector<Operands> operands;
  for (const PredicateId id : predicates) {
    const CompiledPredicate& predicate = pools[id];
    FilterKey& key = key_of(fields[index(predicate.field)]);
    key.decides = true;
    operands.resize(keys_.size());
    Operands& own = operands[static_cast<std::size_t>(&key - keys_.data())];
    const std::vector<std::string_view> literals = literals_of(pools, predicate);
    if (predicate.test == Test::equals) {
      own.texts.push_back(pools.text(predicate.key));
      has_non_ascii_ = has_non_ascii_ || !is_ascii(pools.text(predicate.key));
    } else if (literals.empty()) {
      key.presence = true;
    }
    for (const std::string_view literal : literals) {
      own.literals.push_back({literal, id});
      has_non_ascii_ = has_non_ascii_ || !is_ascii(literal);
    }
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    FilterKey& key = keys_[i];
    Operands& own = operands[i];
    if (!key.presence && key.text != "eventName\"") {  // which is looked at anyway
      replace_literals(own);
      replace_texts(own);
      key.decides = !own.texts.empty() || !own.literals.empty();
    }
    set_hashes(key, own.texts);
    key.literals = !own.literals.empty();
    key.literal_bytes_min = ~0u;
    for (const LiteralIndex::Literal& literal : own.literals) {
      key.literal_bytes_min =
          std::min(key.literal_bytes_min, static_cast<std::uint32_t>(literal.text.size()));
    }
    key.index = LiteralIndex(own.literals);
  }
}

// If they are few, plain and found: whatever has one of them has one of the literals that are
// added.
void FilterPlan::replace_texts(Operands& operands) {
  std::vector<FilterLiteral> found;
  for (const std::string_view text : operands.texts) {
    found.push_back({std::string(plain_part(text)), plain_part(text).size() == text.size(), 0});
  }
  if (add_literals(std::move(found))) {
    operands.texts.clear();
  }
}

void FilterPlan::replace_literals(Operands& operands) {
  std::vector<FilterLiteral> found;
  for (const LiteralIndex::Literal& literal : operands.literals) {
    found.push_back({std::string(plain_part(literal.text)), false, 0});
  }
  if (add_literals(std::move(found))) {
    operands.literals.clear();
  }
}

bool FilterPlan::add_literals(std::vector<FilterLiteral> found) {
  if (found.size() > literals_of_key_max || found.size() + literals_.size() > literals_max ||
      std::any_of(found.begin(), found.end(), [](const FilterLiteral& literal) {
        return literal.text.empty();
      })) {
    return false;
  }
  for (FilterLiteral& literal : found) {
    literal.anchor_at = rare_triple(literal.text);
    literals_.push_back(std::move(literal));
  }
  return true;
}

KeyLookup::KeyLookup(const FilterPlan& plan, const std::vector<std::uint8_t>& wanted) {
  next_.fill(nothing);
  std::vector<Anchored> all;
  for (const std::uint8_t i : wanted) {
    const FilterKey& key = plan.keys()[i];
    all.push_back({i, key.text.substr(key.anchor_at, key.anchor_size), false});
  }
  for (std::size_t i = 0; i < plan.literals().size(); ++i) {
    const FilterLiteral& literal = plan.literals()[i];
    all.push_back({static_cast<std::uint8_t>(first_literal + i),
                   literal.text.substr(literal.anchor_at, 3),
                   true});
  }
  const auto exact = [](const Anchored& one) { return !one.any_case && one.text.size() == 3; };
  std::stable_partition(all.begin(), all.end(), exact);
  anchors_.exact = static_cast<std::uint32_t>(std::count_if(all.begin(), all.end(), exact));
  for (const Anchored& one : all) {
    counted_ &= one.text.size() == 3 ? ~0u : 0xffffu;
    add(one);
  }
  spread(all);
}

// Anchors that begin with the same two bytes share a bit, and are not taken for others for it:
// nearly every key of CloudTrail that decides begins with `event`.
std::uint8_t KeyLookup::bit_of(const Anchored& one) {
  for (std::uint32_t i = 0; i < anchors_.count; ++i) {
    const KeyAnchor& other = anchors_.anchors[i];
    const bool same = !one.any_case && i < anchors_.exact && other.text[0] == one.text[0] &&
                      other.text[1] == one.text[1];
    if (same) {
      return bits_[i];
    }
  }
  return static_cast<std::uint8_t>(1u << (next_bit_++ % 8));
}

void KeyLookup::add(const Anchored& one) {
  KeyAnchor& anchor = anchors_.anchors[anchors_.count];
  const std::uint8_t bit = bits_[anchors_.count] = bit_of(one);
  for (std::size_t at = 0; at < std::size(anchor.text); ++at) {
    if (at >= one.text.size()) {  // any byte
      anchor.text[at] = anchor.ignored[at] = '\xff';
      for (std::uint8_t& every : anchors_.classes[at]) {
        every |= bit;
      }
      continue;
    }
    anchor.text[at] = one.text[at];
    const auto byte = static_cast<unsigned char>(one.text[at]);
    anchors_.classes[at][byte % 64] |= bit;
    if (one.any_case && is_lower(one.text[at])) {
      anchors_.classes[at][(byte - 32u) % 64] |= bit;
      anchor.ignored[at] = 0x20;
    }
  }
  ++anchors_.count;
}

// Finds a factor that gives each anchor a place of its own, and if there is none, what stands in
// one place is asked one after the other.
void KeyLookup::spread(const std::vector<Anchored>& all) {
  constexpr std::uint32_t tries = 64;
  std::size_t least = all.size() + 1;
  std::uint32_t best = factor_;
  for (std::uint32_t i = 0; i < tries && least > 0; ++i) {
    factor_ = 0x9e3779b1u + 2 * 0x01000193u * i;
    std::array<bool, 256> taken{};
    std::size_t shared = 0;
    for (const Anchored& one : all) {
      bool& place = taken[place_of(padded(one.text).data())];
      shared += place ? 1 : 0;
      place = true;
    }
    if (shared < least) {
      least = shared;
      best = factor_;
    }
  }
  factor_ = best;
  first_.fill(nothing);
  for (const Anchored& one : all) {
    std::uint8_t& first = first_[place_of(padded(one.text).data())];
    next_[one.number] = first;
    first = one.number;
  }
}

std::array<char, 4> KeyLookup::padded(std::string_view text) {
  std::array<char, 4> bytes{};
  std::copy(text.begin(), text.end(), bytes.begin());
  return bytes;
}

}  // namespace tocsin::compiled
