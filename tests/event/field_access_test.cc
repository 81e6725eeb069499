// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/event/event_support.h"

namespace tocsin {
namespace {

using testing::Padded;
using testing::plan_of;
using testing::values;
using Texts = std::vector<std::string>;

struct Case {
  std::string path;
  std::string record;
  Texts expected;
};

void check(const Case& one) {
  CAPTURE(one.path);
  CAPTURE(one.record);
  const FieldPlan plan = plan_of({one.path});
  const Padded record(one.record);
  JsonReader reader;
  Event event;
  for (const bool strict : {false, true}) {
    CAPTURE(strict);
    CHECK(reader.read(record, plan, strict, event) == ReadStatus::ok);
    CHECK(values(event, one.path) == one.expected);
  }
}

TEST_CASE("a path finds nested, flat and mixed keys at every level") {
  const Case cases[] = {
      {"a.b", R"({"a":{"b":1}})", {"num:1"}},
      {"a.b", R"({"a.b":2,"a":{"b":1}})", {"num:2", "num:1"}},
      {"a.b", R"({"a":{"b":1},"a.b":2})", {"num:1", "num:2"}},
      {"a.b.c", R"({"a":{"b.c":1}})", {"num:1"}},
      {"a.b.c",
       R"({"a.b":{"c":1},"a":{"b":{"c":2},"b.c":3},"a.b.c":4})",
       {"num:1", "num:2", "num:3", "num:4"}},
      {"a.b", R"({"b":1,"a":1,"a.":{"b":2},".b":3})", {}},
      {"a.b", R"({"a":{"B":1,"bb":2,"":3}})", {}},
      {"type", R"({"userIdentity":{"type":"Root"}})", {}},
      {"", R"({"":1})", {"num:1"}},
      {"a..b", R"({"a":{"":{"b":1}},"a.":{"b":2},"a":{".b":3}})", {"num:1", "num:2", "num:3"}},
  };
  for (const Case& one : cases) {
    check(one);
  }
}

TEST_CASE("arrays are transparent and nested arrays are flattened") {
  const Case cases[] = {
      {"f", R"({"f":["a","b"]})", {"str*:a", "str*:b"}},
      {"f",
       R"({"f":[["x"],[["y",1]],null,true]})",
       {"str*:x", "str*:y", "num*:1", "null*:", "bool*:true"}},
      {"f", R"({"f":[]})", {"[]:"}},
      {"f", R"({"f":[ ]})", {"[]:"}},
      {"f", R"({"f":[[],1]})", {"[]*:", "num*:1"}},
      {"f", R"({"f":[{"a":1},{"a": 2}]})", {R"(obj*:{"a":1})", R"(obj*:{"a":2})"}},
      {"f.a", R"({"f":[{"a":1},7,[{"a":[2,3]}],{"b":4},{}]})", {"num:1", "num*:2", "num*:3"}},
      {"f.a", R"({"f":[]})", {}},
      {"i.r.i.c",
       R"({"i":[{"r":{"i":[{"c":"10.0.0.0/8"},{"c":"0.0.0.0/0"}]}}]})",
       {"str:10.0.0.0/8", "str:0.0.0.0/0"}},
  };
  for (const Case& one : cases) {
    check(one);
  }
}

TEST_CASE("a path that stops at a scalar is missing, and a missing field has no value") {
  const Case cases[] = {
      {"a.b", R"({"a":1})", {}},
      {"a.b", R"({"a":"b"})", {}},
      {"a.b", R"({"a":null})", {}},
      {"a", R"({})", {}},
      {"a", R"([{"a":1}])", {}},
      {"a", R"("a")", {}},
      {"a", R"(1)", {}},
      {"a", R"(null)", {}},
  };
  for (const Case& one : cases) {
    check(one);
  }
}

TEST_CASE("every occurrence of a repeated key is a value") {
  const Case cases[] = {
      {"e", R"({"e":"DeleteTrail","x":0,"e":"GetTrail"})", {"str:DeleteTrail", "str:GetTrail"}},
      {"u.t", R"({"u":{"t":1},"u":{"t":2,"t":3},"u":"t"})", {"num:1", "num:2", "num:3"}},
  };
  for (const Case& one : cases) {
    check(one);
  }
}

TEST_CASE("values have their kinds and their texts") {
  const Case cases[] = {
      {"f", R"({"f":"x"})", {"str:x"}},
      {"f", R"({"f":""})", {"str:"}},
      {"f", R"({"f": "a b" })", {"str:a b"}},
      {"f", "{\"f\"\t:\r\n \"x\"\n}", {"str:x"}},
      {"f", R"({"f":null})", {"null:"}},
      {"f", R"({"f":true,"f":false})", {"bool:true", "bool:false"}},
      {"f", R"({"f":-1.5e3 })", {"num:-1.5e3"}},
      {"f",
       R"({"f":18446744073709551615,"f":-9223372036854775808})",
       {"num:18446744073709551615", "num:-9223372036854775808"}},
      {"f", R"({"f":"\u00e9\n\"\\\/\b\f\r\t"})", {"str:\xc3\xa9\n\"\\/\b\f\r\t"}},
      {"f", R"({"f":"\ud83d\ude00!"})", {"str:\xf0\x9f\x98\x80!"}},
      {"f", R"({"\u0066":1,"\u0067":2})", {"num:1"}},
      {"a\\b", R"({"a\\b":1,"a\b":2})", {"num:1"}},
      {"f", R"({"f":{}})", {"obj:{}"}},
      {"f",
       R"({"f":{ "a" : [1, {"b": "x y"}] , "c":"\u0041\"" }})",
       {R"(obj:{"a":[1,{"b":"x y"}],"c":"A""})"}},
  };
  for (const Case& one : cases) {
    check(one);
  }
}

