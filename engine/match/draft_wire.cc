// SPDX-License-Identifier: Apache-2.0
#include "engine/match/draft_wire.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <type_traits>

#include "engine/base/wire.h"

namespace tocsin::compiled {
namespace {

template <typename E>
E read_enum(WireReader& in, E last) {
  const std::uint64_t value = in.number();
  if (value > static_cast<std::uint64_t>(last)) {
    in.fail();
    return last;
  }
  return static_cast<E>(value);
}

// As they lie in memory: without padding, so that the bytes are the same each time.
template <typename T>
void write_array(const std::vector<T>& values, WireWriter& out) {
  static_assert(std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>);
  out.text({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

template <typename T>
void read_array(WireReader& in, std::vector<T>& values) {
  const std::string_view bytes = in.text();
  if (bytes.size() % sizeof(T) != 0) {
    in.fail();
    return;
  }
  values.resize(bytes.size() / sizeof(T));
  if (!bytes.empty()) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
}

void write_texts(const std::vector<std::string>& texts, WireWriter& out) {
  out.number(texts.size());
  for (const std::string& text : texts) {
    out.text(text);
  }
}

void read_texts(WireReader& in, std::vector<std::string>& texts) {
  texts.resize(in.count());
  for (std::string& text : texts) {
    text = in.text();
  }
}

void write(const Number& number, WireWriter& out) {
  out.number(static_cast<std::uint64_t>(number.kind));
  out.signed_number(number.integer);
  out.number(number.unsigned_integer);
  out.real(number.real);
}

Number read_number(WireReader& in) {
  Number number;
  number.kind = read_enum(in, Number::Kind::real);
  number.integer = in.signed_number();
  number.unsigned_integer = in.number();
  number.real = in.real();
  return number;
}

void write(const Pattern& pattern, WireWriter& out) {
  out.number(pattern.elements.size());
  for (const PatternElement& element : pattern.elements) {
    out.number(static_cast<std::uint64_t>(element.kind));
    out.text(element.literal);
  }
}

void read(WireReader& in, Pattern& pattern) {
  pattern.elements.resize(in.count(2));
  for (PatternElement& element : pattern.elements) {
    element.kind = read_enum(in, PatternElement::Kind::dash);
    element.literal = in.text();
  }
}

void write(const IpNetwork& network, WireWriter& out) {
  out.flag(network.base.v6);
  out.text({reinterpret_cast<const char*>(network.base.bytes.data()), network.base.bytes.size()});
  out.number(network.prefix_bits);
}

void read(WireReader& in, IpNetwork& network) {
  network.base.v6 = in.flag();
  const std::string_view bytes = in.text();
  if (bytes.size() != network.base.bytes.size()) {
    in.fail();
    return;
  }
  std::memcpy(network.base.bytes.data(), bytes.data(), bytes.size());
  const std::uint64_t bits = in.number();
  if (bits > (network.base.v6 ? 128 : 32)) {
    in.fail();
    return;
  }
  network.prefix_bits = static_cast<std::uint8_t>(bits);
}

void write_regexes(const Pools& pools, WireWriter& out) {
  out.number(pools.regexes.size());
  for (const std::unique_ptr<const Regex>& regex : pools.regexes) {
    out.text(regex->source());
    out.number(regex->flags());
    write_texts(regex->literals(), out);
  }
}

void read_regexes(WireReader& in, Pools& pools) {
  const std::size_t count = in.count(3);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view source = in.text();
    const std::uint64_t flags = in.number();
    std::vector<std::string> literals;
    read_texts(in, literals);
    pools.regexes.push_back(
        Regex::restore(source, static_cast<unsigned>(flags), std::move(literals)));
  }
}

// What lower() fills in of a CompiledPredicate.
struct PlainPredicate {
  FieldId field{};
  Test test{};
  std::uint8_t cased = 0;
  std::uint8_t detail = 0;
  std::uint8_t unused = 0;
  TextRef operand, original, key;
};

void write(const std::vector<CompiledPredicate>& predicates, WireWriter& out) {
  std::vector<PlainPredicate> plain;
  plain.reserve(predicates.size());
  for (const CompiledPredicate& from : predicates) {
    const std::uint8_t cased = from.cased ? 1 : 0;
    plain.push_back(
        {from.field, from.test, cased, from.detail, 0, from.operand, from.original, from.key});
  }
  write_array(plain, out);
}

void read(WireReader& in, std::vector<CompiledPredicate>& predicates) {
  std::vector<PlainPredicate> plain;
  read_array(in, plain);
  predicates.reserve(plain.size());
  for (const PlainPredicate& from : plain) {
    CompiledPredicate& predicate = predicates.emplace_back();
    predicate.field = from.field;
    predicate.test = from.test;
    predicate.cased = from.cased != 0;
    predicate.detail = from.detail;
    predicate.operand = from.operand;
    predicate.original = from.original;
    predicate.key = from.key;
  }
}

void write(const Pools& pools, WireWriter& out) {
  out.text(pools.texts);
  write(pools.predicates, out);
  out.number(pools.patterns.size());
  for (const Pattern& pattern : pools.patterns) {
    write(pattern, out);
  }
  out.number(pools.numbers.size());
  for (const Number& number : pools.numbers) {
    write(number, out);
  }
  write_regexes(pools, out);
  out.number(pools.networks.size());
  for (const IpNetwork& network : pools.networks) {
    write(network, out);
  }
  out.number(pools.times.size());
  for (const TimeOperand& time : pools.times) {
    out.number(static_cast<std::uint64_t>(time.part));
    out.number(static_cast<std::uint64_t>(time.compare));
    write(time.number, out);
  }
}

void read(WireReader& in, Pools& pools) {
  pools.texts = in.text();
  read(in, pools.predicates);
  pools.patterns.resize(in.count());
  for (Pattern& pattern : pools.patterns) {
    read(in, pattern);
  }
  pools.numbers.resize(in.count());
  for (Number& number : pools.numbers) {
    number = read_number(in);
  }
  read_regexes(in, pools);
  pools.networks.resize(in.count());
  for (IpNetwork& network : pools.networks) {
    read(in, network);
  }
  pools.times.resize(in.count());
  for (TimeOperand& time : pools.times) {
    time.part = read_enum(in, TimePart::year);
    time.compare = read_enum(in, NumberCompare::greater_equal);
    time.number = read_number(in);
  }
}

struct PlainNode {
  std::uint32_t kind = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

void write(const Nodes& nodes, WireWriter& out) {
  std::vector<PlainNode> plain;
  plain.reserve(nodes.nodes.size());
  for (const Node& node : nodes.nodes) {
    plain.push_back({static_cast<std::uint32_t>(node.kind), node.first, node.count});
  }
  write_array(plain, out);
  write_array(nodes.children, out);
}

void read(WireReader& in, Nodes& nodes) {
  std::vector<PlainNode> plain;
  read_array(in, plain);
  nodes.nodes.reserve(plain.size());
  for (const PlainNode& node : plain) {
    nodes.nodes.push_back({static_cast<Node::Kind>(node.kind), node.first, node.count});
  }
  read_array(in, nodes.children);
}

void write(const LogSource& source, WireWriter& out) {
  out.text(source.category);
  out.text(source.product);
  out.text(source.service);
}

void read(WireReader& in, LogSource& source) {
  source.category = in.text();
  source.product = in.text();
  source.service = in.text();
}

// --- does every number name something? ---

// How many operands of such tests there are; nullopt: they have none of their own.
std::optional<std::size_t> operands(const Draft& draft, Test test) {
  switch (test) {
    case Test::pattern:
      return draft.pools.patterns.size();
    case Test::number:
    case Test::less:
    case Test::less_equal:
    case Test::greater:
    case Test::greater_equal:
      return draft.pools.numbers.size();
    case Test::regex:
      return draft.pools.regexes.size();
    case Test::cidr:
      return draft.pools.networks.size();
    case Test::time_part:
      return draft.pools.times.size();
    case Test::field:
      return draft.fields.size();
    case Test::equals:
    case Test::contains:
    case Test::starts_with:
    case Test::ends_with:
    case Test::present:
    case Test::boolean:
    case Test::is_null:
    case Test::exists:
      break;
  }
  return std::nullopt;
}

bool is_detail(Test test, std::uint8_t detail) {
  switch (test) {
    case Test::field:
      return detail <= static_cast<std::uint8_t>(FieldCompare::ends_with);
    case Test::time_part:
      return detail / 8 <= static_cast<int>(TimePart::year) &&
             detail % 8 <= static_cast<int>(NumberCompare::greater_equal);
    case Test::regex:
      return detail < 8;
    case Test::equals:
    case Test::contains:
    case Test::starts_with:
    case Test::ends_with:
    case Test::present:
    case Test::pattern:
    case Test::number:
    case Test::boolean:
    case Test::is_null:
    case Test::exists:
    case Test::cidr:
    case Test::less:
    case Test::less_equal:
    case Test::greater:
    case Test::greater_equal:
      break;
  }
  return detail == 0;
}

bool is_sound(const Draft& draft, const CompiledPredicate& predicate) {
  const auto in_texts = [&draft](TextRef ref) {
    return ref.offset <= draft.pools.texts.size() &&
           ref.size <= draft.pools.texts.size() - ref.offset;
  };
  const bool by_text = predicate.test <= Test::present;
  const std::optional<std::size_t> pool = operands(draft, predicate.test);
  return predicate.test <= Test::time_part && is_detail(predicate.test, predicate.detail) &&
         in_texts(predicate.original) && in_texts(predicate.key) &&
         (predicate.field == no_field || index(predicate.field) < draft.fields.size()) &&
         (!by_text || in_texts(predicate.operand)) &&
         (pool ? predicate.operand.offset < *pool : by_text || predicate.operand.offset == 0);
}

bool is_sound(const Draft& draft, std::size_t id) {
  const Node& node = draft.nodes.nodes[id];
  switch (node.kind) {
    case Node::Kind::always:
    case Node::Kind::never:
      return true;
    case Node::Kind::leaf:
      return node.first < draft.pools.predicates.size();
    case Node::Kind::negation:
      return node.first < id;
    case Node::Kind::all_of:
    case Node::Kind::any_of: {
      const std::vector<ExprId>& all = draft.nodes.children;
      return node.first <= all.size() && node.count <= all.size() - node.first &&
             std::all_of(all.begin() + node.first,
                         all.begin() + node.first + node.count,
                         [id](ExprId child) { return index(child) < id; });
    }
    case Node::Kind::group:
      break;
  }
  return false;
}

bool is_sound(const Draft& draft) {
  for (const CompiledPredicate& predicate : draft.pools.predicates) {
    if (!is_sound(draft, predicate)) {
      return false;
    }
  }
  for (std::size_t id = 0; id < draft.nodes.nodes.size(); ++id) {
    if (!is_sound(draft, id)) {
      return false;
    }
  }
  const auto is_expr = [&draft](ExprId id) { return index(id) < draft.nodes.nodes.size(); };
  for (const CompiledRule& rule : draft.rules) {
    if (!is_expr(rule.condition) || rule.log_source >= draft.log_sources.size() ||
        rule.selection_first > draft.selections.size() ||
        rule.selection_count > draft.selections.size() - rule.selection_first) {
      return false;
    }
  }
  return std::all_of(draft.selections.begin(),
                     draft.selections.end(),
                     [&](const NamedSelection& selection) { return is_expr(selection.expr); });
}

}  // namespace

void write_draft(const Draft& draft, const std::vector<std::string>& fields, std::string& bytes) {
  WireWriter out(bytes);
  write(draft.pools, out);
  write_texts(fields, out);
  write(draft.nodes, out);
  out.number(draft.rules.size());
  for (const CompiledRule& rule : draft.rules) {
    out.number(index(rule.condition));
    out.number(rule.log_source);
    out.number(rule.selection_first);
    out.number(rule.selection_count);
  }
  out.number(draft.selections.size());
  for (const NamedSelection& selection : draft.selections) {
    out.number(index(selection.expr));
    out.text(selection.name);
  }
  write_texts(draft.wanted_fields, out);
  out.number(draft.log_sources.size());
  for (const LogSource& source : draft.log_sources) {
    write(source, out);
  }
}

bool read_draft(std::string_view bytes, Draft& draft) {
  WireReader in(bytes);
  read(in, draft.pools);
  read_texts(in, draft.fields);
  read(in, draft.nodes);
  draft.rules.resize(in.count(4));
  for (CompiledRule& rule : draft.rules) {
    rule.condition = ExprId{static_cast<std::uint32_t>(in.number())};
    rule.log_source = static_cast<std::uint32_t>(in.number());
    rule.selection_first = static_cast<std::uint32_t>(in.number());
    rule.selection_count = static_cast<std::uint32_t>(in.number());
  }
  draft.selections.resize(in.count(2));
  for (NamedSelection& selection : draft.selections) {
    selection.expr = ExprId{static_cast<std::uint32_t>(in.number())};
    selection.name = in.text();
  }
  read_texts(in, draft.wanted_fields);
  draft.log_sources.resize(in.count(3));
  for (LogSource& source : draft.log_sources) {
    read(in, source);
  }
  return in.ok() && in.at_end() && is_sound(draft);
}

}  // namespace tocsin::compiled
