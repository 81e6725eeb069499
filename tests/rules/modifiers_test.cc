// SPDX-License-Identifier: Apache-2.0
#include "rules/modifiers.h"

#include <set>

#include "rules/yaml_number.h"
#include "tests/rules/detection_fixture.h"

namespace tocsin {
namespace {

using testing::compile_rule;
using testing::matching;
using testing::with_selection;
using Indices = std::vector<std::size_t>;

struct MatchCase {
  std::string item;
  std::vector<std::string> records;
  Indices expected;
};

// At least one line per row of the modifier table; the last test sees to that.
const std::vector<MatchCase>& match_cases() {
  static const std::vector<MatchCase> cases = {
      {"f|contains: AB", {R"({"f":"xaby"})", R"({"f":"a b"})", R"({"f":[1,"ab"]})"}, {0, 2}},
      {R"(f|contains: '\')", {R"({"f":"a\\b"})", R"({"f":"ab"})"}, {0}},
      {"f|contains: ''",
       {R"({"f":""})", R"({"f":0})", R"({"f":{}})", R"({"f":null})", R"({"f":[]})", "{}"},
       {0, 1, 2}},
      {"f|contains: inner",
       {R"({"f":{"a":{"b":"x INNER y"}}})", R"({"f":{"inner":1}})", R"({"f":{"a":1}})"},
       {0, 1}},
      {"f|startswith: ab", {R"({"f":"ABc"})", R"({"f":"xab"})", R"({"f":"ab"})"}, {0, 2}},
      {"f|endswith: 'a*c'", {R"({"f":"xabc"})", R"({"f":"abcx"})"}, {0}},
      {"f|startswith|endswith: b", {R"({"f":"abc"})", R"({"f":"ac"})"}, {0}},
      {"f|cased: Abc", {R"({"f":"Abc"})", R"({"f":"abc"})"}, {0}},
      {"f|cased|contains: 'K?l'", {R"({"f":"xKilo"})", "{\"f\":\"\xe2\x84\xaailo\"}"}, {0}},
      {"f|contains|all: [a, b]", {R"({"f":"ba"})", R"({"f":["a","b"]})", R"({"f":"a"})"}, {0, 1}},
      {"f|all|contains: [a, b]", {R"({"f":"ba"})", R"({"f":"b"})"}, {0}},
      {"f|exists: true", {R"({"f":null})", R"({"f":[]})", "{}"}, {0, 1}},
      {"f|exists: False", {R"({"f":null})", "{}"}, {1}},
      {"f|neq: a", {R"({"f":"A"})", R"({"f":"b"})", "{}", R"({"f":["a","b"]})"}, {1, 2}},
      {"f|neq|all|contains: [a, b]", {R"({"f":"ab"})", R"({"f":"a"})", "{}"}, {1, 2}},
      {"f|neq: null", {R"({"f":1})", "{}", R"({"f":null})"}, {0}},
      {"f|re: '^b+'", {R"({"f":"bb"})", R"({"f":"ab"})", R"({"f":"B"})"}, {0}},
      {"f|re: 123", {R"({"f":"x1234"})", R"({"f":12})", R"({"f":1123})"}, {0, 2}},
      {"f|re|contains: b+", {R"({"f":"abc"})", R"({"f":"x"})"}, {0}},
      {"f|re|all: [a, b]", {R"({"f":"ab"})", R"({"f":"a"})"}, {0}},
      {"f|neq|re: a", {R"({"f":"b"})", R"({"f":"a"})"}, {0}},
      {"f|re|i: abc", {R"({"f":"ABC"})", R"({"f":"x"})"}, {0}},
      {"f|re|ignorecase: abc", {R"({"f":"ABC"})", R"({"f":"x"})"}, {0}},
      {"f|re|m: ^b$", {R"({"f":"a\nb"})", R"({"f":"ab"})"}, {0}},
      {"f|re|multiline: ^b$", {R"({"f":"a\nb"})", R"({"f":"ab"})"}, {0}},
      {"f|re|s: a.b", {R"({"f":"a\nb"})", R"({"f":"ab"})"}, {0}},
      {"f|re|dotall|i: a.b", {R"({"f":"A\nb"})", R"({"f":"ab"})"}, {0}},
      {"f|cidr: 10.0.0.0/8", {R"({"f":"10.1.1.1"})", R"({"f":"11.0.0.0"})", R"({"f":"x"})"}, {0}},
      {"f|cidr: ['2001:db8::/32', 192.0.2.1]",
       {R"({"f":"2001:DB8::1"})", R"({"f":"192.0.2.1"})", R"({"f":"192.0.2.2"})"},
       {0, 1}},
      {"f|base64: foobar", {R"({"f":"Zm9vYmFy"})", R"({"f":"foobar"})"}, {0}},
      {"f|base64|base64: a", {R"({"f":"WVE9PQ=="})", R"({"f":"YQ=="})"}, {0}},
      {"f|base64offset|contains: foobar",
       {R"({"f":"LmZvb2JhciE="})", R"({"f":"Li5mb29iYXIh"})", R"({"f":"Zm9v"})"},
       {0, 1}},
      {"f|wide: ab", {R"({"f":"a\u0000b\u0000"})", R"({"f":"ab"})"}, {0}},
      {"f|wide: \"\xc3\xa9\"", {R"({"f":"\u00e9\u0000"})", R"({"f":"\u00e9"})"}, {0}},
      {"f|contains|wide: 'a?b'", {R"({"f":"xa\u0000c\u0000b\u0000"})", R"({"f":"acb"})"}, {0}},
      {"f|utf16le|base64: cmd", {R"({"f":"YwBtAGQA"})", R"({"f":"cmd"})"}, {0}},
      {"f|utf16be|base64: cmd", {R"({"f":"AGMAbQBk"})", R"({"f":"YwBtAGQA"})"}, {0}},
      {"f|utf16|base64: cmd", {R"({"f":"//5jAG0AZAA="})", R"({"f":"YwBtAGQA"})"}, {0}},
      {"f|windash|contains: ' -enc '",
       {R"({"f":"ps /enc x"})", R"({"f":"ps \u2013enc x"})", R"({"f":"ps enc x"})"},
       {0, 1}},
      {"f|windash|contains|all: [' -a', ' -b']",
       {R"({"f":"x /a \u2013b"})", R"({"f":"x /a"})"},
       {0}},
      {"f|windash|base64offset|contains: ' -abc'",
       {R"({"f":"eCAvYWJj"})", R"({"f":"eCAtYWJj"})", R"({"f":"eCBhYmM="})"},
       {0, 1}},
      {"f|lt: 5", {R"({"f":4})", R"({"f":5})", R"({"f":"4.5"})", R"({"f":true})"}, {0, 2}},
      {"f|lte: 5", {R"({"f":5})", R"({"f":6})"}, {0}},
      {"f|gt: 9007199254740992", {R"({"f":9007199254740993})", R"({"f":9007199254740992})"}, {0}},
      {"f|gte: 0x10", {R"({"f":16})", R"({"f":15})", R"({"f":null})"}, {0}},
      {"f|gt: 99999999999999999999", {R"({"f":2e20})", R"({"f":1e20})"}, {0}},
      {"f|gt: .5", {R"({"f":0.6})", R"({"f":0.4})"}, {0}},
      {"f|fieldref: g",
       {R"({"f":"X","g":"x"})", R"({"f":1,"g":"1"})", R"({"f":"x"})", R"({"f":null,"g":null})"},
       {0, 1}},
      {"f|fieldref|cased: g", {R"({"f":"X","g":"x"})", R"({"f":"X","g":"X"})"}, {1}},
      {"f|fieldref|startswith: g.h", {R"({"f":"abc","g":{"h":"AB"}})", R"({"f":"x","g":1})"}, {0}},
      {"f|fieldref|endswith: g", {R"({"f":"abc","g":"bc"})", R"({"f":"abc","g":"ab"})"}, {0}},
      {"f|fieldref|contains: g", {R"({"f":"abc","g":"b"})", R"({"f":"b","g":"abc"})"}, {0}},
      {"f|expand: '%users%'", {R"({"f":"root"})", R"({"f":"adm1"})", R"({"f":"%users%"})"}, {0, 1}},
      {"f|contains|expand: '-%users%-'", {R"({"f":"x-ROOT-y"})", R"({"f":"root"})"}, {0}},
      {"f|expand|all|contains: ['%users%', '%nets%']",
       {R"({"f":"root 10.0.0.0/8"})", R"({"f":"root"})"},
       {0}},
      {"f|expand|cidr: '%nets%'", {R"({"f":"10.1.1.1"})", R"({"f":"11.1.1.1"})"}, {0}},
      {"f|cidr|expand: '%nets%'", {R"({"f":"192.0.2.9"})", R"({"f":"11.1.1.1"})"}, {0}},
      {"f|expand|base64: '%word%'", {R"({"f":"Zm9vYmFy"})", R"({"f":"foobar"})"}, {0}},
      {"f|expand: '%none%'", {R"({"f":""})", R"({"f":"%none%"})"}, {}},
      {"f|minute: 5", {R"({"f":"2024-02-29T18:05:59Z"})", R"({"f":"2024-02-29T18:06:00Z"})"}, {0}},
      {"f|hour: [18, 0]", {R"({"f":1709229959})", R"({"f":"2024-01-01 01:00:00"})"}, {0}},
      {"f|hour|gte: 18",
       {R"({"f":"2024-01-01T18:00:00Z"})", R"({"f":"2024-01-01T17:59:59Z"})"},
       {0}},
      {"f|hour|lt: 6", {R"({"f":"2024-01-01T05:00:00Z"})", R"({"f":"2024-01-01T06:00:00Z"})"}, {0}},
      {"f|day: 29", {R"({"f":"2024-02-29"})", R"({"f":"2024-02-29T00:00:00Z"})"}, {1}},
      {"f|week: 53", {R"({"f":"2020-12-31T00:00:00Z"})", R"({"f":"2021-01-04T00:00:00Z"})"}, {0}},
      {"f|month: 2", {R"({"f":"2024-02-29T00:00:00Z"})", R"({"f":"2024-03-01T00:00:00Z"})"}, {0}},
      {"f|year: 2024", {R"({"f":"2024-02-29T00:00:00Z"})", R"({"f":"2023-02-28T00:00:00Z"})"}, {0}},
      // Keywords.
      {"'|re': 'ev[i1]l\\d'", {R"({"a":{"b":["evil9"]}})", R"({"evil9":1})"}, {0}},
      {"'|startswith': ab", {R"({"a":"abc"})", R"({"a":"cab"})"}, {0}},
      {"'|endswith': ab", {R"({"a":"cab"})", R"({"a":"abc"})"}, {0}},
      {"'|all': [foo, 12]", {R"({"a":"foo","b":312})", R"({"a":"foo"})"}, {0}},
      {"'|cased': Evil", {R"({"a":"so Evil"})", R"({"a":"evil"})"}, {0}},
      {"'|windash': ' -enc'", {R"({"a":"ps /enc x"})", R"({"a":"ps enc"})"}, {0}},
      {"'|neq': x", {R"({"a":"axb"})", R"({"a":"b"})", "{}"}, {1, 2}},
      {"'|base64offset|contains': foobar", {R"({"a":"eHhmb29iYXI="})", R"({"a":"foobar"})"}, {0}},
      {"'|expand': '%users%'", {R"({"a":"the root is"})", R"({"a":"x"})"}, {0}},
  };
  return cases;
}

const std::map<std::string, std::vector<std::string>> placeholders = {
    {"users", {"root", "adm?"}},
    {"nets", {"10.0.0.0/8", "192.0.2.0/24"}},
    {"word", {"foobar"}},
    {"stars", {"a*"}},
    {"none", {}}};

TEST_CASE("Each modifier matches what it says, in the program and in the oracle") {
  for (const MatchCase& c : match_cases()) {
    CAPTURE(c.item);
    const auto rule = compile_rule(with_selection(c.item), placeholders);
    CHECK(rule.diagnostics.errors() == 0);
    CHECK(matching(rule, c.records) == c.expected);
  }
}

struct ErrorCase {
  std::string item;     // stands in line 3 from column 5 on
  std::string problem;  // "line:column code" of the only one
  std::string hint;     // part of it
};

TEST_CASE("What is wrong with a modifier or its value is told at its place, with what to write") {
  const ErrorCase cases[] = {
      {"f|Contains: a", "3:7 unknown-modifier", "`contains`"},
      {"f|RE: a", "3:7 unknown-modifier", "`re`"},
      {"f|startwith: a", "3:7 unknown-modifier", "`startswith`"},
      {"f|contains|endswiht: a", "3:16 unknown-modifier", "`endswith`"},
      {"f|: a", "3:7 unknown-modifier", "drop it"},
      {"f|contains|: a", "3:16 unknown-modifier", "drop it"},
      {"f|equals: a", "3:7 unknown-modifier", "drop it"},
      {"f|not: a", "3:7 unknown-modifier", "`neq`"},
      {"f|ne: a", "3:7 unknown-modifier", "`neq`"},
      {"f|regex: a", "3:7 unknown-modifier", "`re`"},
      {"f|in: a", "3:7 unknown-modifier", "list"},
      {"f|qqqqqq: a", "3:7 unknown-modifier", "manual"},
      {"'f|nope': a", "3:8 unknown-modifier", "manual"},
      {"f|contains: 5", "3:17 modifier-type", "'5'"},
      {"f|contains: null", "3:17 modifier-type", "text"},
      {"f|endswith: [a, 5]", "3:21 modifier-type", "'5'"},
      {"f|base64: true", "3:15 modifier-type", "'true'"},
      {"f|windash: 5", "3:16 modifier-type", "'5'"},
      {"f|expand: 5", "3:15 modifier-type", "'5'"},
      {"f|re: true", "3:11 modifier-type", "'true'"},
      {"f|re: null", "3:11 modifier-type", "text"},
      {"f|lt: '5'", "3:11 modifier-type", "without quotes"},
      {"f|gte: five", "3:12 modifier-type", "a number"},
      {"f|hour: noon", "3:13 modifier-type", "a number"},
      {"f|exists: 1", "3:15 modifier-type", "true or false"},
      {"f|fieldref: 5", "3:17 modifier-type", "'5'"},
      {"f|fieldref: null", "3:17 modifier-type", "text"},
      {"f|contains|re: a", "3:16 modifier-order", "`re` first"},
      {"f|re|re: a", "3:10 modifier-order", "one `re`"},
      {"f|i: a", "3:7 modifier-order", "`re|i`"},
      {"f|i|re: a", "3:7 modifier-order", "`re|i`"},
      {"f|re|startswith: a", "3:10 modifier-order", "`^`"},
      {"f|re|endswith: a", "3:10 modifier-order", "`$`"},
      {"f|re|cased: a", "3:10 modifier-order", "drop it"},
      {"f|re|expand: a", "3:10 modifier-order", "not replaced"},
      {"f|expand|re: a", "3:14 modifier-order", "not replaced"},
      {"f|cidr|contains: 10.0.0.0/8", "3:12 modifier-order", ""},
      {"f|startswith|cidr: 10.0.0.0/8", "3:18 modifier-order", "addresses"},
      {"f|gt|lt: 5", "3:10 modifier-order", "two keys"},
      {"f|contains|gt: 5", "3:16 modifier-order", ""},
      {"f|startswith|fieldref: g", "3:18 modifier-order", "`fieldref|startswith`"},
      {"f|fieldref|re: g", "3:16 modifier-order", "`re` first"},
      {"f|hour|contains: 5", "3:12 modifier-order", ""},
      {"f|hour|day: 5", "3:12 modifier-order", "one part"},
      {"f|gte|hour: 5", "3:11 modifier-order", "`hour|gte`"},
      {"f|hour|gte|lt: 5", "3:16 modifier-order", "two keys"},
      {"f|contains|exists: true", "3:16 modifier-order", "alone"},
      {"f|exists|neq: true", "3:14 modifier-order", "alone"},
      {"f|neq|exists: true", "3:11 modifier-order", "alone"},
      {"f|exists: [true, false]", "3:22 exists-one-value", "true or false"},
      {"f|contains|all: a", "3:16 all-needs-several-values", "drop `all`"},
      {"f|all: [a]", "3:7 all-needs-several-values", "drop `all`"},
      {"'|exists': true", "3:7 modifier-needs-field", "field name"},
      {"'|cidr': 10.0.0.0/8", "3:7 modifier-needs-field", "field name"},
      {"'|gt': 5", "3:7 modifier-needs-field", "field name"},
      {"'|fieldref': a", "3:7 modifier-needs-field", "field name"},
      {"'|hour': 5", "3:7 modifier-needs-field", "field name"},
      {"'|all': null", "3:7 all-needs-several-values", ""},
      {"'|neq': null", "3:13 keyword-null", "text"},
      {"f: .nan", "3:8 not-a-finite-number", "quote"},
      {"f: -.inf", "3:8 not-a-finite-number", "quote"},
      {"f|lt: .inf", "3:11 not-a-finite-number", "64-bit"},
      {"f|lt: 1e999", "3:11 not-a-finite-number", "64-bit"},
      {"f|base64: 'a*'", "3:15 encoded-wildcard", "`base64|contains`"},
      {"f|contains|base64offset: foo", "3:30 encoded-wildcard", "`base64offset|contains`"},
      {"f|expand|base64: '%stars%'", "3:22 encoded-wildcard", ""},
      {"f|contains|utf16: a", "3:23 encoded-wildcard", "`utf16|contains`"},
      {"f|base64offset|contains: a", "3:30 encoded-too-short", "more"},
      {"f|fieldref: 'b*'", "3:17 reference-wildcard", "one field"},
      {"f|fieldref: ''", "3:17 reference-wildcard", "one field"},
      {"f|re: '(a'", "3:11 invalid-regex", "backslash"},
      {"f|re: '*a'", "3:11 invalid-regex", "`.*`"},
      {"f|re: 'a(?!b)'", "3:11 invalid-regex", "`and not`"},
      {"f|re: '(a)\\1'", "3:11 invalid-regex", ""},
      {"f|cidr: 300.0.0.0/8", "3:13 invalid-network", "10.0.0.0/8"},
      {"f|cidr: 10.0.0.1/8", "3:13 invalid-network", ""},
      {"f|cidr: '10.0.*'", "3:13 invalid-network", "prefix"},
      {"f|cidr|expand: '%users%'", "3:20 invalid-network", ""},
      {"f|expand: '%usres%'", "3:15 undefined-placeholder", "`%users%`"},
      {"f|expand: '%zzzzzzzz%'", "3:15 undefined-placeholder", "--placeholders"},
  };
  for (const ErrorCase& c : cases) {
    CAPTURE(c.item);
    const auto rule = compile_rule(with_selection(c.item), placeholders);
    CHECK(rule.program == nullptr);
    CHECK(testing::problems(rule) == std::vector<std::string>{c.problem});
    if (!rule.diagnostics.list().empty()) {
      CHECK(rule.diagnostics.list()[0].severity == Severity::error);
      CHECK_MESSAGE(rule.diagnostics.list()[0].hint.find(c.hint) != std::string::npos,
                    rule.diagnostics.list()[0].hint);
      CHECK(rule.diagnostics.list()[0].source_line == "    " + c.item);
    }
  }
}

TEST_CASE("What is doubtful but harmless about modifiers is a warning") {
  const ErrorCase cases[] = {
      {"f|contains|contains: a", "3:16 repeated-modifier", "drop"},
      {"f|neq|neq: a", "3:11 repeated-modifier", "drop"},
      {"f|expand: '%none%'", "3:15 empty-placeholder", "nothing"},
      {"f|expand: '\\%users%'", "3:15 escaped-placeholder", "\\\\%users%"},
  };
  for (const ErrorCase& c : cases) {
    CAPTURE(c.item);
    const auto rule = compile_rule(with_selection(c.item), placeholders);
    CHECK(rule.program != nullptr);
    CHECK(testing::problems(rule) == std::vector<std::string>{c.problem});
    CHECK(rule.diagnostics.list().at(0).severity == Severity::warning);
    CHECK_FALSE(rule.diagnostics.list().at(0).strict_error);
    CHECK(rule.diagnostics.list().at(0).hint.find(c.hint) != std::string::npos);
  }
}

TEST_CASE("Values that would make too many alternatives are refused, not made") {
  std::string dashes;
  for (int i = 0; i < 20; ++i) {
    dashes += " -x";
  }
  const auto encoded = compile_rule(with_selection("f|windash|base64offset: '" + dashes + "'"));
  CHECK(testing::problems(encoded) == std::vector<std::string>{"3:29 too-many-alternatives"});
  const std::vector<std::string> thousand(1000, "x");
  const auto placeholder = compile_rule(with_selection("f|expand: '%a%%a%%a%'"), {{"a", thousand}});
  CHECK(testing::problems(placeholder) == std::vector<std::string>{"3:15 too-many-alternatives"});
  const auto plain = compile_rule(with_selection("f|windash|contains: '" + dashes + "'"));
  CHECK(plain.program != nullptr);
  CHECK(plain.program->predicate_count() == 1);
}

TEST_CASE("YAML's numbers become numbers, exact to 64 bits") {
  struct Case {
    std::string text;
    std::string json;  // empty: none
  };
  const Case cases[] = {{"5", "5"},
                        {"+5", "5"},
                        {"-5", "-5"},
                        {"0x1F", "31"},
                        {"-0x10", "-16"},
                        {"0o17", "15"},
                        {".5", "0.5"},
                        {"-.5", "-0.5"},
                        {"5.", "5.0"},
                        {"5.e1", "50.0"},
                        {"+1.5e3", "1500.0"},
                        {"18446744073709551615", "18446744073709551615"},
                        {"18446744073709551616", ""},
                        {"0x1ffffffffffffffff", ""},
                        {"0x", ""},
                        {".inf", ""},
                        {".nan", ""},
                        {"", ""},
                        {"-", ""}};
  for (const Case& c : cases) {
    CAPTURE(c.text);
    Number number;
    Number expected;
    const bool parsed = parse_yaml_number(c.text, number);
    CHECK(parsed == !c.json.empty());
    if (parsed) {
      REQUIRE(parse_number(c.json, expected));
      CHECK(compare(number, expected) == 0);
    }
  }
}

TEST_CASE("Every row of the modifier table has a name of its own, an explanation and a case here") {
  std::set<std::string_view> names;
  for (const Modifier& modifier : modifier_table()) {
    CAPTURE(modifier.name);
    CHECK(names.insert(modifier.name).second);
    CHECK_FALSE(modifier.explanation.empty());
    CHECK(find_modifier(modifier.name) == &modifier);
    bool used = false;
    for (const MatchCase& c : match_cases()) {
      const std::string key = c.item.substr(0, c.item.find(':')) + "|";
      const std::string word = "|" + std::string(modifier.name);
      used |=
          key.find(word + "|") != std::string::npos || key.find(word + "'") != std::string::npos;
    }
    CHECK(used);
  }
  CHECK(find_modifier("nope") == nullptr);
}

}  // namespace
}  // namespace tocsin
