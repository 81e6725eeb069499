// SPDX-License-Identifier: Apache-2.0
#include "rules/yaml.h"

#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"

namespace tocsin {
namespace {

struct Parsed {
  SourceText source;
  Diagnostics diagnostics;
  std::vector<YamlDocument> documents;
  std::vector<std::uint32_t> broken;
};

Parsed parse(std::string text) {
  Parsed parsed;
  parsed.source = SourceText::make("rule.yml", std::move(text));
  parsed.documents = parse_yaml(parsed.source, parsed.diagnostics, &parsed.broken);
  return parsed;
}

YamlNode parse_one(std::string text) {
  Parsed parsed = parse(std::move(text));
  for (const Diagnostic& problem : parsed.diagnostics.list()) {
    INFO(problem.message);
    CHECK(parsed.diagnostics.list().empty());
  }
  REQUIRE(parsed.documents.size() == 1);
  return parsed.documents[0].root;
}

// The only problem of `text`: "code line:column".
std::string problem_of(std::string text) {
  const Parsed parsed = parse(std::move(text));
  std::string out;
  for (const Diagnostic& problem : parsed.diagnostics.list()) {
    out += out.empty() ? "" : ", ";
    out += problem.code + " " + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  }
  CHECK(parsed.documents.empty());
  CHECK(parsed.broken.size() == 1);
  return out;
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) {
    out += text;
  }
  return out;
}

}  // namespace

TEST_CASE("Plain scalars are typed as YAML 1.2 core, but for leading zeros") {
  using Kind = YamlNode::Kind;
  const struct {
    const char* text;
    Kind kind;
  } rows[] = {
      {"true", Kind::boolean},      {"True", Kind::boolean},    {"FALSE", Kind::boolean},
      {"tRue", Kind::string},       {"yes", Kind::string},      {"no", Kind::string},
      {"on", Kind::string},         {"null", Kind::null},       {"Null", Kind::null},
      {"NULL", Kind::null},         {"~", Kind::null},          {"nULL", Kind::string},
      {"0", Kind::integer},         {"-1", Kind::integer},      {"+12", Kind::integer},
      {"00000429", Kind::string},   {"0777", Kind::string},     {"-01", Kind::string},
      {"0o17", Kind::integer},      {"0o18", Kind::string},     {"0x1F", Kind::integer},
      {"0xG", Kind::string},        {"-0x1F", Kind::string},    {"1.5", Kind::real},
      {".5", Kind::real},           {"5.", Kind::real},         {"1e3", Kind::real},
      {"1.5E-3", Kind::real},       {"1e", Kind::string},       {"00.5", Kind::string},
      {".", Kind::string},          {"-", Kind::string},        {"+", Kind::string},
      {".inf", Kind::real},         {"-.INF", Kind::real},      {".nan", Kind::real},
      {"-.nan", Kind::string},      {"inf", Kind::string},      {"nan", Kind::string},
      {"1.2.3", Kind::string},      {"12:30:45", Kind::string}, {"2024-01-01", Kind::string},
      {"1_000", Kind::string},      {"1-2", Kind::string},      {"abc", Kind::string},
      {"'true'", Kind::string},     {"\"5\"", Kind::string},    {"!!str 5", Kind::string},
      {"!!str true", Kind::string}, {"!!int 5", Kind::integer}, {"!!float 5", Kind::real},
      {"! 5", Kind::string},        {"!!null ''", Kind::null},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    // In a sequence, where `-` alone would be an entry of its own.
    const std::string text =
        std::string(row.text) == "-" ? "['-x', \"-\"]" : "[x, " + std::string(row.text) + "]";
    const YamlNode root = parse_one(text);
    REQUIRE(root.items.size() == 2);
    CHECK(root.items[1].kind == row.kind);
  }
}

TEST_CASE("Values keep their text, quoted or not") {
  const YamlNode root = parse_one(
      "a: 0x1F\nb: \"x\\ty\"\nc: 'it''s'\nd: |\n  one\n  two\ne: >-\n  one\n  two\nf: a # b\n");
  CHECK(root.get("a")->text == "0x1F");
  CHECK(root.get("a")->quoted == false);
  CHECK(root.get("b")->text == "x\ty");
  CHECK(root.get("b")->quoted);
  CHECK(root.get("c")->text == "it's");
  CHECK(root.get("d")->text == "one\ntwo\n");
  CHECK(root.get("d")->quoted);
  CHECK(root.get("e")->text == "one two");
  CHECK(root.get("f")->text == "a");
  CHECK(root.get("g") == nullptr);
}

