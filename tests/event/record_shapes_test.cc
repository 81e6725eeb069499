// SPDX-License-Identifier: Apache-2.0
// A record that is read by the shape of another one is read as if there had been no other.
#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "engine/event/structural_scan.h"
#include "tests/event/event_support.h"
#include "tests/support/vary_json.h"

namespace tocsin {
namespace {

using testing::all_values;
using testing::JsonVariation;
using testing::Padded;
using testing::plan_of;
using testing::shared_lines;
using testing::values;
using Texts = std::vector<std::string>;

// What is to be known of a record that was read.
struct Seen {
  ReadStatus status = ReadStatus::malformed;
  std::vector<Texts> values;
  Texts present;
  Texts scalars;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen see(
    JsonReader& reader, Event& event, std::string_view record, const FieldPlan& plan, bool strict) {
  Seen seen;
  seen.status = reader.read(record, plan, strict, event);
  if (seen.status != ReadStatus::malformed) {
    seen.values = all_values(event);
    for (const FieldId field : event.present()) {
      seen.present.push_back(plan.path(field));
    }
    for (const EntryId entry : event.scalars()) {
      seen.scalars.push_back(testing::describe(event, entry));
    }
  }
  return seen;
}

// Reads records one after another, and each with a reader that knows no other.
class Twins {
 public:
  explicit Twins(const std::vector<std::string>& paths) : plan_(plan_of(paths)) {}

  void read(const std::string& text) {
    CAPTURE(text);
    const Padded record(text);
    for (const bool strict : {false, true}) {
      CAPTURE(strict);
      JsonReader fresh;
      Event event;
      const Seen expected = see(fresh, event, record, plan_, strict);
      const Seen seen =
          see(strict ? strict_ : loose_, strict ? strict_event_ : event_, record, plan_, strict);
      CHECK(fresh.reads_by_shape() == 0);
      REQUIRE(seen.status == expected.status);
      REQUIRE(seen.values == expected.values);
      REQUIRE(seen.present == expected.present);
      REQUIRE(seen.scalars == expected.scalars);
    }
  }
  std::uint64_t by_shape() const { return loose_.reads_by_shape(); }
  std::uint64_t by_strict_shape() const { return strict_.reads_by_shape(); }

