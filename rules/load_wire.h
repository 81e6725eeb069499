// SPDX-License-Identifier: Apache-2.0
// A LoadResult as bytes, all but its program; and what of the options decides what it is. Thread
// rule: pure functions. Errors: a reader of
// bytes that are no such result is not ok(). Cost: O(size).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/base/wire.h"
#include "rules/load.h"

namespace tocsin {

// What a load of the same files comes to depends on these bytes, and on what stands in the
// pipelines.
void write_meaning(const LoadOptions& options, WireWriter& out);

// `paths`: of the rule files, as they stand in what is told of them; the same for reading. The
// first `diagnostics_from` diagnostics are left out. Precondition: nothing was kept or remembered
// for a reload, no pipeline failed, and every path could be read.
void write_load(const LoadResult& result,
                const Ruleset& ruleset,
                const std::vector<std::string>& paths,
                std::size_t diagnostics_from,
                WireWriter& out);

// Adds to the diagnostics that are there.
void read_load(WireReader& in,
               const std::vector<std::string>& paths,
               LoadResult& result,
               Ruleset& ruleset);

}  // namespace tocsin
