// SPDX-License-Identifier: Apache-2.0
// How many reports were folded into which: with those that were shown they are all that there are
// without folding, however the run is cut.
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "engine/flow/feed.h"
#include "tests/detectors/engine_fixture.h"

namespace tocsin {
namespace {

using testing::arrival;
using testing::every_kind;
using testing::joined;
using testing::load;
using testing::random_lines;
using testing::results_of;
using testing::shuffled;
using testing::streams;
using testing::watermark;

std::string group_of(const CorrelationReport& report) {
  std::string key;
  append_group_key(report.report.group, key);
  return key;
}

// Inner correlations raise no alerts.
std::vector<CorrelationReport> alerts_of(const Ruleset& ruleset,
                                         std::vector<CorrelationReport> reports) {
  std::erase_if(reports, [&](const CorrelationReport& report) {
    return !ruleset.correlations[report.spec].alerts_alone;
  });
  return reports;
}

using ByGroup = std::map<std::pair<std::uint32_t, std::string>, std::uint64_t>;
// By correlation, group and the record that fired the shown report.
using ByAlert = std::map<std::tuple<std::uint32_t, std::string, Hash128>, std::uint64_t>;

// Is killed before result `killed`, and goes on from the state at the start and what came since.
ByAlert counts_of(const std::shared_ptr<const Ruleset>& ruleset,
                  const std::vector<BatchResult>& results,
                  const CorrelationSettings& settings,
                  std::size_t killed) {
  auto engine = std::make_unique<CorrelationEngine>(ruleset, settings);
  std::string state;
  engine->save(state);
  std::string journal;
  ByAlert counts;
  const auto take = [&](std::vector<CorrelationReport>& reports) {
    for (const CorrelationReport& report : alerts_of(*ruleset, reports)) {
      counts[{report.spec, group_of(report), report.report.identity}] += 1;
    }
    reports.clear();
    for (const FoldedReports& folded : engine->take_folded()) {
      const auto shown = counts.find({folded.spec, folded.group_key, folded.record});
      REQUIRE(shown != counts.end());
      shown->second += folded.count;
    }
  };
  std::vector<CorrelationReport> reports;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (i == killed) {
      engine = std::make_unique<CorrelationEngine>(ruleset, settings);
      REQUIRE(engine->load(state));
      REQUIRE(engine->replay(journal));
    }
    engine->consume(results[i], reports);
    take(reports);
    journal += engine->take_journal();
  }
  engine->finish(reports);
  take(reports);
  return counts;
}

TEST_CASE("shown and folded reports are all reports, each folded into one that was shown") {
  std::mt19937_64 random(41);
  std::uint64_t folded = 0;
  for (int stream = 0; stream < streams(12); ++stream) {
    CAPTURE(stream);
    const auto ruleset = load(every_kind(stream % 2 == 0 ? std::string() : watermark));
    const std::string lines = joined(shuffled(random_lines(random, 70), random, 25));
    const std::vector<BatchResult> results = results_of(ruleset, lines);
    CorrelationSettings settings = arrival(15).correlation;
    settings.prompt = true;
    settings.journal = true;
    ByGroup all;
    {
      CorrelationEngine engine(ruleset, settings);
      std::vector<CorrelationReport> reports;
      for (const BatchResult& result : results) {
        engine.consume(result, reports);
      }
      engine.finish(reports);
      for (const CorrelationReport& report : alerts_of(*ruleset, reports)) {
        ++all[{report.spec, group_of(report)}];
      }
      CHECK(engine.take_folded().empty());
    }
    settings.fold = true;
    settings.count_folded = true;
    const ByAlert expected = counts_of(ruleset, results, settings, results.size());
    ByGroup sums;
    for (const auto& [alert, count] : expected) {
      sums[{std::get<0>(alert), std::get<1>(alert)}] += count;
      folded += count - 1;
    }
    REQUIRE(sums == all);
    for (const std::uint32_t shards : {1u, 3u}) {
      CAPTURE(shards);
      settings.shards = shards;
      for (std::size_t killed = static_cast<std::size_t>(stream) % 5; killed < results.size();
           killed += 9) {
        CAPTURE(killed);
        REQUIRE(counts_of(ruleset, results, settings, killed) == expected);
      }
    }
  }
  CHECK(folded > 20u * static_cast<std::uint64_t>(streams(12)));
}

}  // namespace
}  // namespace tocsin