 private:
  FieldPlan plan_;
  JsonReader loose_;
  JsonReader strict_;
  Event event_;
  Event strict_event_;
};

TEST_CASE("a record is read by the shape of the one before, with its own values") {
  Twins twins({"a", "b.c", "b", "d", "f.g", "h"});
  twins.read(
      R"({"a":"x","b":{"c":1,"z":[1,{"c":2}]},"d":["p",null,{}],"e":{"u":[]},"f":[{"g":"1"},{"g":"22"}],"h":[]})");
  CHECK(twins.by_shape() == 0);
  twins.read(
      R"({"a":"","b":{"c":-15,"z":[true,{"c":null}]},"d":["}{",null,{}],"e":{"u":[]},"f":[{"g":","},{"g":":"}],"h":[]})");
  CHECK(twins.by_shape() == 1);
  CHECK(twins.by_strict_shape() == 1);
}

TEST_CASE("a record whose keys, words or spelling differ is read as what it is") {
  const std::string like = R"({"name":"x","key":"y","o":{"name":"z"},"n":1,"l":["a","b"]})";
  struct Case {
    const char* what;
    std::string record;
    bool by_shape;
  };
  const Case cases[] = {
      {"the same structure",
       R"({"name":"","key":"\u0041","o":{"name":"n"},"n":22,"l":["",""]})",
       true},
      {"a wanted key where another one was",
       R"({"name":"x","name":"y","o":{"name":"z"},"n":1,"l":["a","b"]})",
       false},
      {"a key that nobody wants where another such was",
       R"({"name":"x","kex":"y","o":{"name":"z"},"n":1,"l":["a","b"]})",
       true},
      {"the same key again",
       R"({"name":"x","nam":"y","o":{"name":"z"},"n":1,"l":["a","b"]})",
       true},
      {"no wanted key where one was",
       R"({"nam":"x","key":"y","o":{"name":"z"},"n":1,"l":["a","b"]})",
       false},
      {"a wanted key that an escape hides",
       R"({"n\u0061me":"x","key":"y","o":{"name":"z"},"n":1,"l":["a","b"]})",
       false},
      {"an escape in a key that nobody wants",
       R"({"name":"x","\u006bey":"y","o":{"name":"z"},"n":1,"l":["a","b"]})",
       false},
      {"a longer key", R"({"name2":"x","key":"y","o":{"name":"z"},"n":1,"l":["a","b"]})", false},
      {"a key of more bytes than a pattern has",
       R"({"name":"x","a key that is longer than thirty-two bytes":"y","o":{"name":"z"},"n":1,"l":["a","b"]})",
       true},
      {"white space",
       R"( { "name" : "x " ,"key" :"y", "o": {"name":"z"},"n":1 ,"l":[ "a","b" ] } )",
       true},
      {"another word", R"({"name":"x","key":"y","o":{"name":"z"},"n":null,"l":["a","b"]})", true},
      {"a word with a quote",
       R"({"name":"x","key":"y","o":{"name":"z"},"n":1"",",","l":["a","b"]})",
       false},
      {"no UTF-8",
       "{\"name\":\"\xff\",\"key\":\"y\",\"o\":{\"name\":\"z\"},\"n\":1,\"l\":[\"a\",\"b\"]}",
       false},
      {"UTF-8",
       "{\"name\":\"\xc3\xa4\",\"key\":\"y\",\"o\":{\"name\":\"z\"},\"n\":1,\"l\":[\"a\",\"b\"]}",
       true},
      {"an object for an array",
       R"({"name":"x","key":"y","o":{"name":"z"},"n":1,"l":{"a":"b"}})",
       false},
      {"brackets of the other kind",
       R"({"name":"x","key":"y","o":{"name":"z"},"n":1,"l":["a","b"}})",
       false},
      {"an escape in a value",
       R"({"name":"\"x\\","key":"y","o":{"name":"z\n"},"n":1,"l":["a\/","b"]})",
       true},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    Twins twins({"name", "o.name", "o", "n", "l"});
    twins.read(like);
    twins.read(one.record);
    CHECK(twins.by_shape() == (one.by_shape ? 1 : 0));
  }
}

TEST_CASE("a broken word is found where a longer path would go on, as the walk finds it") {
  struct Case {
    std::string like;
    std::string record;
  };
  const Case cases[] = {
      {R"({"a":1,"c":"x"})", R"({"a":1"","c":"x"})"},
      {R"({"a":1,"c":"x"})", R"({"a":1"a,b","c":"x"})"},
      {R"({"a":[null],"c":"x"})", R"({"a":[nul"l,"],"c":"x"})"},
      {R"({"a":[[null],1,"n"],"c":"x"})", R"({"a":[[null],1"a,b","n"],"c":"x"})"},
      {R"({"a":{"z":1},"c":"x"})", R"({"a":{"z":1"a,b"},"c":"x"})"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.like);
    Twins twins({"a.b", "c"});
    twins.read(one.like);
    twins.read(one.record);
    twins.read(one.like);
    CHECK(twins.by_shape() >= 1);
  }
}

// All values without a string that have so many structural characters.
Texts values_of(std::size_t structurals) {
  if (structurals == 1) {
    return {"1"};
  }
  Texts out;
  if (structurals == 2) {
    return {"[]", "{}"};
  }
  // A list of one value, or of a value and the members of a shorter list.
  for (const std::string& one : values_of(structurals - 2)) {
    out.push_back("[" + one + "]");
  }
  for (std::size_t first = 1; first + 4 <= structurals; ++first) {
    for (const std::string& one : values_of(first)) {
      for (const std::string& rest : values_of(structurals - first - 1)) {
        if (rest.front() == '[' && rest != "[]") {
          out.push_back("[" + one + "," + rest.substr(1));
        }
      }
    }
  }
  return out;
}

TEST_CASE("records with strings in the same places and other brackets are told apart") {
  const Texts few = values_of(7);
  const Texts many = values_of(11);
  REQUIRE(few.size() > 5);
  REQUIRE(few.size() <= 32);
  REQUIRE(many.size() > 64);  // more than are looked through for one record
  for (const Texts& all : {few, many}) {
    Twins twins({"a", "b"});
    for (int round = 0; round < 3; ++round) {
      for (const std::string& value : all) {
        twins.read(R"({"a":)" + value + R"(,"b":"x"})");
      }
    }
    if (all.size() == few.size()) {
      CHECK(twins.by_shape() == 2 * few.size());
    }
  }
}

TEST_CASE("strict reading by a shape judges every bare word, wanted or not") {
  Twins twins({"a"});
  twins.read(R"({"a":"x","b":[1,{"c":true}],"d":2})");
  for (const char* record : {R"({"a":"x","b":[01,{"c":true}],"d":2})",
                             R"({"a":"x","b":[1,{"c":tru}],"d":2})",
                             R"({"a":"x","b":[1,{"c":true}],"d":1e999})",
                             R"({"a":"x","b":[1,{"c":t"rue}],"d":2})",
                             R"({"a":"\x","b":[1,{"c":true}],"d":2})",
                             R"({"a":"x","b":[1,{"c":null}],"d":-2})"}) {
    twins.read(record);
  }
  CHECK(twins.by_strict_shape() >= 4);
}

