// SPDX-License-Identifier: Apache-2.0
// FieldPlan: the fields that a program wants from each record, compiled into one table that the
// decoder walks with. A dotted path is split once, here. Every reading of a path is found: nested,
// flat ("a.b" as one key) and mixed at any level; arrays on the way yield every element
// (conformance FLD-01..06, FLD-12). Thread rule: immutable after construction, shared by all
// threads. Cost: one hash probe per visited key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin {

// Indexes one FieldPlan's paths.
enum class FieldId : std::uint32_t {};
inline constexpr FieldId no_field{0xffffffffu};
inline constexpr std::uint32_t index(FieldId id) {
  return static_cast<std::uint32_t>(id);
}

class FieldPlan {
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
  };
  // What `key` (decoded, UTF-8) leads to from `node`; {no_node, no_field} if no path wants it.
  Step step(Node node, std::string_view key) const;
  // The same for a key behind which at least 8 bytes are readable: the form for the walk.
  Step step_padded(Node node, std::string_view key) const {
    const std::size_t size = key.size();
    const std::uint64_t head = load(key.data()) & (size < 8 ? ~(~0ull << (size * 8)) : ~0ull);
    return find_edge(node, key, head, size > 8 ? load(key.data() + size - 8) : 0);
  }

  // Ids of the fields tocsin itself needs; always present.
  struct System {
    FieldId event_version, aws_region, event_name, event_source, event_type, event_category;
    FieldId event_id, recipient_account_id;
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
  // A key that leads from a node to another: `head` and `tail` are its first and last 8 bytes
  // (`tail` 0 for up to 8 bytes).
  struct Edge {
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    std::uint32_t size = 0;
    Node from = no_node;  // no_node: an empty place
    Step to;
    std::uint32_t key_offset = 0;
  };

  static std::uint64_t load(const char* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }
  std::size_t place(Node node, std::uint64_t head, std::uint64_t tail) const {
    const std::uint64_t mixed =
        (head + node * 0x9e3779b97f4a7c15ull) ^ (tail * 0xff51afd7ed558ccdull);
    return static_cast<std::size_t>((mixed * 0xc4ceb9fe1a85ec53ull) >> shift_);
  }
  Step find_edge(Node node, std::string_view key, std::uint64_t head, std::uint64_t tail) const {
    for (std::size_t at = place(node, head, tail);; at = (at + 1) & mask_) {
      const Edge& edge = table_[at];
      if (edge.head == head && edge.tail == tail && edge.from == node && edge.size == key.size() &&
          (key.size() <= 16 ||
           std::memcmp(keys_.data() + edge.key_offset + 8, key.data() + 8, key.size() - 16) == 0)) {
        return edge.to;
      }
      if (edge.from == no_node) {
        return {};
      }
    }
  }
  FieldId find_or_add(std::string_view path);
  void add_system_fields();
  void add_derived_parts();
  void compile();

  std::vector<std::string> paths_;
  std::vector<Edge> table_;  // open addressing, a power of two, load at most 1/3
  std::size_t mask_ = 0;
  unsigned shift_ = 0;
  std::string keys_;
  System system_{};
  Derived derived_{};
};

}  // namespace tocsin
