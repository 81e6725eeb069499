// SPDX-License-Identifier: Apache-2.0
#include "engine/event/field_plan.h"

#include <algorithm>
#include <bit>
#include <map>
#include <tuple>
#include <utility>

namespace tocsin {
namespace {

// Comparing keys by words relies on the first byte being the lowest.
static_assert(std::endian::native == std::endian::little);

// A key that spans more segments than this is only found as written, nested: keeps the table linear
// in a path's length.
constexpr std::size_t key_segments_max = 64;

std::vector<std::size_t> segment_ends(std::string_view path) {
  std::vector<std::size_t> ends;
  for (std::size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    ends.push_back(dot);
  }
  ends.push_back(path.size());
  return ends;
}

// Paths as a graph: nodes are prefixes, an edge is a key that leads from one prefix to a longer
// one.
struct Graph {
  using Node = FieldPlan::Node;
  std::map<std::string, Node, std::less<>> nodes;
  std::map<std::pair<Node, std::string>, FieldPlan::Step> edges;

  Node node(std::string_view prefix) {
    const auto found = nodes.find(prefix);
    if (found != nodes.end()) {
      return found->second;
    }
    return nodes.emplace(prefix, static_cast<Node>(nodes.size() + 1)).first->second;
  }

  void add(std::string_view path, FieldId field) {
    const std::vector<std::size_t> ends = segment_ends(path);
    for (std::size_t from = 0; from < ends.size(); ++from) {
      const Node start = from == 0 ? 0 : node(path.substr(0, ends[from - 1]));
      const std::size_t begin = from == 0 ? 0 : ends[from - 1] + 1;
      for (std::size_t to = from; to < std::min(ends.size(), from + key_segments_max); ++to) {
        FieldPlan::Step& step = edges[{start, std::string(path.substr(begin, ends[to] - begin))}];
        if (to + 1 == ends.size()) {
          step.field = field;
        } else {
          step.node = node(path.substr(0, ends[to]));
        }
      }
    }
  }
};

}  // namespace

FieldPlan::FieldPlan(std::span<const std::string> paths) : paths_(paths.begin(), paths.end()) {
  add_system_fields();
  add_derived_parts();
  compile();
}

FieldId FieldPlan::find(std::string_view path) const {
  const auto found = std::find(paths_.begin(), paths_.end(), path);
  return found == paths_.end() ? no_field
                               : FieldId{static_cast<std::uint32_t>(found - paths_.begin())};
}

FieldId FieldPlan::find_or_add(std::string_view path) {
  const FieldId found = find(path);
  if (found != no_field) {
    return found;
  }
  paths_.emplace_back(path);
  return FieldId{static_cast<std::uint32_t>(paths_.size() - 1)};
}

void FieldPlan::add_system_fields() {
  system_.event_version = find_or_add("eventVersion");
  system_.aws_region = find_or_add("awsRegion");
  system_.event_name = find_or_add("eventName");
  system_.event_source = find_or_add("eventSource");
  system_.event_type = find_or_add("eventType");
  system_.event_category = find_or_add("eventCategory");
  system_.event_id = find_or_add("eventID");
  system_.recipient_account_id = find_or_add("recipientAccountId");
  system_.event_time = find_or_add("eventTime");
  system_.detail_type = find_or_add("detail-type");
  system_.source = find_or_add("source");
  system_.detail = find_or_add("detail");
  system_.type = find_or_add("Type");
  system_.topic_arn = find_or_add("TopicArn");
  system_.message = find_or_add("Message");
  system_.message_type = find_or_add("messageType");
  system_.log_events = find_or_add("logEvents");
  system_.log_event_message = find_or_add("logEvents.message");
  system_.digest_bucket = find_or_add("digestS3Bucket");
  system_.digest_object = find_or_add("digestS3Object");
}

void FieldPlan::add_derived_parts() {
  derived_.principal = find("tocsin.principal");
  derived_.source_ip = find("tocsin.source.ip");
  if (derived_.principal != no_field) {
    derived_.identity_type = find_or_add("userIdentity.type");
    derived_.identity_arn = find_or_add("userIdentity.arn");
    derived_.identity_account = find_or_add("userIdentity.accountId");
    derived_.issuer_arn = find_or_add("userIdentity.sessionContext.sessionIssuer.arn");
    derived_.principal_id = find_or_add("userIdentity.principalId");
    derived_.user_name = find_or_add("userIdentity.userName");
    derived_.invoked_by = find_or_add("userIdentity.invokedBy");
    derived_.on_behalf_of = find_or_add("userIdentity.onBehalfOf.userId");
  }
  if (derived_.source_ip != no_field) {
    derived_.source_address = find_or_add("sourceIPAddress");
  }
}

void FieldPlan::compile() {
  Graph graph;
  for (std::size_t at = 0; at < paths_.size(); ++at) {
    const FieldId field{static_cast<std::uint32_t>(at)};
    // A record cannot forge what tocsin derives: no key leads to these.
    if (field != derived_.principal && field != derived_.source_ip) {
      graph.add(paths_[at], field);
    }
  }
  const std::size_t places = std::bit_ceil(graph.edges.size() * 4 + 8);
  table_.assign(places, Edge{});
  middle_at_.assign(places, 0);
  mask_ = places - 1;
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(places));
  for (const auto& [start, to] : graph.edges) {
    add_edge(start.first, start.second, to);
  }
}

void FieldPlan::add_edge(Node from, std::string_view key, Step to) {
  Edge edge;
  std::tie(edge.head, edge.tail) = ends_of(key);
  edge.from_and_size = static_cast<std::uint64_t>(from) << 32 | key.size();
  edge.to = to;
  std::size_t at = place(salt(from), edge.head, edge.tail, shift_);
  while (table_[at].from_and_size != empty_place) {
    at = (at + 1) & mask_;
  }
  table_[at] = edge;
  if (key.size() > 16) {
    middle_at_[at] = static_cast<std::uint32_t>(middles_.size());
    middles_ += key.substr(8, key.size() - 16);
  }
}

std::pair<std::uint64_t, std::uint64_t> FieldPlan::ends_of(std::string_view key) {
  if (key.size() >= 8) {
    return {load(key.data()), load(key.data() + key.size() - 8)};
  }
  std::uint64_t whole = 0;
  std::memcpy(&whole, key.data(), key.size());
  return {whole, whole};
}

FieldPlan::Step FieldPlan::find_edge(Node node,
                                     std::string_view key,
                                     std::uint64_t head,
                                     std::uint64_t tail) const {
  const std::uint64_t wanted = static_cast<std::uint64_t>(node) << 32 | key.size();
  for (std::size_t at = place(salt(node), head, tail, shift_);; at = (at + 1) & mask_) {
    const Edge& edge = table_[at];
    const std::uint64_t differs =
        (edge.head ^ head) | (edge.tail ^ tail) | (edge.from_and_size ^ wanted);
    if (differs == 0 && (key.size() <= 16 || middle_equals(at, key))) {
      return edge.to;
    }
    if (edge.from_and_size == empty_place) {
      return {};
    }
  }
}

FieldPlan::Step FieldPlan::step(Node node, std::string_view key) const {
  const auto [head, tail] = ends_of(key);
  return find_edge(node, key, head, tail);
}

}  // namespace tocsin