TEST_CASE("an object is both a value and a way to its members") {
  const FieldPlan plan = plan_of({"r", "r.a", "r.a.b", "r.c"});
  const Padded record(R"({"r":{"a":{"b":[1,2]},"c":"x\n"},"r":[{"c":2}]})");
  JsonReader reader;
  Event event;
  REQUIRE(reader.read(record, plan, false, event) == ReadStatus::ok);
  CHECK(values(event, "r") == Texts{"obj:{\"a\":{\"b\":[1,2]},\"c\":\"x\n\"}", R"(obj*:{"c":2})"});
  CHECK(values(event, "r.a") == Texts{R"(obj:{"b":[1,2]})"});
  CHECK(values(event, "r.a.b") == Texts{"num*:1", "num*:2"});
  CHECK(values(event, "r.c") == Texts{"str:x\n", "num:2"});
}

TEST_CASE("present lists the fields with values in the order of their first one") {
  const FieldPlan plan = plan_of({"a", "b", "c", "c.d", "e"});
  const Padded record(R"({"e":1,"c":{"d":2},"a":3,"e":4})");
  JsonReader reader;
  Event event;
  REQUIRE(reader.read(record, plan, false, event) == ReadStatus::ok);
  Texts names;
  for (const FieldId field : event.present()) {
    names.push_back(plan.path(field));
  }
  CHECK(names == Texts{"e", "c", "c.d", "a"});
}

TEST_CASE("keys of every length are told apart") {
  std::vector<std::string> paths;
  for (std::size_t size = 1; size <= 40; ++size) {
    paths.push_back(std::string(size, 'k'));
    std::string other(size, 'k');
    other[size / 2] = 'x';
    paths.push_back(other);
  }
  paths.push_back(std::string("k\0", 2));
  std::sort(paths.begin(), paths.end());
  const FieldPlan plan = plan_of(paths);
  for (const std::string& path : paths) {
    CAPTURE(path);
    const FieldPlan::Step to = plan.step(0, path);
    REQUIRE(to.field != no_field);
    CHECK(plan.path(to.field) == path);
    const Padded padded(path);
    CHECK(FieldPlan::Stepper(plan, 0).step(padded.view().data(), path.size()).field == to.field);
    CHECK(plan.step(0, path + "y").field == no_field);
    CHECK(plan.step(1, path).field == no_field);
  }
}

