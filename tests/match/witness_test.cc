// SPDX-License-Identifier: Apache-2.0
#include "engine/match/witness.h"

#include <doctest/doctest.h>

#include "tests/match/fixture.h"

namespace tocsin::testing {
namespace {

// What the only rule of a program needs, as its dump says it, with predicates by their operands.
std::string needs(const Program& program) {
  const std::string dump = program.dump();
  const std::size_t at = dump.find("needs:") + 7;
  std::string line = dump.substr(at, dump.find('\n', at) - at);
  std::string out;
  for (std::size_t i = 0; i < line.size();) {
    const std::size_t end = std::min(line.find(' ', i), line.size());
    const std::string word = line.substr(i, end - i);
    i = end + 1;
    out += out.empty() ? "" : " ";
    if (word.find_first_not_of("0123456789") != std::string::npos) {
      out += word;
      continue;
    }
    const std::size_t from = dump.find('\'', dump.find("predicate " + word + ":")) + 1;
    out += dump.substr(from, dump.find('\'', from) - from);
  }
  return out;
}

// Every leaf the cases below speak of, in a builder of its own.
struct Leaves {
  Rules r;
  ExprId name = r.leaf(text("eventName", "Name"));
  ExprId name2 = r.leaf(text("eventName", "Name2"));
  ExprId source = r.leaf(text("eventSource", "Source"));
  ExprId agent = r.leaf(text("userAgent", "*agent*"));
  ExprId brief = r.leaf(text("userAgent", "*ab*"));
  ExprId null_error = r.leaf(with_op("errorCode", Op::is_null));
  ExprId there = r.leaf(with_op("field", Op::exists));
  ExprId star = r.leaf(text("field", "*"));
  ExprId keyword = r.leaf(text("", "*keyword*"));
  ExprId brief_keyword = r.leaf(text("", "*kw*"));
  ExprId literal_regex = r.leaf(regex("arn", ".+:assumed-role/.+"));
  ExprId open_regex = r.leaf(regex("arn", "[0-9]+"));
  ExprId number_leaf = r.leaf(number("count", "5", Op::greater));
  ExprId network = r.leaf(cidr("ip", "10.0.0.0/8"));
};

TEST_CASE("a rule needs its cheapest necessary part") {
  struct Case {
    const char* what;
    ExprId (*condition)(Leaves&);
    const char* needs;
    bool nothing;
  };
  const Case cases[] = {
      {"leaf", [](Leaves& l) { return l.name; }, "Name", false},
      {"and",
       [](Leaves& l) {
         return l.r.all({l.source, l.agent, l.name});
       },
       "Name",
       false},
      {"or",
       [](Leaves& l) {
         return l.r.any({l.name, l.name2});
       },
       "Name Name2",
       false},
      {"or of unlike",
       [](Leaves& l) {
         return l.r.any({l.name, l.agent});
       },
       "Name agent",
       false},
      {"and of ors",
       [](Leaves& l) {
         return l.r.all({l.r.any({l.source, l.agent}), l.r.any({l.name, l.name2})});
       },
       "Name Name2",
       false},
      {"or of ands",
       [](Leaves& l) {
         return l.r.any({l.r.all({l.name, l.source}), l.r.all({l.name2, l.agent})});
       },
       "Name Name2",
       false},
      {"a negation beside",
       [](Leaves& l) {
         return l.r.all({l.name, l.r.no(l.source)});
       },
       "Name",
       false},
      {"only a negation", [](Leaves& l) { return l.r.no(l.name); }, "nothing", true},
      {"or with a negation",
       [](Leaves& l) {
         return l.r.any({l.name, l.r.no(l.source)});
       },
       "nothing",
       true},
      {"not of and",
       [](Leaves& l) {
         return l.r.no(l.r.all({l.name, l.source}));
       },
       "nothing",
       true},
      {"not of not and",
       [](Leaves& l) {
         return l.r.no(l.r.no(l.r.all({l.name, l.source})));
       },
       "Name",
       false},
      {"not of or with a null",
       [](Leaves& l) {
         return l.r.no(l.r.any({l.null_error, l.name}));
       },
       "present(errorCode)",
       false},
      {"not null", [](Leaves& l) { return l.r.no(l.null_error); }, "present(errorCode)", false},
      {"null", [](Leaves& l) { return l.null_error; }, "nothing", true},
      {"null and a name",
       [](Leaves& l) {
         return l.r.all({l.null_error, l.name});
       },
       "Name",
       false},
      {"null or not null",
       [](Leaves& l) {
         return l.r.any({l.null_error, l.r.no(l.null_error)});
       },
       "nothing",
       true},
      {"exists", [](Leaves& l) { return l.there; }, "true", false},
      {"not exists", [](Leaves& l) { return l.r.no(l.there); }, "nothing", true},
      {"star",
       [](Leaves& l) {
         return l.r.all({l.star, l.source});
       },
       "Source",
       false},
      {"a short literal is the last resort",
       [](Leaves& l) {
         return l.r.all({l.brief, l.source});
       },
       "Source",
       false},
      {"a keyword is dearer than a field",
       [](Leaves& l) {
         return l.r.all({l.keyword, l.source});
       },
       "Source",
       false},
      {"keyword", [](Leaves& l) { return l.keyword; }, "keyword", false},
      {"a short keyword never decides in an and",
       [](Leaves& l) {
         return l.r.all({l.brief_keyword, l.there});
       },
       "true",
       false},
      {"a regex with a literal",
       [](Leaves& l) {
         return l.r.all({l.literal_regex, l.source});
       },
       ".+:assumed-role/.+",
       false},
      {"a regex without one",
       [](Leaves& l) {
         return l.r.all({l.open_regex, l.source});
       },
       "Source",
       false},
      {"a network",
       [](Leaves& l) {
         return l.r.all({l.network, l.source});
       },
       "10.0.0.0/8",
       false},
      {"a comparison",
       [](Leaves& l) {
         return l.r.all({l.number_leaf, l.there});
       },
       "5",
       false},
      {"a negated null in an or that is false on nothing",
       [](Leaves& l) {
         return l.r.all(
             {l.r.any({l.name, l.r.no(l.source)}), l.r.any({l.there, l.r.no(l.null_error)})});
       },
       "true present(errorCode)",
       false},
      {"true", [](Leaves& l) { return l.r.all({}); }, "nothing", true},
      {"false", [](Leaves& l) { return l.r.any({}); }, "never holds", false},
      {"false or a name",
       [](Leaves& l) {
         return l.r.any({l.r.any({}), l.name});
       },
       "Name",
       false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Leaves leaves;
    leaves.r.rule(c.condition(leaves));
    const auto program = leaves.r.builder.build();
    CHECK(needs(*program) == c.needs);
    CHECK(program->needs_nothing(RuleId{0}) == c.nothing);
  }
}

TEST_CASE("a list of many values is a better witness than a field that most records share") {
  Rules rules;
  std::vector<ExprId> addresses;
  for (int i = 0; i < 5'000; ++i) {
    addresses.push_back(rules.leaf(text("sourceIPAddress", "10.0." + std::to_string(i))));
  }
  const ExprId source = rules.leaf(text("eventSource", "s3.amazonaws.com"));
  rules.rule(rules.all({source, rules.builder.any_of(addresses)}));
  const auto program = rules.builder.build();
  Record record(program->plan(),
                R"({"eventSource":"s3.amazonaws.com","sourceIPAddress":"10.9.9.9"})");
  Scratch scratch(*program);
  program->match(record.event(), any_source(), scratch);
  CHECK(program->statistics(scratch).candidates == 0);
}

TEST_CASE("rules that nothing classifies meet all but those that need nothing") {
  Rules rules;
  const ExprId a = rules.leaf(text("f", "a"));
  rules.rule(rules.no(a));
  rules.rule(rules.all({rules.leaf(text("g", "*")), rules.no(a)}));
  rules.rule(rules.all({rules.no(rules.leaf(with_op("g", Op::is_null))), rules.no(a)}));
  // False on nothing, but only a keyword could tell: a candidate on every record.
  rules.rule(rules.all({rules.any({rules.no(a), rules.leaf(text("", "*kw*"))}),
                        rules.no(rules.leaf(with_op("", Op::is_null)))}));
  const auto program = rules.builder.build();
  CHECK(matches(*program, R"({"g":1})", SourceClass{}) == std::vector<std::uint32_t>{1, 2, 3});
  CHECK(matches(*program, R"({"g":1})") == std::vector<std::uint32_t>{0, 1, 2, 3});
  CHECK(matches(*program, "{}") == std::vector<std::uint32_t>{0});
  CHECK(matches(*program, "{}", SourceClass{}).empty());
}

TEST_CASE("a record costs only the rules whose witnesses it holds") {
  Rules rules;
  for (int i = 0; i < 200; ++i) {
    rules.rule(rules.all({rules.leaf(text("eventName", "Name" + std::to_string(i))),
                          rules.leaf(text("eventSource", "iam.amazonaws.com"))}));
    rules.rule(rules.leaf(text("CommandLine", "*literal" + std::to_string(i) + "*")));
  }
  const auto program = rules.builder.build();
  Scratch scratch(*program);
  Record record(
      program->plan(),
      R"({"eventName":"Name7","eventSource":"iam.amazonaws.com","CommandLine":"xx literal123 yy"})");
  const auto found = program->match(record.event(), any_source(), scratch);
  // literal1, literal12 and literal123
  CHECK(found.size() == 4);
  CHECK(program->statistics(scratch).candidates == 4);
}

}  // namespace
}  // namespace tocsin::testing
