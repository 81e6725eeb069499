// SPDX-License-Identifier: Apache-2.0
#include "engine/event/field_plan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <utility>

#include "engine/base/fold.h"
#include "engine/event/geo.h"

namespace tocsin {
namespace {

// Comparing keys by words relies on the first byte being the lowest.
static_assert(std::endian::native == std::endian::little);

// A key that spans more segments than this is only found as written, nested: keeps the table linear
// in a path's length.
constexpr std::size_t key_segments_max = 64;
constexpr std::size_t few_edges_max = 128;
constexpr std::uint64_t seeds_max = 64;

std::vector<std::size_t> segment_ends(std::string_view path) {
  std::vector<std::size_t> ends;
  for (std::size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    ends.push_back(dot);
  }
  ends.push_back(path.size());
  return ends;
}

// Keys of most CloudTrail records.
bool is_usual_key(std::string_view key) {
  constexpr std::array<std::string_view, 36> keys = {"eventVersion",
                                                     "userIdentity",
                                                     "eventTime",
                                                     "eventSource",
                                                     "eventName",
                                                     "awsRegion",
                                                     "sourceIPAddress",
                                                     "userAgent",
                                                     "requestParameters",
                                                     "responseElements",
                                                     "requestID",
                                                     "eventID",
                                                     "readOnly",
                                                     "eventType",
                                                     "managementEvent",
                                                     "recipientAccountId",
                                                     "eventCategory",
                                                     "errorCode",
                                                     "errorMessage",
                                                     "resources",
                                                     "type",
                                                     "principalId",
                                                     "arn",
                                                     "accountId",
                                                     "accessKeyId",
                                                     "userName",
                                                     "sessionContext",
                                                     "sessionIssuer",
                                                     "attributes",
                                                     "mfaAuthenticated",
                                                     "creationDate",
                                                     "invokedBy",
                                                     "sharedEventID",
                                                     "additionalEventData",
                                                     "tlsDetails",
                                                     "vpcEndpointId"};
  return std::find(keys.begin(), keys.end(), key) != keys.end();
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

FieldPlan::FieldPlan(std::span<const std::string> paths, std::span<const SourceRow> rows)
    : paths_(paths.begin(), paths.end()) {
  add_system_fields();
  for (const SourceRow& row : rows) {
    SourceField field{find_or_add(row.field), {}, row.source};
    system_fields_.push_back(field.field);
    for (const std::string& value : row.values) {
      field.folded_values.push_back(fold(value));
    }
    std::sort(field.folded_values.begin(), field.folded_values.end());
    source_fields_.push_back(std::move(field));
  }
  add_derived_parts();
  whole_ = compile(std::vector<bool>(paths_.size(), true));
}

void FieldPlan::use_pivots(std::span<const FieldId> fields) {
  // What is derived is made of other fields.
  has_pivots_ = std::none_of(
      fields.begin(), fields.end(), [this](FieldId field) { return is_derived(field); });
  std::vector<bool> wanted(paths_.size());
  for (const FieldId field : fields) {
    wanted[index(field)] = true;
  }
  for (const FieldId field : system_fields_) {
    wanted[index(field)] = true;
  }
  pivots_ = has_pivots_ ? compile(wanted) : Table();
  identity_ = std::make_shared<const char>();
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
  const auto add = [this](std::string_view path) {
    system_fields_.push_back(find_or_add(path));
    return system_fields_.back();
  };
  system_.event_version = add("eventVersion");
  system_.aws_region = add("awsRegion");
  system_.event_name = add("eventName");
  system_.event_source = add("eventSource");
  system_.event_type = add("eventType");
  system_.event_category = add("eventCategory");
  system_.event_id = add("eventID");
  system_.recipient_account_id = add("recipientAccountId");
  system_.event_time = add("eventTime");
  system_.detail_type = add("detail-type");
  system_.source = add("source");
  system_.detail = add("detail");
  system_.type = add("Type");
  system_.topic_arn = add("TopicArn");
  system_.message = add("Message");
  system_.message_type = add("messageType");
  system_.log_events = add("logEvents");
  system_.log_event_message = add("logEvents.message");
  system_.digest_bucket = add("digestS3Bucket");
  system_.digest_object = add("digestS3Object");
}

void FieldPlan::add_derived_parts() {
  derived_.principal = find("tocsin.principal");
  derived_.source_ip = find("tocsin.source.ip");
  for (std::size_t i = 0; i < derived_.geo.size(); ++i) {
    derived_.geo[i] = find(geo_field_names()[i]);
    derived_.wants_geo = derived_.wants_geo || derived_.geo[i] != no_field;
  }
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
  if (derived_.source_ip != no_field || derived_.wants_geo) {
    derived_.source_address = find_or_add("sourceIPAddress");
  }
}

bool FieldPlan::is_derived(FieldId field) const {
  return field == derived_.principal || field == derived_.source_ip ||
         std::find(derived_.geo.begin(), derived_.geo.end(), field) != derived_.geo.end();
}

FieldPlan::Table FieldPlan::compile(const std::vector<bool>& wanted) const {
  Graph graph;
  for (std::size_t at = 0; at < paths_.size(); ++at) {
    const FieldId field{static_cast<std::uint32_t>(at)};
    // A record cannot forge what tocsin derives: no key leads to these.
    if (wanted[at] && !is_derived(field)) {
      graph.add(paths_[at], field);
    }
  }
  const std::size_t places = std::bit_ceil(graph.edges.size() * 8 + 8);
  // A seed by which every key of a small plan has a place of its own.
  const std::uint64_t seeds = graph.edges.size() <= few_edges_max ? seeds_max : 1;
  Table table;
  table.mask = places - 1;
  table.shift = 64 - static_cast<unsigned>(std::countr_zero(places));
  const auto fill = [places, &graph, &table](std::uint64_t seed) {
    table.seed = seed;
    table.edges.assign(places, Edge{});
    table.tags.assign(places, 0);
    table.keys.clear();
    std::size_t further = 0;
    // What nearly every record has comes first, so that it is in its first place.
    for (const bool usual : {true, false}) {
      for (const auto& [start, to] : graph.edges) {
        if (is_usual_key(start.second) == usual) {
          further += table.add(start.first, start.second, to) ? 0u : 1u;
        }
      }
    }
    return further;
  };
  std::size_t fewest = graph.edges.size() + 1;
  std::uint64_t best = 0;
  for (std::uint64_t seed = 0; seed < seeds && fewest != 0; ++seed) {
    if (const std::size_t further = fill(seed); further < fewest) {
      fewest = further;
      best = seed;
    }
  }
  fill(best);
  return table;
}

std::uint64_t FieldPlan::Table::hash(Node node, std::string_view key) const {
  const std::size_t size = key.size();
  if (size < size_min) {
    // Few, and looked for by step() only.
    std::uint64_t whole = size;
    std::memcpy(&whole, key.data(), size);
    return hash_of(whole, size, salt(node));
  }
  std::uint32_t first = std::uint32_t{'"'} << 24;
  std::memcpy(&first, key.data(), std::min<std::size_t>(size, 4));
  std::uint32_t last = std::uint32_t{'"'} << 24;
  std::memcpy(&last, key.data() + size - 3, 3);
  return hash_of(first, last, salt(node));
}

bool FieldPlan::Table::add(Node from, std::string_view key, Step to) {
  Edge edge;
  edge.node = from;
  edge.to = to;
  edge.key = static_cast<std::uint32_t>(keys.size());
  edge.size = static_cast<std::uint32_t>(key.size());
  keys += key;
  // A key with a quote is never written as it is.
  const bool fits =
      key.size() >= size_min && key.size() < text_bytes && key.find_first_of("\"\\") == key.npos;
  if (fits) {
    std::copy(key.begin(), key.end(), edge.text);
    edge.text[key.size()] = '"';
    edge.needed = 0xffffffffu >> (text_bytes - 1 - key.size());
  }
  const std::uint64_t key_hash = hash(from, key);
  const std::size_t first = key_hash >> shift;
  std::size_t at = first;
  while (edges[at].node != no_node) {
    at = (at + 1) & mask;
  }
  edges[at] = edge;
  // Only what is in its first place is found by its tag.
  tags[first] |= at == first && fits ? tag_of(key_hash) : crowded;
  return at == first;
}

FieldPlan::Step FieldPlan::step(const Table& table, Node node, std::string_view key) {
  for (std::size_t at = table.hash(node, key) >> table.shift; table.edges[at].node != no_node;
       at = (at + 1) & table.mask) {
    const Edge& edge = table.edges[at];
    if (edge.node == node && edge.size == key.size() &&
        table.keys.compare(edge.key, edge.size, key) == 0) {
      return edge.to;
    }
  }
  return {};
}

}  // namespace tocsin