TEST_CASE("Positions are lines and code points, of what the author would look for") {
  const YamlNode root = parse_one(
      "caf\xC3\xA9: {\xE2\x82\xAC: x, y: z}\n"  // 1
      "empty:\n"                                // 2
      "block: |\n"                              // 3
      "  text\n"                                // 4
      "base: &b\n"                              // 5
      "  k: v\n"                                // 6
      "use: *b\n"                               // 7
      "tagged: !!str 5\n"                       // 8
      "list:\n"                                 // 9
      "  -\n"                                   // 10
      "  - ~\n"                                 // 11
      "  - null\n");                            // 12
  const auto at = [](const YamlNode* node) {
    return std::to_string(node->line) + ":" + std::to_string(node->column);
  };
  const YamlNode* flow = root.get("caf\xC3\xA9");
  REQUIRE(flow != nullptr);
  CHECK(at(flow) == "1:7");
  CHECK(at(flow->key("\xE2\x82\xAC")) == "1:8");
  CHECK(at(flow->get("y")) == "1:17");
  CHECK(at(root.get("empty")) == "2:1");
  CHECK(root.get("empty")->length == 5);
  CHECK(at(root.get("block")) == "3:8");
  CHECK(at(root.get("base")) == "6:3");
  CHECK(at(root.get("use")) == "7:6");
  CHECK(at(root.get("use")->get("k")) == "6:6");
  CHECK(at(root.get("tagged")) == "8:15");
  CHECK(at(&root.get("list")->items[0]) == "10:3");
  CHECK(at(&root.get("list")->items[1]) == "11:5");
  CHECK(at(&root.get("list")->items[2]) == "12:5");
}

TEST_CASE("CRLF and a byte order mark change neither values nor positions") {
  const YamlNode root = parse_one(
      "\xEF\xBB\xBF"
      "a: b\r\nc:\r\n  - d\r\n  - |\r\n    x\r\n    y\r\n");
  CHECK(root.column == 1);
  CHECK(root.get("a")->text == "b");
  CHECK(root.get("a")->column == 4);
  CHECK(root.get("c")->items[1].text == "x\ny\n");
  CHECK(root.get("c")->items[1].line == 4);
  CHECK(root.get("c")->items[1].column == 5);
}

TEST_CASE("A file is split at its document marks, also inside what looks like a scalar") {
  struct {
    const char* text;
    std::vector<std::string> roots;  // as JSON; "-" for an empty document
  } rows[] = {
      {"a: 1\n---\nb: 2\n", {"{\"a\":1}", "{\"b\":2}"}},
      {"---\na: 1\n---\n", {"{\"a\":1}", "-"}},
      {"# comment\n---\na: 1\n", {"{\"a\":1}"}},
      {"--- a\n--- # c\nb\n", {"\"a\"", "\"b\""}},
      {"a: |\n  ---\n  x\n", {"{\"a\":\"---\\nx\\n\"}"}},
      {"a: ---\n", {"{\"a\":\"---\"}"}},
      {"--- |\n ---x\n", {"\"---x\\n\""}},
      {"---a: 1\n", {"{\"---a\":1}"}},
      {"a: 1\n...\nb: 2\n", {"{\"a\":1}", "{\"b\":2}"}},
      {"a: 1\n...\n# end\n", {"{\"a\":1}"}},
      {"%YAML 1.2\n---\na: 1\n", {"{\"a\":1}"}},
      {"a: 1\n...\n%YAML 1.2\n---\nb: 2\n", {"{\"a\":1}", "{\"b\":2}"}},
      {"", {}},
      {"# nothing\n\n", {}},
      {"a: 1\r\n---\r\nb: 2\r\n", {"{\"a\":1}", "{\"b\":2}"}},
      {"- 1\n---", {"[1]", "-"}},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    const Parsed parsed = parse(row.text);
    CHECK(parsed.diagnostics.list().empty());
    std::vector<std::string> roots;
    for (const YamlDocument& document : parsed.documents) {
      roots.push_back(document.empty ? "-" : to_json(document.root));
    }
    CHECK(roots == row.roots);
  }
}

TEST_CASE("A broken document costs only itself, and the lines of the others are right") {
  const Parsed parsed = parse("a: 1\n---\nb: [1\n---\nc: 3\n---\nd: 1\nd: 2\n");
  REQUIRE(parsed.documents.size() == 2);
  CHECK(parsed.documents[0].line == 1);
  CHECK(parsed.documents[1].root.get("c")->line == 5);
  CHECK(parsed.broken == std::vector<std::uint32_t>{2, 7});
  REQUIRE(parsed.diagnostics.list().size() == 2);
  CHECK(parsed.diagnostics.list()[0].code == "yaml-syntax");
  CHECK(parsed.diagnostics.list()[1].code == "duplicate-key");
  CHECK(parsed.diagnostics.list()[1].line == 8);
  CHECK(parsed.diagnostics.list()[1].source_line == "d: 2");
  CHECK(parsed.diagnostics.list()[1].message.find("first at line 7, column 1") !=
        std::string::npos);
}

