// SPDX-License-Identifier: Apache-2.0
// Rules of every correlation type, random streams for them, and what comes of both as text.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "detectors/engine.h"
#include "tests/support/replay.h"

namespace tocsin::testing {

// Detections ra, rb and rc on k, and correlations over them.
std::string rules(const std::string& correlations);
std::string correlation(const std::string& title,
                        const std::string& body,
                        const std::string& more = {},
                        const std::string& group_by = "[u]");
std::shared_ptr<const Ruleset> load(const std::string& text);
inline const std::string watermark = "tocsin:\n  emit: watermark\n";
std::string every_kind(const std::string& emit);

// Streams per property: TOCSIN_STREAMS, for the soak.
int streams(int otherwise);

struct Line {
  std::int64_t second;
  std::string text;
};
std::vector<Line> random_lines(std::mt19937_64& random, std::size_t count);
// A permutation in which no line comes more than `lateness` behind the latest before it.
std::vector<Line> shuffled(const std::vector<Line>& lines,
                           std::mt19937_64& random,
                           std::int64_t lateness);
std::string joined(const std::vector<Line>& lines);
std::string at(int second, const std::string& rest);

std::vector<std::string> correlation_alerts(const Replay& run);
// With their ids, which depend on where a record is in its stream.
std::vector<std::string> identified_alerts(const Replay& run);
std::set<std::string> rules_and_groups(const Replay& run, const std::set<std::string>& titles);
// Rule by rule in order: how far the watermark moves at a time decides only how rules interleave.
std::vector<std::string> sorted_alerts(const Replay& run);

ReplayOptions arrival(std::int64_t lateness_seconds);

// One batch per line.
std::vector<BatchResult> results_of(const std::shared_ptr<const Ruleset>& ruleset,
                                    const std::string& lines);
std::vector<std::string> texts(const std::vector<CorrelationReport>& reports);

}  // namespace tocsin::testing
