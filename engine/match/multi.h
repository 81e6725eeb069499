// SPDX-License-Identifier: Apache-2.0
// MultiLiteral: all places where one of many literals stands in an ASCII text, whatever its case,
// in one pass. By vectorscan, which was twice as fast as our own index on hundreds of literals; the
// only door to it. A build or a machine without it has none (usable() is false) and takes
// LiteralIndex. Thread rule: any number of threads; a Scratch is for one. Cost: half a nanosecond a
// byte. The first to ask compiles, which takes thirty milliseconds for 600 literals and 14 MB for a
// moment, or takes what was compiled before from a store: where no record meets a keyword rule,
// that is saved. After a Scratch's first scan none allocates.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/match/compiled.h"
#include "engine/match/matcher_store.h"

namespace tocsin::compiled {

class MultiLiteral {
 public:
  struct Literal {
    std::string text;  // folded, not empty, all ASCII
    PredicateId predicate{};
  };
  MultiLiteral();
  // `store`: may be null.
  explicit MultiLiteral(std::vector<Literal> literals,
                        std::shared_ptr<MatcherStore> store = nullptr);
  ~MultiLiteral();
  MultiLiteral(MultiLiteral&&) noexcept;
  MultiLiteral& operator=(MultiLiteral&&) noexcept;

  // For one MultiLiteral.
  class Scratch {
   public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

   private:
    friend class MultiLiteral;
    struct Space;
    std::unique_ptr<Space> space_;
  };

  bool usable() const { return database() != nullptr; }

  // Calls found(context, literal, end) for every place, `end` being behind it. False: the scan was
  // not possible, and what was found is not all.
  using Found = void (*)(void* context, const Literal& literal, std::size_t end);
  bool scan(std::string_view text, Scratch& scratch, Found found, void* context) const;

 private:
  struct Database;
  struct Compiled {
    std::once_flag once;
    std::unique_ptr<Database> database;  // nullptr: there is none
  };
  const Database* database() const;
  std::unique_ptr<Database> compile() const;

  std::vector<Literal> literals_;
  std::shared_ptr<MatcherStore> store_;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace tocsin::compiled
