// SPDX-License-Identifier: Apache-2.0
#include "app/record_numbers.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace tocsin {
namespace {

Hash128 stream(std::uint64_t number) {
  return {number, number * 7919};
}

std::vector<Position> positions(const std::string& rows) {
  return {{"files", "0\t1\n"}, {RecordNumbers::input_name, rows}};
}

TEST_CASE("the numbers that were noted are there after a restart") {
  RecordNumbers numbers;
  std::string rows;
  numbers.note(stream(1), 10, rows);
  numbers.note(stream(2), 5, rows);
  CHECK(numbers.before(stream(1)) == 10);
  RecordNumbers restarted;
  restarted.load(positions(rows));
  CHECK(restarted.before(stream(1)) == 10);
  CHECK(restarted.before(stream(2)) == 5);
  CHECK(restarted.before(stream(3)) == 0);
}

TEST_CASE("rows that are none are left out") {
  RecordNumbers numbers;
  const std::string hex = to_hex(stream(1));
  for (const std::string& rows : {std::string("x\t1\n"),
                                  hex + "\tmany\n",
                                  hex + "\t\n",
                                  hex + "\n",
                                  "g" + hex.substr(1) + "\t7\n"}) {
    CAPTURE(rows);
    numbers.load(positions(rows));
    CHECK(numbers.before(stream(1)) == 0);
  }
  numbers.load({{"files", hex + "\t7\n"}});
  CHECK(numbers.before(stream(1)) == 0);
}

TEST_CASE("past the limit the stream that was read longest ago is forgotten, and its row goes") {
  RecordNumbers numbers;
  std::string rows;
  for (std::uint64_t i = 1; i <= RecordNumbers::streams_max; ++i) {
    numbers.note(stream(i), i, rows);
  }
  numbers.note(stream(1), 100, rows);
  rows.clear();
  numbers.note(stream(999'999), 7, rows);
  CHECK(numbers.before(stream(2)) == 0);
  CHECK(numbers.before(stream(1)) == 100);
  CHECK(rows == to_hex(stream(999'999)) + "\t7\n" + to_hex(stream(2)) + "\t\n");
}

}  // namespace
}  // namespace tocsin
