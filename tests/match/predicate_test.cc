// SPDX-License-Identifier: Apache-2.0
// Each operator on each kind of value: alone in a program, and as the naive twin has it.
#include "engine/match/predicate.h"

#include <doctest/doctest.h>

#include "engine/event/json_tree.h"
#include "tests/match/fixture.h"
#include "tests/oracle/naive_match.h"

namespace tocsin::testing {
namespace {

struct Case {
  Predicate predicate;
  std::vector<const char*> holds;
  std::vector<const char*> fails;
};

void check(const Case& c, const char* json, bool expected) {
  CAPTURE(c.predicate.field);
  CAPTURE(op_name(c.predicate));
  CAPTURE(operand_text(c.predicate));
  CAPTURE(json);
  Rules rules;
  rules.rule(rules.leaf(c.predicate));
  rules.rule(rules.no(rules.leaf(c.predicate)));
  const auto program = rules.builder.build();
  const std::vector<std::uint32_t> wanted = {expected ? 0u : 1u};
  CHECK(matches(*program, json) == wanted);
  const auto record = parse_json(json);
  REQUIRE(record.has_value());
  CHECK(naive_holds(c.predicate, *record) == expected);
}

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    for (const char* json : c.holds) {
      check(c, json, true);
    }
    for (const char* json : c.fails) {
      check(c, json, false);
    }
  }
}

TEST_CASE("texts compare folded and whole unless cased") {
  check({
      {text("f", "WhoAmI"),
       {R"({"f":"whoami"})",
        R"({"f":"WHOAMI"})",
        R"({"f":["x","WhoAmI"]})",
        R"({"f":"who\u0061mi"})"},
       {R"({"f":"whoami.exe"})",
        R"({"f":" whoami"})",
        R"({})",
        R"({"f":null})",
        R"({"f":[]})",
        R"({"F":"whoami"})",
        R"({"f":{"g":"whoami"}})"}},
      {text("f",
            "\xc3\x89"
            "COLE"),
       {R"({"f":"\u00e9cole"})", R"({"f":"\u00c9cole"})"},
       {R"({"f":"ecole"})"}},
      {text("f", "Kiss"), {R"({"f":"\u212ai\u017fs"})"}, {R"({"f":"ki\u00df"})"}},
      {cased(text("f", "Abc")), {R"({"f":"Abc"})"}, {R"({"f":"abc"})", R"({"f":"ABC"})"}},
      {text("f", ""),
       {R"({"f":""})"},
       {R"({})", R"({"f":null})", R"({"f":[]})", R"({"f":"x"})", R"({"f":{}})"}},
      {text("f", "4625"),
       {R"({"f":4625})", R"({"f":"4625"})"},
       {R"({"f":46250})", R"({"f":4625.0})"}},
      {text("f", "True"), {R"({"f":true})", R"({"f":"true"})"}, {R"({"f":1})", R"({"f":false})"}},
      {text("f", "{\"a\":1}"), {R"({"f":{"a":1}})", R"({"f":{ "A" : 1 }})"}, {R"({"f":{"a":2}})"}},
      {text("a.b", "x"),
       {R"({"a":{"b":"x"}})",
        R"({"a.b":"x"})",
        R"({"a":[{"b":"y"},{"b":["z","X"]}]})",
        R"({"a":{"b":"y"},"a.b":"x"})"},
       {R"({"a":"x"})", R"({"b":"x"})"}},
  });
}

TEST_CASE("contains, startswith and endswith see numbers, bools and objects, never null or []") {
  check({
      {text("f", "*AB*"),
       {R"({"f":"xaby"})", R"({"f":"ab"})", R"({"f":{"k":"cab"}})"},
       {R"({"f":"a b"})", R"({"f":null})", R"({})"}},
      {text("f", "*62*"), {R"({"f":4625})", R"({"f":"4625"})"}, {R"({"f":1})"}},
      {text("f", "*ru*"), {R"({"f":true})"}, {R"({"f":false})"}},
      {text("f", "*\"Status\":\"Suspended\"*"),
       {R"({"f":{"v":{ "Status" : "Suspended" }}})", R"({"f":[{"Status":"Suspended"}]})"},
       {R"({"f":{"Status":"Enabled"}})"}},
      {text("f", "ab*"), {R"({"f":"ABc"})", R"({"f":"ab"})"}, {R"({"f":"xab"})"}},
      {text("f", "*ab"), {R"({"f":"cAB"})", R"({"f":"ab"})"}, {R"({"f":"abx"})"}},
      {cased(text("f", "*Bc*")), {R"({"f":"aBcd"})"}, {R"({"f":"abcd"})"}},
      {cased(text("f", "*eF")), {R"({"f":"deF"})"}, {R"({"f":"def"})", R"({"f":"deF "})"}},
      {cased(text("f", "De*")), {R"({"f":"Def"})"}, {R"({"f":"def"})"}},
      {text("f", "*\xd0\x9f\xd0\xa0\xd0\x98*"),
       {R"({"f":"\u043f\u0440\u0438!"})"},
       {R"({"f":"pri"})"}},
  });
}

