// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/match/fixture.h"

namespace tocsin::testing {
namespace {

std::string as_text(const std::vector<Evidence>& list) {
  std::string out;
  for (const Evidence& e : list) {
    out += e.selection + ": " + e.field + " " + e.op + " " + e.pattern + " = " + e.value + "\n";
  }
  return out;
}

std::string as_text(const Explanation& e, int depth = 0) {
  std::string out(static_cast<std::size_t>(depth) * 2, ' ');
  out += e.holds ? "+ " : "- ";
  switch (e.kind) {
    case Explanation::Kind::all_of:
      out += "all";
      break;
    case Explanation::Kind::any_of:
      out += "any";
      break;
    case Explanation::Kind::negation:
      out += "not";
      break;
    case Explanation::Kind::selection:
      out += "selection " + e.name;
      break;
    case Explanation::Kind::predicate:
      out += e.field + " " + e.op + " " + e.pattern;
      for (const std::string& value : e.values) {
        out += " [" + value + "]";
      }
      break;
  }
  out += e.reason.empty() ? "\n" : ": " + e.reason + "\n";
  for (const Explanation& child : e.children) {
    out += as_text(child, depth + 1);
  }
  return out;
}

struct Example {
  Example() {
    const ExprId name = r.leaf(text("eventName", "CreateHsm"));
    const ExprId agent =
        r.any({r.leaf(text("userAgent", "*boto*")), r.leaf(text("userAgent", "*curl*"))});
    const ExprId selection = r.all({name, agent});
    const ExprId filter = r.leaf(text("userIdentity.type", "AWSService"));
    const ExprId keyword = r.leaf(text("", "*secret*"));
    const ExprId ticket = r.leaf(with_op("ticket", Op::is_null));
    const ProgramBuilder::Selection selections[] = {{"sel", selection},
                                                    {"flt", filter},
                                                    {"kw", keyword},
                                                    {"unused", r.leaf(text("x", "y"))},
                                                    {"no_ticket", ticket}};
    const ExprId condition = r.all({r.any({selection, keyword}), ticket, r.no(filter)});
    rule = r.builder.rule(condition, {}, selections);
    program = r.builder.build();
  }
  std::string evidence(std::string_view json) {
    Record record(program->plan(), json);
    Scratch scratch(*program);
    return as_text(program->evidence(rule, record.event(), scratch));
  }
  std::string explain(std::string_view json) {
    Record record(program->plan(), json);
    Scratch scratch(*program);
    return as_text(program->explain(rule, record.event(), scratch));
  }

