// SPDX-License-Identifier: Apache-2.0
// Where a literal stands in a record's bytes: Event::literal_json and in_scalar.
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/event/json.h"

using namespace tocsin;

namespace {

struct Read {
  explicit Read(std::string_view record) : text(record) {
    text.append(limits::padding_bytes, ' ');
    REQUIRE(reader.read(std::string_view(text).substr(0, record.size()), plan, false, event) !=
            ReadStatus::malformed);
  }
  // The first place of the literal.
  bool in_scalar(std::string_view literal) const {
    const std::size_t begin = event.literal_json().find(literal);
    REQUIRE(begin != std::string_view::npos);
    return event.in_scalar(begin, begin + literal.size());
  }
  std::string text;
  FieldPlan plan;
  JsonReader reader;
  Event event;
};

}  // namespace

TEST_CASE("a literal counts where it is all of one scalar value's text, and nowhere else") {
  const Read read(R"( {"keyName" : "some Value" , "list":[17e3, true,null,"last"],"o":{"p":{}}} )");
  struct Case {
    std::string_view literal;
    bool in_scalar;
  };
  const Case cases[] = {
      {"keyName", false},    {"some Value", true}, {"e Va", true},     {"\"some", false},
      {"Value\"", false},    {"Value\" ,", false}, {" : ", false},     {"17e3", true},
      {"7e", true},          {"17e3,", false},     {", true", false},  {"true", true},
      {"null", false},       {"ul", false},        {"last", true},     {"[", false},
      {"list\":[17", false}, {"{}", false},        {"\"o\":{", false},
  };
  for (const Case& each : cases) {
    CAPTURE(each.literal);
    CHECK(read.in_scalar(each.literal) == each.in_scalar);
  }
}

TEST_CASE("a record whose bytes are not its texts has no literal_json") {
  CHECK_FALSE(Read(R"({"a":"b"})").event.literal_json().empty());
  CHECK(Read(R"({"a":"\u0062"})").event.literal_json().empty());
  CHECK(Read("{\"a\":\"\xe2\x84\xaa\"}").event.literal_json().empty());  // folds to k
  CHECK(Read("{\"a\":\"\xff\"}").event.literal_json().empty());
  const std::string deep(limits::json_depth_max + 1, '[');
  const std::string closing(limits::json_depth_max + 1, ']');
  CHECK(Read("{\"a\":" + deep + closing + "}").event.literal_json().empty());
}

TEST_CASE("compact_json is the record without white space, where that is all there is to do") {
  CHECK(Read(" { \"a b\" : [ 1 , \" x \" ] } ").event.compact_json() == R"({"a b":[1," x "]})");
  CHECK(Read(R"({ "a":"\n" })").event.compact_json().empty());
}
