// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json_tree.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/event/decode.h"
#include "engine/event/json_text.h"
#include "tests/event/event_support.h"

namespace tocsin {
namespace {

std::string compact(std::string_view text) {
  const Result<JsonNode> tree = parse_json(text);
  if (!tree) {
    return tree.error().message;
  }
  std::string out;
  append_json(*tree, out);
  return out;
}

TEST_CASE("a tree is written as compact JSON, its keys in order and repeated ones kept") {
  struct Case {
    std::string text;
    std::string expected;
  };
  const Case cases[] = {
      {R"( { "b" : [ 1 , -2.50e3, true , null, "x y" ] , "a":{ }, "b":[ ] } )",
       R"({"b":[1,-2.50e3,true,null,"x y"],"a":{},"b":[]})"},
      {R"({"a":1e400,"b":123456789012345678901234567890})",
       R"({"a":1e400,"b":123456789012345678901234567890})"},
      {R"({"a":tru,"b":01,"c":NaN})", R"({"a":"tru","b":"01","c":"NaN"})"},
      {R"("\u00e9\ud800\n")", "\"\xc3\xa9\xef\xbf\xbd\\n\""},
      {"[\"\xff\"]", "[\"\xef\xbf\xbd\"]"},
      {R"({"\u0061\"":1})", R"({"a\"":1})"},
      {"7", "7"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(compact(one.text) == one.expected);
    CHECK(compact(compact(one.text)) == one.expected);
  }
}

TEST_CASE("a broken text is an error that says what and where") {
  struct Case {
    std::string text;
    std::string message;
  };
  const Case cases[] = {
      {"", "byte 0: a value is missing"},
      {R"({"abcdefghijklmn" 1})", "byte 1: a key without a colon"},
      {R"({"a":1 "b"})", "byte 7: no comma between two members"},
      {R"([1 2])", "byte 3: no comma between two elements"},
      {R"([1,])", "byte 3: a value is missing"},
      {R"({"a":1,})", "byte 7: a member without a key in quotes"},
      {R"({"a":"b)", "byte 5: a string that does not end"},
      {R"({"a":1)", "byte 6: the text ends inside an object or array"},
      {R"({"a":1])", "byte 6: no comma between two members"},
      {R"({} {})", "byte 3: more text behind the value"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(compact(one.text) == one.message);
  }
}

TEST_CASE("get finds the first child of a key") {
  const Result<JsonNode> tree = parse_json(R"({"a":1,"b":2,"a":3})");
  REQUIRE(tree.has_value());
  REQUIRE(tree->get("a") != nullptr);
  CHECK(tree->get("a")->text == "1");
  CHECK(tree->get("c") == nullptr);
}

TEST_CASE("what lies too deep is kept as raw text") {
  const std::size_t depth = limits::json_depth_max;
  const std::string text = std::string(depth, '[') + "[1, {}]" + std::string(depth, ']');
  const Result<JsonNode> tree = parse_json(text);
  REQUIRE(tree.has_value());
  const JsonNode* node = &*tree;
  for (std::size_t level = 0; level < depth; ++level) {
    REQUIRE(node->children.size() == 1);
    node = &node->children.front();
  }
  CHECK(node->kind == JsonNode::Kind::string);
  CHECK(node->too_deep);
  CHECK(node->text == "[1, {}]");
  // The text that rules see is the same with or without a tree in between.
  CHECK(rule_text(*tree) == minified_json(text));
}

TEST_CASE("the rule text of a tree is the minified text of its JSON") {
  for (const char* text : {R"({ "a" : "x\n\"y\"" , "\u0062":[ 1e5 , null , true ] })",
                           R"([ ])",
                           R"({"d":"{\"Effect\":\"Allow\"}"})"}) {
    CAPTURE(text);
    const Result<JsonNode> tree = parse_json(text);
    REQUIRE(tree.has_value());
    CHECK(rule_text(*tree) == minified_json(text));
  }
  CHECK(rule_text(*parse_json("\"a\\\"b\"")) == "a\"b");
  CHECK(rule_text(*parse_json("null")).empty());
  CHECK(rule_text(*parse_json("1.50")) == "1.50");
}

TEST_CASE("spellings of one record hash alike and other records do not") {
  const std::string record = R"({"a":"x y","b":[1,{"c":null}]})";
  for (const char* same : {R"({ "a" : "x y",  "b":[1,{"c":null}] })",
                           "\t{\"a\":\"x\\u0020y\",\n\"b\":[1,{\"c\":null}]}\r\n",
                           R"({"\u0061":"\u0078 y","b":[1,{"c":null}]})"}) {
    CAPTURE(same);
    CHECK(record_hash(same) == record_hash(record));
  }
  for (const char* other : {R"({"a":"x  y","b":[1,{"c":null}]})",
                            R"({"a":"x y","b":[1,{"c":null}],"b":1})",
                            R"({"b":[1,{"c":null}],"a":"x y"})",
                            R"({"a":"x y")",
                            ""}) {
    CAPTURE(other);
    CHECK(record_hash(other) != record_hash(record));
  }
  CHECK(record_hash("{\"a\":\"\xff\"}") == record_hash("{\"a\":\"\xef\xbf\xbd\"}"));
}

TEST_CASE("every text that is cut anywhere is refused or read, never misread") {
  const std::string text =
      R"({"a":[1,"x\u00e9\"",{"b":null}],"c":{"d":true,"e":"\ud83d\ude00"},"f":-1.5e3} )";
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {
    CAPTURE(size);
    const std::string cut = text.substr(0, size);
    CHECK_FALSE(parse_json(cut).has_value());
    const testing::Padded record(cut);
    JsonReader reader;
    Event event;
    const FieldPlan plan = testing::plan_of({"a", "c.d", "f"});
    CHECK(reader.read(record, plan, false, event) == ReadStatus::malformed);
    CHECK(reader.fault_offset() <= size);
  }
}

}  // namespace
}  // namespace tocsin

