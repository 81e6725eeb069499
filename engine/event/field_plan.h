// SPDX-License-Identifier: Apache-2.0
// FieldPlan: the fields that a program wants from each record, compiled into one table that the
// decoder walks with. A dotted path is split once, here. Every reading of a path is found: nested,
// flat ("a.b" as one key) and mixed at any level; arrays on the way yield every element
// (conformance FLD-01..06, FLD-12). Thread rule: immutable after construction, shared by all
// threads. Cost: one hash probe per visited key.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin {

// Indexes one FieldPlan's paths.
enum class FieldId : std::uint32_t {};
inline constexpr FieldId no_field{0xffffffffu};
inline constexpr std::uint32_t index(FieldId id) {
  return static_cast<std::uint32_t>(id);
}

class FieldPlan {
 private:
  struct Edge;

 public:
  FieldPlan() : FieldPlan(std::span<const std::string>{}) {}
  // FieldIds 0..paths.size()-1 in the order given; paths must be distinct. Fields that tocsin
  // itself needs of every record (log source, derived fields' parts) are appended behind them where
  // they are not among them.
  explicit FieldPlan(std::span<const std::string> paths);

  std::size_t size() const { return paths_.size(); }
  const std::string& path(FieldId id) const { return paths_[index(id)]; }
  FieldId find(
      std::string_view path) const;  // no_field if it is not in the plan; O(n), for set-up only

  // --- the walk ---
  // A node is a prefix of paths that has been read; 0 is the record itself.
  using Node = std::uint32_t;
  static constexpr Node no_node = 0xffffffffu;
  struct Step {
    Node node = no_node;       // where the key leads: paths that go on
    FieldId field = no_field;  // the path that ends with this key
    bool wanted() const { return (index(field) & node) != no_node; }
  };
  // What `key` (decoded, UTF-8) leads to from `node`; {no_node, no_field} if no path wants it.
  Step step(Node node, std::string_view key) const;
  // The same for the walk: a key behind which at least 8 bytes are readable, from one node at a
  // time. No branch depends on the key, but that one is long or that two share a place.
  class Stepper {
   public:
    Stepper(const FieldPlan& plan, Node node)
        : plan_(&plan),
          table_(plan.table_.data()),
          salt_(plan.salt(node)),
          from_(static_cast<std::uint64_t>(node) << 32),
          shift_(plan.shift_) {}
    Step step(const char* key, std::size_t size) const {
      const std::uint64_t mask = masks[size < 8 ? size : 8];
      const std::size_t last = (size < 8 ? 8 : size) - 8;
      const std::uint64_t head = load(key) & mask;
      const std::uint64_t middle = load(key + (last < 8 ? last : 8)) & mask;
      const std::uint64_t tail = load(key + last) & mask;
      const Edge& edge = table_[place(salt_, head, tail, shift_)];
      const std::uint64_t differs = (edge.head ^ head) | (edge.middle ^ middle) |
                                    (edge.tail ^ tail) | (edge.from_and_size ^ (from_ | size));
      if (edge.crowded || size > whole_bytes) {
        return plan_->find_edge(static_cast<Node>(from_ >> 32), {key, size});
      }
      return differs == 0 ? edge.to : Step();
    }

   private:
    const FieldPlan* plan_;
    const Edge* table_;
    std::uint64_t salt_;
    std::uint64_t from_;
    unsigned shift_;
  };

  // Ids of the fields tocsin itself needs; always present.
  struct System {
    FieldId event_version, aws_region, event_name, event_source, event_type, event_category;
    FieldId event_id, recipient_account_id, event_time;
    // What envelopes and documents that are no records are known by.
    FieldId detail_type, source, detail;
    FieldId type, topic_arn, message;
    FieldId message_type, log_events, log_event_message;
    FieldId digest_bucket, digest_object;
  };
  const System& system() const { return system_; }
  // Derived fields (tocsin.*) that some path asks for (no_field: nobody does), and what they are
  // made of (no_field where nothing asked for is made of it).
  struct Derived {
    FieldId principal = no_field, source_ip = no_field;
    FieldId identity_type = no_field, identity_arn = no_field, identity_account = no_field;
    FieldId issuer_arn = no_field, principal_id = no_field, user_name = no_field,
            invoked_by = no_field;
    FieldId on_behalf_of = no_field;
    FieldId source_address = no_field;
  };
  const Derived& derived() const { return derived_; }
  bool wants_derived() const {
    return derived_.principal != no_field || derived_.source_ip != no_field;
  }

 private:
  // A key that leads from a node to another: its first 8 bytes, its last 8, and those behind the
  // first 8 (or the last 8 again): all of a key of up to whole_bytes. Of a key of less than 8 all
  // three are the key, and zeros.
  struct Edge {
    std::uint64_t head = 0;
    std::uint64_t middle = 0;
    std::uint64_t tail = 0;
    std::uint64_t from_and_size = empty_place;  // the node, and the key's size in the low half
    Step to;
    std::uint32_t key = 0;  // where all of it is, in keys_
    bool crowded = false;   // another edge, that would be here, is further on
  };
  static constexpr std::uint64_t empty_place = ~0ull;
  static constexpr std::size_t whole_bytes = 24;

  static constexpr std::uint64_t masks[9] = {0,
                                             0xff,
                                             0xffff,
                                             0xffffff,
                                             0xffffffff,
                                             0xffffffffff,
                                             0xffffffffffff,
                                             0xffffffffffffff,
                                             0xffffffffffffffff};
  static std::uint64_t load(const char* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }
  std::uint64_t salt(Node node) const { return (node + salt_) * 0x9e3779b97f4a7c15ull; }
  static std::size_t place(std::uint64_t salt,
                           std::uint64_t head,
                           std::uint64_t tail,
                           unsigned shift) {
    return (((head ^ std::rotl(tail, 29)) + salt) * 0xc4ceb9fe1a85ec53ull) >> shift;
  }
  // Out of line: what the first place of the table does not settle.
  Step find_edge(Node node, std::string_view key) const;
  FieldId find_or_add(std::string_view path);
  void add_system_fields();
  void add_derived_parts();
  void compile();
  // Returns how many edges had to go further than their first place.
  std::size_t fill(std::span<const std::pair<std::pair<Node, std::string>, Step>> edges);
  bool add_edge(Node from, std::string_view key, Step to);
  static Edge edge_of(Node from, std::string_view key);

  std::vector<std::string> paths_;
  // Open addressing, at most an eighth full: nearly every key is answered by the first place.
  std::vector<Edge> table_;
  std::string keys_;
  std::size_t mask_ = 0;
  unsigned shift_ = 0;
  std::uint64_t salt_ = 0;
  System system_{};
  Derived derived_{};
};

}  // namespace tocsin
