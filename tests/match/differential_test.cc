// SPDX-License-Identifier: Apache-2.0
// Random programs on random records: the program with its indexes against the naive twin over the
// record's tree, for every class of record; every other one saved and restored before it is built.
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "tests/match/random_program.h"

namespace tocsin::testing {
namespace {

std::vector<SourceClass> sources() {
  const auto known = [](std::string_view category,
                        std::string_view product,
                        std::string_view service,
                        std::string_view second) {
    SourceClass source;
    source.kind = SourceClass::Kind::known;
    source.cloudtrail = !second.empty();
    source.category = category;
    source.product = product;
    source.service = service;
    source.event_source = second;
    return source;
  };
  return {SourceClass{},
          any_source(),
          known("management", "aws", "cloudtrail", "iam"),
          known("data", "aws", "cloudtrail", "sshd"),
          known("proxy", "aws", "cloudtrail", "s3"),
          known("", "aws", "cloudtrail", ""),
          known("process_creation", "windows", "", ""),
          known("", "linux", "sshd", "")};
}

struct Tally {
  std::size_t verdicts = 0;
  std::size_t matches = 0;
  std::size_t candidates = 0;
};

constexpr auto windows = [](ProgramBuilder& builder) {
  builder.expect_source({"process_creation", "windows", ""});
};

std::shared_ptr<const Program> restored(const ProgramBuilder& builder) {
  std::string bytes;
  builder.save(bytes);
  ProgramBuilder again;
  REQUIRE(again.restore(bytes));
  windows(again);
  return again.build();
}

void compare_one_program(std::uint32_t seed, Tally& tally) {
  Generator generator(seed);
  ProgramBuilder builder;
  windows(builder);
  std::vector<NaiveRule> rules;
  for (std::size_t i = 1 + generator.pick(30); i > 0; --i) {
    rules.push_back({generator.expr(1 + generator.pick(4)), generator.log_source()});
    builder.rule(compile(rules.back().condition, builder), rules.back().source, {});
  }
  const auto program = seed % 2 == 0 ? restored(builder) : builder.build();
  Scratch scratch(*program);
  const JsonNode nothing = parse_json("{}").value();
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    CHECK(program->needs_nothing(RuleId{i}) == naive_holds(rules[i].condition, nothing));
  }
  for (int round = 0; round < 12; ++round) {
    const std::string json = generator.record();
    CAPTURE(json);
    const auto tree = parse_json(json);
    REQUIRE(tree.has_value());
    std::vector<bool> holds;
    for (const NaiveRule& rule : rules) {
      holds.push_back(naive_holds(rule.condition, *tree));
    }
    for (const SourceClass& source : sources()) {
      CAPTURE(source.category);
      CAPTURE(source.product);
      std::vector<RuleId> expected;
      for (std::uint32_t i = 0; i < rules.size(); ++i) {
        const bool excluded =
            source.kind == SourceClass::Kind::unknown && program->needs_nothing(RuleId{i});
        if (holds[i] && !excluded && applies(rules[i].source, source)) {
          expected.push_back(RuleId{i});
        }
      }
      Record record(program->plan(), json);
      const std::span<const RuleId> found = program->match(record.event(), source, scratch);
      tally.verdicts += rules.size();
      tally.matches += expected.size();
      CAPTURE(program->dump());
      REQUIRE(std::vector<RuleId>(found.begin(), found.end()) == expected);
    }
  }
  tally.candidates += program->statistics(scratch).candidates;
}

TEST_CASE("random programs match what the naive twin matches, for every class of record") {
  Tally tally;
  for (std::uint32_t seed = 1; seed <= 1'500; ++seed) {
    CAPTURE(seed);
    compare_one_program(seed, tally);
  }
  CHECK(tally.matches > tally.verdicts / 50);
  CHECK(tally.matches < tally.verdicts / 2);
  CHECK(tally.candidates >= tally.matches);
  CHECK(tally.candidates < tally.verdicts);
}

}  // namespace
}  // namespace tocsin::testing
