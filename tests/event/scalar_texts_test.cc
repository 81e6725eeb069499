// SPDX-License-Identifier: Apache-2.0
// The texts of a record's scalars behind one another: Event::gather.
#include "engine/event/scalar_texts.h"

#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/event/json.h"

using namespace std::string_literals;
using namespace tocsin;

namespace {

struct Read {
  explicit Read(std::string_view record) : text(record) {
    text.append(limits::padding_bytes, ' ');
    REQUIRE(reader.read(std::string_view(text).substr(0, record.size()), plan, false, event) !=
            ReadStatus::malformed);
  }
  // Is it found in the texts, and all of it in one of them? Then json() has it at the same place.
  bool in_scalar(std::string_view literal) const {
    ScalarTexts texts;
    REQUIRE(event.gather(texts));
    const std::string_view bytes = texts.bytes();
    for (std::size_t at = bytes.find(literal); at != bytes.npos; at = bytes.find(literal, at + 1)) {
      if (const auto end = texts.end_in_json(at, at + literal.size())) {
        REQUIRE(*end >= literal.size());
        CHECK(event.json().substr(*end - literal.size(), literal.size()) == literal);
        return true;
      }
    }
    return false;
  }
  bool gathers() const {
    ScalarTexts texts;
    return event.gather(texts);
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
    std::string literal;
    bool in_scalar;
  };
  const Case cases[] = {
      {"keyName", false},
      {"some Value", true},
      {"e Va", true},
      {"\"some", false},
      {"Value\"", false},
      {"Value\" ,", false},
      {" : ", false},
      {"17e3", true},
      {"7e", true},
      {"17e3,", false},
      {", true", false},
      {"true", true},
      {"null", false},
      {"ul", false},
      {"last", true},
      {"[", false},
      {"list\":[17", false},
      {"{}", false},
      {"\"o\":{", false},
      {"some Value"s + '\0' + "17e3", false},
      {"17e3"s + '\0', false},
      {"\0true"s, false},
      {"st", true},
      {"o", true},
  };
  for (const Case& each : cases) {
    CAPTURE(each.literal);
    CHECK(read.in_scalar(each.literal) == each.in_scalar);
  }
}

TEST_CASE("a record whose bytes are not its texts is not gathered") {
  CHECK(Read(R"({"a":"b"})").gathers());
  CHECK_FALSE(Read(R"({"a":"\u0062"})").gathers());
  CHECK_FALSE(Read("{\"a\":\"\xe2\x84\xaa\"}").gathers());  // folds to k
  CHECK_FALSE(Read("{\"a\":\"\xff\"}").gathers());
  const std::string deep(limits::json_depth_max + 1, '[');
  const std::string closing(limits::json_depth_max + 1, ']');
  CHECK_FALSE(Read("{\"a\":" + deep + closing + "}").gathers());
}

TEST_CASE("gathered texts are those of scalars(), in their order") {
  ScalarTexts texts;  // one for all, from the longest to the shortest
  for (const std::string& record :
       {R"({"long":")" + std::string(5000, 'x') + R"(","n":[1,22,333,"",{"a":{"b":"c"}}]})",
        R"({"a":null,"b":["null",null,nul],"c":"","d":-1.5e9,"e":{"f":true,"g":[]}})"s,
        R"( { "a" : "b" , "c" : 12 } )"s,
        R"({"e":"0123456789012345678901234567890","f":"01234567890123456789012345678901"})"s,
        R"({"n":1})"s,
        R"({})"s}) {
    CAPTURE(record);
    Read read(record);
    std::string expected;
    for (const EntryId entry : read.event.scalars()) {
      expected += std::string(read.event.text(entry)) + '\0';
    }
    REQUIRE(read.event.gather(texts));
    CHECK(texts.bytes() == expected);
  }
}

TEST_CASE("compact_json is the record without white space, where that is all there is to do") {
  CHECK(Read(" { \"a b\" : [ 1 , \" x \" ] } ").event.compact_json() == R"({"a b":[1," x "]})");
  CHECK(Read(R"({ "a":"\n" })").event.compact_json().empty());
}
