// SPDX-License-Identifier: Apache-2.0
// Filter: rejects records by their raw bytes, before any JSON is parsed, where no loaded rule can
// match them. It is exact: what it rejects matches nothing on the full path either, and counts as
// one record there. Any doubt sends the record to the full path: text spelled with \u, a value with
// an escape or a byte beyond ASCII under a key that decides, a value that is no string, a line that
// may hold several records or none (envelopes, Records), or be of another log source.
//
// How: one pass over the line (engine/event/key_marks.h) finds its end, its strings and the few
// keys that decide (filter_plan.h), whatever the white space around them, repeated or nested; only
// their values are looked at, and brackets are counted as far as the keys that tell what kind of
// record it is. Thread rule: one thread each; `program` is shared. Cost: a third of a bare parse
// with AVX-512; of a record that passes, that is the price of having asked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/decode.h"
#include "engine/match/program.h"

namespace tocsin {

enum class FilterMode : std::uint8_t {
  off,
  automatic,  // where it pays: judged by the share of records that pass
  on,         // wherever the rules allow it
};

// What the filter can do for the records of an input, for `-v`.
struct FilterChoice {
  bool usable = false;
  std::string reason;             // why not
  std::optional<RuleId> rule;     // which rule it is about, if it is one
  std::vector<std::string> keys;  // usable: those that decide
};

class Filter {
 public:
  // The pass over a line: the best one for this machine that fits simdjson's kernel
  // (SIMDJSON_FORCE_IMPLEMENTATION chooses for both), or one of those that supported() allows.
  enum class Path : unsigned char { avx512, avx2, baseline };
  static bool supported(Path path);
  static Path best_path();
  // Is this pass faster than parsing? Where it is not, automatic mode leaves it alone.
  static bool pays(Path path) { return path != Path::baseline; }

  // `program` must outlive the filter. `wants_time`: take_latest_time() is asked for.
  Filter(const Program& program,
         const DecodeOptions& options,
         FilterMode mode,
         bool wants_time = false,
         Path path = best_path());
  ~Filter();
  Filter(Filter&&) noexcept;
  Filter& operator=(Filter&&) noexcept;

  static FilterChoice choice(const Program& program, const DecodeOptions& options, bool wants_time);

  // Is it worth asking now? False for ever where the rules do not allow it; else, in automatic
  // mode, false for a while after most records passed. Counts the calls: one per line.
  bool wants_next();

  struct Line {
    const char* end = nullptr;  // at the newline, or where the bytes end
    bool has_backslash = false;
    bool rejected = false;
  };
  // Looks at begin..end up to the first newline. Precondition: limits::padding_bytes readable bytes
  // behind `end`.
  Line next(const char* begin, const char* end);

  // The greatest event time of the records that were rejected since the last call.
  std::optional<TimeNs> take_latest_time();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin
