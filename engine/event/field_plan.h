// SPDX-License-Identifier: Apache-2.0
// FieldPlan: the fields that a program wants from each record, compiled into one table that the
// decoder walks with. A dotted path is split once, here. Every reading of a path is found: nested,
// flat ("a.b" as one key) and mixed at any level; arrays on the way yield every element
// (conformance FLD-01..06, FLD-12). Thread rule: immutable after construction, shared by all
// threads. Cost: one hash probe per visited key.
#pragma once

#include <cstdint>
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

  // Ids of the fields tocsin itself needs; always present.
  struct System {
    FieldId event_version, aws_region, event_name, event_source, event_type, event_category;
    FieldId event_id, recipient_account_id;
  };
  const System& system() const { return system_; }
  // Derived fields (tocsin.*) that some path asks for, with what the decoder fills them from: see
  // derived.h.
  bool wants_derived() const { return wants_derived_; }

 private:
  struct Edge {
    std::uint64_t hash = 0;
    std::uint32_t key_offset = 0;
    std::uint32_t key_size = 0;
    Node from = no_node;
    Step to;
  };
  std::vector<std::string> paths_;
  std::vector<Edge> table_;  // open addressing, a power of two, load at most 1/3
  std::string keys_;
  System system_{};
  bool wants_derived_ = false;
};

}  // namespace tocsin
