// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/event/event_support.h"

namespace tocsin {
namespace {

using testing::all_values;
using testing::Padded;
using testing::plan_of;
using testing::shared_lines;
using testing::values;
using Texts = std::vector<std::string>;
using std::string_literals::operator""s;

const std::string replacement = "\xef\xbf\xbd";

struct Read {
  ReadStatus status = ReadStatus::malformed;
  Texts values;
  Texts scalars;
};

Read read(const std::string& text, bool strict, const std::string& path = "f") {
  const FieldPlan plan = plan_of({path});
  JsonReader reader;
  Event event;
  const Padded record(text);
  Read result;
  result.status = reader.read(record, plan, strict, event);
  if (result.status != ReadStatus::malformed) {
    result.values = values(event, path);
    for (const EntryId entry : event.scalars()) {
      result.scalars.push_back(testing::describe(event, entry));
    }
  }
  return result;
}

TEST_CASE("bytes that are no characters become U+FFFD and the record is evaluated") {
  struct Case {
    std::string inside;
    std::string text;
  };
  const Case cases[] = {
      {"\xff", replacement},
      {"a\x80z", "a" + replacement + "z"},
      {"\xc3", replacement},
      {"\xc3(", replacement + "("},
      {"\xe2\x82", replacement + replacement},
      {"\xed\xa0\x80", replacement + replacement + replacement},
      {"\xf8\x88\x80\x80\x80", replacement + replacement + replacement + replacement + replacement},
      {"\xc0\xaf", replacement + replacement},
      {"a\nb\x01\x1f\0c"s, "a\nb\x01\x1f\0c"s},
      {"\xc3\\n", replacement + "\n"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.inside);
    for (const bool strict : {false, true}) {
      const Read result = read("{\"f\":\"" + one.inside + "\",\"g\":1}", strict);
      CHECK(result.status == ReadStatus::repaired);
      CHECK(result.values == Texts{"str:" + one.text});
      CHECK(result.scalars == Texts{"str:" + one.text, "num:1"});
      // The same in a place that nobody wants.
      const Read beside = read("{\"g\":\"" + one.inside + "\",\"f\":1}", strict);
      CHECK(beside.status == ReadStatus::repaired);
      CHECK(beside.values == Texts{"num:1"});
    }
  }
}

TEST_CASE("what only a strict parser refuses is evaluated and counted in strict mode") {
  struct Case {
    std::string value;
    Texts expected;
  };
  const std::string deep = std::string(1100, '[') + "1" + std::string(1100, ']');
  const Case cases[] = {
      {R"("\ud800")", {"str:" + replacement}},
      {R"("\udc00\ud800x")", {"str:" + replacement + replacement + "x"}},
      {R"("\ud800\u0041")", {"str:" + replacement + "A"}},
      {R"("\ud800\ud83d\ude00")", {"str:" + replacement + "\xf0\x9f\x98\x80"}},
      {R"("\x41\u12g4\u")", {R"(str:\x41\u12g4\u)"}},
      {"1e400", {"num:1e400"}},
      {"-1e400", {"num:-1e400"}},
      {"18446744073709551616", {"num:18446744073709551616"}},
      {"-9223372036854775809", {"num:-9223372036854775809"}},
      {"123456789012345678901234567890", {"num:123456789012345678901234567890"}},
      {"-123456789012345678901234567890.5e308", {"num:-123456789012345678901234567890.5e308"}},
      {"01", {"num:01"}},
      {"+1", {"num:+1"}},
      {".5", {"num:.5"}},
      {"1.", {"num:1."}},
      {"1e", {"num:1e"}},
      {"-", {"num:-"}},
      {"0x1f", {"num:0x1f"}},
      {"NaN", {"num:NaN"}},
      {"tru", {"num:tru"}},
      {"nulL", {"num:nulL"}},
      {"'x'", {"num:'x'"}},
  };
  for (const Case& one : cases) {
    CAPTURE(one.value);
    const std::string record = "{\"f\":" + one.value + "}";
    const Read lenient = read(record, false);
    const Read strict = read(record, true);
    CHECK(lenient.status == ReadStatus::ok);
    CHECK(strict.status == ReadStatus::repaired);
    CHECK(lenient.values == one.expected);
    CHECK(strict.values == one.expected);
    CHECK(read("{\"g\":[" + one.value + "],\"f\":1}", true).status == ReadStatus::repaired);
  }
}

TEST_CASE("numbers at the edge of what a strict parser takes are ok") {
  for (const char* number : {"0",
                             "-0",
                             "1e308",
                             "1e-400",
                             "0e999999999999",
                             "0.0000001e310",
                             "18446744073709551615",
                             "-9223372036854775808",
                             "123456789012345678901234567890.0",
                             "1E+2"}) {
    CAPTURE(number);
    CHECK(read("{\"f\":" + std::string(number) + "}", true).status == ReadStatus::ok);
  }
}

TEST_CASE("what is no structure of JSON is malformed, with the reason and its place") {
  struct Case {
    std::string record;
    std::string what;
    std::uint32_t at;
  };
  const Case cases[] = {
      {R"({"f" 1})", "a key without a colon", 1},
      {R"({"f":1 "g":2})", "no comma between two members", 7},
      {R"({"f":1,})", "a member without a key in quotes", 7},
      {R"({"f":})", "a value is missing", 5},
      {R"({"f":,"g":1})", "a value is missing", 5},
      {R"({f:1})", "a member without a key in quotes", 1},
      {R"({1:1})", "a member without a key in quotes", 1},
      {R"({,"f":1})", "a member without a key in quotes", 1},
      {R"({"f":[1 2]})", "no comma between two elements", 8},
      {R"({"f":[1,]})", "a value is missing", 8},
      {R"({"f":[,1]})", "a value is missing", 6},
      {R"({"f":[1)", "the text ends inside an array", 7},
      {R"({"f":{"a":1])", "a bracket of the other kind", 11},
      {R"({"f":[1}})", "no comma between two elements", 7},
      {R"({"f":1)", "the text ends inside an object", 6},
      {R"({"g":{"a":[1})", "a bracket of the other kind", 12},
      {R"({"g":{"a":1)", "the text ends inside an object or array", 11},
      {R"({"f":"x)", "a string that does not end", 5},
      {R"({"f":1}})", "more text behind the value", 7},
      {R"({"f":1}{"f":2})", "more text behind the value", 7},
      {R"({"f":1} x)", "more text behind the value", 8},
      {R"({"f":"a""b"})", "no comma between two members", 8},
      {R"({"f":tru"x"})", "no comma between two members", 8},
      {R"({"f":"a"b})", "no comma between two members", 8},
      {"{\"\xff\":\"\xff\" 1}", "no comma between two members", 9},
      {"", "no value", 0},
      {"  ", "no value", 2},
      {"}", "a value is missing", 0},
      {"[1", "the text ends inside an object or array", 2},
      {"1 2", "more text behind the value", 2},
  };
  const FieldPlan plan = plan_of({"f"});
  JsonReader reader;
  Event event;
  for (const Case& one : cases) {
    CAPTURE(one.record);
    const Padded record(one.record);
    for (const bool strict : {false, true}) {
      CAPTURE(strict);
      CHECK(reader.read(record, plan, strict, event) == ReadStatus::malformed);
      if (!strict) {
        CHECK(std::string(reader.fault()) == one.what);
        CHECK(reader.fault_offset() == one.at);
      }
    }
    CHECK_FALSE(parse_json(one.record).has_value());
  }
}

TEST_CASE("strict mode finds what is broken in places that nobody wants") {
  for (const char* record : {R"({"g":{"a" 1}})",
                             R"({"g":[1 2]})",
                             R"({"g":{"a":1,}})",
                             R"({"g":[1,]})",
                             R"({"g":{"a":tru"x"}})",
                             R"({"g":tru"x"})",
                             R"({"g":{"a"}})",
                             R"({"g":{"a":}})",
                             R"([1,,2])",
                             R"([{}{}])"}) {
    CAPTURE(record);
    CHECK(read(record, true).status == ReadStatus::malformed);
    CHECK_FALSE(parse_json(record).has_value());
  }
}

TEST_CASE("control characters outside strings are no white space and no operators") {
  for (const char c : {'\x0c', '\x1a', '\x0b', '\x01'}) {
    CAPTURE(static_cast<int>(c));
    const std::string word = "1"s + c + "2";
    const Read strict = read("{\"f\":" + word + "}", true);
    CHECK(strict.status == ReadStatus::repaired);
    CHECK(strict.values == Texts{"num:" + word});
    CHECK(read("{\"f\":" + word + "}", false).values == strict.values);
  }
}

TEST_CASE("a hundred thousand levels of nesting are read without recursion") {
  constexpr std::size_t levels = 100'000;
  const auto nested = [](const std::string& open, const std::string& close) {
    std::string text;
    for (std::size_t level = 0; level < levels; ++level) {
      text += open;
    }
    text += "1";
    for (std::size_t level = 0; level < levels; ++level) {
      text += close;
    }
    return text;
  };
  const std::string arrays = nested("[", "]");
  const std::string objects = nested("{\"f\":", "}");
  const std::string mixed = nested("[{\"f\":", "}]");
  for (const std::string& deep : {arrays, objects, mixed}) {
    for (const std::string& path : {"f"s, "f.f.f"s, "g"s}) {
      const std::string record = "{\"f\":" + deep + ",\"g\":7}";
      CHECK(read(record, false, path).status == ReadStatus::ok);
      CHECK(read(record, true, path).status == ReadStatus::repaired);
      const std::string cut = record.substr(0, record.size() - 5 - 1 - 2);
      CHECK(read(cut, false, path).status == ReadStatus::malformed);
    }
    CHECK(read(deep, true).status == ReadStatus::repaired);
    CHECK(read(deep.substr(0, deep.size() - 1), true).status == ReadStatus::malformed);
    CHECK(read(deep.substr(0, deep.size() / 2), false).status == ReadStatus::malformed);
    CHECK(parse_json(deep).has_value());
    CHECK_FALSE(parse_json(deep.substr(0, deep.size() - 1)).has_value());
  }
  // The innermost arrays that are not descended into are one raw text.
  const Read flattened = read("{\"f\":" + arrays + "}", false);
  const std::size_t raw = levels + 1 - limits::json_depth_max;
  REQUIRE(flattened.values.size() == 1);
  CHECK(flattened.values.front() == "str*:" + std::string(raw, '[') + "1" + std::string(raw, ']'));
  CHECK(flattened.scalars == Texts{"str:" + flattened.values.front().substr(5)});
  // Of what lies too deep only the brackets count, in both modes.
  std::string loose = "{\"f\":" + arrays + "}";
  loose[loose.find('1')] = ',';
  for (const bool strict : {false, true}) {
    CHECK(read(loose, strict).values.size() == 1);
  }
  // Brackets of the wrong kind are found at any depth.
  std::string wrong = "{\"g\":" + arrays + "}";
  wrong[wrong.size() - 2 - 5000] = '}';
  CHECK(read(wrong, false).status == ReadStatus::malformed);
}

// The walk must see the same in both modes, whatever the bytes.
void check_modes_agree(const std::vector<std::string>& records, const FieldPlan& plan) {
  JsonReader reader;
  JsonReader strict_reader;
  Event event;
  Event strict_event;
  std::size_t read_count = 0;
  for (const std::string& text : records) {
    CAPTURE(text);
    const Padded record(text);
    const ReadStatus lenient = reader.read(record, plan, false, event);
    const ReadStatus strict = strict_reader.read(record, plan, true, strict_event);
    const Result<JsonNode> tree = parse_json(record);
    REQUIRE((strict == ReadStatus::malformed) == !tree.has_value());
    if (strict == ReadStatus::malformed) {
      continue;
    }
    REQUIRE(lenient != ReadStatus::malformed);
    if (strict == ReadStatus::ok) {
      REQUIRE(lenient == ReadStatus::ok);
    }
    ++read_count;
    REQUIRE(all_values(event) == all_values(strict_event));
    REQUIRE(event.scalars().size() == strict_event.scalars().size());
    // The tree is the slow twin.
    for (std::size_t at = 0; at < plan.size(); ++at) {
      const FieldId field{static_cast<std::uint32_t>(at)};
      const std::vector<const JsonNode*> nodes = find_values(*tree, plan.path(field));
      std::size_t next = 0;
      for (EntryId entry = event.first(field); entry != no_entry; entry = event.next(entry)) {
        CAPTURE(plan.path(field));
        REQUIRE(next < nodes.size());
        if (event.value(entry).kind != ValueKind::empty_array) {
          REQUIRE(event.text(entry) == rule_text(*nodes[next]));
        }
        ++next;
      }
      REQUIRE(next == nodes.size());
    }
    REQUIRE(record_hash(record) == record_hash(event.json()));
  }
  CHECK(read_count > records.size() / 100);
}

std::vector<std::string> paths_of(const std::vector<std::string>& records) {
  std::vector<std::string> paths;
  const auto add = [&paths](const std::string& path) {
    if (std::find(paths.begin(), paths.end(), path) == paths.end() && paths.size() < 300) {
      paths.push_back(path);
    }
  };
  const auto collect =
      [&add](const auto& self, const JsonNode& node, const std::string& prefix) -> void {
    for (std::size_t at = 0; at < node.children.size(); ++at) {
      const std::string path = node.kind == JsonNode::Kind::object
                                   ? prefix + (prefix.empty() ? "" : ".") + node.keys[at]
                                   : prefix;
      if (!path.empty()) {
        add(path);
      }
      self(self, node.children[at], path);
    }
  };
  for (const std::string& record : records) {
    if (const Result<JsonNode> tree = parse_json(record)) {
      collect(collect, *tree, "");
    }
  }
  return paths;
}

std::vector<std::string> sample(const std::vector<std::string>& lines, std::size_t step) {
  std::vector<std::string> some;
  for (std::size_t at = 0; at < lines.size(); at += step) {
    some.push_back(lines[at]);
  }
  return some;
}

TEST_CASE("strict and plain reading and the tree agree on real records") {
  for (const char* name : {"data/cloudtrail-dev.ndjson", "data/windows-dev.ndjson"}) {
    const std::vector<std::string> records = sample(shared_lines(name), 7);
    if (!records.empty()) {
      check_modes_agree(records, plan_of(paths_of(records)));
    }
  }
}

TEST_CASE("strict and plain reading and the tree agree on damaged records") {
  std::vector<std::string> seeds = sample(shared_lines("data/cloudtrail-dev.ndjson"), 300);
  seeds.push_back(
      R"({"a":{"b":[1,"x\n",{"c":null,"d":"\ud83d\ude00"}],"e":{}},"a.b":true,"f":[[],[1.5]]})");
  seeds.push_back(R"([{"a":1},{"a":[{}]}])");
  const FieldPlan plan = plan_of(paths_of(seeds));
  std::mt19937 random(20260101);
  const auto below = [&random](std::size_t bound) {
    return static_cast<std::size_t>(random() % bound);
  };
  const std::string bytes = "{}[]:,\"\\ \n\x0c\x1a\x01u0d8tfn-1.e\xff\xc3\xa9\xed"s + '\0';
  std::vector<std::string> damaged;
  for (int round = 0; round < 3000; ++round) {
    std::string text = seeds[below(seeds.size())];
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = bytes[below(bytes.size())];
          break;
        case 1:
          text.insert(at, 1, bytes[below(bytes.size())]);
          break;
        case 2:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, text.substr(below(text.size()), 1 + below(12)));
          break;
      }
    }
    damaged.push_back(text);
  }
  check_modes_agree(damaged, plan);
}

}  // namespace
}  // namespace tocsin
