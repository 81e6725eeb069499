// SPDX-License-Identifier: Apache-2.0
#include "engine/event/field_plan.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

namespace tocsin {
namespace {

// Comparing keys by words relies on the first byte being the lowest.
static_assert(std::endian::native == std::endian::little);

// A key that spans more segments than this is only found as written, nested: keeps the table linear
// in a path's length.
constexpr std::size_t key_segments_max = 64;
// A plan of few keys can have a table without collisions: worth so many tries.
constexpr std::size_t few_edges_max = 128;
constexpr std::uint64_t salts_max = 64;

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
  const std::vector<std::pair<std::pair<Node, std::string>, Step>> edges(graph.edges.begin(),
                                                                         graph.edges.end());
  const std::size_t places = std::bit_ceil(edges.size() * 8 + 8);
  mask_ = places - 1;
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(places));
  table_.resize(places);
  const std::uint64_t salts = edges.size() <= few_edges_max ? salts_max : 1;
  std::size_t fewest = edges.size() + 1;
  std::uint64_t best = 0;
  for (std::uint64_t tried = 0; tried < salts && fewest != 0; ++tried) {
    salt_ = tried;
    const std::size_t further = fill(edges);
    if (further < fewest) {
      fewest = further;
      best = tried;
    }
  }
  salt_ = best;
  fill(edges);
}

std::size_t FieldPlan::fill(std::span<const std::pair<std::pair<Node, std::string>, Step>> edges) {
  std::fill(table_.begin(), table_.end(), Edge{});
  keys_.clear();
  std::size_t further = 0;
  for (const auto& [start, to] : edges) {
    further += add_edge(start.first, start.second, to) ? 0u : 1u;
  }
  return further;
}

// False: its first place is taken.
bool FieldPlan::add_edge(Node from, std::string_view key, Step to) {
  Edge edge = edge_of(from, key);
  edge.to = to;
  edge.key = static_cast<std::uint32_t>(keys_.size());
  keys_ += key;
  const std::size_t first = place(salt(from), edge.head, edge.tail, shift_);
  std::size_t at = first;
  while (table_[at].from_and_size != empty_place) {
    at = (at + 1) & mask_;
  }
  edge.crowded = table_[at].crowded;
  table_[at] = edge;
  table_[first].crowded = table_[first].crowded || at != first;
  return at == first;
}

FieldPlan::Edge FieldPlan::edge_of(Node from, std::string_view key) {
  Edge edge;
  if (key.size() < 8) {
    std::memcpy(&edge.head, key.data(), key.size());
    edge.middle = edge.head;
    edge.tail = edge.head;
  } else {
    const std::size_t last = key.size() - 8;
    edge.head = load(key.data());
    edge.middle = load(key.data() + std::min<std::size_t>(last, 8));
    edge.tail = load(key.data() + last);
  }
  edge.from_and_size = static_cast<std::uint64_t>(from) << 32 | key.size();
  return edge;
}

FieldPlan::Step FieldPlan::find_edge(Node node, std::string_view key) const {
  const Edge wanted = edge_of(node, key);
  for (std::size_t at = place(salt(node), wanted.head, wanted.tail, shift_);;
       at = (at + 1) & mask_) {
    const Edge& edge = table_[at];
    if (edge.from_and_size == empty_place) {
      return {};
    }
    if (edge.from_and_size == wanted.from_and_size && edge.head == wanted.head &&
        edge.tail == wanted.tail && std::string_view(keys_).substr(edge.key, key.size()) == key) {
      return edge.to;
    }
  }
}

FieldPlan::Step FieldPlan::step(Node node, std::string_view key) const {
  return find_edge(node, key);
}

}  // namespace tocsin