TEST_CASE("wildcards match the text of any value, and a star alone is presence") {
  check({
      {text("f", "a*z"),
       {R"({"f":"az"})", R"({"f":"a\nz"})", R"({"f":"ABZ"})"},
       {R"({"f":"aza"})"}},
      {text("f", "a?b"),
       {R"({"f":"a\u00e9b"})", R"({"f":"a\ud83d\ude00b"})"},
       {R"({"f":"ab"})", R"({"f":"aeeb"})"}},
      {text("f", "46*5"), {R"({"f":4625})"}, {R"({"f":462})"}},
      {cased(text("f", "A?c*")), {R"({"f":"AbcD"})", R"({"f":"AXc"})"}, {R"({"f":"abcD"})"}},
      {text("f", "*"),
       {R"({"f":"x"})",
        R"({"f":""})",
        R"({"f":0})",
        R"({"f":false})",
        R"({"f":["x"]})",
        R"({"f":{"a":1}})",
        R"({"f":{}})"},
       {R"({"f":null})", R"({"f":[]})", R"({"f":[null]})", R"({})"}},
      {text("f", "?"), {R"({"f":1})", R"({"f":"\u20ac"})"}, {R"({"f":""})", R"({"f":null})"}},
      {text("f", "*~enc*"),
       {R"({"f":"ps /ENC"})", R"({"f":"ps \u2015enc"})"},
       {R"({"f":"ps enc"})"}},
      {cased(text("f", "*~E*")), {R"({"f":"x /Enc"})"}, {R"({"f":"x /enc"})"}},
  });
}

TEST_CASE("a number equals JSON numbers by value and strings by the text it is written in") {
  check({
      {number("f", "4625"),
       {R"({"f":4625})", R"({"f":"4625"})", R"({"f":[1,4625]})"},
       {R"({"f":"4625 "})",
        R"({"f":4626})",
        R"({"f":true})",
        R"({"f":null})",
        R"({"f":{"a":4625}})"}},
      {number("f", "100"),
       {R"({"f":100.0})", R"({"f":1e2})", R"({"f":1.0E+2})"},
       {R"({"f":100.5})", R"({"f":"100.0"})", R"({"f":"0100"})"}},
      {number("f", "9007199254740993"),
       {R"({"f":9007199254740993})", R"({"f":"9007199254740993"})"},
       {R"({"f":9007199254740992})"}},
      {number("f", "18446744073709551615"),
       {R"({"f":18446744073709551615})"},
       {R"({"f":18446744073709551614})"}},
      {number("f", "-5"), {R"({"f":-5})", R"({"f":"-5"})"}, {R"({"f":5})"}},
      {number("f", "1.10"),
       {R"({"f":"1.10"})", R"({"f":1.1})", R"({"f":1.10})"},
       {R"({"f":"1.1"})", R"({"f":"1.100"})"}},
      {number("f", "0"),
       {R"({"f":0})", R"({"f":-0.0})", R"({"f":"0"})"},
       {R"({"f":false})", R"({"f":""})", R"({"f":null})"}},
      {number("f", "1e5"), {R"({"f":100000})", R"({"f":"1E5"})"}, {R"({"f":"100000"})"}},
  });
}

TEST_CASE("a bool equals JSON bools and the words true and false in any case") {
  check({
      {boolean("f", true),
       {R"({"f":true})", R"({"f":"true"})", R"({"f":"TRUE"})"},
       {R"({"f":1})", R"({"f":"1"})", R"({"f":false})", R"({"f":"yes"})", R"({})", R"({"f":{}})"}},
      {boolean("f", false),
       {R"({"f":false})", R"({"f":"False"})"},
       {R"({"f":0})", R"({"f":""})", R"({"f":null})"}},
  });
}