TEST_CASE("another plan makes shapes of its own") {
  JsonReader reader;
  Event event;
  const Padded record(R"({"a":"1","b":"2"})");
  for (const char* path : {"a", "b", "c", "a"}) {
    CAPTURE(path);
    const FieldPlan plan = plan_of({path});
    for (int i = 0; i < 3; ++i) {
      REQUIRE(reader.read(record, plan, false, event) == ReadStatus::ok);
      const Texts expected = path[0] == 'a'   ? Texts{"str:1"}
                             : path[0] == 'b' ? Texts{"str:2"}
                                              : Texts{};
      REQUIRE(values(event, path) == expected);
    }
  }
  CHECK(reader.reads_by_shape() == 8);
}

TEST_CASE("the fields that decide and all fields are read by shapes of their own") {
  FieldPlan plan = plan_of({"a", "b"});
  const FieldId deciding[] = {plan.find("a")};
  plan.use_pivots(deciding);
  JsonReader reader;
  StructuralScan scan;
  Event event;
  for (const char* text :
       {R"({"a":"1","b":"2"})", R"({"a":"3","b":"4"})", R"({"a":"5","b":"6"})"}) {
    const Padded record(text);
    const StructuralScan::Found found = scan.document(record);
    const ScannedRecord scanned{scan.index(), found.has_backslash, found.ascii, found.compact};
    REQUIRE(reader.read(record, scanned, plan, false, event, FieldPlan::Extent::pivots) ==
            ReadStatus::ok);
    CHECK(values(event, "a") == Texts{std::string("str:") + text[6]});
    CHECK(values(event, "b").empty());
    REQUIRE(event.complete());
    CHECK(values(event, "a") == Texts{std::string("str:") + text[6]});
    CHECK(values(event, "b") == Texts{std::string("str:") + text[14]});
  }
  CHECK(reader.reads_by_shape() == 4);
}

