// SPDX-License-Identifier: Apache-2.0
// FieldPlan: the fields that a program wants from each record, compiled into one table that the
// decoder walks with. A dotted path is split once, here. Every reading of a path is found: nested,
// flat ("a.b" as one key) and mixed at any level; arrays on the way yield every element
// (conformance FLD-01..06, FLD-12). Thread rule: immutable once a program is built, shared by all
// threads. Cost: one hash probe per visited key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "engine/event/source_table.h"

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
  struct Table;

 public:
  FieldPlan() : FieldPlan(std::span<const std::string>{}) {}
  // FieldIds 0..paths.size()-1 in the order given; paths must be distinct. Fields that tocsin
  // itself needs of every record (log source, derived fields' parts) are appended behind them where
  // they are not among them.
  // The fields of the field table `rows` too.
  explicit FieldPlan(std::span<const std::string> paths, std::span<const SourceRow> rows = {});

  // Another one for each plan, as long as somebody holds it: for who remembers what a plan said.
  const std::shared_ptr<const char>& identity() const { return identity_; }

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
  // Which fields a walk reads. Nodes of one extent mean nothing in the other.
  enum class Extent : std::uint8_t {
    whole,
    pivots,  // those of use_pivots() and the system fields
  };
  // What `key` (decoded, UTF-8) leads to from `node`; {no_node, no_field} if no path wants it.
  Step step(Node node, std::string_view key, Extent extent = Extent::whole) const {
    return step(table(extent), node, key);
  }
  // The same for the walk: keys as they stand in a text, from one node at a time. Nearly every key
  // is answered by one multiplication and one comparison.
  class Stepper {
   public:
    Stepper(const FieldPlan& plan, Node node, Extent extent = Extent::whole)
        : table_(&plan.table(extent)),
          tags_(table_->tags.data()),
          edges_(table_->edges.data()),
          salt_(table_->salt(node)),
          shift_(table_->shift),
          node_(node) {}
    // `key`: behind its quote; limits::padding_bytes are readable behind it.
    Step step(const char* key, std::size_t size) const {
      if (size < size_min) {
        return FieldPlan::step(*table_, node_, {key, size});
      }
      const std::uint64_t hash = hash_of(load_word(key), load_word(key + size - 3), salt_);
      const std::uint32_t tag = tags_[hash >> shift_];
      if ((tag | crowded) == (tag_of(hash) | crowded)) {
        const Edge& edge = edges_[hash >> shift_];
        if (edge.is_at(key) && edge.node == node_) {
          return edge.to;
        }
      }
      return (tag & crowded) != 0 ? FieldPlan::step(*table_, node_, {key, size}) : Step();
    }

   private:
    const Table* table_;
    const std::uint32_t* tags_;
    const Edge* edges_;
    std::uint64_t salt_;
    unsigned shift_;
    Node node_;
  };

  // The fields that decide whether anything else of a record is asked for: they, and what tocsin
  // itself needs, can be read alone. Called once, while a program is built.
  void use_pivots(std::span<const FieldId> fields);
  bool has_pivots() const { return has_pivots_; }

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
  // The field table, in its order.
  struct SourceField {
    FieldId field;
    std::vector<std::string> folded_values;  // ascending
    LogSource source;
  };
  std::span<const SourceField> source_fields() const { return source_fields_; }
  // Derived fields (tocsin.*) that some path asks for (no_field: nobody does), and what they are
  // made of (no_field where nothing asked for is made of it).
  struct Derived {
    FieldId principal = no_field, source_ip = no_field;
    // In the order of geo_field_names().
    std::array<FieldId, 6> geo{no_field, no_field, no_field, no_field, no_field, no_field};
    bool wants_geo = false;
    FieldId identity_type = no_field, identity_arn = no_field, identity_account = no_field;
    FieldId issuer_arn = no_field, principal_id = no_field, user_name = no_field,
            invoked_by = no_field;
    FieldId on_behalf_of = no_field;
    FieldId source_address = no_field;
  };
  const Derived& derived() const { return derived_; }
  bool wants_derived() const {
    return derived_.principal != no_field || derived_.source_ip != no_field || derived_.wants_geo;
  }

 private:
  static constexpr std::size_t text_bytes = 32;
  static constexpr std::size_t size_min = 3;

  // A key that leads from a node to another.
  struct alignas(64) Edge {
    // It and its closing quote, then zeros; if there is no room, what no key begins with.
    char text[text_bytes] = {'"'};
    std::uint32_t needed = 1;  // a bit for each byte of that which counts
    Node node = no_node;       // no_node: no edge
    Step to;
    std::uint32_t key = 0;  // where all of it is, in Table::keys
    std::uint32_t size = 0;

    // `at`: text_bytes are readable.
    bool is_at(const char* at) const {
#if defined(__SSE2__)
      const auto equal = [this, at](std::size_t from) {
        const auto* bytes = reinterpret_cast<const __m128i*>(at + from);
        const auto* wanted = reinterpret_cast<const __m128i*>(text + from);
        return static_cast<std::uint32_t>(
            _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(bytes), _mm_load_si128(wanted))));
      };
      const std::uint32_t differs = ~(equal(0) | equal(16) << 16);
      return (differs & needed) == 0;
#else
      return std::memcmp(at, text, needed == 1 ? 1 : size + 1) == 0;
#endif
    }
  };

  // Open addressing, at most an eighth full.
  struct Table {
    std::vector<Edge> edges;
    // Of the edge in each place a few bits of its key's hash: most keys, which nobody wants, are
    // told by them, and they stay in the first-level cache.
    std::vector<std::uint32_t> tags;
    std::string keys;
    std::size_t mask = 0;
    unsigned shift = 0;
    std::uint64_t seed = 0;

    std::uint64_t salt(Node node) const { return (node + seed) * 0x9e3779b97f4a7c15ull; }
    std::uint64_t hash(Node node, std::string_view key) const;
    // False: its first place is taken.
    bool add(Node from, std::string_view key, Step to);
  };

  static std::uint64_t load_word(const char* bytes) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }
  // `first`: the key's first 4 bytes, its closing quote included; `last`: its last 3 and the quote.
  static std::uint64_t hash_of(std::uint64_t first, std::uint64_t last, std::uint64_t salt) {
    return ((last << 32 | first) ^ salt) * 0xc4ceb9fe1a85ec53ull;
  }
  // Part of a tag: an edge that would be there is elsewhere, or its key does not fit. Look farther.
  static constexpr std::uint32_t crowded = 1;
  // Never that of a free place, 0.
  static std::uint32_t tag_of(std::uint64_t hash) {
    return (static_cast<std::uint32_t>(hash >> 20) | 2) & ~crowded;
  }
  static Step step(const Table& table, Node node, std::string_view key);
  const Table& table(Extent extent) const {
    return extent == Extent::whole ? whole_ : pivots_;
  }
  FieldId find_or_add(std::string_view path);
  void add_system_fields();
  void add_derived_parts();
  bool is_derived(FieldId field) const;
  // `wanted`: by FieldId.
  Table compile(const std::vector<bool>& wanted) const;

  std::shared_ptr<const char> identity_ = std::make_shared<const char>();
  std::vector<std::string> paths_;
  std::vector<FieldId> system_fields_;  // those of system_ and of the field table
  Table whole_;
  Table pivots_;
  bool has_pivots_ = false;
  System system_{};
  Derived derived_{};
  std::vector<SourceField> source_fields_;
};

}  // namespace tocsin
