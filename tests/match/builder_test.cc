// SPDX-License-Identifier: Apache-2.0
#include "engine/match/builder.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/match/fixture.h"

namespace tocsin::testing {
namespace {

TEST_CASE("equal predicates and expressions of all rules are one") {
  Rules rules;
  const ExprId a = rules.leaf(text("f", "a"));
  const ExprId b = rules.leaf(text("f", "b"));
  CHECK(rules.leaf(text("f", "a")) == a);
  CHECK(a != b);
  CHECK(rules.all({a, b}) == rules.all({b, a}));
  CHECK(rules.any({a, b}) == rules.any({b, a, b}));
  CHECK(rules.all({a, b}) != rules.any({a, b}));
  CHECK(rules.no(a) == rules.no(a));
  rules.rule(rules.all({a, b}));
  rules.rule(rules.any({a, rules.leaf(text("f", "b"))}));
  CHECK(rules.builder.build()->predicate_count() == 2);
}

std::vector<Predicate> one_of_each_kind() {
  return {
      text("f", "a"),
      text("g", "a"),
      text("", "a"),
      text("f", "A"),
      text("f", "b"),
      text("f", "*a"),
      text("f", "a*"),
      text("f", "?a"),
      text("f", "~a"),
      cased(text("f", "a")),
      number("f", "1"),
      number("f", "1.0"),
      number("f", "1", Op::less),
      number("f", "1", Op::less_equal),
      number("f", "1", Op::greater),
      number("f", "1", Op::greater_equal),
      number("f", "2", Op::less),
      boolean("f", true),
      boolean("f", false),
      with_op("f", Op::is_null),
      with_op("f", Op::exists),
      regex("f", "a"),
      regex("f", "a", "i"),
      regex("f", "a", "s"),
      regex("f", "b"),
      cidr("f", "10.0.0.0/8"),
      cidr("f", "10.0.0.0/16"),
      cidr("f", "11.0.0.0/8"),
      cidr("f", "a00::/8"),
      reference("f", "a"),
      reference("f", "b"),
      reference("f", "a", FieldCompare::contains),
      cased(reference("f", "a")),
      part("f", TimePart::hour, "1"),
      part("f", TimePart::day, "1"),
      part("f", TimePart::hour, "2"),
      part("f", TimePart::hour, "1", NumberCompare::less),
  };
}

TEST_CASE("predicates that differ in any part stay apart") {
  Rules rules;
  std::vector<ExprId> seen;
  for (const Predicate& predicate : one_of_each_kind()) {
    CAPTURE(op_name(predicate));
    CAPTURE(operand_text(predicate));
    const ExprId id = rules.leaf(predicate);
    CHECK(std::find(seen.begin(), seen.end(), id) == seen.end());
    CHECK(rules.leaf(predicate) == id);
    seen.push_back(id);
  }
}

TEST_CASE("a builder that was saved and restored builds the same program") {
  Rules rules;
  std::vector<ExprId> all;
  for (const Predicate& predicate : one_of_each_kind()) {
    all.push_back(rules.leaf(predicate));
    rules.rule(all.back(), {"c", "p", "s"});
  }
  rules.rule(rules.builder.any_of(all));
  rules.rule(rules.no(rules.all({all[0], all[1]})));
  rules.rule(rules.any({}));
  rules.builder.want_field("wanted");
  std::string bytes;
  rules.builder.save(bytes);
  ProgramBuilder again;
  REQUIRE(again.restore(bytes));
  std::string twice;
  again.save(twice);
  CHECK((twice == bytes));
  const auto program = again.build();
  const auto plain = rules.builder.build();
  CHECK(program->plan().find("wanted") != no_field);
  CHECK((program->dump() == plain->dump()));
  for (const char* const record : {"{}", R"({"f":"xax"})", R"({"f":["10.0.0.1","1"],"a":true})"}) {
    CHECK(matches(*program, record) == matches(*plain, record));
  }
}

TEST_CASE("bytes that are no saved builder are refused, or restore one that can be built") {
  Rules rules;
  std::vector<ExprId> all;
  for (const Predicate& predicate : one_of_each_kind()) {
    all.push_back(rules.leaf(predicate));
  }
  rules.rule(rules.all({rules.builder.any_of(all), rules.no(all[2])}), {"c", "p", "s"});
  std::string bytes;
  rules.builder.save(bytes);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    CAPTURE(at);
    ProgramBuilder cut;
    CHECK_FALSE(cut.restore(std::string_view(bytes).substr(0, at)));
    for (const int bit : {0x01, 0x20, 0x80}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ bit);
      ProgramBuilder builder;
      refused += builder.restore(damaged) ? 0u : 1u;
      CHECK(builder.build() != nullptr);
    }
  }
  CHECK(refused > bytes.size());
}

