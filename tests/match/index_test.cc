// SPDX-License-Identifier: Apache-2.0
// The two indexes against plain loops, and large lists.
#include <ctime>
#include <random>
#include <set>

#include <doctest/doctest.h>

#include "engine/match/exact_table.h"
#include "engine/match/literal_index.h"
#include "engine/match/lower.h"
#include "tests/match/fixture.h"

namespace tocsin::testing {
namespace {

using compiled::ExactTable;
using compiled::LiteralIndex;
using compiled::PredicateId;

std::string random_word(std::mt19937& random, std::size_t letters, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out += static_cast<char>('a' + random() % letters);
  }
  return out;
}

TEST_CASE("the literal index finds every literal of a text and nothing else") {
  std::mt19937 random(5);
  std::size_t found_total = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> words;
    for (std::size_t i = 1 + random() % 60; i > 0; --i) {
      words.push_back(random_word(random, 3, 4 + random() % 6));
    }
    std::vector<LiteralIndex::Literal> literals;
    for (std::uint32_t i = 0; i < words.size(); ++i) {
      literals.push_back({words[i], PredicateId{i}});
    }
    const LiteralIndex literal_index(literals);
    const std::string text = random_word(random, 3, random() % 80);
    std::set<PredicateId> found;
    literal_index.scan(text, [&found](PredicateId id) { found.insert(id); });
    for (std::uint32_t i = 0; i < words.size(); ++i) {
      CAPTURE(text);
      CAPTURE(words[i]);
      REQUIRE((found.count(PredicateId{i}) == 1) == (text.find(words[i]) != std::string::npos));
    }
    found_total += found.size();
  }
  CHECK(found_total > 500);
}

TEST_CASE("an empty literal index and texts shorter than a gram find nothing") {
  const auto never = [](PredicateId) { CHECK(false); };
  LiteralIndex().scan("some text", never);
  const LiteralIndex one(std::vector<LiteralIndex::Literal>{{"abcd", PredicateId{0}}});
  CHECK_FALSE(one.empty());
  one.scan("", never);
  one.scan("abc", never);
  one.scan("abcx", never);
}

// A quadratic build would take minutes; a sanitizer's takes seconds.
constexpr double build_seconds_max = 15;

// A program with one rule: some value of a list.
struct List {
  std::shared_ptr<const Program> program;
  double seconds = 0;
};

template <typename Value>
List list_of(std::size_t count, Value value) {
  const std::clock_t start = std::clock();  // CPU time: the machine may be busy
  ProgramBuilder builder;
  std::vector<ExprId> leaves;
  for (std::size_t i = 0; i < count; ++i) {
    leaves.push_back(builder.predicate(value(i)).value());
  }
  builder.rule(builder.any_of(leaves), {}, {});
  List out;
  out.program = builder.build();
  out.seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  return out;
}

std::uint64_t predicates_tested(const Program& program, std::string_view json, bool matches) {
  CAPTURE(json);
  Record record(program.plan(), json);
  Scratch scratch(program);
  CHECK(program.match(record.event(), any_source(), scratch).size() == (matches ? 1 : 0));
  return program.statistics(scratch).predicates;
}

constexpr std::size_t many = 200'000;

TEST_CASE("a list of 200,000 texts is one look-up per value") {
  const List list = list_of(many, [](std::size_t i) {
    // Length, first and last 8 bytes are the same for most: the whole text must be hashed.
    return text("f", "https://evil.example/" + std::to_string(100'000 + i) + "/index.html");
  });
  CHECK(list.seconds < build_seconds_max);
  CHECK(list.program->predicate_count() == many);
  CHECK(predicates_tested(
            *list.program, R"({"f":"HTTPS://evil.example/100007/index.html"})", true) <= 2);
  CHECK(predicates_tested(*list.program, R"({"f":"https://evil.example/1/index.html"})", false) <=
        1);
  CHECK(predicates_tested(
            *list.program, R"({"f":["x",7,"https://evil.example/299999/index.html"]})", true) <= 2);
  CHECK(predicates_tested(*list.program, R"({"g":1})", false) == 0);
}

TEST_CASE("a list of 200,000 numbers and one of 200,000 networks are look-ups too") {
  const List numbers =
      list_of(many, [](std::size_t i) { return number("f", std::to_string(i * 3)); });
  CHECK(numbers.seconds < build_seconds_max);
  CHECK(predicates_tested(*numbers.program, R"({"f":300})", true) <= 3);
  CHECK(predicates_tested(*numbers.program, R"({"f":3e2})", true) <= 3);
  CHECK(predicates_tested(*numbers.program, R"({"f":"300"})", true) <= 3);
  CHECK(predicates_tested(*numbers.program, R"({"f":301})", false) <= 1);
  const List networks = list_of(many, [](std::size_t i) {
    return cidr("f",
                std::to_string(1 + i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
                    std::to_string(i % 256) + (i % 2 == 0 ? ".0/24" : ".128/25"));
  });
  CHECK(networks.seconds < build_seconds_max);
  CHECK(predicates_tested(*networks.program, R"({"f":"1.0.4.77"})", true) <= 3);
  CHECK(predicates_tested(*networks.program, R"({"f":"1.0.5.200"})", true) <= 3);
  CHECK(predicates_tested(*networks.program, R"({"f":"1.0.5.77"})", false) <= 2);
  CHECK(predicates_tested(*networks.program, R"({"f":"99.0.5.77"})", false) <= 2);
}

TEST_CASE("a list of 20,000 literals to be contained is one scan") {
  const List list = list_of(
      20'000, [](std::size_t i) { return text("f", "*needle" + std::to_string(i) + "#*"); });
  CHECK(list.seconds < build_seconds_max);
  CHECK(predicates_tested(*list.program, R"({"f":"a haystack with NEEDLE77# in it"})", true) <= 2);
  CHECK(predicates_tested(*list.program, R"({"f":"a haystack with needle and 77"})", false) <= 1);
}

TEST_CASE("equal keys of unlike predicates are all found") {
  ProgramBuilder builder;
  const Predicate all[] = {text("f", "True"),
                           text("f", "true"),
                           cased(text("f", "True")),
                           cased(text("f", "true")),
                           boolean("f", true),
                           number("f", "1"),
                           number("f", "1.0"),
                           text("f", "1")};
  for (const Predicate& predicate : all) {
    builder.rule(builder.predicate(predicate).value(), {}, {});
  }
  const auto program = builder.build();
  using Ids = std::vector<std::uint32_t>;
  CHECK(matches(*program, R"({"f":"True"})") == Ids{0, 1, 2, 4});
  CHECK(matches(*program, R"({"f":true})") == Ids{0, 1, 3, 4});
  CHECK(matches(*program, R"({"f":1})") == Ids{5, 6, 7});
  CHECK(matches(*program, R"({"f":1.0})") == Ids{5, 6});
  CHECK(matches(*program, R"({"f":"1.0"})") == Ids{6});
}

}  // namespace
}  // namespace tocsin::testing