TEST_CASE("null is a missing field or a null of its own, and exists is presence alone") {
  check({
      {with_op("f", Op::is_null),
       {R"({})", R"({"f":null})", R"({"g":1})", R"({"f":1,"f":null})"},
       {R"({"f":""})",
        R"({"f":0})",
        R"({"f":false})",
        R"({"f":[]})",
        R"({"f":{}})",
        R"({"f":[null]})"}},
      {with_op("a.b", Op::is_null),
       {R"({"a":1})", R"({"a":[]})", R"({"a":[{"b":null}]})"},
       {R"({"a":{"b":1}})"}},
      {with_op("f", Op::exists),
       {R"({"f":null})", R"({"f":""})", R"({"f":[]})", R"({"f":{}})", R"({"f":[null]})"},
       {R"({})"}},
  });
}

TEST_CASE("regexes search the text of everything but null") {
  check({
      {regex("f", "b+"),
       {R"({"f":"abbc"})", R"({"f":["x","b"]})"},
       {R"({"f":"ac"})", R"({"f":"B"})"}},
      {regex("f", "^46\\d\\d$"), {R"({"f":4625})", R"({"f":"4625"})"}, {R"({"f":5})"}},
      {regex("f", "^true$"), {R"({"f":true})"}, {R"({"f":false})"}},
      {regex("f", "^$"),
       {R"({"f":""})"},
       {R"({"f":"x"})", R"({"f":null})", R"({"f":[]})", R"({})"}},
      {regex("f", ".*"), {R"({"f":""})"}, {R"({})", R"({"f":null})"}},
      {regex("f", "^\\{\"a\":1\\}$"), {R"({"f":{"a":1}})"}, {R"({"f":{"b":1}})"}},
      {regex("f", "^b$"), {R"({"f":"b"})"}, {R"({"f":"a\nb\nc"})", R"({"f":"b\n"})"}},
      {regex("f", "^b$", "m"), {R"({"f":"a\nb\nc"})"}, {R"({"f":"abc"})"}},
      {regex("f", "a.b"), {R"({"f":"axb"})"}, {R"({"f":"a\nb"})"}},
      {regex("f", "^B.C$", "ims"), {R"({"f":"a\nb\nc\nd"})"}, {R"({"f":"abc"})"}},
      {regex("f", "\xc3\x89", "i"), {R"({"f":"\u00e9"})"}, {R"({"f":"e"})"}},
      {regex("f", "x|^secret-[0-9]+", "i"),
       {R"({"f":"SECRET-1"})", R"({"f":"axb"})"},
       {R"({"f":"my secret-1"})"}},
  });
}

TEST_CASE("networks hold addresses and nothing else") {
  check({
      {cidr("f", "10.0.0.0/8"),
       {R"({"f":"10.0.0.0"})", R"({"f":["x","10.255.255.255"]})"},
       {R"({"f":"11.0.0.0"})",
        R"({"f":"::ffff:10.0.0.1"})",
        R"({"f":"10.0.0.1:80"})",
        R"({"f":" 10.0.0.1"})",
        R"({"f":"010.0.0.1"})",
        R"({"f":"cloudtrail.amazonaws.com"})",
        R"({"f":167772161})",
        R"({"f":true})",
        R"({"f":null})",
        R"({"f":{"a":"10.0.0.1"}})"}},
      {cidr("f", "192.168.16.0/20"),
       {R"({"f":"192.168.31.255"})"},
       {R"({"f":"192.168.32.0"})", R"({"f":"192.168.15.255"})"}},
      {cidr("f", "::1/128"),
       {R"({"f":"0:0:0:0:0:0:0:1"})"},
       {R"({"f":"::2"})", R"({"f":"127.0.0.1"})"}},
      {cidr("f", "::/0"),
       {R"({"f":"fe80::1"})"},
       {R"({"f":"10.0.0.1"})", R"({"f":"fe80::1%eth0"})"}},
      {cidr("f", "0.0.0.0/0"), {R"({"f":"1.2.3.4"})"}, {R"({"f":"::1"})"}},
      {cidr("f", "192.0.2.1"), {R"({"f":"192.0.2.1"})"}, {R"({"f":"192.0.2.2"})"}},
  });
}