TEST_CASE("What is no YAML is a diagnostic with its place") {
  const struct {
    const char* text;
    const char* problem;
  } rows[] = {
      {"a: [b\nc: d\n", "yaml-syntax 1:4"},
      {"a: \"b\nc: d\n", "yaml-syntax 1:4"},
      {"a: \"b\nc: d", "yaml-syntax 1:4"},
      {"a: 'b''\n", "yaml-syntax 1:4"},
      {"[a] [b]\n", "yaml-syntax 1:5"},
      {"a:\n\t- b\n", "yaml-syntax 2:2"},
      {"a: 1\na: 2\na: 3\n", "duplicate-key 2:1, duplicate-key 3:1"},
      {"{a: 1, 'a': 2}", "duplicate-key 1:8"},
      {"x:\n  a: 1\n  \xC3\xA9: 2\n  \xC3\xA9: 3\n", "duplicate-key 4:3"},
      {"? [a]\n: b\n", "yaml-key 1:3"},
      {"a: *nope\n", "yaml-syntax 1:4"},
      {"a: &x [*x]\n", "yaml-alias 1:8"},
      {"a: !thing b\n", "yaml-tag 1:11"},
      {"a: !!int b\n", "yaml-tag 1:10"},
      {"a: !!map [b]\n", "yaml-tag 1:4"},
      {"<<: 5\n", "yaml-merge 1:1"},
      {"a: b\xFF\n", "not-utf-8 1:5"},
      {"a: \xC3\xA9\xC3\n", "not-utf-8 1:5"},
      {"a: 1\nb: x\x04y\n", "control-character 2:5"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(problem_of(row.text) == row.problem);
  }
  CHECK(problem_of(std::string("a: x\0y\n", 7)) == "control-character 1:5");
}

TEST_CASE("Aliases copy what they refer to") {
  const YamlNode root = parse_one("a: &v [x, &w y]\nb: *v\nc: *w\n*w : z\n");
  CHECK(to_json(root) == R"({"a":["x","y"],"b":["x","y"],"c":"y","y":"z"})");
}

TEST_CASE("Merge keys add what is missing; explicit keys win, then what stands first") {
  const struct {
    const char* text;
    const char* json;
  } rows[] = {
      {"b: &b {f: 1, g: 2}\ns: {<<: *b, g: 3}\n", R"({"b":{"f":1,"g":2},"s":{"g":3,"f":1}})"},
      {"- &a {x: 1}\n- &b {x: 2, y: 2}\n- {<<: [*a, *b], z: 3}\n",
       R"([{"x":1},{"x":2,"y":2},{"z":3,"x":1,"y":2}])"},
      {"{'<<': {a: 1}}", R"({"<<":{"a":1}})"},
      {"{<<: {a: 1}}", R"({"a":1})"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(to_json(parse_one(row.text)) == row.json);
  }
}

TEST_CASE("A node as JSON has JSON's numbers and escapes") {
  CHECK(to_json(parse_one("[0x10, 0o17, +5, -5, 1., .5, 1e3, .inf, ~, True, \"a\\\"b\", 007]")) ==
        R"([16,15,5,-5,1,0.5,1000,".inf",null,true,"a\"b","007"])");
  CHECK(to_json(parse_one("[0xffffffffffffffffff]")) == R"(["0xffffffffffffffffff"])");
}

TEST_CASE("Hostile files end at a named limit, in time") {
  const std::string bomb =
      "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
      "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, "
      "*c]\n"
      "e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, "
      "*e]\n"
      "g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f, *f]\n";
  CHECK(problem_of(bomb).substr(0, 9) == "yaml-size");
  CHECK(problem_of(repeat("[", 100'000)).substr(0, 10) == "yaml-depth");
  CHECK(problem_of(repeat("[", limits::rule_file_bytes_max)).substr(0, 10) == "yaml-depth");
  CHECK(problem_of(repeat("- ", 100'000)).substr(0, 10) == "yaml-depth");
  CHECK(problem_of(repeat("{a: ", 100'000)).substr(0, 10) == "yaml-depth");
  CHECK(problem_of(repeat("? ", 100'000)).substr(0, 10) == "yaml-depth");
  CHECK(problem_of("a: " + repeat("x", limits::rule_file_bytes_max)) == "file-size 1:1");
  std::string deep_alias = "a0: &a0 " + repeat("[", 30) + repeat("]", 30) + "\n";
  deep_alias += "a1: " + repeat("[", 40) + "*a0" + repeat("]", 40) + "\n";
  CHECK(problem_of(deep_alias) == "yaml-depth 2:45");
}

TEST_CASE("As deep as the limit allows is read") {
  const std::size_t depth = limits::yaml_depth_max;
  const YamlNode root = parse_one(repeat("[", depth) + repeat("]", depth));
  CHECK(to_json(root) == repeat("[", depth) + repeat("]", depth));
  CHECK(problem_of(repeat("[", depth + 1) + repeat("]", depth + 1)) ==
        "yaml-depth 1:" + std::to_string(depth + 1));
}

TEST_CASE("Columns of many values on one long line cost no quadratic time") {
  const YamlNode root = parse_one("a: [" + repeat("\xC3\xA9,", 200'000) + "z]\n");
  const YamlNode& last = root.get("a")->items.back();
  CHECK(last.text == "z");
  CHECK(last.column == 400'005);
}

}  // namespace tocsin
