// SPDX-License-Identifier: Apache-2.0
#include "engine/base/wire.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace tocsin;

TEST_CASE("what is written is read back") {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::string bytes;
  WireWriter writer(bytes);
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, most}) {
    writer.number(number);
  }
  for (const std::int64_t number : {std::int64_t{0}, std::int64_t{-1}, least, -(least + 1)}) {
    writer.signed_number(number);
  }
  writer.real(-0.25);
  writer.text("a\n");
  writer.hash({7, most});
  WireReader reader(bytes);
  CHECK(reader.number() == 0);
  CHECK(reader.number() == 127);
  CHECK(reader.number() == 128);
  CHECK(reader.number() == most);
  CHECK(reader.signed_number() == 0);
  CHECK(reader.signed_number() == -1);
  CHECK(reader.signed_number() == least);
  CHECK(reader.signed_number() == -(least + 1));
  CHECK(reader.real() == -0.25);
  CHECK(reader.text() == "a\n");
  const Hash128 hash = reader.hash();
  CHECK(hash.high == 7);
  CHECK(hash.low == most);
  CHECK(reader.ok());
}

TEST_CASE("bytes that are cut off or promise too much are refused and read as nothing") {
  struct Case {
    const char* what;
    std::string bytes;
    void (*read)(WireReader&);
  };
  const std::string four = std::string(1, '\x04');
  const std::vector<Case> cases = {
      {"nothing", "", [](WireReader& reader) { CHECK(reader.number() == 0); }},
      {"a number without its end",
       "\x80\x80",
       [](WireReader& reader) { CHECK(reader.number() == 0); }},
      {"a number that never ends",
       std::string(20, '\xff'),
       [](WireReader& reader) { CHECK(reader.number() == 0); }},
      {"half a real number",
       std::string(7, 'x'),
       [](WireReader& reader) { CHECK(reader.real() == 0); }},
      {"a text that is longer than what is there",
       four + "abc",
       [](WireReader& reader) { CHECK(reader.text().empty()); }},
      {"more elements than there are bytes for",
       four + std::string(7, 'x'),
       [](WireReader& reader) { CHECK(reader.count(2) == 0); }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    WireReader reader(c.bytes);
    c.read(reader);
    CHECK_FALSE(reader.ok());
  }
  const std::string enough = four + std::string(8, 'x');
  WireReader reader(enough);
  CHECK(reader.count(2) == 4);
  CHECK(reader.ok());
}
