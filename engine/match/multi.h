// SPDX-License-Identifier: Apache-2.0
// MultiLiteral: all places where one of many literals stands in an ASCII text, whatever its case,
// in one pass. By vectorscan, which was twice as fast as our own index on hundreds of literals; the
// only door to it. A build or a machine without it has none (usable() is false) and takes
// LiteralIndex. Thread rule: immutable after construction; a Scratch is for one thread. Cost: half
// a nanosecond a byte; compiling takes ten milliseconds for 600 literals; a scan allocates
// nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/match/compiled.h"

namespace tocsin::compiled {

class MultiLiteral {
 public:
  struct Literal {
    std::string text;  // folded, not empty, all ASCII
    PredicateId predicate{};
  };
  MultiLiteral();
  explicit MultiLiteral(std::vector<Literal> literals);
  ~MultiLiteral();
  MultiLiteral(MultiLiteral&&) noexcept;
  MultiLiteral& operator=(MultiLiteral&&) noexcept;

  class Scratch {
   public:
    explicit Scratch(const MultiLiteral& owner);
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

   private:
    friend class MultiLiteral;
    struct Space;
    std::unique_ptr<Space> space_;  // nullptr: no memory for it
  };

  bool usable() const { return database_ != nullptr; }

  // Calls found(context, literal, end) for every place, `end` being behind it. False: the scan was
  // not possible, and what was found is not all.
  using Found = void (*)(void* context, const Literal& literal, std::size_t end);
  bool scan(std::string_view text, Scratch& scratch, Found found, void* context) const;

 private:
  struct Database;
  std::vector<Literal> literals_;
  std::unique_ptr<Database> database_;
};

}  // namespace tocsin::compiled