TEST_CASE("comparisons take numbers and numeric strings") {
  check({
      {number("f", "5", Op::greater_equal),
       {R"({"f":5})", R"({"f":6})", R"({"f":"5"})", R"({"f":[1,9]})"},
       {R"({"f":4})",
        R"({"f":true})",
        R"({"f":"x"})",
        R"({"f":null})",
        R"({})",
        R"({"f":{"a":9}})"}},
      {number("f", "1.5", Op::greater), {R"({"f":1.6})", R"({"f":2})"}, {R"({"f":1.5})"}},
      {number("f", "9", Op::greater),
       {R"({"f":"10"})", R"({"f":"1e2"})"},
       {R"({"f":"9"})", R"({"f":"8.5"})", R"({"f":" 10"})"}},
      {number("f", "9007199254740992", Op::greater),
       {R"({"f":9007199254740993})"},
       {R"({"f":9007199254740992})"}},
      {number("f", "10", Op::less), {R"({"f":9.99})", R"({"f":-1})"}, {R"({"f":10})"}},
      {number("f", "10", Op::less_equal), {R"({"f":10})"}, {R"({"f":11})", R"({"f":"ten"})"}},
  });
}

TEST_CASE("a field is compared with any value of another") {
  check({
      {reference("a", "b"),
       {R"({"a":"X","b":"x"})", R"({"a":1,"b":"1"})", R"({"a":["x","y"],"b":["y","z"]})"},
       {R"({"a":"x","b":"y"})",
        R"({"a":"x"})",
        R"({"b":"x"})",
        R"({"a":null,"b":null})",
        R"({"a":[],"b":[]})"}},
      {cased(reference("a", "b")), {R"({"a":"x","b":"x"})"}, {R"({"a":"X","b":"x"})"}},
      {reference("a", "b", FieldCompare::starts_with),
       {R"({"a":"abc","b":"AB"})"},
       {R"({"a":"ab","b":"abc"})", R"({"a":"xab","b":"ab"})"}},
      {reference("a", "b", FieldCompare::ends_with),
       {R"({"a":"xab","b":"ab"})"},
       {R"({"a":"abx","b":"ab"})"}},
      {reference("a", "b", FieldCompare::contains),
       {R"({"a":"xabx","b":"AB"})"},
       {R"({"a":"x","b":"ab"})"}},
      {reference("a", "b.c"),
       {R"({"a":"x","b.c":"x"})", R"({"a":"x","b":{"c":"x"}})"},
       {R"({"a":"x","b":"x"})"}},
  });
}

TEST_CASE("parts of a time are those of UTC") {
  check({
      {part("f", TimePart::hour, "18"),
       {R"({"f":"2024-02-29T18:05:59Z"})",
        R"({"f":"2024-02-29 18:05:59"})",
        R"({"f":1709229959})",
        R"({"f":1709229959000})"},
       {R"({"f":"2023-01-01T00:00:00Z"})",
        R"({"f":"18:00"})",
        R"({"f":""})",
        R"({"f":true})",
        R"({"f":{"a":1}})",
        R"({"f":null})"}},
      {part("f", TimePart::hour, "21"),
       {R"({"f":"2024-01-01T23:00:00+02:00"})"},
       {R"({"f":"2024-01-01T23:00:00Z"})"}},
      {part("f", TimePart::minute, "5"),
       {R"({"f":"2024-02-29T18:05:59Z"})"},
       {R"({"f":"2024-02-29T18:06:00Z"})"}},
      {part("f", TimePart::day, "29"),
       {R"({"f":"2024-02-29T18:05:59Z"})"},
       {R"({"f":"2024-02-28T18:05:59Z"})"}},
      {part("f", TimePart::week, "53"),
       {R"({"f":"2021-01-03T23:59:59Z"})"},
       {R"({"f":"2021-01-04T00:00:00Z"})"}},
      {part("f", TimePart::month, "2"),
       {R"({"f":"2024-02-29T18:05:59Z"})"},
       {R"({"f":"2024-03-01T00:00:00Z"})"}},
      {part("f", TimePart::year, "2024"),
       {R"({"f":"2024-02-29T18:05:59Z"})"},
       {R"({"f":"2023-12-31T23:59:59Z"})"}},
      {part("f", TimePart::hour, "18", NumberCompare::greater_equal),
       {R"({"f":"2024-02-29T18:05:59Z"})"},
       {R"({"f":"2024-02-29T17:59:59Z"})"}},
      {part("f", TimePart::hour, "6", NumberCompare::less),
       {R"({"f":"2024-02-29T05:59:59Z"})"},
       {R"({"f":"2024-02-29T06:00:00Z"})"}},
      {part("f", TimePart::hour, "6", NumberCompare::less_equal),
       {R"({"f":"2024-02-29T06:59:59Z"})"},
       {R"({"f":"2024-02-29T07:00:00Z"})"}},
      {part("f", TimePart::hour, "6", NumberCompare::greater),
       {R"({"f":"2024-02-29T07:00:00Z"})"},
       {R"({"f":"2024-02-29T06:00:00Z"})"}},
  });
}

