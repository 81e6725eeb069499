// SPDX-License-Identifier: Apache-2.0
// What lies in one place for a usual rule must be the same for any: conditions around the number of
// leaves that lie with their rule, values that name few rules and many, texts around the width of a
// vector.
#include <cctype>
#include <numeric>

#include <doctest/doctest.h>

#include "tests/match/fixture.h"

namespace tocsin::testing {
namespace {

std::string field_name(std::size_t i) {
  return "field" + std::to_string(i);
}

// A record with those of the first `count` fields for which `has` is true.
template <typename Has>
std::string record_with(std::size_t count, Has has) {
  std::string json = "{\"other\":1";
  for (std::size_t i = 0; i < count; ++i) {
    if (has(i)) {
      json += ",\"" + field_name(i) + "\":\"value" + std::to_string(i) + "\"";
    }
  }
  return json + "}";
}

// Every third only has to exist.
std::vector<ExprId> leaves(Rules& rules, std::size_t count) {
  std::vector<ExprId> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(i % 3 == 2 ? rules.leaf(with_op(field_name(i), Op::exists))
                             : rules.leaf(text(field_name(i), "value" + std::to_string(i))));
  }
  return out;
}

TEST_CASE("a condition of any number of leaves asks for each of them") {
  for (std::size_t count = 1; count <= 16; ++count) {
    CAPTURE(count);
    Rules rules;
    const std::vector<ExprId> each = leaves(rules, count);
    rules.rule(rules.builder.all_of(each));
    rules.rule(rules.builder.any_of(each));
    const std::shared_ptr<const Program> program = rules.builder.build();
    using List = std::vector<std::uint32_t>;
    CHECK(matches(*program, record_with(count, [](std::size_t) { return true; })) == List{0, 1});
    CHECK(matches(*program, record_with(count, [](std::size_t) { return false; })) == List{});
    for (std::size_t one = 0; one < count; ++one) {
      CAPTURE(one);
      const std::string without = record_with(count, [one](std::size_t i) { return i != one; });
      CHECK(matches(*program, without) == (count == 1 ? List{} : List{1}));
      const std::string alone = record_with(count, [one](std::size_t i) { return i == one; });
      CHECK(matches(*program, alone) == (count == 1 ? List{0, 1} : List{1}));
    }
  }
}

TEST_CASE("a value that names any number of rules names each of them") {
  Rules rules;
  std::vector<std::vector<std::uint32_t>> expected(9);
  // In turns, so that those of one value do not lie together.
  for (std::size_t round = 0; round < expected.size(); ++round) {
    for (std::size_t value = round + 1; value < expected.size(); ++value) {
      const RuleId rule = rules.rule(rules.leaf(text("name", "value" + std::to_string(value))));
      expected[value].push_back(index(rule));
    }
  }
  const std::shared_ptr<const Program> program = rules.builder.build();
  for (std::size_t value = 0; value < expected.size(); ++value) {
    CAPTURE(value);
    CHECK(expected[value].size() == value);
    CHECK(matches(*program, "{\"name\":\"VALUE" + std::to_string(value) + "\"}") ==
          expected[value]);
  }
}

TEST_CASE("a text of any length is compared to its last byte, in either case") {
  for (std::size_t size = 1; size <= 70; ++size) {
    CAPTURE(size);
    std::string wanted(size, 'm');
    for (std::size_t i = 0; i < size; ++i) {
      wanted[i] = static_cast<char>('a' + i * 7 % 26);
    }
    Rules rules;
    rules.rule(rules.leaf(text("name", wanted)));
    const std::shared_ptr<const Program> program = rules.builder.build();
    const auto found = [&](const std::string& value) {
      return !matches(*program, "{\"name\":\"" + value + "\"}").empty();
    };
    std::string upper = wanted;
    for (char& c : upper) {
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    CHECK(found(wanted));
    CHECK(found(upper));
    CHECK_FALSE(found(wanted + "a"));
    CHECK_FALSE(found(wanted.substr(1)));
    for (std::size_t i = 0; i < size; ++i) {
      CAPTURE(i);
      for (const char c : {'@', '[', '`', '{', '\x7f', '~'}) {  // beside the letters, and far away
        std::string other = wanted;
        other[i] = c;
        REQUIRE_FALSE(found(other));
      }
    }
  }
}

}  // namespace
}  // namespace tocsin::testing