TEST_CASE(
    "records of no shape that was seen before do not make every record dear, nor forget what is "
    "usual") {
  const FieldPlan plan = plan_of({"a"});
  JsonReader reader;
  Event event;
  const Padded usual(R"({"a":"x","b":{"c":1}})");
  std::mt19937 random(7);
  for (int phase = 0; phase < 3; ++phase) {
    for (int i = 0; i < 20'000; ++i) {
      // Lists of random nesting: few are built alike.
      std::string odd = "{\"a\":[";
      for (int at = 0; at < 24; ++at) {
        odd += random() % 2 == 0 ? "[]," : "1,";
      }
      odd += "0],\"k" + std::to_string(i) + "\":\"v\"}";
      REQUIRE(reader.read(Padded(odd), plan, false, event) == ReadStatus::ok);
    }
    const std::uint64_t before = reader.reads_by_shape();
    for (int again = 0; again < 30'000; ++again) {
      REQUIRE(reader.read(usual, plan, false, event) == ReadStatus::ok);
      REQUIRE(values(event, "a") == Texts{"str:x"});
    }
    CHECK(reader.reads_by_shape() - before >= 15'000);
  }
}

TEST_CASE("real records, varied, are read by shapes as they are walked") {
  std::mt19937 random(11);
  for (const char* file : {"data/cloudtrail-dev.ndjson", "data/windows-dev.ndjson"}) {
    CAPTURE(file);
    const std::vector<std::string> lines = shared_lines(file);
    if (lines.empty()) {
      continue;
    }
    Twins twins({"eventName",
                 "eventSource",
                 "userIdentity.type",
                 "userIdentity.arn",
                 "userIdentity.sessionContext.attributes.mfaAuthenticated",
                 "userIdentity",
                 "requestParameters",
                 "requestParameters.bucketName",
                 "errorCode",
                 "readOnly",
                 "resources.type",
                 "tags",
                 "Image",
                 "EventID",
                 "CommandLine",
                 "Hashes",
                 "ProcessId"});
    JsonVariation variation(static_cast<std::uint32_t>(random()));
    const std::vector<std::string> strings = {"eventName",
                                              "arn",
                                              "",
                                              "a\\u0062",
                                              "type",
                                              "Image",
                                              "\\\"",
                                              "x",
                                              "requestParameters",
                                              "a much longer text than a key may be, with no end",
                                              "bucketName",
                                              "\xc3\xa9",
                                              "EventID"};
    std::vector<std::string> some(
        lines.begin(),
        lines.begin() + std::min<std::ptrdiff_t>(400, static_cast<std::ptrdiff_t>(lines.size())));
    for (int round = 0; round < 6; ++round) {
      for (const std::string& line : some) {
        twins.read(round % 2 == 0 ? line : variation.of(line, strings, 60));
      }
    }
    CHECK(twins.by_shape() > some.size() * 3);
    CHECK(twins.by_strict_shape() > some.size() * 2);
  }
}

TEST_CASE("random records and what resembles them are read by shapes as they are walked") {
  std::mt19937 random(5);
  const std::vector<std::string> strings = {"a",
                                            "b",
                                            "c",
                                            "",
                                            "a.b",
                                            "longer than thirty-two bytes, as a key or as a value",
                                            "\\u0061",
                                            "\\\\",
                                            "\\",
                                            "\xc3\xa9",
                                            "\xff",
                                            ":",
                                            "},{"};
  JsonVariation variation(17);
  const auto make = [&random](auto&& self, int depth) -> std::string {
    const auto pick = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    static const char* const keys[] = {"a", "b", "c", "d", "a.b", "b.c"};
    static const char* const scalars[] = {"\"x\"", "\"\"", "1", "true", "null", "[]", "{}", "-0.5"};
    if (depth == 0 || pick(3) == 0) {
      return scalars[pick(std::size(scalars))];
    }
    const bool array = depth < 4 && pick(3) == 0;
    std::string out(1, array ? '[' : '{');
    for (std::size_t i = pick(5); i > 0; --i) {
      if (!array) {
        out += std::string("\"") + keys[pick(std::size(keys))] + "\":";
      }
      out += self(self, depth - 1) + (i > 1 ? (pick(8) == 0 ? " , " : ",") : "");
    }
    return out + (array ? ']' : '}');
  };
  Twins twins({"a", "b", "a.b", "a.b.c", "b.c", "c.a", "d.d.d"});
  std::uint64_t read = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string record = make(make, 4);
    for (std::size_t like = 0; like < 40; ++like) {
      twins.read(like == 0 ? record : variation.of(record, strings, 3 + like));
      ++read;
    }
  }
  CHECK(twins.by_shape() > read / 8);
}

}  // namespace
}  // namespace tocsin