TEST_CASE("a path of thousands of segments makes no table of millions") {
  std::string path = "a";
  for (int segment = 0; segment < 5000; ++segment) {
    path += ".a";
  }
  const FieldPlan plan = plan_of({path, "b"});
  JsonReader reader;
  Event event;
  const Padded record(R"({"b":1})");
  CHECK(reader.read(record, plan, false, event) == ReadStatus::ok);
  CHECK(values(event, "b") == Texts{"num:1"});
  CHECK(values(event, path).empty());
}

TEST_CASE("a record cannot forge a derived field") {
  const FieldPlan plan = plan_of({"tocsin.principal", "tocsin.source.ip", "tocsin.other"});
  JsonReader reader;
  Event event;
  const Padded record(
      R"({"tocsin":{"principal":"x","source":{"ip":"1.2.3.4"},"other":1},"tocsin.principal":"y"})");
  REQUIRE(reader.read(record, plan, false, event) == ReadStatus::ok);
  CHECK(values(event, "tocsin.principal").empty());
  CHECK(values(event, "tocsin.source.ip").empty());
  CHECK(values(event, "tocsin.other") == Texts{"num:1"});
}

TEST_CASE("folded texts fold, and are the text itself where nothing folds") {
  const FieldPlan plan = plan_of({"f", "g", "h"});
  const Padded record(R"({"f":"\u212aISS \u00c9cole","g":"plain","h":{"A":"B"}})");
  JsonReader reader;
  Event event;
  REQUIRE(reader.read(record, plan, false, event) == ReadStatus::ok);
  const auto folded = [&](std::string_view path) {
    const EntryId entry = event.first(plan.find(path));
    const std::string first(event.folded(entry));
    CHECK(event.folded(entry) == first);
    return first;
  };
  CHECK(folded("f") ==
        "kiss \xc3\xa9"
        "cole");
  CHECK(folded("g") == "plain");
  CHECK(folded("h") == R"({"a":"b"})");
}

TEST_CASE("scalars are all values but null and keys, at any depth, in order") {
  const FieldPlan plan = plan_of({"a"});
  const Padded record(
      R"({"a":"x","b":{"c":[1,null,{"d":true,"e\n":"f\t"}],"g":{}},"a":[],"h":-0.5})");
  JsonReader reader;
  Event event;
  REQUIRE(reader.read(record, plan, false, event) == ReadStatus::ok);
  Texts found;
  for (const EntryId entry : event.scalars()) {
    found.push_back(testing::describe(event, entry));
  }
  CHECK(found == Texts{"str:x", "num:1", "bool:true", "str:f\t", "num:-0.5"});
  CHECK(event.scalars().size() == found.size());
  CHECK(values(event, "a") == Texts{"str:x", "[]:"});
}

TEST_CASE("an event that is used again has nothing of the record before") {
  const FieldPlan plan = plan_of({"a", "b"});
  const FieldPlan other = plan_of({"b", "c", "d", "a"});
  JsonReader reader;
  Event event;
  const Padded first(R"({"a":"\n","b":1})");
  const Padded second(R"({"b":2})");
  REQUIRE(reader.read(first, plan, false, event) == ReadStatus::ok);
  CHECK(values(event, "a") == Texts{"str:\n"});
  REQUIRE(reader.read(second, other, false, event) == ReadStatus::ok);
  CHECK(values(event, "a").empty());
  CHECK(values(event, "b") == Texts{"num:2"});
  CHECK(event.json() == second.view());
  const Padded broken("{\"a\"");
  REQUIRE(reader.read(broken, plan, false, event) == ReadStatus::malformed);
  REQUIRE(reader.read(first, plan, false, event) == ReadStatus::ok);
  CHECK(values(event, "b") == Texts{"num:1"});
}

}  // namespace
}  // namespace tocsin