TEST_CASE("keywords are asked of every scalar value at any depth, not of keys") {
  check({
      {text("", "*evilservice*"),
       {R"({"m":"xx EVILSERVICE yy"})", R"({"a":{"b":[1,["evilservice"]]}})"},
       {R"({"evilservice":1})", R"({"a":"evil","b":"service"})", R"({})"}},
      {text("", "*4625*"), {R"({"id":4625})", R"({"id":14625})"}, {R"({"id":5})"}},
      {text("", "*true*"), {R"({"x":true})", R"({"x":"untrue"})"}, {R"({"x":false})"}},
      {text("", "exact"), {R"({"x":"Exact"})"}, {R"({"x":"exactly"})"}},
      {regex("", "ev[i1]l\\d+"), {R"({"y":{"z":["evil9"]}})"}, {R"({"x":"evil"})"}},
      {cased(text("", "*Evil*")), {R"({"x":"so Evil"})"}, {R"({"x":"evil"})"}},
      {text("", "* ~enc*"), {R"({"x":"ps /enc"})"}, {R"({"x":"ps enc"})"}},
      {number("", "7"), {R"({"x":[7.0]})", R"({"x":"7"})"}, {R"({"x":"77"})"}},
      {text("", "*null*"), {R"({"x":"null"})"}, {R"({"x":null})"}},
  });
}

TEST_CASE("values that a strict parser refuses have their text") {
  Rules rules;
  rules.rule(rules.leaf(number("n", "123456789012345678901234567890")));
  rules.rule(rules.leaf(text("n", "1234567890123*")));
  rules.rule(rules.leaf(number("n", "0", Op::greater)));
  rules.rule(rules.leaf(text("ip", "10.1.2.3")));
  rules.rule(rules.leaf(cidr("ip", "10.0.0.0/8")));
  const auto program = rules.builder.build();
  CHECK(matches(*program, R"({"n":123456789012345678901234567890})") ==
        std::vector<std::uint32_t>{0, 1});
  CHECK(matches(*program, R"({"ip":10.1.2.3})") == std::vector<std::uint32_t>{3, 4});
}

TEST_CASE("operators and operands have the names authors know") {
  struct Name {
    Predicate predicate;
    const char* op;
    const char* operand;
  };
  Pattern escaped;
  escaped.add(PatternElement::Kind::any_run);
  escaped.add_literal("a*b\\");
  Predicate ends = with_op("f", Op::text);
  ends.pattern = escaped;
  const Name names[] = {
      {text("f", "CreateHsm"), "equals", "CreateHsm"},
      {text("f", ""), "equals", ""},
      {text("f", "*Sus*"), "contains", "Sus"},
      {text("f", "Sus*"), "startswith", "Sus"},
      {ends, "endswith", "a\\*b\\"},
      {text("f", "*"), "wildcard", "*"},
      {text("f", "a?b*"), "wildcard", "a?b*"},
      {number("f", "1.10"), "equals", "1.10"},
      {boolean("f", true), "equals", "true"},
      {with_op("f", Op::is_null), "null", "null"},
      {with_op("f", Op::exists), "exists", "true"},
      {regex("f", "a.*"), "re", "a.*"},
      {regex("f", "a.*", "sim"), "re|i|m|s", "a.*"},
      {regex("f", "a.*", "s"), "re|s", "a.*"},
      {cidr("f", "10.0.0.0/8"), "cidr", "10.0.0.0/8"},
      {number("f", "5", Op::less), "lt", "5"},
      {number("f", "5", Op::less_equal), "lte", "5"},
      {number("f", "18446744073709551615", Op::greater), "gt", "18446744073709551615"},
      {number("f", "0.5", Op::greater_equal), "gte", "0.5"},
      {reference("f", "g"), "fieldref", "g"},
      {reference("f", "g", FieldCompare::contains), "fieldref|contains", "g"},
      {reference("f", "g", FieldCompare::starts_with), "fieldref|startswith", "g"},
      {reference("f", "g", FieldCompare::ends_with), "fieldref|endswith", "g"},
      {part("f", TimePart::hour, "18", NumberCompare::greater_equal), "hour|gte", "18"},
      {part("f", TimePart::year, "2024"), "year", "2024"},
  };
  for (const Name& name : names) {
    CHECK(op_name(name.predicate) == name.op);
    CHECK(operand_text(name.predicate) == name.operand);
  }
}

}  // namespace
}  // namespace tocsin::testing
