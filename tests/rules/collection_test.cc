// SPDX-License-Identifier: Apache-2.0
#include "rules/collection.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "rules/yaml.h"

namespace tocsin {
namespace {

struct Read {
  SourceText source;
  Diagnostics diagnostics;
  Collection collection;
};

Read read(std::string text) {
  Read out;
  out.source = SourceText::make("rule.yml", std::move(text));
  out.collection = read_collection(out.source, out.diagnostics);
  return out;
}

std::vector<std::string> as_json(const Collection& collection) {
  std::vector<std::string> out;
  for (const RuleDocument& document : collection.documents) {
    out.push_back(to_json(document.root));
  }
  return out;
}

std::string codes(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& problem : diagnostics.list()) {
    out += out.empty() ? "" : " ";
    out += problem.code + "@" + std::to_string(problem.line);
  }
  return out;
}

}  // namespace

TEST_CASE("Documents are classified by their keys, correlation before filter") {
  const Read out =
      read("a: 1\n---\nfilter: 1\n---\ncorrelation: 1\n---\nfilter: 1\ncorrelation: 1\n");
  REQUIRE(out.collection.documents.size() == 4);
  CHECK(out.collection.documents[0].kind == RuleKind::detection);
  CHECK(out.collection.documents[1].kind == RuleKind::filter);
  CHECK(out.collection.documents[2].kind == RuleKind::correlation);
  CHECK(out.collection.documents[3].kind == RuleKind::correlation);
}

TEST_CASE("Global, reset and repeat build rules from one another") {
  const struct {
    const char* name;
    const char* text;
    std::vector<std::string> documents;
  } rows[] = {
      {"global merges deeply and wins",
       "action: global\nd: {x: 1, y: {z: 1}}\n---\nd: {x: 2, y: {w: 2}, v: 3}\n",
       {R"({"d":{"x":1,"y":{"w":2,"z":1},"v":3}})"}},
      {"a new global replaces the old one",
       "action: global\na: 1\n---\naction: global\nb: 2\n---\nc: 3\n",
       {R"({"c":3,"b":2})"}},
      {"reset forgets it", "action: global\na: 1\n---\naction: reset\n---\nc: 3\n", {R"({"c":3})"}},
      {"global leaves correlations and filters alone",
       "action: global\na: 1\n---\ncorrelation: 1\n---\nfilter: 2\n",
       {R"({"correlation":1})", R"({"filter":2})"}},
      {"repeat varies the rule before it and accumulates",
       "a: {x: 1}\n---\naction: repeat\na: {y: 2}\n---\naction: repeat\nb: 3\n",
       {R"({"a":{"x":1}})", R"({"a":{"x":1,"y":2}})", R"({"a":{"x":1,"y":2},"b":3})"}},
      {"repeat replaces lists",
       "a: [1, 2]\n---\naction: repeat\na: [3]\n",
       {R"({"a":[1,2]})", R"({"a":[3]})"}},
      {"repeat has the global in it already",
       "action: global\ng: 1\n---\na: 1\n---\naction: repeat\na: 2\n",
       {R"({"a":1,"g":1})", R"({"a":2,"g":1})"}},
      {"empty documents are nothing",
       "a: 1\n---\n---\n# only a comment\n---\nb: 2\n",
       {R"({"a":1})", R"({"b":2})"}},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.name));
    const Read out = read(row.text);
    CHECK(out.diagnostics.list().empty());
    CHECK(out.collection.rejected == 0);
    CHECK(as_json(out.collection) == row.documents);
  }
}

TEST_CASE("What cannot be a rule is rejected, and its neighbours are not") {
  const struct {
    const char* text;
    const char* codes;
    std::size_t rejected;
    std::size_t documents;
  } rows[] = {
      {"just text\n---\na: 1\n", "document-type@1", 1, 1},
      {"[a]\n", "document-type@1", 1, 0},
      {"action: globl\na: 1\n---\nb: 1\n", "unknown-action@1", 1, 1},
      {"action: [x]\n", "unknown-action@1", 1, 0},
      {"action: repeat\na: 1\n", "repeat-without-rule@1", 1, 0},
      {"correlation: 1\n---\naction: repeat\na: 1\n", "repeat-without-rule@3", 1, 1},
      {"a: [\n---\naction: repeat\na: 1\n", "yaml-syntax@1 repeat-without-rule@3", 2, 0},
      // The lost template would have narrowed this rule.
      {"action: global\na: [\n---\nb: 1\n---\nc: 1\n---\naction: reset\n---\nd: 1\n",
       "yaml-syntax@2 template-lost@4 template-lost@6",
       3,
       1},
      {"b: [\n---\nc: 1\n", "yaml-syntax@1", 1, 1},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    const Read out = read(row.text);
    CHECK(codes(out.diagnostics) == row.codes);
    CHECK(out.collection.rejected == row.rejected);
    CHECK(out.collection.documents.size() == row.documents);
  }
}

TEST_CASE("A repeated rule stands where the repeat is written") {
  const Read out = read("a: 1\n---\naction: repeat\nb: 2\n");
  REQUIRE(out.collection.documents.size() == 2);
  CHECK(out.collection.documents[1].root.line == 3);
}

}  // namespace tocsin
