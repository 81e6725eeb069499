// SPDX-License-Identifier: Apache-2.0
// What the tests of the filter share: rules, records, and a run of each mode over the same bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/flow/worker.h"
#include "tests/rules/load_fixture.h"

namespace tocsin::test {

struct Seen {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> matches;  // rule, record
  std::uint64_t records = 0;
  std::uint64_t unvalidated = 0;
  std::uint64_t skipped = 0;
};

inline Batch batch_of(const std::string& padded,
                      std::size_t size,
                      const DecodeOptions& options,
                      std::shared_ptr<const Ruleset> ruleset) {
  Batch batch;
  auto source = std::make_shared<SourceInfo>();
  source->decode = options;
  batch.source = source;
  batch.ruleset = std::move(ruleset);
  batch.bytes = std::string_view(padded).substr(0, size);
  batch.lines = true;
  return batch;
}

inline Seen run(const std::shared_ptr<const Ruleset>& ruleset,
                const std::string& text,
                FilterMode mode,
                const DecodeOptions& options = {}) {
  const std::string padded = text + std::string(limits::padding_bytes, '\0');
  Worker worker(false, mode);
  const Outcome outcome = worker.process(batch_of(padded, text.size(), options, ruleset));
  Seen seen;
  for (const Match& match : outcome.result.matches) {
    seen.matches.emplace_back(index(match.rule), match.sequence);
  }
  seen.records = outcome.records;
  seen.unvalidated = outcome.result.counters.unvalidated;
  seen.skipped = outcome.result.counters.skipped;
  return seen;
}

inline DecodeOptions strict_of(DecodeOptions options) {
  options.strict_json = true;
  return options;
}

// Three modes, one set of matches. Returns how many records were rejected.
inline std::uint64_t compare_modes(const std::shared_ptr<const Ruleset>& ruleset,
                                   const std::string& text,
                                   const DecodeOptions& options = {}) {
  const Seen off = run(ruleset, text, FilterMode::off, options);
  const Seen on = run(ruleset, text, FilterMode::on, options);
  const Seen strict = run(ruleset, text, FilterMode::on, strict_of(options));
  CHECK(off.unvalidated == 0);
  CHECK(strict.unvalidated == 0);
  CHECK(on.matches == off.matches);
  CHECK(strict.matches == off.matches);
  CHECK(on.records == off.records);
  CHECK(on.skipped == off.skipped);
  return on.unvalidated;
}

inline std::string rule(const std::string& title,
                        const std::string& log_source,
                        const std::string& detection) {
  return "title: " + title + "\nlogsource: {" + log_source + "}\ndetection:\n" + detection +
         "---\n";
}

inline std::shared_ptr<const Ruleset> load(const std::string& text) {
  const LoadResult loaded = load_text(text);
  REQUIRE_MESSAGE(loaded.rejected == 0, all_text(loaded.diagnostics));
  return loaded.ruleset;
}

inline const std::string aws = "product: aws, service: cloudtrail";

inline std::string usual_rules() {
  return rule("user", aws, "  s: {eventName: CreateUser}\n  condition: s\n") +
         rule("key",
              aws,
              "  s: {eventName|startswith: CreateAccess, eventSource: iam.amazonaws.com}\n"
              "  condition: s\n") +
         rule("root",
              aws,
              "  s: {userIdentity.type: Root}\n"
              "  f: {eventType: AwsServiceEvent}\n  condition: s and not f\n") +
         rule(
             "arn", aws, "  s: {userIdentity.arn|re: '.+:assumed-role/aws:.+'}\n  condition: s\n") +
         rule("tool", aws, "  s: {userAgent|contains: Kraken}\n  condition: s\n");
}

// A CloudTrail record with these members beside the usual ones.
inline std::string record(const std::string& name, const std::string& more = "") {
  return R"({"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/a"},)"
         R"("eventTime":"2026-01-02T03:04:05Z","eventSource":"iam.amazonaws.com","eventName":")" +
         name + R"(","awsRegion":"us-east-1","userAgent":"aws-cli/2")" +
         (more.empty() ? "" : "," + more) + "}";
}

}  // namespace tocsin::test