TEST_CASE("expressions are simplified without losing their meaning") {
  Rules rules;
  const ExprId a = rules.leaf(text("f", "a"));
  const ExprId truth = rules.all({});
  const ExprId falsehood = rules.any({});
  CHECK(truth != falsehood);
  CHECK(rules.no(truth) == falsehood);
  CHECK(rules.no(falsehood) == truth);
  CHECK(rules.no(rules.no(a)) == a);
  CHECK(rules.all({a}) == a);
  CHECK(rules.any({a, a}) == a);
  CHECK(rules.all({a, truth}) == a);
  CHECK(rules.all({a, falsehood}) == falsehood);
  CHECK(rules.any({a, falsehood}) == a);
  CHECK(rules.any({a, truth}) == truth);
  CHECK(rules.all({truth, truth}) == truth);
  rules.rule(truth);
  rules.rule(falsehood);
  const auto program = rules.builder.build();
  CHECK(matches(*program, "{}") == std::vector<std::uint32_t>{0});
  CHECK(matches(*program, "{}", SourceClass{}).empty());
}

TEST_CASE("a bad regex is an error and leaves the builder usable") {
  ProgramBuilder builder;
  const auto bad = builder.predicate(regex("f", "a(?!b)"));
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().message.find("look-around") != std::string::npos);
  CHECK_FALSE(builder.predicate(regex("f", "a(?!b)")).has_value());
  const auto good = builder.predicate(regex("f", "ab"));
  REQUIRE(good.has_value());
  builder.rule(*good, {}, {});
  const auto program = builder.build();
  CHECK(program->predicate_count() == 1);
  CHECK(matches(*program, R"({"f":"xabx"})") == std::vector<std::uint32_t>{0});
}

TEST_CASE("what no rule reaches is not in the program") {
  Rules rules;
  rules.leaf(text("lost", "x"));
  rules.no(rules.leaf(regex("lost2", "x")));
  rules.rule(rules.leaf(text("kept", "x")));
  const auto program = rules.builder.build();
  CHECK(program->predicate_count() == 1);
  CHECK(program->plan().find("kept") != no_field);
  CHECK(program->plan().find("lost") == no_field);
  CHECK(program->plan().find("lost2") == no_field);
}

TEST_CASE("wanted fields are extracted once, whether or not a predicate reads them") {
  Rules rules;
  rules.rule(rules.leaf(text("a.b", "x")));
  rules.builder.want_field("group.key");
  rules.builder.want_field("a.b");
  rules.builder.want_field("group.key");
  rules.builder.want_field("");
  const auto program = rules.builder.build();
  const FieldId wanted = program->plan().find("group.key");
  REQUIRE(wanted != no_field);
  Record record(program->plan(), R"({"group":{"key":"v"}})");
  CHECK(record.event().first(wanted) != no_entry);
}

TEST_CASE("a rule knows its fields and its log source") {
  Rules rules;
  const ExprId condition = rules.all({rules.leaf(reference("z", "b")),
                                      rules.leaf(text("", "*kw*")),
                                      rules.no(rules.leaf(text("a", "1"))),
                                      rules.leaf(text("z", "2"))});
  const RuleId rule = rules.rule(condition, {"", "aws", "cloudtrail"});
  const RuleId other = rules.rule(rules.leaf(text("z", "2")), {"", "aws", "cloudtrail"});
  const auto program = rules.builder.build();
  CHECK(program->rule_count() == 2);
  CHECK(program->fields(rule) == std::vector<std::string>{"", "a", "b", "z"});
  CHECK(program->fields(other) == std::vector<std::string>{"z"});
  CHECK(program->log_source(rule) == LogSource{"", "aws", "cloudtrail"});
}

TEST_CASE("an empty program matches nothing") {
  ProgramBuilder builder;
  const auto program = builder.build();
  CHECK(program->rule_count() == 0);
  CHECK(program->predicate_count() == 0);
  CHECK(matches(*program, R"({"a":1})").empty());
}

TEST_CASE("the dump shows rules, what they need, and predicates") {
  ProgramBuilder builder;
  const ExprId name = builder.predicate(text("eventName", "CreateUser")).value();
  const ExprId region = builder.predicate(cased(text("awsRegion", "*us-*"))).value();
  const ExprId missing = builder.predicate(with_op("errorCode", Op::is_null)).value();
  const ExprId children[] = {name, builder.negate(missing)};
  const ExprId selection = builder.all_of(children);
  const ProgramBuilder::Selection selections[] = {{"sel", selection}, {"flt", region}};
  const ExprId top[] = {selection, builder.negate(region)};
  builder.rule(builder.all_of(top), {"", "aws", "cloudtrail"}, selections);
  builder.rule(builder.negate(missing), {"c", "", ""}, {});
  builder.rule(builder.negate(name), {}, {});
  CHECK(builder.build()->dump() ==
        "rules 3, predicates 3, expressions 8\n"
        "rule 0: product aws, service cloudtrail, category *\n"
        "  condition: ((0 and not 2) and not 1)\n"
        "  needs: 0\n"
        "  selection sel: (0 and not 2)\n"
        "  selection flt: 1\n"
        "rule 1: product *, service *, category c\n"
        "  condition: not 2\n"
        "  needs: present(errorCode)\n"
        "rule 2: product *, service *, category *\n"
        "  condition: not 0\n"
        "  needs: nothing\n"
        "predicate 0: eventName equals 'CreateUser'\n"
        "predicate 1: awsRegion contains cased 'us-'\n"
        "predicate 2: errorCode null 'null'\n");
}

}  // namespace
}  // namespace tocsin::testing