namespace tocsin {
namespace {

using testing::shared_lines;

TEST_CASE("time and identity of a decoded record are those of its text") {
  JsonReader reader;
  const FieldPlan plan;
  Event event;
  for (const std::string& line : shared_lines("data/cloudtrail-dev.ndjson")) {
    const std::string padded = line + std::string(limits::padding_bytes, '\0');
    const std::string_view record = std::string_view(padded).substr(0, line.size());
    REQUIRE(reader.read(record, plan, false, event) == ReadStatus::ok);
    REQUIRE(event_time(event) == event_time(record));
    REQUIRE(record_identity(event, true, {1, 2}, 3) == record_identity(record, true, {1, 2}, 3));
    REQUIRE(record_identity(event, false, {1, 2}, 3) == record_identity(record, false, {1, 2}, 3));
  }
}

TEST_CASE(
    "a record with several, odd or no ids and times is identified alike from its text and "
    "decoded") {
  JsonReader reader;
  const FieldPlan plan;
  Event event;
  for (const std::string line : {R"({})",
                                 R"({"eventID":"","eventID":"a"})",
                                 R"({"eventID":7,"recipientAccountId":12})",
                                 R"({"eventID":["x"],"recipientAccountId":["1"]})",
                                 R"({"eventTime":"never","eventTime":"2026-01-01T00:00:00Z"})",
                                 R"({"eventTime":["2026-01-01T00:00:00Z"],"ts":5})",
                                 R"({"event\u0049D":"\u0061","timestamp":"2026-01-01T00:00:00Z"})",
                                 R"({"eventID":{"a":"b"},"time":null})"}) {
    CAPTURE(line);
    const std::string padded = line + std::string(limits::padding_bytes, '\0');
    const std::string_view record = std::string_view(padded).substr(0, line.size());
    REQUIRE(reader.read(record, plan, false, event) == ReadStatus::ok);
    CHECK(event_time(event) == event_time(record));
    CHECK(record_identity(event, true, {1, 2}, 3) == record_identity(record, true, {1, 2}, 3));
  }
}

}  // namespace
}  // namespace tocsin