  Rules r;
  RuleId rule{};
  std::shared_ptr<const Program> program;
};

TEST_CASE("evidence is the true leaves of the selections that made a rule hold") {
  Example example;
  CHECK(
      example.evidence(
          R"({"eventName":"createhsm","userAgent":["x","Boto3/1.2"],"userIdentity":{"type":"IAMUser"}})") ==
      "sel: eventName equals CreateHsm = createhsm\n"
      "sel: userAgent contains boto = Boto3/1.2\n"
      "no_ticket: ticket null null = \n");
  CHECK(
      example.evidence(
          R"({"eventName":"CreateHsm","userAgent":"x","deep":[{"y":"a SECRET"}],"ticket":null})") ==
      "kw:  contains secret = a SECRET\n"
      "no_ticket: ticket null null = null\n");
  CHECK(example.evidence(R"({"eventName":"x"})").empty());
}

TEST_CASE("evidence of a long list is the values that were met") {
  ProgramBuilder builder;
  std::vector<ExprId> leaves;
  for (int i = 0; i < 100; ++i) {
    leaves.push_back(builder.predicate(text("f", "value" + std::to_string(i))).value());
  }
  for (int i = 0; i < 20; ++i) {
    leaves.push_back(builder.predicate(text("g", "*part" + std::to_string(i) + "!*")).value());
  }
  const ExprId list = builder.any_of(leaves);
  const ProgramBuilder::Selection selections[] = {{"sel", list}};
  const RuleId rule = builder.rule(list, {}, selections);
  const auto program = builder.build();
  Record record(program->plan(), R"({"f":["VALUE7","value99","other"],"g":"my part3! here"})");
  Scratch scratch(*program);
  CHECK(as_text(program->evidence(rule, record.event(), scratch)) ==
        "sel: f equals value7 = VALUE7\n"
        "sel: f equals value99 = value99\n"
        "sel: g contains part3! = my part3! here\n");
}

TEST_CASE("evidence leaves the matches of the same scratch alone") {
  Example example;
  Record record(example.program->plan(), R"({"eventName":"createhsm","userAgent":"curl"})");
  Scratch scratch(*example.program);
  const std::span<const RuleId> found =
      example.program->match(record.event(), any_source(), scratch);
  REQUIRE(found.size() == 1);
  const std::uint64_t candidates = example.program->statistics(scratch).candidates;
  CHECK_FALSE(example.program->evidence(found[0], record.event(), scratch).empty());
  CHECK(found[0] == example.rule);
  CHECK(example.program->statistics(scratch).candidates == candidates);
}

TEST_CASE("an explanation is the rule's tree with the values and what was wrong with them") {
  Example example;
  CHECK(
      example.explain(
          R"({"eventName":"CreateHsm","userAgent":["x","y"],"userIdentity":{"type":"AWSService"}})") ==
      "- all\n"
      "  - any\n"
      "    - selection sel\n"
      "      - all\n"
      "        + eventName equals CreateHsm [CreateHsm]\n"
      "        - any\n"
      "          - userAgent contains boto [x] [y]: does not contain it\n"
      "          - userAgent contains curl [x] [y]: does not contain it\n"
      "    - selection kw\n"
      "      -  contains secret: in no value\n"
      "  + selection no_ticket\n"
      "    + ticket null null\n"
      "  - not\n"
      "    + selection flt\n"
      "      + userIdentity.type equals AWSService [AWSService]\n");
}

TEST_CASE("a predicate that does not hold says why") {
  struct Case {
    Predicate predicate;
    const char* json;
    const char* reason;
  };
  const Case cases[] = {
      {text("f", "a"), R"({})", "absent"},
      {text("f", "a"), R"({"f":null})", "null"},
      {text("f", "a"), R"({"f":[]})", "an empty array"},
      {text("f", "a"), R"({"f":"b"})", "differs"},
      {text("f", "a"), R"({"f":[null,"b"]})", "differs"},
      {cased(text("f", "Ab")), R"({"f":"aB"})", "differs in case"},
      {cased(text("f", "Ab")), R"({"f":["x","aB","y"]})", "differs in case"},
      {cased(text("f", "Ab")), R"({"f":"x"})", "differs"},
      {cased(text("f", "*Ab*")), R"({"f":"xaby"})", "differs in case"},
      {cased(text("f", "A?b*")), R"({"f":"axbc"})", "differs in case"},
      {text("f", "*a*"), R"({"f":"b"})", "does not contain it"},
      {text("f", "a*"), R"({"f":"b"})", "begins otherwise"},
      {text("f", "*a"), R"({"f":"b"})", "ends otherwise"},
      {text("f", "a?c"), R"({"f":"b"})", "does not fit the pattern"},
      {text("f", "*"), R"({"f":null})", "null"},
      {number("f", "5"), R"({"f":6})", "differs"},
      {boolean("f", true), R"({"f":false})", "differs"},
      {with_op("f", Op::is_null), R"({"f":1})", "has a value"},
      {with_op("f", Op::exists), R"({})", "absent"},
      {regex("f", "a"), R"({"f":"b"})", "does not match"},
      {cidr("f", "10.0.0.0/8"), R"({"f":"AWS Internal"})", "not an address"},
      {cidr("f", "10.0.0.0/8"), R"({"f":["x","11.0.0.1"]})", "outside the network"},
      {cidr("f", "10.0.0.0/8"), R"({"f":{"a":1}})", "not an address"},
      {number("f", "5", Op::greater), R"({"f":"many"})", "not a number"},
      {number("f", "5", Op::greater), R"({"f":5})", "outside the range"},
      {reference("f", "g"), R"({"f":"a"})", "the other field is absent"},
      {reference("f", "g"), R"({"f":"a","g":"b"})", "differs"},
      {part("f", TimePart::hour, "5"), R"({"f":"soon"})", "not a time"},
      {part("f", TimePart::hour, "5"), R"({"f":"2024-01-01T00:00:00Z"})", "differs"},
      {text("", "*a*"), R"({"f":"b"})", "in no value"},
  };
  for (const Case& c : cases) {
    CAPTURE(op_name(c.predicate));
    CAPTURE(c.json);
    Rules rules;
    const RuleId rule = rules.rule(rules.leaf(c.predicate));
    const auto program = rules.builder.build();
    Record record(program->plan(), c.json);
    Scratch scratch(*program);
    const Explanation explanation = program->explain(rule, record.event(), scratch);
    CHECK_FALSE(explanation.holds);
    CHECK(explanation.reason == c.reason);
  }
}

TEST_CASE("an explanation shows at most eight values") {
  Rules rules;
  const RuleId rule = rules.rule(rules.leaf(text("f", "x")));
  const auto program = rules.builder.build();
  Record record(program->plan(), R"({"f":[1,2,3,4,5,6,7,8,9,10]})");
  Scratch scratch(*program);
  CHECK(program->explain(rule, record.event(), scratch).values.size() == 8);
}

}  // namespace
}  // namespace tocsin::testing
